// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of the kernel's settings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a setting, such as `net.ipv4.conf.lo.arp_ignore`.
///
/// It prints, and is read, as sysctl(8) has it: a dot within an interface's name is a slash
/// (`net.ipv4.conf.eth0/100.arp_ignore`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SysctlName(Vec<String>);

impl SysctlName {
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

    /// The names on the way to it, one directory each below `/proc/sys`.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether it is one of IPVS: `net.ipv4.vs...`.
    #[must_use]
    pub fn is_of_ipvs(&self) -> bool {
        matches!(&*self.0, [net, family, vs, ..] if net == "net" && family == "ipv4" && vs == "vs")
    }

    /// Whether this can be the name of a setting: each part is a plain file name and leads nowhere else.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let sound = |name: &String| {
            !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\0'])
        };
        self.0.iter().all(sound)
    }
}

impl fmt::Display for SysctlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", name.replace('.', "/"))?;
        }
        Ok(())
    }
}

/// A text that cannot be the name of a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("name {0}: no setting can be called so")]
pub struct SysctlNameError(String);

impl FromStr for SysctlName {
    type Err = SysctlNameError;

    fn from_str(text: &str) -> Result<Self, SysctlNameError> {
        let names = text.split('.').map(|name| name.replace('/', "."));
        let name = Self(names.collect());
        if name.is_valid() {
            Ok(name)
        } else {
            Err(SysctlNameError(text.to_owned()))
        }
    }
}

impl Serialize for SysctlName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SysctlName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_in_an_interfaces_name_is_a_slash_and_comes_back() {
        let name = SysctlName::ipv4_conf("eth0.100", "arp_ignore");
        assert_eq!(name.to_string(), "net.ipv4.conf.eth0/100.arp_ignore");
        assert_eq!(name.to_string().parse(), Ok(name));
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in ["..", ".", "", "a/b", "a\0b"] {
            assert!(
                !SysctlName::ipv4_conf(name, "arp_ignore").is_valid(),
                "{name:?}"
            );
        }
        assert_eq!(
            "net.ipv4.conf.//.arp_ignore"
                .parse::<SysctlName>()
                .unwrap_err()
                .to_string(),
            "name net.ipv4.conf.//.arp_ignore: no setting can be called so"
        );
    }
}
