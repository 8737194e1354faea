// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's list of connections, which may be millions of lines long.

use std::fs::File;
use std::io::{BufReader, Error};

/// Where it is, for the network namespace of this process.
pub const CONNECTIONS: &str = "/proc/net/ip_vs_conn";

/// The list, for reading line by line; the first line is a title. Needs no capability.
///
/// The kernel makes the list while we read it, a few KiB at a time: connections come and go meanwhile. Before Linux
/// 6.14 each read walks from the start again, so a million connections take very long.
pub fn connections() -> Result<BufReader<File>, Error> {
    Ok(BufReader::with_capacity(
        64 * 1024,
        File::open(CONNECTIONS)?,
    ))
}
