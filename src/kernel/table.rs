// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's own text of its table, which has the servers of all services in one reading.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Error};

use crate::codec::table::ServerTable;

/// Of the calling thread's network namespace, as a netlink socket opened here would be.
const TABLE: &str = "/proc/thread-self/net/ip_vs";
/// The kernel gives at most a page at a time, and more only for a service with very many servers.
const BUFFER: usize = 16 * 1024;
/// Address space for this many servers at once; memory is taken as they come.
const ROOM: usize = 32 * 1024;

/// Its servers. Each service is one moment's picture, the whole is not. Needs no capability.
pub fn server_table() -> Result<ServerTable, Error> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(TABLE)?);
    let mut table = ServerTable::with_capacity(ROOM);
    let mut line = String::with_capacity(256);
    while file.read_line(&mut line)? > 0 {
        table.read_line(&line);
        line.clear();
    }
    Ok(table)
}
