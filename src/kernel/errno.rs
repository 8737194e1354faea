// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an error number of IPVS means, by what was tried. The kernel itself never says.

use nix::errno::Errno;

use crate::model::ServiceSettings;
use crate::plan::Step;

/// The symbol of an error number: `ENOENT`.
#[must_use]
pub fn errno_name(errno: Errno) -> String {
    format!("{errno:?}")
}

/// Why the kernel refused a step, and what to do about it. Source: `net/netfilter/ipvs/ip_vs_ctl.c`.
#[must_use]
pub fn sentence(step: &Step, errno: Errno) -> String {
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
        _ => return format!("{} ({})", errno.desc(), errno_name(errno)),
    };
    why.to_owned()
}

fn missing_module(settings: &ServiceSettings) -> String {
    let scheduler = &settings.scheduler;
    let engine = settings
        .persistence
        .as_ref()
        .and_then(|persistence| persistence.engine.as_ref());
    match engine {
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
        assert_eq!(
            sentence(&step, Errno::ENOENT),
            "scheduler \"mh\" not in this kernel (ENOENT); load it with: modprobe ip_vs_mh"
        );
    }
}
