// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection to a broker that is logged in and held, with heartbeats both ways.
//!
//! A broker closes a connection that does not log in after ten seconds, and logs it. So only a login is held.
//! Source: AMQP 0-9-1 specification, section 4.2.7 (heartbeats); RabbitMQ's `rabbit_reader.erl` and `rabbit_heartbeat.erl`.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Broker, reply};
use crate::codec::amqp::{self as frame, FromServer};
use crate::model::{AmqpLogin, Probe, Tls, WireEnd, WireNews};
use crate::probe::connection::Connection;
use crate::probe::conversation::{self, Time, Whom};
use crate::probe::tcp::First;
use crate::probe::tripwire::{Allowance, ended, keep_alive, not_held};
use crate::probe::{Answer, password};

/// The name under which an operator of the broker sees the connection.
const NAME: &str = "lvs-director tripwire";
/// The longest heartbeat that we agree to, in seconds: a broker that hangs is noticed after twice that time.
const LONGEST_HEARTBEAT: u16 = 10;
/// A broker may take so long for its part of a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// The least time between two reports that the broker takes no messages, or takes them again. Whatever it does, the log
/// stays short.
const BETWEEN_REPORTS: Duration = Duration::from_secs(1);

/// Logs in within `timeout`, and waits until the connection ends, or the other side of `let_go` is dropped. Returns how it
/// ended by itself.
pub(in crate::probe) async fn hold(
    probe: &Probe,
    (login, tls): (&AmqpLogin, Option<&Tls>),
    timeout: Duration,
    news: impl Fn(WireNews),
    let_go: &mut oneshot::Receiver<()>,
) -> Option<WireEnd> {
    let begun = begin(probe, (login, tls), timeout).await;
    let (stream, (broker, heartbeat)) = match begun {
        Ok(begun) => begun,
        Err(answer) => return Some(not_held(answer)),
    };
    if let Err(end) = keep_alive(stream.socket()) {
        return Some(end);
    }
    let mut held = Held::new(stream, broker, heartbeat);
    tokio::select! {
        biased;
        _ = let_go => {
            held.say_goodbye().await;
            None
        }
        end = held.watch(&news) => {
            if let WireEnd::AskedToLeave(_) | WireEnd::Ended(_) = end {
                // Nobody waits for the broker's side of the end.
                tokio::task::spawn_local(held.await_the_end());
            }
            Some(end)
        }
    }
}

/// Connects and logs in. The password is read anew each time.
async fn begin(
    probe: &Probe,
    (login, tls): (&AmqpLogin, Option<&Tls>),
    timeout: Duration,
) -> Result<(Connection, (Broker, u16)), Answer> {
    let password = password::read(&login.who.password_file, timeout).await?;
    let whom = Whom::new(probe.target, probe.path.as_deref(), tls, First::We, timeout).await?;
    let start_ok = frame::start_ok(NAME, &login.who.user, &password);
    let talk = async |stream: &mut Connection| {
        let mut broker = Broker::default();
        let plain = broker.greet(stream).await?;
        let agreed = broker.log_in(stream, plain, login, &start_ok, agreed);
        let heartbeat = agreed.await?;
        Ok((broker, heartbeat))
    };
    conversation::begin(&whom, Time::from_now(timeout), talk).await
}

/// The heartbeat that we want when the broker wants this one; it has none when it wants 0.
const fn agreed(wanted: u16) -> u16 {
    match wanted {
        0 | LONGEST_HEARTBEAT.. => LONGEST_HEARTBEAT,
        shorter => shorter,
    }
}

/// A connection that is held.
struct Held {
    stream: Connection,
    broker: Broker,
    /// The agreed heartbeat, in seconds and as a time.
    seconds: u16,
    interval: Duration,
    /// When we send the next heartbeat.
    beat: Instant,
    /// How much too late we sent the last heartbeat that was late, and until when the broker may end the connection for
    /// that.
    late: Option<(Duration, Instant)>,
    /// When something came last.
    heard: Instant,
    allowance: Allowance,
    /// Why the broker takes no messages, if it takes none.
    blocked: Option<Box<str>>,
    /// The same, as it was reported last.
    reported: Option<Box<str>>,
    /// When it may be reported again.
    next_report: Instant,
}

impl Held {
    fn new(stream: Connection, broker: Broker, seconds: u16) -> Self {
        let (now, interval) = (Instant::now(), Duration::from_secs(u64::from(seconds)));
        Self {
            stream,
            broker,
            seconds,
            interval,
            beat: now + interval / 2,
            late: None,
            heard: now,
            allowance: Allowance::default(),
            blocked: None,
            reported: None,
            next_report: now,
        }
    }

    /// Waits for the end.
    async fn watch(&mut self, news: &impl Fn(WireNews)) -> WireEnd {
        loop {
            if let Err(end) = self.take().await {
                return end;
            }
            self.report(news);
            let due = self.due();
            let reading = self.broker.read_on(&mut self.stream);
            let read = tokio::select! {
                biased;
                read = self.allowance.read(reading) => Some(read),
                () = sleep_until(due) => None,
            };
            match read {
                Some(Ok(())) => self.heard = Instant::now(),
                Some(Err(end)) => return self.blame(end),
                None => {
                    if let Err(end) = self.tick(due).await {
                        return self.blame(end);
                    }
                }
            }
        }
    }

    /// Takes all messages that are there.
    async fn take(&mut self) -> Result<(), WireEnd> {
        loop {
            match self.broker.whole() {
                Ok(None) => return Ok(()),
                Ok(Some(FromServer::Other)) => {}
                Ok(Some(FromServer::Blocked { reason })) => self.blocked = Some(reason),
                Ok(Some(FromServer::Unblocked)) => self.blocked = None,
                Ok(Some(FromServer::Close { code, text })) => {
                    // It is a courtesy: the connection has ended.
                    let _ = timeout(GOODBYE, self.stream.send(&frame::close_ok())).await;
                    return Err(left(code, &text));
                }
                Ok(Some(
                    FromServer::Start { .. }
                    | FromServer::Secure
                    | FromServer::Tune { .. }
                    | FromServer::OpenOk
                    | FromServer::CloseOk,
                )) => {
                    return Err(WireEnd::Ended(
                        "the server answered what nobody asked".into(),
                    ));
                }
                Err(why) => return Err(WireEnd::Ended(why.into())),
            }
        }
    }

    fn report(&mut self, news: &impl Fn(WireNews)) {
        let now = Instant::now();
        if self.reported == self.blocked || now < self.next_report {
            return;
        }
        self.reported.clone_from(&self.blocked);
        self.next_report = now + BETWEEN_REPORTS;
        news(match &self.reported {
            Some(why) => WireNews::Blocked(why.clone()),
            None => WireNews::Unblocked,
        });
    }

    /// When there is something to do, if nothing comes.
    fn due(&self) -> Instant {
        let due = self.beat.min(self.silent_at());
        if self.reported == self.blocked {
            due
        } else {
            due.min(self.next_report)
        }
    }

    /// When two heartbeats are missing.
    fn silent_at(&self) -> Instant {
        self.heard + 2 * self.interval
    }

    /// Something was due.
    async fn tick(&mut self, due: Instant) -> Result<(), WireEnd> {
        let now = Instant::now();
        if now - due > self.interval / 2 {
            // This host had no time: what it did not hear, it may have slept through.
            self.heard = now;
        }
        if self.silent_at() <= now {
            return Err(WireEnd::NoHeartbeat(self.seconds.saturating_mul(2)));
        }
        if self.beat <= now {
            if self.is_late(now - self.beat) {
                self.late = Some((now - self.beat, now + 2 * self.interval));
            }
            let sent = timeout(self.interval, self.stream.send(&frame::heartbeat())).await;
            match sent {
                Ok(sent) => sent.map_err(|error| ended(&error))?,
                Err(_) => return Err(WireEnd::Silent),
            }
            self.beat = now + self.interval / 2;
            self.allowance = Allowance::default();
        }
        Ok(())
    }

    /// Whether a heartbeat that is so late may be one too few for the broker.
    fn is_late(&self, late: Duration) -> bool {
        late > self.interval / 2
    }

    /// A broker ends a connection whose heartbeats stay away. When we sent none in time, that is our failure.
    fn blame(&self, end: WireEnd) -> WireEnd {
        let before = self.late.filter(|(_, until)| Instant::now() < *until);
        let late = before.map_or(self.beat.elapsed(), |(late, _)| late);
        if self.is_late(late) && matches!(end, WireEnd::Closed | WireEnd::Reset) {
            let late = late.as_millis();
            let why = format!("this host was busy: it sent a heartbeat {late} ms too late");
            return WireEnd::CouldNotHold(why.into());
        }
        end
    }

    /// Ends the connection as the protocol has it: the broker's log has no warning then.
    async fn say_goodbye(mut self) {
        let goodbye = async {
            self.stream.send(&frame::close()).await.ok()?;
            loop {
                let message = self.broker.whole().ok()?;
                if message == Some(FromServer::CloseOk) {
                    return Some(());
                }
                if message.is_none() && self.broker.read_on(&mut self.stream).await.ok()? == 0 {
                    return None;
                }
            }
        };
        let _ = timeout(GOODBYE, goodbye).await;
        self.stream.say_goodbye();
    }

    /// The broker reads our answer before the connection is reset.
    async fn await_the_end(mut self) {
        let end = async {
            while let Ok(1..) = self.broker.read_on(&mut self.stream).await {
                self.broker = Broker::default();
            }
        };
        let _ = timeout(GOODBYE, end).await;
        self.stream.say_goodbye();
    }
}

/// How the broker ended the connection, in its words.
fn left(code: u16, text: &str) -> WireEnd {
    let said = format!("{code} {text}");
    let said = said.trim_end();
    if code == reply::CONNECTION_FORCED {
        WireEnd::AskedToLeave(said.into())
    } else {
        WireEnd::Ended(format!("the server closed it: {said}").into())
    }
}

#[cfg(test)]
mod tests;
