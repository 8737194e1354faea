// SPDX-License-Identifier: MIT OR Apache-2.0
//! In which boot of which host, and in which network, this process runs.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::read_first_line;

/// It is another at each boot. Source: Linux, `drivers/char/random.c`.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// It has the inode of the network namespace. Source: namespaces(7).
const NETWORK: &str = "/proc/self/ns/net";
/// A boot's name has 36 bytes.
const MOST_BYTES: u64 = 64;

/// A boot of a host, and a network namespace in it. What was true of addresses and clocks there says nothing elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// Which boot, as the kernel names it.
    boot: Box<str>,
    /// Which network namespace.
    network: u64,
}

impl Whereabouts {
    /// Those of this process.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read.
    pub fn here() -> Result<Self, Error> {
        let boot = read_first_line(Path::new(BOOT), MOST_BYTES).map_err(Error::other)?;
        let boot = str::from_utf8(&boot).map_err(|_| ErrorKind::InvalidData)?;
        Ok(Self {
            boot: boot.into(),
            network: std::fs::metadata(NETWORK)?.ino(),
        })
    }

    /// Whether this is the boot of another one.
    #[must_use]
    pub fn is_in_the_boot_of(&self, other: &Self) -> bool {
        self.boot == other.boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_stays_where_it_is() {
        let here = Whereabouts::here().unwrap();
        assert_eq!(here, Whereabouts::here().unwrap());
        assert_eq!(here.boot.len(), 36);
        assert_ne!(here.network, 0);
    }
}
