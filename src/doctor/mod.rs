// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a host, as far as it concerns IPVS: facts in, findings out.
//!
//! ```text
//! kernel, files, director, wire -> Facts -> CHECKS, one after the other -> Findings -> text, JSON
//! ```
//!
//! A [`Check`] is a row of a table: its section in `docs/troubleshooting.md`, what it looks at, and a function from the facts
//! to what is wrong. A fact that could not be read is an [`Unread`]: the check then says so, and guesses nothing. The rim
//! collects the facts; [`Facts::settings_of_interest`] and its like say which. The command `realserver` has facts and checks of its own, and
//! uses the same [`Finding`].

mod addresses;
mod check;
mod conntrack;
mod facts;
mod files;
mod finding;
mod forwarding;
mod ipvs;
mod modules;
mod process;
mod report;
mod surroundings;
mod ways;
mod wire;

#[cfg(test)]
mod tests;

pub use check::{CHECKS, Check, examine};
pub use facts::{
    CLAIMS_AT_MOST, Capability, Caretaker, Claim, Facts, KernelVersion, ModuleState, Place,
    PlaceState, RouterState, Running, Speaker,
};
pub use finding::{Fact, Finding, Severity, Trouble, Unread};
pub use report::Report;
pub use surroundings::networkd_removes;
