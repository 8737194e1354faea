// SPDX-License-Identifier: MIT OR Apache-2.0
//! ipvsadm's language: its command lines and their meaning, the lines of its saved tables, its messages.
//!
//! A command line becomes words ([`words`]), words an [`arguments::Invocation`], by one table of [`options`]. The lines
//! of a saved table are read by [`restore`] and written by [`rule`]. An [`address::Lookup`] gives the meaning of a
//! name; nothing here talks to the kernel or to a resolver.

pub mod address;
pub mod arguments;
pub mod change;
mod draft;
pub mod failure;
pub mod filter;
pub mod list;
pub mod options;
pub mod restore;
pub mod rule;
pub mod rules;
pub mod settings;
mod table;
pub mod topic;
pub mod words;

pub use rule::{ServerRule, ServiceArgument, ServiceRule};
