// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's table as it should be, and what to do next: the difference between the wanted and the present table.
//!
//! Its laws (`tests/plan_laws.rs` tests them with random tables):
//!
//! 1. Carrying a plan out makes every service of ours equal to the desired one.
//! 2. Planning again gives an empty plan.
//! 3. No prefix of a plan leaves a service without a server that can take a connection, if it had one before and has
//!    one after.
//! 4. A plan never touches services that are not ours.
//! 5. A change takes nothing away until the kernel has accepted everything that it adds. A refused change leaves what
//!    was there, foreign services included.
//! 6. An unchanged object costs no message, a changed weight costs one.
//!
//! The host around the table (links, addresses, settings, timeouts, sync daemons) is planned alike: [`diff_host`].
//!
//! Nothing here reads a clock or the kernel: [`carry_out`] acts through a [`Target`], which is the kernel's IPVS in the
//! daemon and a value in a test.

#![warn(clippy::wildcard_enum_match_arm)]

mod change;
mod desired;
mod diff;
mod empty;
mod execute;
mod failure;
mod forecast;
mod host;
mod leaving;
mod maglev;
mod places;
mod pool;
mod services;
mod simulate;
mod standby;
mod step;
mod sync;

pub use crate::model::Step;
pub use change::{Change, Outcome, Rule};
pub use desired::{
    desired, desired_cautiously, desired_server, desired_service, is_carried, pool_state,
};
pub use diff::{Plan, diff, diff_service};
pub use empty::empty_service;
pub use execute::{Target, carry_out, execute};
pub use failure::StepFailure;
pub use forecast::{Forecast, Loss, PresentServer, PresentService};
pub use host::{
    AddressSettings, DesiredHost, DesiredTimeouts, HostFailure, HostPart, HostPlan, HostReading,
    HostScope, HostStep, HostTarget, Missing, desired_host, diff_host,
};
pub use leaving::{drains_after, drains_at_start};
pub use maglev::{Destination, Maglev};
pub use places::moves_servers;
pub use simulate::SimulatedKernel;
pub use sync::{Copies, LeftOut, Pace};
