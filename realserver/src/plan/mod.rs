// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to change: from what is wanted, what the kernel holds and what was done before.

mod start;
mod stop;

use lvs_director::plan::HostStep;

use crate::state::State;

pub use start::{conflicts, missing_devices, start};
pub use stop::{Leaving, stop};

/// Changes in their order, what is to be remembered of them, and what is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What to do.
    pub changes: Vec<HostStep>,
    /// What the state file is to say: before the changes of a start, after those of a stop.
    pub state: State,
    /// What somebody should know.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests;
