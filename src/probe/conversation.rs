// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all probes that talk over a TCP connection have in common: one deadline, and whose failure its end is.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::tcp::First;
use super::{Answer, tcp, tls};
use crate::model::{ProbePath, Tls};

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

    /// Connects, and shakes hands if that is wanted. Returns what is to be told about the server's certificate, too.
    async fn open(&self, phase: &mut Phase) -> Result<(Connection, Option<String>), Answer> {
        let stream = tcp::open(self.at, self.path, self.first).await?;
        let Some(client) = &self.tls else {
            *phase = Phase::Talking;
            return Ok((Connection::Plain(stream), None));
        };
        *phase = Phase::ShakingHands;
        let (stream, warning) = client.shake_hands(stream).await?;
        *phase = Phase::Talking;
        Ok((Connection::Tls(Box::new(stream)), warning))
    }

    /// Connects, shakes hands, and talks. A warning about the server's certificate becomes the reason of a success.
    async fn talk(
        &self,
        phase: &mut Phase,
        talk: impl AsyncFnOnce(&mut Connection) -> Answer,
    ) -> Result<Answer, Answer> {
        let (mut connection, warning) = self.open(phase).await?;
        let answer = talk(&mut connection).await;
        connection.say_goodbye();
        Ok(match warning {
            Some(warning) if answer == Answer::up() => Answer::warns(warning),
            Some(_) | None => answer,
        })
    }
}

/// Opens a connection within the time, and talks on it as far as it must before it can be held.
pub(super) async fn begin<T>(
    whom: &Whom<'_>,
    time: Time,
    talk: impl AsyncFnOnce(&mut Connection) -> Result<T, Answer>,
) -> Result<(Connection, T), Answer> {
    let mut phase = Phase::Connecting;
    let beginning = async {
        let (mut connection, _) = whom.open(&mut phase).await?;
        let told = talk(&mut connection).await?;
        Ok((connection, told))
    };
    let begun = time.within(beginning).await;
    begun.unwrap_or_else(|| Err(phase.too_late(time)))
}

/// How far a probe has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    ShakingHands,
    Talking,
}

impl Phase {
    /// The answer of a probe that has come so far when its time is over.
    fn too_late(self, time: Time) -> Answer {
        // What was asked may have left only at the end, and the answer may be there, unread.
        time.missed().unwrap_or_else(|| match self {
            Self::Connecting => Answer::silent("connect timed out"),
            Self::ShakingHands => {
                Answer::stalled("connected, but the TLS handshake did not end in time")
            }
            Self::Talking => Answer::stalled("connected, but no answer came in time"),
        })
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

/// Connects and talks within the time. `met` tells that the server has answered this probe before.
///
/// A reset closes the connection then: no side keeps it in `TIME_WAIT`.
pub(super) async fn hold(
    whom: &Whom<'_>,
    time: Time,
    met: bool,
    talk: impl AsyncFnOnce(&mut Connection) -> Answer,
) -> Answer {
    let mut phase = Phase::Connecting;
    let ended = time.within(whom.talk(&mut phase, talk)).await;
    match ended {
        Some(Ok(answer) | Err(answer)) => answer,
        None if met && phase == Phase::Connecting => Phase::Talking.too_late(time),
        None => phase.too_late(time),
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
