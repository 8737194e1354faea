// SPDX-License-Identifier: MIT OR Apache-2.0
//! From probe reports to standings.
//!
//! ```text
//!             first result: up                rise successes in a row
//!   Unknown ------------------------> Up <---------------------------- Down
//!      |                              |                                  ^
//!      |  first result: down          |  fall failures in a row          |
//!      +------------------------------+----------------------------------+
//! ```
//!
//! A server that took connections when its checker began needs `fall` failures for its first verdict of down, too: a
//! restart of the director costs it nothing. A server that asks for a drain, or says that it is in maintenance, gets it
//! at once, and is up again at once when it says so.
//!
//! A probe that could not run (no descriptor left, not permitted, no source address), that never reported, or that the
//! server does not understand says nothing of the server: it moves no verdict, and is counted and told.
//!
//! Equal checks of several servers have one checker, and each server has one standing made from all of its checks.
//! Nothing here does I/O: [`Health`] takes events with the moment they happened, gives actions, and says when it wants
//! to be called again.

#![warn(clippy::wildcard_enum_match_arm)]

mod checker;
mod combine;
mod configure;
mod event;
mod monitor;
mod roster;
mod view;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use checker::LOST_AFTER;
pub use event::{CheckId, HealthAction, HealthEvent, ProbeRequest, RunId};
pub use monitor::Health;
pub use view::{CheckHealth, ServerHealth};
