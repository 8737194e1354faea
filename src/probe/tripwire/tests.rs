// SPDX-License-Identifier: MIT OR Apache-2.0
//! Held connections against servers that keep them, end them, and misuse them.

use std::cell::RefCell;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use lab::tls::{Authority, Taken, take};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;
use tokio_rustls::rustls::ALL_VERSIONS;

use super::*;
use crate::model::{CheckSchedule, Probe, ProbeKind};
use crate::probe::tests::reset;

fn request(check: u64, listener: &TcpListener) -> WireRequest {
    request_by(ProbeKind::Tcp, check, listener)
}

fn request_by(kind: ProbeKind, check: u64, listener: &TcpListener) -> WireRequest {
    let probe = Probe {
        kind,
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
    told_by(ProbeKind::Tcp, act)
}

fn told_by(kind: ProbeKind, act: impl FnOnce(TcpStream) + Send + 'static) -> WireEnd {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hold = WireOrder::Hold(request_by(kind, 1, &listener));
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
    // The reset may come before this side knows that it is connected.
    let end = told(reset);
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

/// A tls check that knows only this CA; and what its held connection tells when the server shows a certificate of
/// `signed`, greets, and then does this.
fn told_by_tls(
    known: &Authority,
    signed: &Authority,
    act: impl FnOnce(Taken) + Send + 'static,
) -> WireEnd {
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    fs::write(&ca_file, known.pem()).unwrap();
    let tls = Tls {
        ca_file: Some(ca_file.into()),
        ..Tls::VERIFIED
    };
    let identity = signed.sign(&["127.0.0.1"], 9).unwrap();
    let config = identity.server(ALL_VERSIONS, None).unwrap();
    told_by(ProbeKind::Tls(Arc::new(tls)), move |stream| {
        let mut taken = take(&config, stream).unwrap();
        if taken.write_all(b"220 ready\r\n").is_ok() {
            act(taken);
        }
    })
}

#[test]
fn the_end_of_a_held_connection_by_tls_is_told_however_it_ends() {
    let authority = Authority::new("the CA of the test").unwrap();
    let told = |act: fn(Taken)| told_by_tls(&authority, &authority, act);
    // The other side has shaken hands when its answer has come: it asks for nothing, and says goodbye.
    let closes = |mut taken: Taken| {
        taken.conn.send_close_notify();
        let _ = taken.flush();
        let _ = taken.read(&mut [0; 64]);
    };
    assert_eq!(told(closes), WireEnd::Closed);
    // Without a goodbye.
    assert_eq!(told(drop), WireEnd::Closed);
    let garbage = |mut taken: Taken| {
        let _ = taken.sock.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = taken.read(&mut [0; 64]);
    };
    let why = "the server does not speak TLS";
    assert_eq!(told(garbage), WireEnd::Ended(why.into()));
    let floods = |mut taken: Taken| while taken.write_all(&[b'x'; 4096]).is_ok() {};
    assert_eq!(told(floods), WireEnd::Flooded);
    let end = told(|taken| reset(taken.sock));
    // The reset may come before the greeting is read, or within the handshake.
    assert!(
        matches!(&end, WireEnd::Reset | WireEnd::NotTaken(_)),
        "{end:?}"
    );
}

#[test]
fn a_connection_is_held_only_to_a_server_whose_certificate_counts() {
    let [known, other] = ["one CA", "another CA"].map(|name| Authority::new(name).unwrap());
    let end = told_by_tls(&known, &other, drop);
    assert!(
        matches!(&end, WireEnd::NotTaken(why) if why.contains("has an issuer that is not in ca_file")),
        "{end:?}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tls = Tls {
        ca_file: Some(Path::new("/no/such/file").into()),
        ..Tls::VERIFIED
    };
    let hold = WireOrder::Hold(request_by(ProbeKind::Tls(Arc::new(tls)), 1, &listener));
    let end = ends(vec![hold], 1, 1);
    assert!(
        matches!(&*end, [WireEnd::CouldNotHold(why)] if why.contains("/no/such/file")),
        "{end:?}"
    );
}
