// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes a host a real server of a Linux Virtual Server: it needs the VIP on `lo` or on a tunnel device, and a kernel
//! that does not tell the network about it.
//!
//! `placement`, `setting`, `observed`, `state`, `plan` and `parts` are values and decisions; `doctor` says more of a
//! host; `cli`, `vips`, `host` and `run` open files and sockets.

mod cli;
pub mod doctor;
pub mod failure;
pub mod host;
pub mod observed;
pub mod parts;
pub mod placement;
pub mod plan;
pub mod report;
pub mod run;
pub mod setting;
pub mod state;
pub mod vips;

pub use cli::{command, main};
