// SPDX-License-Identifier: MIT OR Apache-2.0
//! How `lvsadm` ends when it cannot do what it was told: ipvsadm's messages, ipvsadm's exit statuses.

use std::convert::Infallible;

use nix::errno::Errno;

use crate::kernel::{IpvsError, OpenError};
use crate::plan::Step;

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
            Some(Errno::ESRCH) => "No such service".to_owned(),
            _ => kernel_says(error),
        };
        Self { message, status: 1 }
    }

    /// There was nothing to list, or not all of it.
    #[must_use]
    pub fn unlisted(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: 1,
        }
    }

    /// The kernel would not have it, in these words.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: 255,
        }
    }

    /// A command that is not about one service or server failed, or one that only reads.
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

    /// The kernel refused a step.
    #[must_use]
    pub fn step(step: &Step, errno: Errno) -> Self {
        let message = match (step, errno) {
            (Step::AddService(..), Errno::EEXIST) => "Service already exists",
            (Step::AddService(..) | Step::EditService(..), Errno::ENOENT) => {
                "Scheduler or persistence engine not found"
            }
            (Step::EditService(..) | Step::DeleteService(_), Errno::ESRCH) => "No such service",
            (Step::AddServer(..) | Step::EditServer(..) | Step::DeleteServer(..), Errno::ESRCH) => {
                "Service not defined"
            }
            (Step::AddServer(..), Errno::EEXIST) => "Destination already exists",
            (Step::EditServer(..) | Step::DeleteServer(..), Errno::ENOENT) => "No such destination",
            _ => return Self::refused(errno_says(errno)),
        };
        Self::refused(message)
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

impl From<Infallible> for Failure {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

const PERMISSION: &str = "Permission denied (you must be root)";

/// What an error means whatever was tried.
fn kernel_says(error: &IpvsError) -> String {
    match error.errno() {
        Some(errno) => errno_says(errno),
        None => error.cause.to_string(),
    }
}

fn errno_says(errno: Errno) -> String {
    let message = match errno {
        Errno::EPERM => PERMISSION,
        Errno::EINVAL => {
            "Invalid operation.  Possibly wrong module version, address not unicast, ..."
        }
        Errno::ENOPROTOOPT => "Protocol not available",
        Errno::ENOMEM => "Memory allocation problem",
        Errno::EOPNOTSUPP => "Operation not supported with IPv6",
        Errno::EAFNOSUPPORT => "Operation not supported with specified address family",
        Errno::EMSGSIZE => "Module is wrong version",
        other => {
            // The C library's own words, which are what ipvsadm prints, with the number behind them.
            let words = std::io::Error::from_raw_os_error(other as i32).to_string();
            let end = words.rfind(" (os error").unwrap_or(words.len());
            return words.get(..end).unwrap_or(&words).to_owned();
        }
    };
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_number_without_a_message_of_its_own_has_the_c_librarys() {
        assert_eq!(errno_says(Errno::ERANGE), "Numerical result out of range");
        assert_eq!(errno_says(Errno::ENODEV), "No such device");
    }
}
