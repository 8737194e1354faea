// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work on a thread of its own: keys work meanwhile.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// Does one thing after the other on request.
pub struct Worker<Q, A> {
    ask: Sender<Q>,
    answers: Receiver<A>,
    ready: PipeReader,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts the thread, which does this.
    pub fn start(work: impl FnMut(Q) -> A + Send + 'static) -> io::Result<Self> {
        let (ask, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let (ready, wake) = io::pipe()?;
        thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || serve(work, &asked, &answer, wake))?;
        Ok(Self {
            ask,
            answers,
            ready,
        })
    }

    /// Asks for something. If the thread has ended, the wait for its answer shows that.
    pub fn ask(&self, what: Q) {
        let _ = self.ask.send(what);
    }

    /// The answer that has come. Call it when the descriptor is readable. `None` when no more answers will come.
    pub fn take(&mut self) -> Option<A> {
        let mut byte = [0];
        let _ = self.ready.read(&mut byte);
        self.answers.try_recv().ok()
    }
}

impl<Q, A> AsFd for Worker<Q, A> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

/// Runs until nobody asks any more. The end of the pipe shows the thread's end, for whatever reason.
fn serve<Q, A>(
    mut work: impl FnMut(Q) -> A,
    asked: &Receiver<Q>,
    answer: &Sender<A>,
    mut wake: PipeWriter,
) {
    while let Ok(what) = asked.recv() {
        if answer.send(work(what)).is_err() || wake.write_all(b".").is_err() {
            return;
        }
    }
}
