// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to do next with this host: the difference between the wanted and the present state.
//!
//! A [`DesiredHost`] says only what is wanted; everything else stays as it is. An optional setting is wanted only where
//! the kernel has it. The laws of the plans (`properties.rs` tests them with random hosts):
//!
//! 1. Carrying a plan out makes everything that is wanted, except what the plan calls missing.
//! 2. Planning again gives no steps.
//! 3. A plan never touches what is not wanted explicitly.
//! 4. Addresses come last and go first. While a setting, a timeout or a link waits for its change, no new address
//!    exists yet, and every address to remove is gone already. With a new address this host begins to answer for it, so
//!    everything that this needs must be there before.

mod desired;
mod diff;
mod failure;
mod scope;
mod simulate;
mod step;
mod target;

pub use desired::{AddressSettings, DesiredHost, DesiredTimeouts, desired_host};
pub use diff::{HostPlan, Missing, diff_host};
pub use failure::HostFailure;
pub use scope::{HostPart, HostScope};
pub use step::HostStep;
pub use target::{HostReading, HostTarget};

#[cfg(test)]
mod properties;
