// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state machine of VRRP: the RFC's transitions and rules, our own rules, laws, and a simulated LAN.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where something is wrong"
)]

mod authentication;
mod conformance;
mod group;
mod heard;
mod laws;
mod node;
mod preempt;
mod rules;
mod simulation;
mod table;
mod track;
mod upgrade;
