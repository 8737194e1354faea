// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm -Lnc` of a million connections in a process that may not grow.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that cannot run fails"
)]

use std::fmt;
use std::io::{self, BufReader, Read, Write as _};
use std::process::Command;
use std::thread;

use lvs_director::cli::connections::{ConnectionFormat, render};
use lvs_director::cli::filter::Filter;
use lvs_director::kernel::Names;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const CONNECTIONS: u32 = 1_000_000;
/// What the listing may add to a process that has just begun, its read buffer of 64 KiB included.
const HEAP: u64 = 2 * 1024 * 1024;
const STACK: usize = 64 * 1024;
/// Set in the process that is kept small.
const INSIDE: &str = "LVS_DIRECTOR_SMALL_PROCESS";
const NAME: &str = "a_million_connections_are_listed_in_a_few_megabytes";

/// What the kernel would give: a title and the connections, made up as they are read.
struct Kernel {
    next: u32,
    line: Vec<u8>,
    given: usize,
}

impl Kernel {
    fn new() -> Self {
        let title =
            "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";
        Self {
            next: 0,
            line: title.into(),
            given: 0,
        }
    }
}

impl Read for Kernel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() && self.next < CONNECTIONS {
            self.line.clear();
            self.given = 0;
            let (client, port) = (0x0A00_0000 + self.next, 1024 + self.next % 60_000);
            writeln!(
                self.line,
                "TCP {client:08X} {port:04X} 0A000064 1F90 0A01010B 1F90 ESTABLISHED     {:3}",
                self.next % 900
            )?;
            self.next += 1;
        }
        let mut rest = self.line.get(self.given..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.given += count;
        Ok(count)
    }
}

/// Counts lines.
#[derive(Default)]
struct Lines(usize);

impl fmt::Write for Lines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.bytes().filter(|byte| *byte == b'\n').count();
        Ok(())
    }
}

fn list(format: ConnectionFormat) -> usize {
    let mut out = Lines::default();
    let names: Option<fn(_) -> Names> = None;
    let input = BufReader::with_capacity(64 * 1024, Kernel::new());
    render(&mut out, input, format, &Filter::NONE, names).unwrap();
    out.0
}

/// Bytes of memory that the process writes to and shares with nobody, which is what the limit is about.
fn data() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_million_connections_are_listed_in_a_few_megabytes() {
    if std::env::var_os(INSIDE).is_none() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command
            .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
        return;
    }
    for (format, others) in [(ConnectionFormat::Plain, 2), (ConnectionFormat::Json, 2)] {
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let small = thread::Builder::new().stack_size(STACK);
        let listing = small.spawn(move || {
            receive.recv().unwrap();
            list(format)
        });
        let limit = data() + HEAP;
        let (_, most) = getrlimit(Resource::RLIMIT_DATA).unwrap();
        setrlimit(Resource::RLIMIT_DATA, limit, most).unwrap();
        send.send(()).unwrap();
        let lines = listing.unwrap().join().unwrap();
        assert_eq!(lines, CONNECTIONS as usize + others);
    }
}
