// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine: a machine that joins the others. Events in, actions out, one deadline.

mod event;
mod history;
mod snapshot;

pub use crate::model::Recalled;
pub use event::{Action, Event, Probed, ReloadId, Settled, Start};
pub use history::History;
pub use snapshot::{CheckView, Counters, Reloads, ServerView, ServiceView, Snapshot, VerdictDelay};
