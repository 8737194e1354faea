// SPDX-License-Identifier: MIT OR Apache-2.0
//! What went wrong with IPVS: the operation, the object as ipvsadm lists it, the cause, the remedy.

use std::fmt;

use nix::errno::Errno;

use super::errno::{errno_name, sentence};
use super::netlink::NetlinkError;
use crate::plan::Step;

/// Why there is no IPVS to talk to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The kernel has no IPVS, and could not load it.
    #[error(
        "open IPVS: this kernel has no IPVS (ENOENT); load it with: modprobe ip_vs; the module ip_vs is part of the \
         packages linux-image-amd64 (Debian), linux-modules-extra-$(uname -r) (Ubuntu) and kernel-modules (Fedora, RHEL)"
    )]
    NoIpvs,
    /// No CAP_NET_ADMIN.
    #[error(
        "open IPVS: not permitted (EPERM); run as root or with CAP_NET_ADMIN in the initial user namespace"
    )]
    NotPermitted,
    /// Anything else.
    #[error("open IPVS: {0}")]
    Netlink(NetlinkError),
}

/// Why a question to IPVS has no answer, or a batch of changes no known end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpvsError {
    /// What was tried, with the object as ipvsadm lists it.
    pub operation: String,
    /// Why it failed.
    pub cause: NetlinkError,
}

impl IpvsError {
    /// The kernel's error number, when it was the kernel that refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match &self.cause {
            NetlinkError::Refused(refusal) => Some(Errno::from_raw(refusal.errno)),
            NetlinkError::Socket { errno, .. } => Some(*errno),
            NetlinkError::Overrun
            | NetlinkError::Truncated
            | NetlinkError::Decode(_)
            | NetlinkError::Unsteady => None,
        }
    }
}

impl std::error::Error for IpvsError {}

impl fmt::Display for IpvsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        let NetlinkError::Refused(refusal) = &self.cause else {
            return self.cause.fmt(f);
        };
        match Errno::from_raw(refusal.errno) {
            Errno::EPERM => {
                f.write_str("not permitted (EPERM); run as root or with CAP_NET_ADMIN")?;
            }
            Errno::ESRCH => f.write_str("no such virtual service (ESRCH)")?,
            errno => write!(f, "{} ({})", errno.desc(), errno_name(errno))?,
        }
        refusal
            .text
            .iter()
            .try_for_each(|text| write!(f, ": {text}"))
    }
}

/// A step the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFailure {
    /// Which of the steps given.
    pub index: usize,
    /// The step.
    pub step: Step,
    /// The error number.
    pub errno: Errno,
}

impl StepFailure {
    /// Whether the table was not as the plan took it to be: read again, and plan again.
    #[must_use]
    pub const fn is_surprise(&self) -> bool {
        match self.step {
            // ENOENT here is a missing scheduler, which reading again does not bring.
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

impl fmt::Display for StepFailure {
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
