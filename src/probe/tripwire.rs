// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tripwires: connections that are held to servers, and tell when they end.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::{Answer, tcp};
use crate::health::{CheckId, WireId, WireRequest};
use crate::model::{Check, ProbeOutcome, WireEnd};

/// A server may send so many bytes that nobody asked for: a greeting.
const MOST_BYTES: usize = 16 * 1024;
/// After so many seconds the kernel asks the other end of an idle connection whether it still lives.
const KEEPALIVE_IDLE: u32 = 15;
/// It asks so often, this many seconds apart: a dead host is found within half a minute.
const KEEPALIVE_TIMES: u32 = 3;
const KEEPALIVE_INTERVAL: u32 = 5;

/// What to do with one held connection.
#[derive(Debug)]
pub enum WireOrder {
    /// Open it, and report its end.
    Hold(WireRequest),
    /// Close it, without a report.
    Release(WireId),
}

/// Holds every ordered connection, at most `most` at a time, until all senders are gone.
///
/// The end of each is reported once, unless it was let go.
pub async fn hold_wires(
    mut orders: UnboundedReceiver<WireOrder>,
    most: usize,
    report: impl Fn(WireId, WireEnd) + Clone + 'static,
) {
    let room = Arc::new(Semaphore::new(most));
    let mut held: BTreeMap<CheckId, (WireId, AbortHandle)> = BTreeMap::new();
    while let Some(order) = orders.recv().await {
        match order {
            WireOrder::Hold(WireRequest { wire, check }) => {
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
                    let why = format!(
                        "{most} are held, and the limit of open files leaves no room for more (LimitNOFILE=)"
                    );
                    report(wire, WireEnd::CouldNotHold(why.into()));
                    continue;
                };
                let report = report.clone();
                let task = tokio::task::spawn_local(async move {
                    let end = hold(&check, place).await;
                    report(wire, end);
                });
                if let Some((_, before)) = held.insert(wire.check, (wire, task.abort_handle())) {
                    before.abort();
                }
            }
            WireOrder::Release(wire) => {
                if held.get(&wire.check).is_some_and(|(held, _)| *held == wire)
                    && let Some((_, task)) = held.remove(&wire.check)
                {
                    task.abort();
                }
            }
        }
    }
}

/// Opens the connection, and waits until it ends. Its place is free by then.
async fn hold(check: &Check, place: OwnedSemaphorePermit) -> WireEnd {
    let _place = place;
    let (target, path) = (check.probe.target, check.probe.path.as_deref());
    let opened = tokio::time::timeout(check.schedule.timeout, tcp::open(target, path)).await;
    let opened = opened.unwrap_or_else(|_| Err(Answer::silent("connect timed out")));
    match opened {
        Ok(stream) => match keep_alive(&stream) {
            Ok(()) => watch(&stream).await,
            Err(errno) => {
                WireEnd::CouldNotHold(tcp::describe("set keepalive", &errno.into()).into())
            }
        },
        Err(answer) if answer.outcome == ProbeOutcome::CouldNotRun => {
            WireEnd::CouldNotHold(answer.reason)
        }
        Err(answer) => WireEnd::NotTaken(answer.reason),
    }
}

fn keep_alive(stream: &TcpStream) -> Result<(), Errno> {
    let socket = stream.as_fd();
    setsockopt(&socket, sockopt::TcpKeepIdle, &KEEPALIVE_IDLE)?;
    setsockopt(&socket, sockopt::TcpKeepCount, &KEEPALIVE_TIMES)?;
    setsockopt(&socket, sockopt::TcpKeepInterval, &KEEPALIVE_INTERVAL)?;
    setsockopt(&socket, sockopt::KeepAlive, &true)
}

/// Waits for the end. What the server sends is thrown away, and only so much of it.
async fn watch(stream: &TcpStream) -> WireEnd {
    let mut left = MOST_BYTES;
    loop {
        if let Err(error) = stream.readable().await {
            return ended(&error);
        }
        if let Err(end) = read(stream, &mut left) {
            return end;
        }
    }
}

/// Reads once. The buffer is not kept while a connection is idle: there may be thousands.
fn read(stream: &TcpStream, left: &mut usize) -> Result<(), WireEnd> {
    match stream.try_read(&mut [0; 1024]) {
        Ok(0) => Err(WireEnd::Closed),
        Ok(read) => {
            *left = left.checked_sub(read).ok_or(WireEnd::Flooded)?;
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(ended(&error)),
    }
}

fn ended(error: &io::Error) -> WireEnd {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNRESET | Errno::EPIPE) => WireEnd::Reset,
        Some(Errno::ETIMEDOUT | Errno::EHOSTUNREACH) => WireEnd::Silent,
        Some(_) | None => WireEnd::CouldNotHold(tcp::describe("hold the connection", error).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};
    use std::rc::Rc;
    use std::time::Duration;

    use tokio::sync::mpsc::unbounded_channel;
    use tokio::sync::oneshot;

    use super::*;
    use crate::model::{CheckSchedule, Probe, ProbeKind};

    fn request(check: u64, listener: &TcpListener) -> WireRequest {
        let probe = Probe {
            kind: ProbeKind::Tcp,
            target: listener.local_addr().unwrap(),
            path: None,
        };
        let schedule = CheckSchedule {
            interval: Duration::from_hours(1),
            timeout: Duration::from_secs(60),
            ..CheckSchedule::DEFAULT
        };
        WireRequest {
            wire: WireId {
                check: serde_json::from_str(&check.to_string()).unwrap(),
                number: 1,
            },
            check: Arc::new(Check {
                probe,
                schedule: Arc::new(schedule),
            }),
        }
    }

    /// Carries out the orders until so many ends have come, and returns them.
    fn ends(orders: Vec<WireOrder>, most: usize, wanted: usize) -> Vec<WireEnd> {
        let (sender, receiver) = unbounded_channel();
        for order in orders {
            sender.send(order).unwrap();
        }
        let (all, enough) = oneshot::channel();
        let (seen, all) = (Rc::new(RefCell::new(Vec::new())), RefCell::new(Some(all)));
        let (report, all) = (Rc::clone(&seen), Rc::new(all));
        let report = move |_, end| {
            report.borrow_mut().push(end);
            if report.borrow().len() == wanted {
                all.borrow_mut()
                    .take()
                    .map(|all: oneshot::Sender<()>| all.send(()));
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            tokio::select! {
                () = hold_wires(receiver, most, report) => {}
                _ = enough => {}
            }
        });
        drop(sender);
        seen.take()
    }

    /// What a connection tells whose server does this with it.
    fn told(act: impl FnOnce(TcpStream) + Send + 'static) -> WireEnd {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hold = WireOrder::Hold(request(1, &listener));
        let server = std::thread::spawn(move || act(listener.accept().unwrap().0));
        let ends = ends(vec![hold], 1, 1);
        server.join().unwrap();
        ends.into_iter().next().unwrap()
    }

    #[test]
    fn the_end_of_a_held_connection_is_told() {
        assert_eq!(told(drop), WireEnd::Closed);
        let greets = |mut stream: TcpStream| stream.write_all(b"220 ready\r\n").unwrap();
        assert_eq!(told(greets), WireEnd::Closed);
        let resets = |stream: TcpStream| {
            let linger = libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            setsockopt(&stream, sockopt::Linger, &linger).unwrap();
        };
        // The reset may come before this side knows that it is connected.
        let end = told(resets);
        let early = |why: &str| why.contains("ECONNRESET");
        assert!(
            matches!(&end, WireEnd::Reset) || matches!(&end, WireEnd::NotTaken(why) if early(why)),
            "{end:?}"
        );
    }

    #[test]
    fn a_server_that_sends_for_ever_is_not_listened_to() {
        let sends = |mut stream: TcpStream| while stream.write_all(&[b'x'; 4096]).is_ok() {};
        assert_eq!(told(sends), WireEnd::Flooded);
    }

    #[test]
    fn a_server_that_takes_no_connection_is_told_and_this_hosts_limit_too() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = request(1, &gone);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        drop(gone);
        let not_taken = WireEnd::NotTaken("connect refused".into());
        assert_eq!(ends(vec![WireOrder::Hold(refused)], 1, 1), [not_taken]);
        let orders = vec![
            WireOrder::Hold(request(1, &listener)),
            WireOrder::Hold(request(2, &listener)),
        ];
        let why = "1 are held, and the limit of open files leaves no room for more (LimitNOFILE=)";
        assert_eq!(ends(orders, 1, 1), [WireEnd::CouldNotHold(why.into())]);
    }

    #[test]
    fn a_connection_that_is_let_go_tells_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let first = request(1, &listener);
        let wire = first.wire;
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let second = WireOrder::Hold(request(2, &gone));
        drop(gone);
        let orders = vec![WireOrder::Hold(first), WireOrder::Release(wire), second];
        let refused = WireEnd::NotTaken("connect refused".into());
        assert_eq!(ends(orders, 2, 1), [refused]);
    }
}
