// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines on their way to the log: a bounded queue, and the thread that empties it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use tracing::Level;

use super::layout::{Entry, Layout};
use crate::system::{errno_name, since_1970};

/// At most this many lines wait.
const MOST_LINES: usize = 10_000;
/// At most this many bytes of lines wait.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Lines that wait to be written. A line without room is lost, and counted.
#[derive(Debug, Default)]
pub(super) struct Spool {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
    closing: bool,
    done: bool,
}

/// The content of the spool at one moment.
struct Batch {
    lines: VecDeque<Vec<u8>>,
    /// After these lines, this many found no room.
    lost: u64,
    closing: bool,
}

impl Spool {
    /// Adds a line. Never waits for the log's reader.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut queue = self.queue();
        if queue.lines.len() >= MOST_LINES || queue.bytes + line.len() > MOST_BYTES {
            queue.lost += 1;
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        drop(queue);
        self.changed.notify_all();
    }

    /// Waits until every line is written, but no longer than `patience`; `false` when that was too short.
    pub(super) fn close(&self, patience: Duration) -> bool {
        let mut queue = self.queue();
        queue.closing = true;
        self.changed.notify_all();
        let waited = self
            .changed
            .wait_timeout_while(queue, patience, |queue| !queue.done);
        waited.unwrap_or_else(PoisonError::into_inner).0.done
    }

    /// Waits until there are lines, or the log ends.
    fn next(&self) -> Batch {
        let waited = self.changed.wait_while(self.queue(), |queue| {
            queue.lines.is_empty() && queue.lost == 0 && !queue.closing
        });
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        queue.bytes = 0;
        Batch {
            lines: std::mem::take(&mut queue.lines),
            lost: std::mem::take(&mut queue.lost),
            closing: queue.closing,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code under the lock can fail half way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that writes the spool's lines to `out`.
pub(super) fn start(
    spool: Arc<Spool>,
    out: impl Write + Send + 'static,
    layout: Layout,
) -> io::Result<()> {
    let run = move || {
        let mut pen = Pen::new(out, layout);
        loop {
            let batch = spool.next();
            batch.lines.iter().for_each(|line| pen.line(line));
            pen.missed(batch.lost);
            if batch.closing {
                break;
            }
        }
        spool.queue().done = true;
        spool.changed.notify_all();
    };
    let thread = thread::Builder::new().name("log".to_owned());
    thread.spawn(run).map(drop)
}

/// Writes whole lines, and reports how many it could not write.
struct Pen<W> {
    out: W,
    layout: Layout,
    /// Lines that were not written, and that the log has not reported yet.
    lost: u64,
    why: String,
    /// Whether the last line was written in part only.
    torn: bool,
}

impl<W: Write> Pen<W> {
    const fn new(out: W, layout: Layout) -> Self {
        Self {
            out,
            layout,
            lost: 0,
            why: String::new(),
            torn: false,
        }
    }

    /// Writes a line. Reports the lines that were lost before it first.
    fn line(&mut self, line: &[u8]) {
        let written = self.tell().and_then(|()| self.write(line));
        if let Err(error) = written {
            self.lost += 1;
            self.why = reason(&error);
        }
    }

    /// Notes that this many lines were lost because nobody read the log.
    fn missed(&mut self, lines: u64) {
        if lines == 0 {
            return;
        }
        self.lost += lines;
        "nobody read the log in time".clone_into(&mut self.why);
        // If this fails, the next line reports it.
        let _ = self.tell();
    }

    fn tell(&mut self) -> io::Result<()> {
        if self.lost == 0 {
            return Ok(());
        }
        let (lost, why) = (self.lost, &self.why);
        let lines = if lost == 1 { "line was" } else { "lines were" };
        let entry = Entry {
            level: Level::WARN,
            message: format!("{lost} log {lines} lost: {why}"),
            fields: Vec::new(),
        };
        self.write(&self.layout.write(since_1970(), &entry))?;
        self.lost = 0;
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.out.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn reason(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => format!("{} ({})", errno.desc(), errno_name(errno)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::Read;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Longer than anything takes that works.
    const PATIENCE: Duration = Duration::from_secs(60);
    const TEXT: Layout = Layout::Text {
        time: false,
        colour: false,
    };

    fn started(out: impl Write + Send + 'static) -> Arc<Spool> {
        let spool = Arc::new(Spool::default());
        start(Arc::clone(&spool), out, TEXT).unwrap();
        spool
    }

    fn pipe() -> (File, File) {
        // Programs that other tests start do not get it.
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        (read.into(), write.into())
    }

    /// A writer whose writes succeed or fail as the test says, one after the other.
    struct Disk {
        written: Arc<Mutex<Vec<u8>>>,
        room: Receiver<usize>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.room.recv().unwrap_or(usize::MAX) {
                0 => Err(Errno::ENOSPC.into()),
                room => {
                    let taken = &bytes[..room.min(bytes.len())];
                    self.written.lock().unwrap().extend_from_slice(taken);
                    Ok(taken.len())
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_before_the_end() {
        let (mut read, write) = pipe();
        let spool = started(write);
        (0..100).for_each(|number| spool.push(format!("{number}\n").into_bytes()));
        assert!(spool.close(PATIENCE));
        drop(spool);
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_pipe_nobody_reads_holds_nobody_up_and_what_was_lost_is_told_when_it_is_read() {
        let (mut read, write) = pipe();
        let spool = started(write);
        // Longer than a pipe takes: the writer has it, and waits until somebody reads.
        spool.push([vec![b'y'; MOST_BYTES - 1].as_slice(), b"\n"].concat());
        while !spool.queue().lines.is_empty() {
            thread::yield_now();
        }
        let line = [[b'x'; 99].as_slice(), b"\n"].concat();
        let pushed = 3 * MOST_BYTES / line.len();
        (0..pushed).for_each(|_| spool.push(line.clone()));
        assert!(!spool.close(Duration::from_millis(1)));
        let kept = MOST_LINES.min(MOST_BYTES / line.len());
        {
            let queue = spool.queue();
            assert_eq!(queue.lines.len(), kept);
            assert_eq!(queue.lost, u64::try_from(pushed - kept).unwrap());
        }
        let reader = thread::spawn(move || {
            let mut text = String::new();
            read.read_to_string(&mut text).unwrap();
            text
        });
        assert!(spool.close(PATIENCE));
        drop(spool);
        let text = reader.join().unwrap();
        let lost = pushed - kept;
        let told = format!(" WARN {lost} log lines were lost: nobody read the log in time");
        assert_eq!(text.lines().last(), Some(&*told));
        assert_eq!(text.lines().count(), 1 + kept + 1);
    }

    #[test]
    fn a_full_disk_and_a_closed_pipe_end_nothing() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (read, closed) = pipe();
        drop(read);
        for out in [full, closed] {
            let spool = started(out);
            (0..100).for_each(|_| spool.push(b"line\n".to_vec()));
            assert!(spool.close(PATIENCE));
        }
    }

    #[test]
    fn lines_lost_to_a_full_disk_are_told_before_the_next_one() {
        let (room, rooms) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let spool = started(Disk {
            written: Arc::clone(&written),
            room: rooms,
        });
        // The first fits, the second in part, the third not at all.
        for room_for in [99, 3, 0, 0] {
            room.send(room_for).unwrap();
        }
        for line in ["first\n", "second\n", "third\n", "fourth\n"] {
            spool.push(line.into());
        }
        drop(room);
        assert!(spool.close(PATIENCE));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let told = " WARN 2 log lines were lost: No space left on device (ENOSPC)";
        assert_eq!(lines, ["first", "sec", told, "fourth"]);
    }
}
