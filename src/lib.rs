// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Linux Virtual Server director: programs the kernel's IPVS, checks the real servers, keeps the kernel right.
//!
//! ```text
//! director.yaml -> config -> model::Config -----------+
//! probe outcome -> health -> weights, reasons --------+-> desired IpvsTable --+
//!                                                                             +-> plan -> kernel
//! kernel, read at start, after each change, every 10 s -> observed -----------+
//! ```
//!
//! Layers; imports only go up (`tests/tidy.rs` checks them):
//!
//! | module | owns |
//! |---|---|
//! | [`model`] | the nouns |
//! | [`codec`] | bytes to values and back |
//! | [`ipvsadm`] | ipvsadm's language: command lines, saved tables, messages |
//! | [`diagnostic`] | what is found in a text that people write: places, severity, help, fixes |
//! | [`config`] | text to [`model::Config`], or all its errors at once |
//! | [`import`] | other programs' files to an annotated file of ours |
//! | [`health`] | probe results to verdicts and weights |
//! | [`vrrp`] | one virtual router: who is master |
//! | [`pair`] | what two directors tell each other, and what each believes |
//! | [`plan`] | the steps between two tables, and between two hosts |
//! | [`doctor`] | facts of a host to what is wrong with it |
//! | [`export`] | a configuration in the language of keepalived or ipvsadm |
//! | [`system`] | this process and the C library: names, terminal, memory, files |
//! | `screen` | a live view on a terminal: keys, rates, drawings |
//! | [`kernel`] | Linux, by netlink and `/proc` |
//! | [`net`] | raw sockets and packet sockets |
//! | `probe`, `control` | one checker a file; the control socket |
//! | `daemon`, `cli` | what joins them: the engine, the programs' command lines |
//!
//! Nothing above `system` does I/O or reads a clock; nothing from `system` down makes decisions.

#[cfg(feature = "cli")]
pub mod cli;
pub mod codec;
pub mod config;
#[cfg(feature = "daemon")]
pub mod control;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod diagnostic;
pub mod doctor;
pub mod engine;
#[cfg(feature = "daemon")]
pub mod export;
pub mod health;
#[cfg(feature = "daemon")]
pub mod import;
pub mod ipvsadm;
pub mod kernel;
pub mod model;
pub mod net;
pub mod pair;
pub mod plan;
#[cfg(feature = "daemon")]
pub mod probe;
#[cfg(feature = "watch")]
pub mod screen;
pub mod system;
#[cfg(feature = "daemon")]
pub mod vrrp;
#[cfg(feature = "daemon")]
pub mod web;
