// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tripwires: connections that are held to servers, and tell when they end.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::Connection;
use super::conversation::{self, Time, Whom};
use super::tcp::First;
use super::{Answer, amqp, tcp, tls};
use crate::health::{CheckId, WireId, WireRequest};
use crate::model::{Check, Probe, ProbeKind, ProbeOutcome, Tls, WireEnd, WireNews};

/// A server may send so many bytes that nobody asked for: a greeting.
const MOST_BYTES: usize = 16 * 1024;
/// It may wake us so often without sending anything.
const MOST_WAKES: usize = 512;
/// When the director ends, all servers together may take so long for their part of a goodbye.
const GOODBYES: Duration = Duration::from_millis(1500);
/// After so many seconds the kernel asks the other end of an idle connection whether it still lives.
const KEEPALIVE_IDLE: u32 = 15;
/// It asks so often, this many seconds apart: a dead host is found within half a minute.
const KEEPALIVE_TIMES: u32 = 3;
const KEEPALIVE_INTERVAL: u32 = 5;

/// What to do with one held connection.
#[derive(Debug)]
pub enum WireOrder {
    /// Open it, and report what it tells.
    Hold(WireRequest),
    /// End it, without a report.
    Release(WireId),
}

/// Holds every ordered connection, at most `most` at a time, until all senders are gone. Then it ends those that are left.
///
/// What each tells is reported until it has ended, or was let go.
pub async fn hold_wires(
    mut orders: UnboundedReceiver<WireOrder>,
    most: u32,
    report: impl Fn(WireId, WireNews) + Clone + 'static,
) {
    let places = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(places));
    // A connection is let go by dropping its sender.
    let mut held: BTreeMap<CheckId, (WireId, oneshot::Sender<()>)> = BTreeMap::new();
    while let Some(order) = orders.recv().await {
        match order {
            WireOrder::Hold(WireRequest { wire, check }) => {
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    let why = format!(
                        "{most} are held, and the limit of open files leaves no room for more (LimitNOFILE=)"
                    );
                    report(wire, WireNews::Ended(WireEnd::CouldNotHold(why.into())));
                    continue;
                };
                let (keep, mut let_go) = oneshot::channel();
                let report = report.clone();
                tokio::task::spawn_local(async move {
                    let news = |news| report(wire, news);
                    let end = hold(&check, place, news, &mut let_go).await;
                    if let (Some(end), Err(TryRecvError::Empty)) = (end, let_go.try_recv()) {
                        report(wire, WireNews::Ended(end));
                    }
                });
                held.insert(wire.check, (wire, keep));
            }
            WireOrder::Release(wire) => {
                if held.get(&wire.check).is_some_and(|(it, _)| *it == wire) {
                    held.remove(&wire.check);
                }
            }
        }
    }
    drop(held);
    // All places are free when all connections have ended.
    let _ = tokio::time::timeout(GOODBYES, room.acquire_many(most)).await;
}

/// Opens the connection, and waits until it ends, or is let go. Its place is free by then.
async fn hold(
    check: &Check,
    place: OwnedSemaphorePermit,
    news: impl Fn(WireNews),
    let_go: &mut oneshot::Receiver<()>,
) -> Option<WireEnd> {
    let _place = place;
    let (probe, timeout) = (&check.probe, check.schedule.timeout);
    let tls = match &probe.kind {
        ProbeKind::Amqp(amqp) => {
            let tls = amqp.tls.as_ref();
            if let Some(login) = &amqp.login {
                return amqp::hold(probe, (login, tls), timeout, news, let_go).await;
            }
            tls
        }
        ProbeKind::Http(http) => http.tls.as_ref(),
        ProbeKind::Tls(tls) => Some(&**tls),
        ProbeKind::Tcp
        | ProbeKind::TcpTalk(_)
        | ProbeKind::Rabbitmq(_)
        | ProbeKind::Udp(_)
        | ProbeKind::Vip(_)
        | ProbeKind::Agent(_)
        | ProbeKind::File(_)
        | ProbeKind::Exec(_)
        | ProbeKind::Dns(_)
        | ProbeKind::Smtp(_)
        | ProbeKind::Icmp => None,
    };
    let mut connection = match open(probe, tls, timeout).await {
        Ok(connection) => connection,
        Err(answer) => return Some(not_held(answer)),
    };
    if let Err(end) = keep_alive(connection.socket()) {
        return Some(end);
    }
    let end = tokio::select! {
        biased;
        _ = let_go => None,
        end = watch(&mut connection) => Some(end),
    };
    connection.say_goodbye();
    end
}

async fn open(probe: &Probe, tls: Option<&Tls>, timeout: Duration) -> Result<Connection, Answer> {
    let whom = Whom::new(
        probe.target,
        probe.path.as_deref(),
        tls,
        First::They,
        timeout,
    )
    .await?;
    let time = Time::from_now(timeout);
    let opened = conversation::begin(&whom, time, async |_: &mut Connection| Ok(())).await;
    opened.map(|(connection, ())| connection)
}

/// What it means that a connection could not be opened.
pub(super) fn not_held(answer: Answer) -> WireEnd {
    match answer.outcome {
        ProbeOutcome::CouldNotRun => WireEnd::CouldNotHold(answer.reason),
        ProbeOutcome::Up(_)
        | ProbeOutcome::Quiet
        | ProbeOutcome::Told(_)
        | ProbeOutcome::Down
        | ProbeOutcome::Refused
        | ProbeOutcome::Silent
        | ProbeOutcome::Stalled
        | ProbeOutcome::CutOff
        | ProbeOutcome::Drain
        | ProbeOutcome::Maintenance
        | ProbeOutcome::Abstained
        | ProbeOutcome::Unsupported => WireEnd::NotTaken(answer.reason),
    }
}

/// Has the kernel ask the other end of the idle connection whether it still lives.
pub(super) fn keep_alive(stream: &TcpStream) -> Result<(), WireEnd> {
    let socket = stream.as_fd();
    let set = || {
        setsockopt(&socket, sockopt::TcpKeepIdle, &KEEPALIVE_IDLE)?;
        setsockopt(&socket, sockopt::TcpKeepCount, &KEEPALIVE_TIMES)?;
        setsockopt(&socket, sockopt::TcpKeepInterval, &KEEPALIVE_INTERVAL)?;
        setsockopt(&socket, sockopt::KeepAlive, &true)
    };
    set().map_err(|errno: Errno| {
        WireEnd::CouldNotHold(tcp::describe("set keepalive", &errno.into()).into())
    })
}

/// Waits for the end. What the server sends is thrown away, and only so much of it.
async fn watch(connection: &mut Connection) -> WireEnd {
    let mut allowance = Allowance::default();
    loop {
        // A small buffer: there may be thousands of connections.
        if let Err(end) = allowance.read(connection.read(&mut [0; 128])).await {
            return end;
        }
    }
}

/// What a server may send that nobody asked for, before it is listened to no longer.
pub(super) struct Allowance {
    bytes: usize,
    wakes: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            bytes: MOST_BYTES,
            wakes: MOST_WAKES,
        }
    }
}

impl Allowance {
    /// Waits for this reading of some bytes. Records of TLS can come for ever without a byte for us: so it also counts how
    /// often it had to look.
    pub(super) async fn read(
        &mut self,
        reading: impl Future<Output = io::Result<usize>>,
    ) -> Result<(), WireEnd> {
        let mut reading = pin!(reading);
        let wakes = &mut self.wakes;
        let read = poll_fn(|context| match reading.as_mut().poll(context) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending if *wakes == 0 => Poll::Ready(None),
            Poll::Pending => {
                *wakes -= 1;
                Poll::Pending
            }
        });
        match read.await {
            None => Err(WireEnd::Flooded),
            Some(Ok(0)) => Err(WireEnd::Closed),
            Some(Ok(read)) => {
                self.bytes = self.bytes.checked_sub(read).ok_or(WireEnd::Flooded)?;
                Ok(())
            }
            Some(Err(error)) => Err(ended(&error)),
        }
    }
}

/// What an error of a held connection means.
pub(super) fn ended(error: &io::Error) -> WireEnd {
    if let Some(answer) = tls::ended(error) {
        return match answer.outcome {
            ProbeOutcome::CouldNotRun => WireEnd::CouldNotHold(answer.reason),
            _ => WireEnd::Ended(answer.reason),
        };
    }
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNRESET | Errno::EPIPE) => WireEnd::Reset,
        Some(Errno::ETIMEDOUT | Errno::EHOSTUNREACH) => WireEnd::Silent,
        Some(_) | None => WireEnd::CouldNotHold(tcp::describe("hold the connection", error).into()),
    }
}

#[cfg(test)]
mod tests;
