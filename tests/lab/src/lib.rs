// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab: a real Linux kernel with IPVS, and a small network around it, for tests and demonstrations.
//!
//! Most machines have no IPVS in their kernel. Debian's `user-mode-linux` is a kernel that runs as an ordinary process
//! and has it. Two shapes are built on it:
//!
//! - [`kernel`]: one such kernel in which a command runs; hosts are network namespaces inside it ([`netns`]).
//! - [`machines`]: each director is a kernel of its own, with clients and real servers in namespaces of this machine.
//!
//! This crate knows nothing of the director itself. The stories about it lie beside this crate, in `tests/stories`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test tool for real kernels reads real clocks and waits for real processes"
)]
#![allow(
    clippy::format_push_string,
    reason = "small texts, and writing to a String has an error that cannot happen"
)]

pub mod cli;
pub mod etc;
mod genl;
pub mod held;
mod image;
mod keeper;
pub mod kernel;
mod keys;
pub mod limits;
pub mod load;
pub mod machines;
pub mod namespace;
pub mod netns;
pub mod peers;
pub mod question;
mod relay;
pub mod resets;
mod scratch;
pub mod service;
#[cfg(feature = "tls")]
pub mod tls;
mod uml;
mod watch;
