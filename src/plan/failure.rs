// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel's refusal of a step means. IPVS itself gives a number without words.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Step;
use crate::model::ServiceSettings;

/// A step the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    /// Which of the steps given.
    pub index: usize,
    /// The step.
    pub step: Step,
    /// The error number.
    #[serde(serialize_with = "number", deserialize_with = "from_number")]
    pub errno: Errno,
}

impl StepFailure {
    /// Whether the table was not as the plan took it to be: read again, and plan again.
    #[must_use]
    pub const fn is_surprise(&self) -> bool {
        match self.step {
            // ENOENT here means a missing scheduler; reading again does not help.
            Step::AddService(..) => matches!(self.errno, Errno::EEXIST),
            Step::EditService(..) => matches!(self.errno, Errno::ESRCH),
            Step::DeleteService(_)
            | Step::AddServer(..)
            | Step::EditServer(..)
            | Step::DeleteServer(..) => {
                matches!(self.errno, Errno::EEXIST | Errno::ENOENT | Errno::ESRCH)
            }
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn number<S: Serializer>(errno: &Errno, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i32(*errno as i32)
}

fn from_number<'de, D: Deserializer<'de>>(from: D) -> Result<Errno, D::Error> {
    i32::deserialize(from).map(Errno::from_raw)
}

impl fmt::Display for StepFailure {
    /// `edit service TCP 192.0.2.10:443: scheduler "mh" not in this kernel (ENOENT); load it with: modprobe ip_vs_mh`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Step::AddService(key, _) => write!(f, "add service {key}")?,
            Step::EditService(key, _) => write!(f, "edit service {key}")?,
            Step::DeleteService(key) => write!(f, "delete service {key}")?,
            Step::AddServer(key, server, _) => write!(f, "add real server {server} to {key}")?,
            Step::EditServer(key, server, _) => write!(f, "edit real server {server} of {key}")?,
            Step::DeleteServer(key, server) => write!(f, "delete real server {server} from {key}")?,
        }
        write!(f, ": {}", sentence(&self.step, self.errno))
    }
}

/// Why the kernel refused a step, and what to do about it. Source: `net/netfilter/ipvs/ip_vs_ctl.c`.
fn sentence(step: &Step, errno: Errno) -> String {
    let why = match (step, errno) {
        (_, Errno::EPERM) => {
            "not permitted (EPERM); run as root or with CAP_NET_ADMIN in the initial user namespace"
        }
        (Step::AddService(_, settings) | Step::EditService(_, settings), Errno::ENOENT) => {
            return missing_module(settings);
        }
        (Step::AddService(..) | Step::AddServer(..), Errno::EEXIST) => "already exists (EEXIST)",
        (Step::EditServer(..) | Step::DeleteServer(..), Errno::ENOENT) => {
            "no such real server (ENOENT)"
        }
        (
            Step::EditService(..)
            | Step::DeleteService(_)
            | Step::AddServer(..)
            | Step::EditServer(..)
            | Step::DeleteServer(..),
            Errno::ESRCH,
        ) => "no such virtual service (ESRCH)",
        (Step::AddService(..) | Step::EditService(..), Errno::EAFNOSUPPORT) => {
            "this kernel's IPVS has no IPv6 (EAFNOSUPPORT); boot without ipv6.disable=1, or remove the service"
        }
        (Step::AddServer(..) | Step::EditServer(..), Errno::EINVAL) => {
            "invalid for this service (EINVAL); the address must be a unicast one this host has a route to, and of \
             the service's family unless it is tunneled to"
        }
        (Step::AddServer(..) | Step::EditServer(..), Errno::ERANGE) => {
            "weight or thresholds out of range (ERANGE)"
        }
        _ => return format!("{} ({errno:?})", errno.desc()),
    };
    why.to_owned()
}

fn missing_module(settings: &ServiceSettings) -> String {
    let scheduler = &settings.scheduler;
    match &settings.engine {
        None => format!(
            "scheduler \"{scheduler}\" not in this kernel (ENOENT); load it with: modprobe ip_vs_{scheduler}"
        ),
        Some(engine) => format!(
            "scheduler \"{scheduler}\" or persistence engine \"{engine}\" not in this kernel (ENOENT); load them \
             with: modprobe -a ip_vs_{scheduler} ip_vs_pe_{engine}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scheduler, ServiceKey};

    #[test]
    fn a_missing_scheduler_names_the_command_that_loads_it() {
        let key = ServiceKey::tcp("192.0.2.10:443".parse().unwrap());
        let step = Step::EditService(key, ServiceSettings::new(Scheduler::MH));
        let failure = StepFailure {
            index: 0,
            step,
            errno: Errno::ENOENT,
        };
        assert_eq!(
            failure.to_string(),
            "edit service TCP 192.0.2.10:443: scheduler \"mh\" not in this kernel (ENOENT); load it with: modprobe \
             ip_vs_mh"
        );
        assert!(!failure.is_surprise());
    }

    #[test]
    fn a_server_that_is_already_there_is_a_surprise() {
        let key = ServiceKey::tcp("192.0.2.10:443".parse().unwrap());
        let server = "10.0.0.5:443"
            .parse::<std::net::SocketAddr>()
            .unwrap()
            .into();
        let real = crate::model::RealServer::new(
            crate::model::ForwardingMethod::DirectRouting,
            crate::model::Weight::ONE,
        );
        let step = Step::AddServer(key, server, real);
        let failure = StepFailure {
            index: 0,
            step,
            errno: Errno::EEXIST,
        };
        assert!(failure.is_surprise());
        assert_eq!(
            failure.to_string(),
            "add real server 10.0.0.5:443 to TCP 192.0.2.10:443: already exists (EEXIST)"
        );
    }
}
