// SPDX-License-Identifier: MIT OR Apache-2.0
//! How `lvsadm` ends when it cannot do what it was told: ipvsadm's messages, ipvsadm's exit statuses.

use nix::errno::Errno;

use crate::kernel::{IpvsError, OpenError};

/// A message for standard error, and an exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The message, without its last newline.
    pub message: String,
    /// 1, 2 or 255.
    pub status: u8,
}

impl Failure {
    /// The command line is wrong.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: 2,
        }
    }

    /// The command line is not even a command's.
    #[must_use]
    pub fn try_help(program: &str) -> Self {
        Self {
            message: format!("Try `{program} -h' or '{program} --help' for more information."),
            status: 255,
        }
    }

    /// There is no IPVS to talk to.
    #[must_use]
    pub fn open(error: &OpenError) -> Self {
        let why = match error {
            OpenError::NoIpvs => "Protocol not available".to_owned(),
            OpenError::NotPermitted => PERMISSION.to_owned(),
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
            Some(Errno::ESRCH | Errno::ENOENT) => "No such service".to_owned(),
            Some(errno) => kernel_says(errno),
            None => error.cause.to_string(),
        };
        Self { message, status: 1 }
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

const PERMISSION: &str = "Permission denied (you must be root)";

/// What an error number means whatever was tried.
fn kernel_says(errno: Errno) -> String {
    match errno {
        Errno::EPERM => PERMISSION,
        Errno::EINVAL => {
            "Invalid operation.  Possibly wrong module version, address not unicast, ..."
        }
        Errno::ENOPROTOOPT => "Protocol not available",
        Errno::ENOMEM => "Memory allocation problem",
        Errno::EOPNOTSUPP => "Operation not supported with IPv6",
        Errno::EAFNOSUPPORT => "Operation not supported with specified address family",
        Errno::EMSGSIZE => "Module is wrong version",
        other => other.desc(),
    }
    .to_owned()
}
