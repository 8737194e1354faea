// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to change: from what is wanted, what the kernel holds and what was done before.

mod start;
mod stop;

use std::fmt;

use lvs_director::kernel::Sysctl;
use serde::{Serialize, Serializer};

use crate::placement::{Device, Placement};
use crate::state::State;

pub use start::{conflicts, missing_devices, start};
pub use stop::{Leaving, stop};

/// One change to this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// Make a tunnel device.
    Make {
        /// Which.
        device: Device,
    },
    /// Set a device up.
    Up {
        /// Which.
        device: Device,
    },
    /// Set a device down.
    Down {
        /// Which.
        device: Device,
    },
    /// Set a kernel setting.
    Set {
        /// Its name.
        #[serde(serialize_with = "as_text")]
        name: Sysctl,
        /// From this value.
        from: i32,
        /// To this one.
        to: i32,
    },
    /// Put a VIP on a device.
    Add {
        /// Both.
        #[serde(flatten)]
        placement: Placement,
        /// The name that ifconfig(8) shows it under.
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// Take a VIP off a device, and the route to it that realserver.sh made.
    Remove {
        /// Both.
        #[serde(flatten)]
        placement: Placement,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make { device } => write!(f, "made tunnel device {device}"),
            Self::Up { device } => write!(f, "set {device} up"),
            Self::Down { device } => write!(f, "set {device} down"),
            Self::Set { name, from, to } => write!(f, "set {name}: {from} -> {to}"),
            Self::Add { placement, label } => {
                write!(f, "added {placement}")?;
                label.iter().try_for_each(|label| write!(f, " ({label})"))
            }
            Self::Remove { placement } => {
                let Placement { vip, device } = placement;
                write!(f, "removed {vip}/{} from {device}", placement.prefix())
            }
        }
    }
}

/// Changes in their order, what is to be remembered of them, and what is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What to do.
    pub changes: Vec<Change>,
    /// What the state file is to say: before the changes of a start, after those of a stop.
    pub state: State,
    /// What somebody should know.
    pub notes: Vec<String>,
}

fn as_text<S: Serializer>(name: &Sysctl, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(name)
}

#[cfg(test)]
mod tests;
