// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP probes as the kernel routes, all by one poll, on sockets that are used again: one system call opens a connection
//! and one resets it, and what has become of it is told for many at a time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{SockType, SockaddrStorage, connect};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::conversation::missed;
use super::datagram::made;
use super::open::OpenRun;
use super::tcp::{is_connected_to_itself, met_itself, no_socket, not_connected, reset_at_close};
use super::{Answer, TOGETHER};
use crate::health::RunId;
use crate::model::{ProbeReport, Timestamp};
use crate::system::{Happened, Poll, disconnect};

/// So many sockets of one family are kept for the next probes.
const MOST_IDLE: usize = 32;

/// All TCP probes that are under way.
pub(super) struct Dialer<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> {
    poll: Poll,
    clock: C,
    lines: RefCell<Lines<C, R>>,
    /// When [`Dialer::serve`] looks for probes that nobody has answered; `None` when it does not.
    alarm: Cell<Option<Timestamp>>,
    /// There is a probe that ends before that, or there will be no more probes.
    news: Notify,
    is_closed: Cell<bool>,
    /// How many probes have been begun.
    dialed: Cell<usize>,
}

struct Lines<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> {
    all: Vec<Option<Line<C, R>>>,
    /// The places of `all` that are empty.
    empty: Vec<usize>,
    /// The lines without a call, of IPv4 and of IPv6.
    idle: [Vec<usize>; 2],
    /// When each call ends without an answer.
    ends: BTreeSet<(Timestamp, usize)>,
}

/// A socket, and the probe that has it.
struct Line<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> {
    socket: OwnedFd,
    call: Option<Call<C, R>>,
}

/// One probe.
pub(super) struct Call<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> {
    /// Whom.
    pub(super) at: SocketAddr,
    /// When it ends without an answer.
    pub(super) end: Timestamp,
    /// What is reported.
    pub(super) run: OpenRun<C, R>,
    /// Its turn.
    pub(super) turn: OwnedSemaphorePermit,
}

impl<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> Call<C, R> {
    fn end(self, answer: Answer, now: Timestamp) {
        drop(self.turn);
        self.run.end_at(answer, now);
    }
}

impl<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> Dialer<C, R> {
    pub(super) fn new(clock: C) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            clock,
            lines: RefCell::new(Lines {
                all: Vec::new(),
                empty: Vec::new(),
                idle: [Vec::new(), Vec::new()],
                ends: BTreeSet::new(),
            }),
            alarm: Cell::new(None),
            news: Notify::new(),
            is_closed: Cell::new(false),
            dialed: Cell::new(0),
        })
    }

    /// Begins a probe. It is reported when [`Dialer::serve`] hears of its end, or here when it ends at once.
    pub(super) fn dial(&self, call: Call<C, R>) {
        let (at, end) = (call.at, call.end);
        let number = match self.line(at) {
            Ok(number) => number,
            Err(error) => return call.end(no_socket(&error), (self.clock)()),
        };
        let asked = self.ask(number, at);
        let mut lines = self.lines.borrow_mut();
        if let Some(line) = lines.line(number) {
            line.call = Some(call);
        }
        lines.ends.insert((end, number));
        drop(lines);
        if let Some(connected) = asked {
            return self.end(number, connected, (self.clock)());
        }
        if self.alarm.get().is_none_or(|alarm| end < alarm) {
            self.news.notify_one();
        }
        self.dialed.set(self.dialed.get().wrapping_add(1));
        if self.dialed.get().is_multiple_of(TOGETHER) {
            // Thousands that begin together would all be under way until the runtime looks for what has happened.
            self.heard(&self.poll.now());
        }
    }

    /// No more probes are begun: [`Dialer::serve`] returns when those under way have ended.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
        self.news.notify_one();
    }

    /// Ends the probes when they are answered, or when their time is over.
    pub(super) async fn serve(&self) {
        let alarm = sleep_until(Instant::now());
        tokio::pin!(alarm);
        while !(self.is_closed.get() && self.lines.borrow().ends.is_empty()) {
            tokio::select! {
                happened = self.poll.wait() => match happened {
                    Ok(happened) => self.heard(&happened),
                    // The runtime ends.
                    Err(_) => return,
                },
                () = self.news.notified() => self.alarm.set(None),
                () = &mut alarm, if self.alarm.get().is_some() => {
                    self.alarm.set(None);
                    self.give_up();
                }
            }
            let first = self.lines.borrow().ends.first().map(|(end, _)| *end);
            if let (None, Some(end)) = (self.alarm.get(), first) {
                self.alarm.set(Some(end));
                let left = end.since((self.clock)());
                alarm.as_mut().reset(Instant::now() + left);
            }
        }
    }

    /// A line without a call, for a connection to `at`.
    fn line(&self, at: SocketAddr) -> io::Result<usize> {
        let mut lines = self.lines.borrow_mut();
        if let Some(number) = lines.idle_for(at).pop() {
            return Ok(number);
        }
        let socket = made(SockType::Stream, None, at)?;
        reset_at_close(&socket)?;
        let number = lines.empty.last().copied().unwrap_or(lines.all.len());
        self.poll.add(&socket, number as u64)?;
        lines.empty.pop();
        let line = Some(Line { socket, call: None });
        match lines.all.get_mut(number) {
            Some(place) => *place = line,
            None => lines.all.push(line),
        }
        Ok(number)
    }

    /// Asks the kernel to connect, or what has become of that; `None` when nothing has yet.
    fn ask(&self, number: usize, at: SocketAddr) -> Option<Result<(), Errno>> {
        let lines = self.lines.borrow();
        let line = lines.all.get(number)?.as_ref()?;
        match connect(line.socket.as_raw_fd(), &SockaddrStorage::from(at)) {
            Ok(()) | Err(Errno::EISCONN) => Some(Ok(())),
            Err(Errno::EINPROGRESS | Errno::EALREADY) => None,
            Err(errno) => Some(Err(errno)),
        }
    }

    fn heard(&self, happened: &[Happened]) {
        if happened.is_empty() {
            return;
        }
        let now = (self.clock)();
        for Happened { number, failed } in happened {
            let Ok(number) = usize::try_from(*number) else {
                continue;
            };
            // A line without a call has just lost its connection by ourselves.
            let Some(at) = self.lines.borrow().called(number) else {
                continue;
            };
            let connected = if *failed {
                self.ask(number, at)
            } else {
                Some(Ok(()))
            };
            if let Some(connected) = connected {
                self.end(number, connected, now);
            }
        }
    }

    fn give_up(&self) {
        // After a stop of this process the alarm comes first, though answers are there.
        self.heard(&self.poll.now());
        let now = (self.clock)();
        loop {
            let first = self.lines.borrow().ends.first().copied();
            let Some((_, number)) = first.filter(|(end, _)| *end <= now) else {
                return;
            };
            if let Some(call) = self.hang_up(number) {
                let timeout = call.end.since(call.run.started());
                let answer = missed(now.since(call.end), timeout)
                    .unwrap_or_else(|| Answer::silent("connect timed out"));
                call.end(answer, now);
            }
        }
    }

    fn end(&self, number: usize, connected: Result<(), Errno>, now: Timestamp) {
        let answer = match connected {
            Ok(()) if self.lines.borrow().has_met_itself(number) => met_itself(),
            Ok(()) => Answer::up(),
            Err(errno) => not_connected(&errno.into(), None),
        };
        if let Some(call) = self.hang_up(number) {
            call.end(answer, now);
        }
    }

    /// Takes the call from its line, whose connection is reset. The line waits for the next one, or is closed.
    fn hang_up(&self, number: usize) -> Option<Call<C, R>> {
        let mut lines = self.lines.borrow_mut();
        let line = lines.line(number)?;
        let call = line.call.take()?;
        let is_free = disconnect(&line.socket).is_ok();
        lines.ends.remove(&(call.end, number));
        let idle = lines.idle_for(call.at);
        if is_free && idle.len() < MOST_IDLE {
            idle.push(number);
        } else if let Some(place) = lines.all.get_mut(number) {
            *place = None;
            lines.empty.push(number);
        }
        Some(call)
    }
}

impl<C: Fn() -> Timestamp, R: Fn(RunId, ProbeReport)> Lines<C, R> {
    fn line(&mut self, number: usize) -> Option<&mut Line<C, R>> {
        self.all.get_mut(number)?.as_mut()
    }

    /// Whom this line calls, if anybody.
    fn called(&self, number: usize) -> Option<SocketAddr> {
        let line = self.all.get(number)?.as_ref()?;
        Some(line.call.as_ref()?.at)
    }

    /// Whether this line is connected to itself.
    fn has_met_itself(&self, number: usize) -> bool {
        let line = self.all.get(number).and_then(Option::as_ref);
        line.zip(self.called(number))
            .is_some_and(|(line, at)| is_connected_to_itself(&line.socket, at))
    }

    const fn idle_for(&mut self, at: SocketAddr) -> &mut Vec<usize> {
        let [v4, v6] = &mut self.idle;
        match at {
            SocketAddr::V4(_) => v4,
            SocketAddr::V6(_) => v6,
        }
    }
}

#[cfg(test)]
mod tests;
