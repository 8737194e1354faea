// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm -Lnc` and `lvsadm top-connections` of a million connections in a process that may not grow.

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
use lvs_director::cli::top::{self, Counted, Wanted};
use lvs_director::ipvsadm::filter::Filter;
use lvs_director::system::Names;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const CONNECTIONS: u32 = 1_000_000;
/// The memory that a listing may add to a new process, including its read buffer of 64 KiB.
const LISTING: u64 = 2 * 1024 * 1024;
const STACK: usize = 64 * 1024;
/// The memory that counting may add: 50,000 clients are counted, and the growing table needs room for half as many
/// more.
const COUNTING: u64 = 6 * 1024 * 1024;
/// Set in the process that is kept small.
const INSIDE: &str = "LVS_DIRECTOR_SMALL_PROCESS";

/// The kernel's list: a title and the connections, made while they are read.
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

/// The number of counted connections, and the output.
fn count() -> (u32, String) {
    let wanted = Wanted {
        clients: true,
        servers: true,
        services: false,
        rows: 10,
        filter: Filter::NONE,
    };
    let input = BufReader::with_capacity(64 * 1024, Kernel::new());
    let counted = Counted::read(input, &wanted).unwrap();
    let mut text = String::new();
    top::render(&mut text, &counted, wanted.rows).unwrap();
    (counted.connections.total(), text)
}

/// Bytes of the process's private writable memory: the limit is about these.
fn data() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.unwrap().parse::<u64>().unwrap() * 1024
}

/// Runs a test again in a process of its own; `true` inside that.
fn alone(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    false
}

/// Does this with a limit of this many bytes above the process's present memory.
fn within<T: Send + 'static>(heap: u64, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = std::sync::mpsc::channel::<()>();
    let small = thread::Builder::new().stack_size(STACK);
    let working = small.spawn(move || {
        receive.recv().unwrap();
        work()
    });
    let limit = data() + heap;
    let (_, most) = getrlimit(Resource::RLIMIT_DATA).unwrap();
    setrlimit(Resource::RLIMIT_DATA, limit, most).unwrap();
    send.send(()).unwrap();
    working.unwrap().join().unwrap()
}

#[test]
fn a_million_connections_are_listed_in_a_few_megabytes() {
    if alone("a_million_connections_are_listed_in_a_few_megabytes") {
        for (format, others) in [(ConnectionFormat::Plain, 2), (ConnectionFormat::Json, 2)] {
            let lines = within(LISTING, move || list(format));
            assert_eq!(lines, CONNECTIONS as usize + others);
        }
    }
}

#[test]
fn a_million_clients_are_counted_in_a_few_megabytes() {
    if alone("a_million_clients_are_counted_in_a_few_megabytes") {
        let (counted, text) = within(COUNTING, count);
        assert_eq!(counted, CONNECTIONS);
        let all = text.lines().nth(11).unwrap();
        assert!(
            all.starts_with("more than 50000 clients    1000000  100.0%"),
            "{text}"
        );
    }
}
