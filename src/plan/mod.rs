// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to do next: the difference between the table we want and the table there is.

mod step;

pub use step::Step;
