// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's settings below `/proc/sys/net`: whole numbers by name.
//!
//! Which network namespace they belong to is decided by the thread that opens them, as with a socket.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Error, Read, Write};
use std::path::PathBuf;

use nix::errno::Errno;

use crate::model::SysctlName;
use crate::system::errno_name;

/// The value of a setting now.
pub fn read_sysctl(name: &SysctlName) -> Result<i32, SysctlError> {
    let failed = |cause| SysctlError::new("read", name, cause);
    let mut text = String::new();
    OpenOptions::new()
        .read(true)
        .open(path("read", name)?)
        .and_then(|mut file| file.read_to_string(&mut text))
        .map_err(|error| failed(SysctlCause::of(&error)))?;
    let value = text.trim();
    value
        .parse()
        .map_err(|_| failed(SysctlCause::NotANumber(value.to_owned())))
}

/// Sets a setting.
pub fn set_sysctl(name: &SysctlName, value: i32) -> Result<(), SysctlError> {
    OpenOptions::new()
        .write(true)
        .open(path("set", name)?)
        .and_then(|mut file| file.write_all(format!("{value}\n").as_bytes()))
        .map_err(|error| SysctlError::new("set", name, SysctlCause::of(&error)))
}

/// The file; `None` for a name that would lead elsewhere.
fn path(operation: &'static str, name: &SysctlName) -> Result<PathBuf, SysctlError> {
    if !name.is_valid() {
        return Err(SysctlError::new(operation, name, SysctlCause::BadName));
    }
    Ok(std::iter::once("/proc/sys")
        .chain(name.names().iter().map(String::as_str))
        .collect())
}

/// Why a setting could not be read or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysctlError {
    /// `read` or `set`.
    pub operation: &'static str,
    /// Which setting.
    pub name: SysctlName,
    /// Why.
    pub cause: SysctlCause,
}

impl SysctlError {
    fn new(operation: &'static str, name: &SysctlName, cause: SysctlCause) -> Self {
        Self {
            operation,
            name: name.clone(),
            cause,
        }
    }
}

/// The causes that callers tell apart, and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SysctlCause {
    /// This kernel, or this interface, has no such setting.
    Missing,
    /// We may not read or set it.
    NotPermitted,
    /// No setting can have this name.
    BadName,
    /// The file does not have one whole number.
    NotANumber(String),
    /// Anything else.
    Other(Errno),
}

impl SysctlCause {
    fn of(error: &Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT) => Self::Missing,
            Some(Errno::EACCES | Errno::EPERM) => Self::NotPermitted,
            Some(errno) => Self::Other(errno),
            None => Self::NotANumber(error.to_string()),
        }
    }
}

impl std::error::Error for SysctlError {}

impl fmt::Display for SysctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.operation, self.name)?;
        match &self.cause {
            SysctlCause::Missing => f.write_str(
                "no such setting (ENOENT); its interface is gone, or its module is not loaded",
            ),
            SysctlCause::NotPermitted => {
                f.write_str("not permitted (EACCES); run as root or with CAP_NET_ADMIN in the initial user namespace")
            }
            SysctlCause::BadName => f.write_str("no setting can be called so"),
            SysctlCause::NotANumber(text) => write!(f, "\"{text}\" is not a whole number"),
            SysctlCause::Other(Errno::EROFS) => f.write_str(
                "/proc/sys is read-only here (EROFS); set it outside of the container, or give it a writable /proc/sys",
            ),
            SysctlCause::Other(errno) => write!(f, "{} ({})", errno.desc(), errno_name(*errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_in_an_interfaces_name_stays_one_in_the_files_name() {
        let name = SysctlName::ipv4_conf("eth0.100", "arp_ignore");
        assert_eq!(
            path("read", &name).unwrap().to_str(),
            Some("/proc/sys/net/ipv4/conf/eth0.100/arp_ignore")
        );
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in ["..", ".", "", "a/b", "a\0b"] {
            let error = read_sysctl(&SysctlName::ipv4_conf(name, "arp_ignore")).unwrap_err();
            assert_eq!(error.cause, SysctlCause::BadName, "{name:?}");
        }
    }

    #[test]
    fn a_setting_of_this_machine_is_read() {
        assert!(read_sysctl(&SysctlName::ipv4_conf("lo", "arp_ignore")).is_ok());
        let error = read_sysctl(&SysctlName::ipv4_conf("lo", "no_such_key")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read net.ipv4.conf.lo.no_such_key: no such setting (ENOENT); its interface is gone, or its module is \
             not loaded"
        );
    }

    #[test]
    fn what_is_not_a_number_is_shown() {
        let name = SysctlName::net(&["ipv4", "tcp_congestion_control"]);
        let error = read_sysctl(&name).unwrap_err();
        assert!(matches!(error.cause, SysctlCause::NotANumber(_)), "{error}");
    }
}
