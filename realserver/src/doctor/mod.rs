// SPDX-License-Identifier: MIT OR Apache-2.0
//! `realserver doctor`: what keeps this host from serving as a real server.
//!
//! `facts` and `checks` are values and decisions, `clamp` and `listening` read texts; `collect` opens files and sockets. A
//! finding is that of the director's doctor.

mod checks;
mod clamp;
mod collect;
mod facts;
mod listening;

#[cfg(test)]
mod tests;

pub use checks::CHECKS;
pub use collect::{Asked, look};
pub use facts::{Facts, Served};
pub use lvs_director::doctor::Report;
