// SPDX-License-Identifier: MIT OR Apache-2.0
//! A live view on a terminal: what `lvsadm watch` and `director top` have in common.
//!
//! In the middle, without a clock: [`keys`](Keys) out of bytes, [`Rates`] out of counters, [`History`] as a line of
//! characters, [`Cursor`] in a list of rows, [`Canvas`] to write on. At the edge: the [`Screen`], its [`Input`], the [`Pace`], and a [`Worker`] that reads meanwhile.

mod canvas;
mod cursor;
mod history;
mod input;
mod keys;
mod numbers;
mod pace;
mod rates;
mod terminal;
mod worker;

pub use canvas::{BOLD, Canvas, DIM, Looks, PLAIN, as_fits};
pub use cursor::Cursor;
pub use history::{History, LONGEST};
pub use input::{Input, Pressed, Ready};
pub use keys::{Key, Keys};
pub use numbers::{fraction, short, whole};
pub use pace::{Due, Pace, longer, shorter};
pub use rates::{Meter, Rates};
pub use terminal::{Screen, check, clock, is_gone, looks};
pub use worker::Worker;
