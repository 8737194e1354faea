// SPDX-License-Identifier: MIT OR Apache-2.0
//! A probe that runs a program.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A program whose exit status tells the state or the weight of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecProbe {
    /// The absolute path of the program, and its arguments; not empty. No shell reads it.
    pub command: Box<[Box<str>]>,
    /// As whom it runs: a name or a number. `None` is `nobody` when the director is root, and otherwise the director's
    /// own user.
    pub user: Option<Box<str>>,
    /// Whether an exit status of 2 to 255 tells a weight of 0 to 253.
    pub dynamic: bool,
}

impl ExecProbe {
    /// What it runs, and about whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, server: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exec {server} {}", self.command.join(" "))
    }
}
