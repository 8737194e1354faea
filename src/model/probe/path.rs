// SPDX-License-Identifier: MIT OR Apache-2.0
//! The path that a probe takes.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::Fwmark;

/// The path of a probe; the kernel's routing chooses what is absent. [`ProbePath::chosen`] makes it a probe's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ProbePath {
    /// The address it comes from.
    pub source: Option<IpAddr>,
    /// The interface it leaves by: 1 to 15 bytes.
    pub interface: Option<Box<str>>,
    /// The firewall mark of its packets, for policy routing.
    pub mark: Option<Fwmark>,
}

impl ProbePath {
    /// The kernel's routing chooses all of it.
    const BY_ROUTING: Self = Self {
        source: None,
        interface: None,
        mark: None,
    };

    /// The path as a probe has it: `None` for one without any choice. So equal paths are equal values.
    #[must_use]
    pub fn chosen(self) -> Option<Box<Self>> {
        (self != Self::BY_ROUTING).then(|| Box::new(self))
    }
}

/// A path is always written as a map of its three parts.
pub(super) mod written_path {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::ProbePath;

    #[expect(
        clippy::ref_option,
        reason = "serde calls it with a reference to the field"
    )]
    pub(in crate::model::probe) fn serialize<S: Serializer>(
        path: &Option<Box<ProbePath>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_deref()
            .unwrap_or(&ProbePath::BY_ROUTING)
            .serialize(to)
    }

    pub(in crate::model::probe) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Box<ProbePath>>, D::Error> {
        ProbePath::deserialize(from).map(ProbePath::chosen)
    }
}

impl fmt::Display for ProbePath {
    /// ` from 10.0.0.1 by eth1 with mark 7`: what is chosen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        if let Some(interface) = &self.interface {
            write!(f, " by {interface}")?;
        }
        self.mark
            .map_or(Ok(()), |mark| write!(f, " with mark {mark}"))
    }
}
