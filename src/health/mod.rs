// SPDX-License-Identifier: MIT OR Apache-2.0
//! From probe results to verdicts, and from verdicts to what the kernel is told.
//!
//! ```text
//!             first result: up                rise successes in a row
//!   Unknown ------------------------> Up <---------------------------- Down
//!      |                              |                                  ^
//!      |  first result: down          |  fall failures in a row          |
//!      +------------------------------+----------------------------------+
//! ```
//!
//! A probe that could not run (no descriptor left, not permitted, no source address) says nothing of the server: it
//! moves no verdict, and is counted and reported. Nothing here does I/O: [`Health`] takes events with the moment they
//! happened, gives actions, and says when it wants to be called again.

#![warn(clippy::wildcard_enum_match_arm)]

mod checker;
mod monitor;

pub use checker::{Checker, CheckerAction, CheckerEvent, ProbeOutcome, Verdict};
pub use monitor::{CheckId, Health, HealthAction, HealthEvent, ProbeRequest, RunId, ServerHealth};
