// SPDX-License-Identifier: MIT OR Apache-2.0
//! What went wrong with IPVS: the operation, the object as ipvsadm lists it, the cause, the remedy.

use std::fmt;

use nix::errno::Errno;

use super::netlink::NetlinkError;

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

/// Why a request to IPVS has no answer, or the result of a batch of changes is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpvsError {
    /// The operation, with the object as ipvsadm lists it.
    pub operation: String,
    /// Why it failed.
    pub cause: NetlinkError,
}

impl IpvsError {
    /// The kernel's error number, when it was the kernel that refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        self.cause.errno()
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
            errno => write!(f, "{} ({errno:?})", errno.desc())?,
        }
        refusal
            .text
            .iter()
            .try_for_each(|text| write!(f, ": {text}"))
    }
}
