// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm watch`: the kernel's table on a terminal, as it changes.
//!
//! In the middle, without a clock: [`rates`] from two reads, [`table`] with the known objects, [`state`] with rows,
//! selection and keys, [`history`] and [`columns`] for the display. [`draw`] draws the screen. At the edge:
//! [`terminal`], [`reader`] on a thread of its own, and [`run`] between them.

mod columns;
mod draw;
mod history;
mod keys;
mod rates;
mod reader;
mod run;
mod state;
mod table;
mod terminal;

pub(super) use run::run;
