// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director top`: what the running director knows and what the kernel counts, on a terminal, as it changes.
//!
//! In the middle, without a clock: [`table`] with the known objects, [`state`] with rows, selection and keys, [`columns`]
//! and [`draw`] for the display. At the edge: [`feed`] asks the director and the kernel, and [`run`] is the loop, with
//! [`crate::screen`].

mod columns;
mod draw;
mod feed;
mod looks;
mod run;
mod state;
mod table;
#[cfg(test)]
mod tests;

pub(super) use columns::Column;
pub(super) use run::{Settings, run};
