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
//! Failures can also count among the last results instead of in a row: then a server that fails every second probe goes
//! down, too.
//!
//! A server that goes down soon after it has come back can be held down: it must pass its check for a time that doubles
//! with each such fall ([`HoldDown`](crate::model::HoldDown)).
//!
//! When a server took connections as its checker began, its first verdict of down needs `fall` failures, too: a restart
//! of the director must not cost its clients their connections. A server can ask for a drain, or say that it is in
//! maintenance. Both count at once, and so does its next report of up.
//!
//! Some probes say nothing about the server: those that could not run (no descriptor left, not permitted, no source
//! address), those that never reported, and those that the server does not understand. They change no verdict; they are
//! counted and logged.
//!
//! When nobody answers a probe of a server that is not down, this may be the server's failure, or that of the way from
//! this host. The report waits until [`Health`] has seen the links and the way ([`HealthEvent::Seen`]). It counts for
//! nothing when the link is down or has no carrier, was so a moment ago, when there is no route, or when none of several
//! servers on that link answers. While some of them have not been asked since, one of them is asked at once.
//!
//! A probe never leaves from the address of a virtual service: the real servers have that address, too. Where the kernel
//! would choose it, [`Health`] chooses another one of the same interface.
//!
//! A check can hold a connection to its server, a tripwire. Its end brings the next probe forward, and the probes that
//! follow come at once until the verdict is clear; or it takes the server down by itself.
//!
//! Client connections to a server that get no answer, by the kernel's counters ([`Watch`]), bring its next probe forward,
//! if its check is passive: once in an interval at most.
//!
//! Equal checks of several servers have one checker, and each server has one standing made from all of its checks.
//! Nothing here does I/O: [`Health`] takes events with the moment they happened, gives actions, and says when it wants
//! to be called again.

#![warn(clippy::wildcard_enum_match_arm)]

mod checker;
mod combine;
mod configure;
mod doubt;
mod event;
mod hold;
mod links;
mod memory;
mod monitor;
mod passive;
mod reason;
mod results;
mod roster;
mod settle;
mod signals;
mod source;
mod sources;
mod view;
mod wire;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use checker::LOST_AFTER;
pub use event::{
    CheckId, HealthAction, HealthEvent, ProbeRequest, Probed, RunId, WireId, WireRequest,
};
pub use hold::Held;
pub use memory::Memory;
pub use monitor::Health;
pub use passive::{Unanswered, Watch};
pub use results::Progress;
pub use view::{CheckHealth, ServerHealth, WireHealth};
