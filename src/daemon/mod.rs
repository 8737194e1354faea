// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director: what joins the machines and the kernel, and decides nothing of its own.
//!
//! ```text
//!   signals, control socket, probes            engine
//!   (tokio, the main thread)                   (a thread of its own, blocking)
//!        |  probed, reload, status, stop   ->  one event at a time: health -> plan -> kernel -> read back
//!        |  <-  probe this                     it alone holds the netlink socket and the state
//! ```
//!
//! The engine never waits for anything but its next event or deadline, and the kernel's answer to what it asked.

mod args;
mod ask;
mod clock;
mod converge;
mod describe;
mod desk;
mod engine;
mod event;
mod kernel;
mod log;
mod oneshot;
mod published;
mod queue;
mod reload;
mod render;
mod run;
mod say;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod verdicts;

pub use args::main;
