// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm watch`: the kernel's table on a terminal, as it changes.
//!
//! In the middle, without a clock: [`table`] with the known objects, [`state`] with rows, selection and keys,
//! [`columns`] for the display. [`draw`] draws the screen. At the edge: [`run`], with [`crate::screen`].

mod columns;
mod draw;
mod run;
mod state;
mod table;

pub(super) use run::run;
