// SPDX-License-Identifier: MIT OR Apache-2.0
//! Turns errors of the kernel and of the terminal into failures of `lvsadm`, in ipvsadm's words.

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::ipvsadm::failure::{Failure, PERMISSION, errno_says};
use crate::kernel::{IpvsError, OpenError};

impl Failure {
    /// There is no IPVS to talk to.
    #[must_use]
    pub fn open(error: &OpenError) -> Self {
        let why = match error {
            OpenError::NoIpvs => "Protocol not available".to_owned(),
            OpenError::NotPermitted => not_permitted(geteuid().is_root()).to_owned(),
            OpenError::Netlink(cause) => cause.to_string(),
        };
        Self::usage(format!(
            "Can't initialize ipvs: {why}\n\
             Are you sure that IP Virtual Server is built in the kernel or as module?"
        ))
    }

    /// A listing did not come about.
    #[must_use]
    pub fn list(error: &IpvsError) -> Self {
        let message = match error.errno() {
            Some(Errno::ESRCH) => "No such service".to_owned(),
            _ => kernel_says(error),
        };
        Self { message, status: 1 }
    }

    /// The failure of a command that only reads, or that is not about one service or server.
    #[must_use]
    pub fn command(error: &IpvsError) -> Self {
        Self {
            status: 255,
            ..Self::list(error)
        }
    }

    /// A sync daemon did not start.
    #[must_use]
    pub fn start_daemon(error: &IpvsError) -> Self {
        Self::refused(match error.errno() {
            Some(Errno::EEXIST) => "Daemon has already run".to_owned(),
            _ => kernel_says(error),
        })
    }

    /// A sync daemon did not stop.
    #[must_use]
    pub fn stop_daemon(error: &IpvsError) -> Self {
        Self::refused(match error.errno() {
            Some(Errno::ESRCH) => "No daemon is running".to_owned(),
            _ => kernel_says(error),
        })
    }

    /// Standard output could not be written.
    #[must_use]
    pub fn output(error: &dyn std::error::Error) -> Self {
        Self {
            message: format!("write to standard output: {error}"),
            status: 1,
        }
    }
}

impl From<IpvsError> for Failure {
    fn from(error: IpvsError) -> Self {
        Self::command(&error)
    }
}

/// What to say when the kernel does not permit the use of IPVS. Root of a container's user namespace is root already.
const fn not_permitted(root: bool) -> &'static str {
    if root {
        "Permission denied (this root lacks CAP_NET_ADMIN in the first user namespace; run it outside the container)"
    } else {
        PERMISSION
    }
}

/// The meaning of an error for every operation.
fn kernel_says(error: &IpvsError) -> String {
    match error.errno() {
        Some(errno) => errno_says(errno),
        None => error.cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_not_told_to_become_root() {
        assert_eq!(not_permitted(false), PERMISSION);
        let said = not_permitted(true);
        assert!(!said.contains("must be root"), "{said}");
        assert!(said.contains("user namespace"), "{said}");
    }
}
