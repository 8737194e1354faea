// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine: the machine that joins the others. Events in, actions out, one deadline.
//!
//! ```text
//!             Start, Next ---------------------+          +--> Probe
//!   reports -> health -> standings ------------+          +--> ReadTable, ReadService, Apply ----> the kernel
//!                                              +-> plan --+--> WriteOwned, ReadHost, ApplyHost
//!   Seen: links, ways -> health                |          +--> Look
//!   TableRead, ServiceRead, Applied -> observed+          +--> Tell: transitions, for the log and whoever wants them
//! ```
//!
//! It does no I/O and reads no clock: a shell hands in each event with its moment, carries out the actions, and hands
//! in the answers. At most one exchange with the kernel runs at a time; events in the meantime wait. Every event is
//! legal in every state. Events, actions and transitions serialise: a recording plays again without a kernel.

#![warn(clippy::wildcard_enum_match_arm)]

mod converge;
mod describe;
mod drains;
mod event;
mod history;
mod host;
mod machine;
mod mastership;
mod orders;
mod owned;
mod pair;
mod passive;
mod pools;
mod queue;
mod reload;
mod repair;
mod slow_starts;
mod snapshot;
mod start;
mod tell;
#[cfg(test)]
mod tests;
mod verdicts;
mod view;

pub use crate::health::Probed;
pub use describe::{count, steps};
pub use drains::{STILL, closing, living};
pub use event::{Action, Command, CommandId, Counted, Event, PeerNews, Questions, ReloadId, Start};
pub use history::History;
pub use machine::{Engine, STEP};
pub use orders::Answers;
pub use snapshot::{
    CheckView, Counters, PairView, Reloads, ServerView, ServiceView, Snapshot, VerdictDelay,
};
