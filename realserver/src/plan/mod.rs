// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to change: from the wanted state, the kernel's state, and earlier changes.

mod start;
mod stop;

use lvs_director::plan::HostStep;

use crate::state::State;

pub use start::{conflicts, missing_devices, start};
pub use stop::{Leaving, stop};

/// The changes in order, what to remember of them, and notes about what stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What to do.
    pub changes: Vec<HostStep>,
    /// The new content of the state file: written before the changes of a start, after those of a stop.
    pub state: State,
    /// What somebody should know.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests;
