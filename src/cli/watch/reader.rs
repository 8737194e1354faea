// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the kernel's table on a thread of its own: keys work while it reads a large table.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use crate::cli::listing::Listing;
use crate::ipvsadm::filter::Filter;
use crate::ipvsadm::list::Format;
use crate::kernel::{Ipvs, IpvsError};
use crate::model::Timestamp;

/// A reading, and when it began.
pub(super) type Reading = (Timestamp, Result<Listing, IpvsError>);

/// Reads on request, one reading at a time.
pub(super) struct Reader {
    ask: Sender<()>,
    readings: Receiver<Reading>,
    ready: PipeReader,
}

/// Reads the table. Nobody else reads this clock.
#[expect(clippy::disallowed_methods, reason = "the rim: when it was read")]
pub(super) fn read(ipvs: &mut Ipvs, filter: &Filter, start: Instant) -> Reading {
    let now = Timestamp::after_start(Instant::now().saturating_duration_since(start));
    let format = Format {
        sorted: false,
        ..Format::DEFAULT
    };
    (now, Listing::read(ipvs, None, filter, format))
}

impl Reader {
    /// Starts the thread.
    pub(super) fn start(ipvs: Ipvs, filter: Filter, start: Instant) -> io::Result<Self> {
        let (ask, asked) = mpsc::channel();
        let (answer, readings) = mpsc::channel();
        let (ready, wake) = io::pipe()?;
        thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || serve(ipvs, &filter, start, &asked, &answer, wake))?;
        Ok(Self {
            ask,
            readings,
            ready,
        })
    }

    /// Asks for a reading. If the thread has ended, the wait for its answer shows that.
    pub(super) fn ask(&self) {
        let _ = self.ask.send(());
    }

    /// The reading that has come. Call it when the descriptor is readable. `None` when no more readings will come.
    pub(super) fn take(&mut self) -> Option<Reading> {
        let mut byte = [0];
        let _ = self.ready.read(&mut byte);
        self.readings.try_recv().ok()
    }
}

impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

/// Runs until nobody asks any more. The end of the pipe shows the thread's end, for whatever reason.
fn serve(
    mut ipvs: Ipvs,
    filter: &Filter,
    start: Instant,
    asked: &Receiver<()>,
    answer: &Sender<Reading>,
    mut wake: PipeWriter,
) {
    while asked.recv().is_ok() {
        if answer.send(read(&mut ipvs, filter, start)).is_err() || wake.write_all(b".").is_err() {
            return;
        }
    }
}
