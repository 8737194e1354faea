// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a text needs from its host.

use std::net::IpAddr;

/// A file that another one includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// Its name in diagnostics, and for what it includes itself.
    pub name: String,
    /// Its bytes, or why it cannot be read: lower case, no full stop.
    pub bytes: Result<Vec<u8>, String>,
}

/// How much may still be included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// So many files.
    pub files: usize,
    /// So many bytes together.
    pub bytes: usize,
}

/// The host of a text. A reader asks it, and opens nothing itself.
pub trait Surroundings {
    /// The files that a pattern names, as glob(7) has it, in the order of their names. A pattern without a leading slash begins in the
    /// directory of the file `from`. None for a pattern that meets nothing.
    ///
    /// # Errors
    ///
    /// Why it meets more than there is room for, or is too much work: lower case, no full stop.
    fn include(&self, from: &str, pattern: &str, room: Room) -> Result<Vec<Included>, String>;

    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;

    /// The name of this host.
    fn host_name(&self) -> String;

    /// The virtual addresses of services for which the text names none.
    fn virtual_addresses(&self) -> Vec<IpAddr> {
        Vec::new()
    }

    /// Why the program at this path cannot be run here: lower case, no full stop. `None` when it can, or nobody knows.
    fn obstacle(&self, _program: &str) -> Option<&'static str> {
        None
    }
}

/// No host: the text is all there is.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Surroundings for Alone {
    fn include(&self, _: &str, _: &str, _: Room) -> Result<Vec<Included>, String> {
        Ok(Vec::new())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn host_name(&self) -> String {
        "host.example".to_owned()
    }
}
