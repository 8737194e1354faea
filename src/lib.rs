// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Linux Virtual Server director.
pub mod config;
pub mod model;
