// SPDX-License-Identifier: MIT OR Apache-2.0
//! A probe that reads a file of this host.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A file whose content tells the state or the weight of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileProbe {
    /// The absolute path.
    pub path: Box<Path>,
    /// What it means that there is no such file.
    pub missing: MissingFile,
}

/// What it means that a file is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingFile {
    /// The server is up, with its configured weight.
    Up,
    /// The server is down.
    Down,
    /// Nothing.
    Ignore,
}

impl FileProbe {
    /// What it reads, and about whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, server: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {server} {}", self.path.display())?;
        match self.missing {
            MissingFile::Ignore => Ok(()),
            missing => write!(f, " missing {}", missing.word()),
        }
    }
}

impl MissingFile {
    /// As the configuration has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Ignore => "ignore",
        }
    }
}
