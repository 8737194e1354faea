// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director run --record`: every event and the engine's actions, to play a bad night again.
//!
//! A recording is one JSON value a line: a header, then one [`Entry`] for each event. It has the configuration and all
//! answers of the kernel, and no secrets beyond those in them.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use crate::engine::{Action, Event};
use crate::model::Timestamp;

/// At most this many entries wait for the disk. More are lost, and the recording says so.
const WAITING: usize = 4096;
/// A recording ends when it is this long.
const LONGEST: u64 = 1 << 30;
/// An entry is on the disk within this time.
const FLUSH: Duration = Duration::from_secs(1);

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// The form of the recording.
    pub(super) recording: u32,
    /// The program that wrote it.
    pub(super) version: String,
    /// The engine's seed.
    pub(super) seed: u64,
}

/// The form of recordings that this program writes and reads.
pub(super) const FORM: u32 = 1;

/// One line after the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// An event, its moment, and the actions that followed.
    Event {
        at: Timestamp,
        event: Event,
        actions: Vec<Action>,
    },
    /// This many events are missing here.
    Lost(u64),
}

/// The engine's end of a recording. It never waits.
pub(super) struct Recorder {
    lines: SyncSender<Vec<u8>>,
    lost: u64,
    ended: bool,
}

impl Recorder {
    /// Begins a recording. A file that is there already is left as it is.
    pub(super) fn begin(path: &Path, seed: u64) -> Result<Self, String> {
        let fail = |why: &dyn std::fmt::Display| format!("record to {}: {why}", path.display());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => fail(&"it exists already; name another file"),
                _ => fail(&error),
            })?;
        let header = Header {
            recording: FORM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
        };
        let first = line(&header).map_err(|error| fail(&error))?;
        let (lines, inbox) = sync_channel(WAITING);
        thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || write(file, &first, &inbox))
            .map_err(|error| fail(&error))?;
        Ok(Self {
            lines,
            lost: 0,
            ended: false,
        })
    }

    /// Notes one event.
    pub(super) fn record(&mut self, at: Timestamp, event: &Event, actions: &[Action]) {
        if self.ended {
            return;
        }
        if self.lost > 0 && self.send(&Entry::Lost(self.lost)) {
            self.lost = 0;
        }
        let entry = Entry::Event {
            at,
            event: event.clone(),
            actions: actions.to_vec(),
        };
        if self.lost > 0 || !self.send(&entry) {
            self.lost += 1;
        }
    }

    fn send(&mut self, entry: &Entry) -> bool {
        let Ok(line) = line(entry) else {
            return false;
        };
        match self.lines.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.ended = true;
                false
            }
        }
    }
}

fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// The recorder's thread: it ends with the engine, when the file is long enough, or when it cannot be written.
fn write(file: File, first: &[u8], inbox: &Receiver<Vec<u8>>) {
    let mut out = BufWriter::new(file);
    let mut length = 0_u64;
    let mut line = Ok(first.to_vec());
    loop {
        let written = match line {
            Ok(bytes) => {
                length += bytes.len() as u64;
                out.write_all(&bytes)
            }
            Err(RecvTimeoutError::Timeout) => out.flush(),
            Err(RecvTimeoutError::Disconnected) => {
                report_end(out.flush());
                return;
            }
        };
        if written.is_err() {
            return report_end(written);
        }
        if length > LONGEST {
            warn!("the recording ends: it is 1 GiB long");
            return report_end(out.flush());
        }
        line = inbox.recv_timeout(FLUSH);
    }
}

fn report_end(written: std::io::Result<()>) {
    if let Err(error) = written {
        error!("the recording ends: {error}");
    }
}
