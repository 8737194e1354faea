// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Linux Virtual Server director.
pub mod cli;
pub mod codec;
pub mod health;
pub mod kernel;
pub mod model;
pub mod plan;
