// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director run --record`: every event and the engine's actions, to play a bad night again.
//!
//! A recording is one JSON value a line: a header, then one [`Entry`] for each event. It has the configuration and all
//! answers of the kernel, and no secrets beyond those in them.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::clock::Clock;
use crate::engine::{Action, Event};
use crate::model::Timestamp;

/// So many entries wait for the disk, and so many bytes of them, or a single larger one. More are lost, which the
/// recording says.
const WAITING: usize = 4096;
const WAITING_BYTES: usize = 16 << 20;
/// A recording ends when it is this long.
const LONGEST: u64 = 1 << 30;
/// What was recorded is in the file this soon, whatever ends the director.
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
    /// How many bytes wait.
    waiting: Arc<AtomicUsize>,
    lost: u64,
    ended: bool,
    /// Closed when the thread has ended.
    done: Receiver<()>,
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
                io::ErrorKind::AlreadyExists => fail(&"it exists already; name another file"),
                _ => fail(&error),
            })?;
        let header = Header {
            recording: FORM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
        };
        let first = line(&header).map_err(|error| fail(&error))?;
        Self::start(file, first).map_err(|error| fail(&error))
    }

    fn start(file: impl Write + Send + 'static, first: Vec<u8>) -> io::Result<Self> {
        let (lines, inbox) = sync_channel(WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (running, done) = channel::<()>();
        let writer = Writer {
            out: BufWriter::new(file),
            inbox,
            waiting: Arc::clone(&waiting),
            clock: Clock::start(),
        };
        let thread = thread::Builder::new().name("record".to_owned());
        thread.spawn(move || {
            let _running = running;
            if let Err(error) = writer.write(&first) {
                error!("the recording ends: {error}");
            }
        })?;
        Ok(Self {
            lines,
            waiting,
            lost: 0,
            ended: false,
            done,
        })
    }

    /// Notes one event.
    pub(super) fn record(&mut self, at: Timestamp, event: Event, actions: &[Action]) {
        if self.ended {
            return;
        }
        self.own_up();
        let actions = actions.to_vec();
        let entry = Entry::Event { at, event, actions };
        if self.lost > 0 || !self.send(&entry) {
            self.lost += 1;
        }
    }

    /// Writes down what is not written yet. Waits no longer than `patience`; `false` when that was too short.
    pub(super) fn close(mut self, patience: Duration) -> bool {
        self.own_up();
        let Self { lines, done, .. } = self;
        drop(lines);
        done.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }

    /// Says how many events are missing, if any are and there is room.
    fn own_up(&mut self) {
        if self.lost > 0 && self.send(&Entry::Lost(self.lost)) {
            self.lost = 0;
        }
    }

    fn send(&mut self, entry: &Entry) -> bool {
        let Ok(line) = line(entry) else {
            return false;
        };
        let length = line.len();
        let waiting = self.waiting.fetch_add(length, Ordering::Relaxed);
        let sent = if waiting > 0 && waiting.saturating_add(length) > WAITING_BYTES {
            false
        } else {
            let sent = self.lines.try_send(line);
            self.ended = matches!(sent, Err(TrySendError::Disconnected(_)));
            sent.is_ok()
        };
        if !sent {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
        }
        sent
    }
}

fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// The recorder's thread: it ends with the engine, when the file is long enough, or when it cannot be written.
struct Writer<W: Write> {
    out: BufWriter<W>,
    inbox: Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    clock: Clock,
}

impl<W: Write> Writer<W> {
    fn write(mut self, first: &[u8]) -> io::Result<()> {
        self.out.write_all(first)?;
        self.out.flush()?;
        let mut length = first.len() as u64;
        let mut due = self.clock.now() + FLUSH;
        loop {
            match self.inbox.recv_timeout(due.since(self.clock.now())) {
                Ok(line) => {
                    self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
                    length += line.len() as u64;
                    if length > LONGEST {
                        warn!("the recording ends: it is 1 GiB long");
                        return self.out.flush();
                    }
                    self.out.write_all(&line)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.out.flush(),
            }
            // Events that never pause must not keep it from the file.
            if due <= self.clock.now() {
                self.out.flush()?;
                due = self.clock.now() + FLUSH;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc::Sender};

    use super::*;

    /// Longer than anything takes that works.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A disk that is slow: it hangs until it is let go. What reached it is kept.
    struct Disk {
        hold: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // It fails once nobody holds the disk any more.
            let _ = self.hold.recv();
            self.written.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn recorder() -> (Recorder, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let ((let_go, hold), written) = (channel(), Arc::default());
        let disk = Disk {
            hold,
            written: Arc::clone(&written),
        };
        let recorder = Recorder::start(disk, b"first\n".to_vec()).unwrap();
        (recorder, let_go, written)
    }

    fn entries(written: &Mutex<Vec<u8>>) -> Vec<Entry> {
        let bytes = written.lock().unwrap();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').skip(1);
        lines
            .map(|it| serde_json::from_slice(it).unwrap())
            .collect()
    }

    fn deadline(micros: u64) -> Entry {
        Entry::Event {
            at: Timestamp::after_start(Duration::from_micros(micros)),
            event: Event::Deadline,
            actions: Vec::new(),
        }
    }

    fn note(recorder: &mut Recorder, micros: u64, event: Event) {
        let at = Timestamp::after_start(Duration::from_micros(micros));
        recorder.record(at, event, &[]);
    }

    #[test]
    fn what_was_recorded_is_written_when_it_is_closed() {
        let (mut recorder, let_go, written) = recorder();
        drop(let_go);
        (0..3).for_each(|at| note(&mut recorder, at, Event::Deadline));
        assert!(recorder.close(PATIENCE));
        assert_eq!(entries(&written), [0, 1, 2].map(deadline));
    }

    #[test]
    fn a_disk_that_hangs_holds_up_neither_events_nor_the_end() {
        let (mut recorder, let_go, written) = recorder();
        let more = 100_u64;
        let all = WAITING as u64 + more;
        (0..all).for_each(|at| note(&mut recorder, at, Event::Deadline));
        let lost = recorder.lost;
        assert!(lost >= more - 1, "{lost}");
        let done = recorder.done;
        drop((recorder.lines, let_go));
        assert_eq!(
            done.recv_timeout(PATIENCE),
            Err(RecvTimeoutError::Disconnected)
        );
        assert_eq!(entries(&written).len() as u64, all - lost);
    }

    #[test]
    fn events_that_were_lost_are_owned_up_to() {
        let (mut recorder, let_go, written) = recorder();
        let large = Event::TableRead(Err("x".repeat(WAITING_BYTES).into()));
        note(&mut recorder, 0, large.clone());
        note(&mut recorder, 1, large);
        note(&mut recorder, 2, Event::Deadline);
        assert_eq!(recorder.lost, 2, "one may be large, two may not");
        drop(let_go);
        while recorder.waiting.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
        note(&mut recorder, 3, Event::Deadline);
        assert!(recorder.close(PATIENCE));
        assert_eq!(entries(&written)[1..], [Entry::Lost(2), deadline(3)]);
    }

    #[test]
    fn a_disk_that_is_full_ends_the_recording_and_nothing_else() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut recorder = Recorder::start(full, b"first\n".to_vec()).unwrap();
        while !recorder.ended {
            note(&mut recorder, 0, Event::Deadline);
        }
        assert!(recorder.close(PATIENCE));
    }
}
