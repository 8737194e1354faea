// SPDX-License-Identifier: MIT OR Apache-2.0
//! An error of a command line, or of the kernel's answer to it: ipvsadm's messages and exit statuses.

use std::convert::Infallible;

use nix::errno::Errno;

use crate::model::Step;

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

    /// There was nothing to list, or the list is incomplete.
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
}

impl From<Infallible> for Failure {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What ipvsadm says when the kernel does not permit something.
pub const PERMISSION: &str = "Permission denied (you must be root)";

/// The meaning of an error number for every operation.
#[must_use]
pub fn errno_says(errno: Errno) -> String {
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
            // The C library's words, which ipvsadm prints, followed by the number.
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
