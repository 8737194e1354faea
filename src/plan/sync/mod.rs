// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel of another director has to know of this host's connections, and how fast it is told.

mod copies;
mod pace;

pub use copies::{Copies, LeftOut};
pub use pace::Pace;
