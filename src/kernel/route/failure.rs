// SPDX-License-Identifier: MIT OR Apache-2.0
//! What went wrong with a link, an address or a route: the operation with its object, the cause, the remedy.

use std::fmt;

use nix::errno::Errno;

use crate::codec::message::Refusal;
use crate::kernel::netlink::NetlinkError;
use crate::model::TunnelDevice;
use crate::system::errno_name;

/// Why the kernel's links, addresses or routes could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteError {
    /// The operation, with its object.
    pub operation: String,
    /// Why it failed.
    pub cause: NetlinkError,
    /// The device that should be made.
    tunnel: Option<TunnelDevice>,
}

impl RouteError {
    pub(in crate::kernel) fn new(operation: impl Into<String>, cause: NetlinkError) -> Self {
        Self {
            operation: operation.into(),
            cause,
            tunnel: None,
        }
    }

    pub(super) fn tunnel(device: TunnelDevice, cause: NetlinkError) -> Self {
        Self {
            operation: format!("make tunnel device {}", device.name()),
            cause,
            tunnel: Some(device),
        }
    }

    /// The kernel's error for an interface that does not exist.
    pub(in crate::kernel) fn no_interface(operation: impl Into<String>) -> Self {
        let refusal = Refusal {
            errno: libc::ENODEV,
            text: None,
        };
        Self::new(operation, NetlinkError::Refused(refusal))
    }

    /// The kernel's error number, when it was the kernel that refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        self.cause.errno()
    }
}

impl std::error::Error for RouteError {}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        let NetlinkError::Refused(refusal) = &self.cause else {
            return self.cause.fmt(f);
        };
        let errno = Errno::from_raw(refusal.errno);
        write!(f, "{} ({})", errno.desc(), errno_name(errno))?;
        if let Some(text) = &refusal.text {
            write!(f, ": {text}")?;
        }
        match (errno, self.tunnel) {
            (Errno::EPERM, _) => f.write_str("; run as root or with CAP_NET_ADMIN"),
            (Errno::EOPNOTSUPP, Some(device)) => write!(
                f,
                "; this kernel has no {module}; load it with: modprobe {module}; it is part of the packages \
                 linux-image-amd64 (Debian), linux-modules-extra-$(uname -r) (Ubuntu) and kernel-modules (Fedora, \
                 RHEL)",
                module = device.module()
            ),
            (Errno::EACCES, _) => {
                f.write_str("; IPv6 is off on this interface; see net.ipv6.conf.*.disable_ipv6")
            }
            (_, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_module_names_the_command_that_loads_it() {
        let refusal = Refusal {
            errno: Errno::EOPNOTSUPP as i32,
            text: Some("Unknown device type".to_owned()),
        };
        let error = RouteError::tunnel(TunnelDevice::Tunl0, NetlinkError::Refused(refusal));
        let text = error.to_string();
        assert!(
            text.starts_with(
                "make tunnel device tunl0: Operation not supported on transport endpoint (EOPNOTSUPP): Unknown device \
                 type; this kernel has no ipip; load it with: modprobe ipip"
            ),
            "{text}"
        );
    }
}
