// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IPVS codec with bytes of other writers (`tests/golden/`), and its laws for all values and all bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect stops"
)]

#[cfg(target_endian = "little")]
mod coverage;
#[cfg(target_endian = "little")]
mod golden;
#[cfg(target_endian = "little")]
mod ipvsadm;
mod properties;
#[cfg(target_endian = "little")]
mod replies;
#[cfg(target_endian = "little")]
mod requests;
mod robustness;
mod samples;
mod strategies;
mod wire;
