// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the remembered file on a thread of its own: a caller never waits for the disk.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use tokio::sync::watch;
use tracing::{info, warn};

use super::wall::WallTime;
use super::{Noted, RememberedFile, StateError};
use crate::daemon::clock::Clock;
use crate::engine::CommandId;
use crate::model::Timestamp;
use crate::system::step_back;

/// The shortest time between two writes: a bad night must not wear out a disk.
pub(in crate::daemon) const WRITE_INTERVAL: Duration = Duration::from_secs(5);
/// How long the end of the director waits for the last write.
pub(in crate::daemon) const LAST_WRITE: Duration = Duration::from_secs(1);

/// Gives what to remember, with ages counted until the note.
type Note = Box<dyn FnOnce() -> Noted + Send>;

/// Where it is written.
trait Store {
    /// Replaces what was there.
    fn write(&mut self, noted: &Noted, now: WallTime) -> Result<(), StateError>;

    /// Says that what is there is still so. `false` when it must be written whole.
    fn confirm(&mut self, now: WallTime) -> bool;
}

impl Store for RememberedFile {
    fn write(&mut self, noted: &Noted, now: WallTime) -> Result<(), StateError> {
        self.write_noted(noted, now)
    }

    fn confirm(&mut self, now: WallTime) -> bool {
        self.confirm_at(now)
    }
}

/// The last command whose outcome was to be written.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Tried {
    /// Its number.
    pub(in crate::daemon) command: CommandId,
    /// Why it could not be written.
    pub(in crate::daemon) failure: Option<Arc<str>>,
}

/// The thread that writes the remembered file.
#[derive(Debug)]
pub(in crate::daemon) struct RememberedWriter {
    desk: Arc<Desk>,
    tried: watch::Receiver<Tried>,
}

/// Where the last note lies until it is written.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    note: Option<(WallTime, Note)>,
    /// Whether it must not wait for the interval.
    urgent: bool,
    /// It is the outcome of this command.
    command: Option<CommandId>,
    /// What is written was still so at this time.
    confirmed: Option<WallTime>,
    /// It could not be confirmed, and must be written whole.
    lost: bool,
    phase: Phase,
}

/// How far the thread is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Writing,
    /// It is to write what is left, and to end.
    Closing,
    Ended,
}

impl RememberedWriter {
    /// Starts the thread. It writes the first note at once, and then at most once in `interval`.
    pub(in crate::daemon) fn start(file: RememberedFile, interval: Duration) -> io::Result<Self> {
        Self::start_with(interval, file)
    }

    fn start_with(interval: Duration, store: impl Store + Send + 'static) -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let (tell_tried, tried) = watch::channel(Tried::default());
        let writer = Writer {
            desk: Arc::clone(&desk),
            interval,
            clock: Clock::start(),
            store,
            unwritten: None,
            failing: false,
            tried: tell_tried,
            _done: Done(Arc::clone(&desk)),
        };
        let thread = thread::Builder::new().name("remember".to_owned());
        thread.spawn(move || {
            // Ten thousand standings are long work, and verdicts must not wait for it.
            step_back();
            writer.run();
        })?;
        Ok(Self { desk, tried })
    }

    /// Notes what to remember from now on; only the last note is written. Never waits. `note` runs on the writer's
    /// thread, or not at all, and must count ages until this call.
    pub(in crate::daemon) fn note(&self, note: impl FnOnce() -> Noted + Send + 'static) {
        self.put(Box::new(note), false, None);
    }

    /// As [`Self::note`], and it is written at once. If it is the outcome of a command, whoever gave that waits for it.
    pub(in crate::daemon) fn note_now(
        &self,
        command: Option<CommandId>,
        note: impl FnOnce() -> Noted + Send + 'static,
    ) {
        self.put(Box::new(note), true, command);
    }

    /// Says that what was noted last is still so at this time. Never waits.
    pub(in crate::daemon) fn confirm(&self, now: WallTime) {
        self.desk.state().confirmed = Some(now);
        self.desk.changed.notify_all();
    }

    /// Whether the last confirmation failed, so that a note is wanted. The answer is given once.
    pub(in crate::daemon) fn has_lost(&self) -> bool {
        std::mem::take(&mut self.desk.state().lost)
    }

    /// The last command whose outcome was written, or could not be.
    pub(in crate::daemon) fn tried(&self) -> watch::Receiver<Tried> {
        self.tried.clone()
    }

    fn put(&self, note: Note, urgent: bool, command: Option<CommandId>) {
        let before = {
            let mut state = self.desk.state();
            state.urgent |= urgent;
            state.command = state.command.max(command);
            state.note.replace((WallTime::now(), note))
        };
        self.desk.changed.notify_all();
        // Drop it outside the lock: it may have the last reference to a large table.
        drop(before);
    }

    /// Writes the last note, if it is not written yet, and ends the thread. Waits at most `patience`; `false` when that
    /// was too short.
    pub(in crate::daemon) fn close(self, patience: Duration) -> bool {
        let state = self.desk.closing();
        let waited = self
            .desk
            .changed
            .wait_timeout_while(state, patience, |state| state.phase != Phase::Ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.phase == Phase::Ended
    }
}

impl Drop for RememberedWriter {
    /// The thread ends by itself once it has written the last note.
    fn drop(&mut self) {
        drop(self.desk.closing());
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code under the lock can fail half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the thread to end.
    fn closing(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if state.phase == Phase::Writing {
            state.phase = Phase::Closing;
        }
        self.changed.notify_all();
        state
    }
}

/// What the thread has taken from the desk.
struct Taken {
    note: Option<(WallTime, Note)>,
    command: Option<CommandId>,
    confirmed: Option<WallTime>,
    closing: bool,
}

/// The thread's side.
struct Writer<S> {
    desk: Arc<Desk>,
    interval: Duration,
    clock: Clock,
    store: S,
    /// The failure of a write, until a newer note comes.
    unwritten: Option<(WallTime, Noted)>,
    failing: bool,
    tried: watch::Sender<Tried>,
    /// The last field: the file is released before this is dropped.
    _done: Done,
}

/// However the thread ends, nobody must wait for it any more.
struct Done(Arc<Desk>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.state().phase = Phase::Ended;
        self.0.changed.notify_all();
    }
}

impl<S: Store> Writer<S> {
    fn run(mut self) {
        let mut earliest = Timestamp::ZERO;
        loop {
            let Taken {
                note,
                command,
                confirmed,
                closing,
            } = self.wait(earliest);
            if let Some((at, note)) = note {
                self.unwritten = Some((at, note()));
            }
            let mut failure = None;
            if let Some((at, recalled)) = self.unwritten.take() {
                let written = self.store.write(&recalled, at);
                if let Err(error) = &written {
                    failure = Some(error.to_string().into());
                    self.unwritten = Some((at, recalled));
                }
                self.tell(written);
                earliest = self.clock.now() + self.interval;
            } else if let Some(at) = confirmed
                && !self.store.confirm(at)
            {
                self.desk.state().lost = true;
            }
            if let Some(command) = command {
                self.tried.send_replace(Tried { command, failure });
            }
            if closing {
                return;
            }
        }
    }

    /// Waits until there is something to write and it may be written, or the director ends.
    fn wait(&self, earliest: Timestamp) -> Taken {
        let mut state = self.desk.state();
        loop {
            let something =
                state.note.is_some() || self.unwritten.is_some() || state.confirmed.is_some();
            let left = earliest.since(self.clock.now());
            let now = left.is_zero() || (state.urgent && state.note.is_some());
            let closing = state.phase != Phase::Writing;
            if closing || (something && now) {
                state.urgent = false;
                return Taken {
                    note: state.note.take(),
                    command: state.command.take(),
                    confirmed: state.confirmed.take(),
                    closing,
                };
            }
            state = if something {
                let waited = self.desk.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                let waited = self.desk.changed.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// The first failure, and the first success after it.
    fn tell(&mut self, written: Result<(), StateError>) {
        match written {
            Err(error) if !self.failing => {
                warn!("{error}; the director goes on without, and tries again");
                self.failing = true;
            }
            Ok(()) if self.failing => {
                info!("the remembered file is written again");
                self.failing = false;
            }
            Ok(()) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::model::Recalled;

    /// Longer than anything takes that works.
    const PATIENCE: Duration = Duration::from_secs(60);
    const LONG: Duration = Duration::from_hours(1);

    fn one(last: u8) -> Noted {
        let recalled = Recalled {
            service: "TCP 192.0.2.10:80".parse().unwrap(),
            server: format!("10.0.0.{last}:80").parse().unwrap(),
            probe: crate::model::Probe {
                kind: crate::model::ProbeKind::Tcp,
                target: format!("10.0.0.{last}:80").parse().unwrap(),
                path: None,
            },
            standing: crate::model::Standing::Down,
            age: Duration::ZERO,
            unconfirmed: Duration::ZERO,
            only_held_down: false,
        };
        Noted::from(vec![recalled])
    }

    fn failure() -> StateError {
        StateError::Foreign {
            what: "remembered file",
            path: "/x".into(),
            why: "a test".to_owned(),
            key: "remembered_file",
        }
    }

    /// What it does when it is told to write, and to confirm.
    struct Told<W, C>(W, C);

    impl<W, C> Store for Told<W, C>
    where
        W: FnMut(&Noted, WallTime) -> Result<(), StateError>,
        C: FnMut(WallTime) -> bool,
    {
        fn write(&mut self, noted: &Noted, now: WallTime) -> Result<(), StateError> {
            self.0(noted, now)
        }

        fn confirm(&mut self, now: WallTime) -> bool {
            self.1(now)
        }
    }

    fn start(
        interval: Duration,
        write: impl FnMut(&Noted, WallTime) -> Result<(), StateError> + Send + 'static,
    ) -> io::Result<RememberedWriter> {
        RememberedWriter::start_with(interval, Told(write, |_| true))
    }

    #[test]
    fn a_confirmation_that_fails_asks_for_a_note_once() {
        let (done, confirmed) = channel();
        let store = Told(
            |_: &Noted, _| Ok(()),
            move |now: WallTime| {
                done.send(now).unwrap();
                now != WallTime(2)
            },
        );
        let writer = RememberedWriter::start_with(Duration::ZERO, store).unwrap();
        for (at, lost) in [(1, false), (2, true), (3, false)] {
            writer.confirm(WallTime(at));
            assert_eq!(confirmed.recv_timeout(PATIENCE).unwrap(), WallTime(at));
            // It is known at the latest when the thread asks for more.
            writer.confirm(WallTime(9));
            assert_eq!(confirmed.recv_timeout(PATIENCE).unwrap(), WallTime(9));
            assert_eq!(writer.has_lost(), lost, "{at}");
            assert!(!writer.has_lost());
        }
        assert!(writer.close(PATIENCE));
    }

    #[test]
    fn while_a_note_cannot_be_written_nothing_is_confirmed() {
        let (done, attempts) = channel();
        let write = move |_: &Noted, _| {
            done.send(()).unwrap();
            Err(failure())
        };
        let store = Told(write, |_| panic!("what is there is not so any more"));
        let writer = RememberedWriter::start_with(Duration::from_millis(1), store).unwrap();
        writer.note(|| one(1));
        for at in 0..5 {
            attempts.recv_timeout(PATIENCE).unwrap();
            writer.confirm(WallTime(at));
        }
        assert!(writer.close(PATIENCE));
    }

    #[test]
    fn only_the_last_of_many_notes_is_written() {
        let (done, attempts) = channel();
        let writer = start(LONG, move |recalled, _| {
            done.send(recalled.clone()).unwrap();
            Ok(())
        });
        let writer = writer.unwrap();
        writer.note(|| one(1));
        assert_eq!(attempts.recv_timeout(PATIENCE).unwrap(), one(1));
        writer.note(|| panic!("overtaken"));
        writer.note(|| panic!("overtaken"));
        writer.note(|| one(4));
        assert!(attempts.try_recv().is_err(), "the interval is not over");
        assert!(writer.close(PATIENCE));
        assert_eq!(attempts.try_iter().collect::<Vec<_>>(), [one(4)]);
    }

    #[test]
    fn whoever_waits_for_a_write_is_told_why_there_is_none() {
        let mut full = true;
        let writer = start(LONG, move |_, _| {
            if std::mem::take(&mut full) {
                Err(failure())
            } else {
                Ok(())
            }
        });
        let writer = writer.unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        for (number, why) in [(1, Some(failure().to_string())), (2, None)] {
            let number = CommandId(number);
            writer.note_now(Some(number), || one(1));
            let mut tried = writer.tried();
            let tried = runtime.block_on(tried.wait_for(|it| it.command == number));
            let failure = tried.unwrap().failure.as_deref().map(str::to_owned);
            assert_eq!(failure, why, "{number:?}");
        }
        assert!(writer.close(PATIENCE));
    }

    #[test]
    fn an_urgent_note_does_not_wait_for_the_interval() {
        let (done, attempts) = channel();
        let writer = start(LONG, move |noted, _| {
            done.send(noted.clone()).unwrap();
            Ok(())
        });
        let writer = writer.unwrap();
        for last in 1..4 {
            writer.note_now(Some(CommandId(last.into())), move || one(last));
            assert_eq!(attempts.recv_timeout(PATIENCE).unwrap(), one(last));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let mut tried = writer.tried();
        let last = tried.wait_for(|it| it.command == CommandId(3));
        assert!(runtime.unwrap().block_on(last).is_ok());
        // One that nobody waits for is as urgent.
        writer.note_now(None, || one(8));
        assert_eq!(attempts.recv_timeout(PATIENCE).unwrap(), one(8));
        assert_eq!(tried.borrow().command, CommandId(3));
        writer.note(|| one(9));
        assert!(attempts.try_recv().is_err(), "the interval is not over");
        assert!(writer.close(PATIENCE));
    }

    #[test]
    fn a_write_that_failed_is_tried_again_without_a_new_note() {
        let (done, attempts) = channel();
        let mut failures = 3;
        let writer = start(Duration::from_millis(1), move |recalled, at| {
            done.send((recalled.clone(), at)).unwrap();
            failures -= 1;
            if failures > 0 { Err(failure()) } else { Ok(()) }
        });
        let writer = writer.unwrap();
        writer.note(|| one(1));
        let tries: Vec<_> = (0..3)
            .map(|_| attempts.recv_timeout(PATIENCE).unwrap())
            .collect();
        assert_eq!(tries[0], tries[1]);
        assert_eq!(tries[0], tries[2]);
        assert!(writer.close(PATIENCE));
        assert!(attempts.try_recv().is_err(), "it was written");
    }

    #[test]
    fn a_disk_that_hangs_holds_up_neither_notes_nor_the_end() {
        let (let_go, hold) = channel::<()>();
        let (entered, entries) = channel();
        let writer = start(Duration::ZERO, move |_, _| {
            entered.send(()).unwrap();
            // Until the test is over.
            let _ = hold.recv();
            Ok(())
        });
        let writer = writer.unwrap();
        writer.note(|| one(1));
        entries.recv_timeout(PATIENCE).unwrap();
        (0..1000).for_each(|_| writer.note(|| one(2)));
        assert!(!writer.close(Duration::from_millis(1)));
        drop(let_go);
    }

    #[test]
    fn a_defect_in_a_note_holds_up_no_end() {
        let writer = start(LONG, |_, _| Ok(())).unwrap();
        writer.note(|| panic!("a defect, as it is meant to be in this test"));
        assert!(writer.close(PATIENCE));
    }

    #[test]
    fn what_is_noted_is_in_the_file_when_the_director_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("remembered.json");
        let file = RememberedFile::open(&path).unwrap();
        let writer = RememberedWriter::start(file, LONG).unwrap();
        (1..=9).for_each(|last| writer.note(move || one(last)));
        assert!(writer.close(PATIENCE));
        // The lock ended with the thread.
        let mut file = RememberedFile::open(&path).unwrap();
        let now = WallTime::now();
        assert_eq!(
            file.recalled(now, LONG).young.len(),
            one(9).recalled.all().len()
        );
    }
}
