// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schedulers, by name, and their flags.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a scheduler: `rr`, `wrr`, `lc`, ... or any other module of the running kernel.
///
/// Any name is possible on purpose: the kernel loads `ip_vs_NAME`, and a foreign service may use an unknown one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scheduler(Cow<'static, str>);

/// A name that cannot be a scheduler's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scheduler's name has 1 to 15 characters and no NUL")]
pub struct SchedulerNameError;

impl Scheduler {
    /// The schedulers of the mainline kernel, as `scheduler:` and `-s` take them.
    pub const KNOWN: [&'static str; 14] = [
        "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh",
        "twos",
    ];
    /// Weighted least connection, the default of ipvsadm.
    pub const WLC: Self = Self(Cow::Borrowed("wlc"));
    /// Maglev hashing, which rebuilds its whole table at every change of a server.
    pub const MH: Self = Self(Cow::Borrowed("mh"));
    /// The kernel's word for a service that schedules nothing yet.
    pub const NONE: Self = Self(Cow::Borrowed("none"));

    /// A scheduler by its name, known or not.
    pub fn new(name: &str) -> Result<Self, SchedulerNameError> {
        if name.is_empty() || name.len() > 15 || name.contains('\0') {
            return Err(SchedulerNameError);
        }
        Ok(match Self::KNOWN.iter().find(|known| **known == name) {
            Some(known) => Self(Cow::Borrowed(known)),
            None => Self(Cow::Owned(name.to_owned())),
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Scheduler {
    type Error = SchedulerNameError;

    fn try_from(name: String) -> Result<Self, SchedulerNameError> {
        Self::new(&name)
    }
}

impl From<Scheduler> for String {
    fn from(scheduler: Scheduler) -> Self {
        scheduler.0.into_owned()
    }
}

impl From<u8> for SchedulerFlags {
    fn from(bits: u8) -> Self {
        Self::from_bits(bits)
    }
}

impl From<SchedulerFlags> for u8 {
    fn from(flags: SchedulerFlags) -> Self {
        flags.bits()
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The three scheduler flags of a service (`IP_VS_SVC_F_SCHED1` to `3`), which each scheduler reads in its own way.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(from = "u8", into = "u8")]
pub struct SchedulerFlags(u8);

impl SchedulerFlags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// The flags from three bits; higher bits are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    /// Bit 0 is `flag-1`, bit 1 `flag-2`, bit 2 `flag-3`.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flag that ipvsadm's `-b` and `scheduler_flags:` call `name`, for this scheduler.
    /// `sh-fallback`, `sh-port`, `mh-fallback` and `mh-port` belong to their scheduler; `flag-1` to `flag-3` to any.
    #[must_use]
    pub fn by_name(name: &str, scheduler: &Scheduler) -> Option<Self> {
        let bit = Self::names(scheduler)
            .iter()
            .position(|own| *own == name)
            .or_else(|| GENERIC_NAMES.iter().position(|generic| *generic == name))?;
        Some(Self::from_bits(1 << bit))
    }

    /// The names of the three bits for this scheduler.
    #[must_use]
    pub fn names(scheduler: &Scheduler) -> [&'static str; 3] {
        match scheduler.name() {
            "sh" => ["sh-fallback", "sh-port", "flag-3"],
            "mh" => ["mh-fallback", "mh-port", "flag-3"],
            _ => GENERIC_NAMES,
        }
    }

    /// The flags as ipvsadm prints them for this scheduler: `sh-fallback,sh-port`.
    #[must_use]
    pub fn display(self, scheduler: &Scheduler) -> String {
        let names = Self::names(scheduler);
        let set = names
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.0 & (1 << bit) != 0);
        set.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    }
}

const GENERIC_NAMES: [&str; 3] = ["flag-1", "flag-2", "flag-3"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_after_their_scheduler() {
        let sh = Scheduler::new("sh").unwrap();
        let port = SchedulerFlags::by_name("sh-port", &sh).unwrap();
        let both = port.union(SchedulerFlags::by_name("sh-fallback", &sh).unwrap());
        assert_eq!(both.display(&sh), "sh-fallback,sh-port");
        assert_eq!(both.display(&Scheduler::WLC), "flag-1,flag-2");
    }

    #[test]
    fn a_flag_of_another_scheduler_is_refused() {
        assert_eq!(SchedulerFlags::by_name("mh-port", &Scheduler::WLC), None);
    }

    #[test]
    fn a_scheduler_nobody_knows_is_a_scheduler_all_the_same() {
        assert_eq!(Scheduler::new("homegrown").unwrap().name(), "homegrown");
    }

    #[test]
    fn names_the_kernel_could_not_hold_are_refused() {
        assert!(Scheduler::new("").is_err());
        assert!(Scheduler::new("sixteen-letters!").is_err());
        assert!(Scheduler::new("a\0b").is_err());
    }
}
