// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm watch`: the kernel's table on a terminal, as it changes.
//!
//! In the middle, without a clock: [`rates`] out of two reads, [`table`] of what is known, [`state`] with rows,
//! selection and keys, [`history`] and [`columns`] for what is seen of them. [`draw`] draws that. At the edge:
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
