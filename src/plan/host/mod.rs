// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to do next with this host: the difference between what is asked for and what there is.
//!
//! A [`DesiredHost`] says only what is asked for; everything else stays as it is. Its laws
//! (`properties.rs` holds them against random hosts):
//!
//! 1. Carrying a plan out makes everything that was asked for as it was asked for, unless the plan says it is missing.
//! 2. Planning again gives no steps.
//! 3. What was not asked for is never touched.
//! 4. Addresses come last and go first: at no moment is an address there that is added, or still there that is removed,
//!    while a setting, a timeout or a link waits for its change. An address that is added is one that this host begins
//!    to answer for, and whatever has to be in place for that is in place before.

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
