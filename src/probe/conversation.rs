// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all probes that talk over a TCP connection have in common: one deadline, and whose failure its end is.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connection::Connection;
use super::tcp::First;
use super::{Answer, tcp, tls};
use crate::model::{ProbePath, Tls};
use crate::system::unacknowledged;

/// A probe that ends so long after its deadline, or by a quarter of its timeout, tells that this host had no time for it:
/// it hung, or was suspended.
const LATE: Duration = Duration::from_millis(100);

/// The time that a probe has, from its first packet to the last answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    deadline: Instant,
    timeout: Duration,
}

impl Time {
    /// This long, from now on.
    pub(super) fn from_now(timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        Self { deadline, timeout }
    }

    /// What comes of this in time.
    pub(super) async fn within<T>(self, asking: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.deadline, asking).await.ok()
    }

    /// The answer of a probe whose time has passed so long ago that this host cannot have worked on it.
    pub(super) fn missed(self) -> Option<Answer> {
        missed(self.deadline.elapsed(), self.timeout)
    }

    /// The end of so long from now on, and no later than the deadline.
    pub(super) fn at_most(self, duration: Duration) -> Instant {
        self.deadline.min(Instant::now() + duration)
    }
}

/// The answer of a probe with this timeout that ends so late that this host cannot have worked on it.
pub(super) fn missed(late: Duration, timeout: Duration) -> Option<Answer> {
    (late > LATE.max(timeout / 4)).then(|| {
        let late = late.as_millis();
        Answer::could_not_run(format!(
            "this host was busy: the probe ended {late} ms late"
        ))
    })
}

/// Whom a probe talks with, and how.
pub(super) struct Whom<'a> {
    at: SocketAddr,
    path: Option<&'a ProbePath>,
    tls: Option<tls::Client<'a>>,
    first: First,
}

impl<'a> Whom<'a> {
    /// Reads what TLS needs, within `timeout`; `first` tells who speaks when it is ready. An error is the answer of the
    /// probe.
    pub(super) async fn new(
        at: SocketAddr,
        path: Option<&'a ProbePath>,
        tls: Option<&'a Tls>,
        first: First,
        timeout: Duration,
    ) -> Result<Self, Answer> {
        let (tls, first) = match tls {
            None => (None, first),
            // A handshake begins with the client.
            Some(tls) => (
                Some(tls::Client::new(tls, at.ip(), timeout).await?),
                First::We,
            ),
        };
        Ok(Self {
            at,
            path,
            tls,
            first,
        })
    }

    /// Connects within the time, and shakes hands if that is wanted. Returns what is to be told about the server's
    /// certificate, too. `met` tells that the server has answered this probe before.
    async fn open(&self, time: Time, met: bool) -> Result<(Connection, Option<String>), Answer> {
        let opening = time.within(tcp::open(self.at, self.path, self.first));
        let Some(opened) = opening.await else {
            return Err(time.missed().unwrap_or_else(|| not_connected(met)));
        };
        let stream = opened?;
        let Some(client) = &self.tls else {
            return Ok((Connection::Plain(stream), None));
        };
        let (stream, warning) = client.shake_hands(stream, time).await?;
        Ok((Connection::Tls(Box::new(stream)), warning))
    }
}

fn not_connected(met: bool) -> Answer {
    if met {
        Answer::cut_off("it answered before, and now connect timed out")
    } else {
        Answer::silent("connect timed out")
    }
}

/// Opens a connection within the time, and talks on it as far as it must before it can be held.
pub(super) async fn begin<T>(
    whom: &Whom<'_>,
    time: Time,
    talk: impl AsyncFnOnce(&mut Connection) -> Result<T, Answer>,
) -> Result<(Connection, T), Answer> {
    let (mut connection, _) = whom.open(time, false).await?;
    match time.within(talk(&mut connection)).await {
        Some(told) => told.map(|told| (connection, told)),
        None => Err(no_answer(connection.socket(), time).await),
    }
}

async fn no_answer(stream: &TcpStream, time: Time) -> Answer {
    too_late(stream, time, "connected, but no answer came in time").await
}

/// The answer of a probe whose time is over on this open connection. The connection is of no use after that.
pub(super) async fn too_late(stream: &TcpStream, time: Time, why: &str) -> Answer {
    // What was asked may have left only at the end, and the answer may be there, unread.
    if let Some(missed) = time.missed() {
        return missed;
    }
    if acknowledges(stream).await {
        return Answer::stalled(why);
    }
    Answer::cut_off(format!("{why}, nor any acknowledgement"))
}

/// So long the other host has to acknowledge the end of a connection. The kernel sends it again after 200 ms
/// (`TCP_RTO_MIN` in `include/net/tcp.h`).
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(300);

/// Whether the other host acknowledges all that we sent, and that we send no more. Its kernel does so for a program that
/// hangs, too. Without that nobody knows whether the way to it is still open.
async fn acknowledges(stream: &TcpStream) -> bool {
    if shutdown(stream.as_raw_fd(), Shutdown::Write).is_err() {
        // Only an end that came meanwhile makes this fail.
        return true;
    }
    let end = Instant::now() + ACKNOWLEDGED_WITHIN;
    let mut pause = Duration::from_millis(1);
    loop {
        if matches!(unacknowledged(&stream), Ok(0)) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(ACKNOWLEDGED_WITHIN / 8);
    }
}

/// Connects to `at` and talks, over one connection, within `timeout` from its first packet. `first` tells who speaks when
/// it is open.
pub(super) async fn once(
    at: SocketAddr,
    path: Option<&ProbePath>,
    tls: Option<&Tls>,
    first: First,
    timeout: Duration,
    talk: impl AsyncFnOnce(&mut Connection) -> Answer,
) -> Answer {
    match Whom::new(at, path, tls, first, timeout).await {
        Ok(whom) => hold(&whom, Time::from_now(timeout), false, talk).await,
        Err(answer) => answer,
    }
}

/// Connects and talks within the time. `met` tells that the server has answered this probe before. A warning about the
/// server's certificate becomes the reason of a success.
///
/// A reset closes the connection then: no side keeps it in `TIME_WAIT`.
pub(super) async fn hold(
    whom: &Whom<'_>,
    time: Time,
    met: bool,
    talk: impl AsyncFnOnce(&mut Connection) -> Answer,
) -> Answer {
    let (mut connection, warning) = match whom.open(time, met).await {
        Ok(opened) => opened,
        Err(answer) => return answer,
    };
    let Some(answer) = time.within(talk(&mut connection)).await else {
        return no_answer(connection.socket(), time).await;
    };
    connection.say_goodbye();
    match warning {
        Some(warning) if answer == Answer::up() => Answer::warns(warning),
        Some(_) | None => answer,
    }
}

/// What an error says while the connection is open.
pub(super) fn failed(operation: &str, error: &io::Error) -> Answer {
    if let Some(answer) = tls::ended(error) {
        return answer;
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Answer::down("the server reset the connection without an answer")
        }
        _ => tcp::failed(operation, error),
    }
}
