// SPDX-License-Identifier: MIT OR Apache-2.0
//! Held connections against servers that keep them, end them, and misuse them.

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
fn ends(orders: Vec<WireOrder>, most: u32, wanted: usize) -> Vec<WireEnd> {
    let (sender, receiver) = unbounded_channel();
    for order in orders {
        sender.send(order).unwrap();
    }
    let (all, enough) = oneshot::channel();
    let (seen, all) = (Rc::new(RefCell::new(Vec::new())), RefCell::new(Some(all)));
    let (report, all) = (Rc::clone(&seen), Rc::new(all));
    let report = move |_, news| {
        let WireNews::Ended(end) = news else {
            return;
        };
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
