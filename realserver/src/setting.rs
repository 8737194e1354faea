// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel settings that a real server needs: their purpose, the right values, and the value to set.
//!
//! The kernel takes the greater of an interface's value and that of `all`, for each of the three.

use lvs_director::model::SysctlName;

/// The purpose of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `arp_ignore`: do not answer ARP requests for an address that is on another interface.
    Silence,
    /// `arp_announce`: do not name the VIP as the sender of our own ARP requests.
    Discretion,
    /// `rp_filter` of `all`: no strict check of the source address, which tunneled packets fail.
    LooseEverywhere,
    /// `rp_filter` of the tunnel device: no check of its own.
    OpenTunnel,
}

impl Purpose {
    /// Whether this value is right. A right value stays, even if it is not the one that we would set.
    #[must_use]
    pub const fn served_by(self, value: i32) -> bool {
        match self {
            // 3 answers for addresses of global scope, and the VIP is one; 4 to 7 and above 8 count as 0.
            Self::Silence => matches!(value, 1 | 2 | 8),
            // Anything above 2 counts as 0.
            Self::Discretion => value == 2,
            Self::LooseEverywhere => matches!(value, 0 | 2),
            Self::OpenTunnel => value == 0,
        }
    }

    /// The value to set when the present one is wrong.
    #[must_use]
    pub const fn value(self) -> i32 {
        match self {
            Self::Silence => 1,
            // For rp_filter this is loose rather than off: no interface loses its filter altogether.
            Self::Discretion | Self::LooseEverywhere => 2,
            Self::OpenTunnel => 0,
        }
    }

    /// The last part of its name.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Silence => "arp_ignore",
            Self::Discretion => "arp_announce",
            Self::LooseEverywhere | Self::OpenTunnel => "rp_filter",
        }
    }

    /// Whether an interface's value cancels that of `all`, because it is greater.
    #[must_use]
    pub const fn spoiled_by(self, value: i32) -> bool {
        match self {
            Self::Silence => value > 2 && value != 8,
            Self::Discretion => value > 2,
            Self::LooseEverywhere | Self::OpenTunnel => false,
        }
    }
}

/// One setting of one interface, or of `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The interface, or `all`.
    pub interface: String,
    /// The purpose.
    pub purpose: Purpose,
}

impl Setting {
    /// The setting of this interface.
    #[must_use]
    pub fn new(interface: &str, purpose: Purpose) -> Self {
        let interface = interface.to_owned();
        Self { interface, purpose }
    }

    /// Its name in the kernel.
    #[must_use]
    pub fn name(&self) -> SysctlName {
        SysctlName::ipv4_conf(&self.interface, self.purpose.key())
    }
}

/// The setting that switches IPv6 off on an interface, or on those that are made later (`default`).
#[must_use]
pub fn ipv6_off(interface: &str) -> SysctlName {
    SysctlName::net(&["ipv6", "conf", interface, "disable_ipv6"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_serves() {
        for purpose in [
            Purpose::Silence,
            Purpose::Discretion,
            Purpose::LooseEverywhere,
            Purpose::OpenTunnel,
        ] {
            assert!(purpose.served_by(purpose.value()), "{purpose:?}");
            assert!(!purpose.spoiled_by(purpose.value()), "{purpose:?}");
        }
    }

    #[test]
    fn a_stricter_value_serves_and_one_that_only_looks_stricter_does_not() {
        assert!(Purpose::Silence.served_by(2));
        assert!(Purpose::Silence.served_by(8));
        assert!(!Purpose::Silence.served_by(3));
        assert!(!Purpose::Discretion.served_by(3));
        assert!(Purpose::LooseEverywhere.served_by(0));
        assert!(!Purpose::LooseEverywhere.served_by(1));
    }
}
