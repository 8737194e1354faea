// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director: it joins the machines and the kernel, and decides nothing itself.
//!
//! ```text
//!   signals, probes, control socket              the engine's shell
//!   (tokio, the main thread)                     (a thread of its own, blocking)
//!        |  reports, reloads, stop    --->  one event at a time into the engine, its actions to the kernel
//!        |  <---  probe this                it alone holds the netlink socket and the state file
//!        |  <---  snapshots                 published, and read by whoever is asked something
//!
//!   other threads, for which nobody waits: log, remember, reload, record
//! ```
//!
//! The shell waits only for the next event or deadline, and for the kernel's answers.

mod args;
mod ask;
mod beside;
mod bulk;
mod clock;
mod desk;
mod doctor;
mod door;
mod ending;
mod exchange;
mod export;
mod files;
mod forecast;
mod import;
mod kernel;
mod lan;
mod loader;
mod log;
mod oneshot;
mod order;
mod pair;
mod password;
mod pick;
mod published;
mod recorder;
mod render;
mod replay;
mod run;
mod say;
mod shell;
mod since;
mod state;
mod status;
mod supervision;
#[cfg(feature = "watch")]
mod top;
mod traffic;
mod vrrp;
mod web;
mod why;

pub use args::{command, main};
