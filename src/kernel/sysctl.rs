// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's settings below `/proc/sys/net`: whole numbers by name.
//!
//! Which network namespace they belong to is decided by the thread that opens them, as with a socket.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Error, Read, Write};
use std::path::PathBuf;
use std::str::FromStr;

use nix::errno::Errno;

use crate::system::errno_name;

/// The name of a setting, such as `net.ipv4.conf.lo.arp_ignore`.
///
/// It prints, and is read, as sysctl(8) has it: a dot within an interface's name is a slash
/// (`net.ipv4.conf.eth0/100.arp_ignore`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sysctl(Vec<String>);

impl Sysctl {
    /// A setting below `net`, by the names on the way to it: `["ipv4", "vs", "expire_nodest_conn"]`.
    #[must_use]
    pub fn net(names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned());
        Self(std::iter::once("net".to_owned()).chain(names).collect())
    }

    /// A setting of one interface, or of `all` or `default`.
    #[must_use]
    pub fn ipv4_conf(interface: &str, key: &str) -> Self {
        Self::net(&["ipv4", "conf", interface, key])
    }

    /// The value now.
    pub fn get(&self) -> Result<i32, SysctlError> {
        let failed = |cause| self.failed("read", cause);
        let mut text = String::new();
        OpenOptions::new()
            .read(true)
            .open(self.path("read")?)
            .and_then(|mut file| file.read_to_string(&mut text))
            .map_err(|error| failed(SysctlCause::of(&error)))?;
        let value = text.trim();
        value
            .parse()
            .map_err(|_| failed(SysctlCause::NotANumber(value.to_owned())))
    }

    /// Sets the value.
    pub fn set(&self, value: i32) -> Result<(), SysctlError> {
        OpenOptions::new()
            .write(true)
            .open(self.path("set")?)
            .and_then(|mut file| file.write_all(format!("{value}\n").as_bytes()))
            .map_err(|error| self.failed("set", SysctlCause::of(&error)))
    }

    /// The file. A name that would lead elsewhere has none.
    fn path(&self, operation: &'static str) -> Result<PathBuf, SysctlError> {
        let mut path = PathBuf::from("/proc/sys");
        for name in &self.0 {
            if matches!(name.as_str(), "" | "." | "..") || name.contains(['/', '\0']) {
                return Err(self.failed(operation, SysctlCause::BadName));
            }
            path.push(name);
        }
        Ok(path)
    }

    fn failed(&self, operation: &'static str, cause: SysctlCause) -> SysctlError {
        SysctlError {
            operation,
            sysctl: self.clone(),
            cause,
        }
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", name.replace('.', "/"))?;
        }
        Ok(())
    }
}

impl FromStr for Sysctl {
    type Err = SysctlError;

    fn from_str(text: &str) -> Result<Self, SysctlError> {
        let names = text.split('.').map(|name| name.replace('/', "."));
        let sysctl = Self(names.collect());
        sysctl.path("name")?;
        Ok(sysctl)
    }
}

/// Why a setting could not be read or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysctlError {
    /// `read`, `set` or `name`.
    pub operation: &'static str,
    /// Which setting.
    pub sysctl: Sysctl,
    /// Why.
    pub cause: SysctlCause,
}

/// The causes that callers tell apart, and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SysctlCause {
    /// This kernel, or this interface, has no such setting.
    Missing,
    /// Not ours to read or set.
    NotPermitted,
    /// The name is none that a setting can have.
    BadName,
    /// What was read is not one whole number.
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
        write!(f, "{} {}: ", self.operation, self.sysctl)?;
        match &self.cause {
            SysctlCause::Missing => f.write_str(
                "no such setting (ENOENT); its interface is gone, or its module is not loaded",
            ),
            SysctlCause::NotPermitted => {
                f.write_str("not permitted (EACCES); run as root or with CAP_NET_ADMIN")
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
    fn a_dot_in_an_interfaces_name_is_a_slash_and_comes_back() {
        let sysctl = Sysctl::ipv4_conf("eth0.100", "arp_ignore");
        assert_eq!(sysctl.to_string(), "net.ipv4.conf.eth0/100.arp_ignore");
        assert_eq!(sysctl.to_string().parse(), Ok(sysctl.clone()));
        assert_eq!(
            sysctl.path("read").unwrap().to_str(),
            Some("/proc/sys/net/ipv4/conf/eth0.100/arp_ignore")
        );
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in ["..", ".", "", "a/b", "a\0b"] {
            let error = Sysctl::ipv4_conf(name, "arp_ignore").get().unwrap_err();
            assert_eq!(error.cause, SysctlCause::BadName, "{name:?}");
        }
        assert!("net.ipv4.conf.//.arp_ignore".parse::<Sysctl>().is_err());
    }

    #[test]
    fn a_setting_of_this_machine_is_read() {
        assert!(Sysctl::ipv4_conf("lo", "arp_ignore").get().is_ok());
        let error = Sysctl::ipv4_conf("lo", "no_such_key").get().unwrap_err();
        assert_eq!(
            error.to_string(),
            "read net.ipv4.conf.lo.no_such_key: no such setting (ENOENT); its interface is gone, or its module is \
             not loaded"
        );
    }

    #[test]
    fn what_is_not_a_number_is_shown() {
        let error = Sysctl::net(&["ipv4", "tcp_congestion_control"])
            .get()
            .unwrap_err();
        assert!(matches!(error.cause, SysctlCause::NotANumber(_)), "{error}");
    }
}
