// SPDX-License-Identifier: MIT OR Apache-2.0
//! Held logins at brokers that keep them, end them, hang, and misuse them.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::model::ProbeKind;
use crate::probe::amqp::tests::{closing, frame, login, start};

const LONG: Duration = Duration::from_secs(60);
const BEAT: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 0xce];
const CLOSE_OK: &[u8] = b"\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce";

/// A broker that has let somebody in, and has agreed to a heartbeat of so many seconds.
struct Inside {
    stream: TcpStream,
    came: Vec<u8>,
    /// One for each news of the connection.
    news: mpsc::Receiver<()>,
}

impl Inside {
    fn let_in(mut stream: TcpStream, heartbeat: u8, news: mpsc::Receiver<()>) -> Self {
        let tune = frame(30, &[0x07, 0xff, 0, 2, 0, 0, 0, heartbeat]);
        let mut came = Vec::new();
        for answer in [start("PLAIN"), tune, frame(41, &[0])] {
            let mut bytes = [0; 4096];
            let length = stream.read(&mut bytes).unwrap();
            came.extend(&bytes[..length]);
            stream.write_all(&answer).unwrap();
        }
        Self { stream, came, news }
    }

    fn send(&mut self, bytes: &[u8]) {
        // The other side may have had enough.
        let _ = self.stream.write_all(bytes);
    }

    /// Reads until these bytes have come, or the connection has ended. Returns whether they have come.
    fn wait_for(&mut self, wanted: &[u8]) -> bool {
        let mut bytes = [0; 4096];
        loop {
            if self.came.windows(wanted.len()).any(|it| it == wanted) {
                return true;
            }
            match self.stream.read(&mut bytes) {
                Ok(0) | Err(_) => return false,
                Ok(length) => self.came.extend(&bytes[..length]),
            }
        }
    }
}

/// This host does nothing for so long.
#[allow(
    clippy::disallowed_methods,
    reason = "the time itself is what is tested"
)]
fn hang(time: Duration) {
    thread::sleep(time);
}

/// What is told of a held login while the broker does this. It is let go after so many news.
fn told(
    heartbeat: u8,
    let_go_after: usize,
    act: impl FnOnce(Inside) + Send + 'static,
) -> (Option<WireEnd>, Vec<WireNews>) {
    told_to_a_slow_host(heartbeat, let_go_after, Duration::ZERO, act)
}

/// The same when this host does nothing for so long after each news.
fn told_to_a_slow_host(
    heartbeat: u8,
    let_go_after: usize,
    pause: Duration,
    act: impl FnOnce(Inside) + Send + 'static,
) -> (Option<WireEnd>, Vec<WireNews>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (amqp, _directory) = login("secret");
    let probe = Probe {
        kind: ProbeKind::Amqp(amqp.clone().into()),
        target: listener.local_addr().unwrap(),
        path: None,
    };
    let (tell, heard) = mpsc::channel();
    let broker = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        act(Inside::let_in(stream, heartbeat, heard));
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (keep, mut let_go) = oneshot::channel();
    let (keep, came) = (RefCell::new(Some(keep)), Rc::new(RefCell::new(Vec::new())));
    let end = tokio::task::LocalSet::new().block_on(&runtime, async {
        let login = (amqp.login.as_ref().unwrap(), None);
        let news = |news| {
            came.borrow_mut().push(news);
            let _ = tell.send(());
            hang(pause);
            if came.borrow().len() == let_go_after {
                keep.take();
            }
        };
        let end = hold(&probe, login, LONG, news, &mut let_go).await;
        // What is left is done here: the answer to a close.
        tokio::task::spawn_blocking(move || broker.join().unwrap())
            .await
            .unwrap();
        end
    });
    (end, came.take())
}

#[test]
fn the_name_of_a_held_login_and_a_short_heartbeat_are_agreed_on() {
    let (end, news) = told(7, 1, |mut inside| {
        assert!(inside.wait_for(b"\x0fconnection_nameS\0\0\0\x15lvs-director tripwire"));
        assert!(inside.wait_for(&frame(31, &[0x07, 0xff, 0, 2, 0, 0, 0, 7])));
        assert!(inside.wait_for(&frame(40, b"\x01/\0\0")));
    });
    assert_eq!((end, news), (Some(WireEnd::Closed), vec![]));
    assert_eq!(
        [0, 1, 9, 10, 60, u16::MAX].map(agreed),
        [10, 1, 9, 10, 10, 10]
    );
}

#[test]
fn a_broker_that_asks_its_clients_to_leave_is_answered_and_quoted() {
    let said =
        "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'\x1b[31m";
    let (end, _) = told(60, 1, move |mut inside| {
        inside.send(&closing(320, said));
        assert!(inside.wait_for(CLOSE_OK));
    });
    let shown =
        "320 CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'[31m";
    assert_eq!(end, Some(WireEnd::AskedToLeave(shown.into())));
    let (end, _) = told(60, 1, |mut inside| {
        inside.send(&closing(541, "INTERNAL_ERROR"));
        assert!(inside.wait_for(CLOSE_OK));
    });
    let why = "the server closed it: 541 INTERNAL_ERROR";
    assert_eq!(end, Some(WireEnd::Ended(why.into())));
}

#[test]
fn a_broker_that_hangs_is_noticed_when_two_heartbeats_are_missing_and_one_that_beats_is_not() {
    let (end, _) = told(1, 1, |mut inside| {
        for _ in 0..3 {
            inside.came.clear();
            inside.wait_for(&BEAT);
            inside.send(&BEAT);
        }
        // From now on it hangs, until the other side has had enough.
        while inside.wait_for(&BEAT) {
            inside.came.clear();
        }
    });
    assert_eq!(end, Some(WireEnd::NoHeartbeat(2)));
}

#[test]
fn a_broker_tells_that_it_takes_no_messages_and_the_login_is_closed_when_it_is_let_go() {
    let blocked = |reason: &[u8]| {
        let length = u8::try_from(reason.len()).unwrap();
        frame(60, &[&[length], reason].concat())
    };
    let (end, news) = told(60, 2, move |mut inside| {
        inside.send(&blocked(b"low on memory\x07"));
        inside.news.recv().unwrap();
        inside.send(&frame(61, &[]));
        // The other side says so when it is let go.
        assert!(inside.wait_for(&frame(50, b"\0\xc8\x11health check done\0\0\0\0")));
        inside.send(&BEAT);
        inside.send(&frame(51, &[]));
    });
    assert_eq!(end, None);
    let first = WireNews::Blocked("low on memory".into());
    assert_eq!(news, [first, WireNews::Unblocked]);
}

#[test]
fn a_broker_that_breaks_its_promises_is_not_listened_to() {
    let (end, _) = told(60, 1, |mut inside| {
        inside.send(b"HTTP/1.1 400 Bad Request\r\n");
        inside.wait_for(b"nothing");
    });
    assert_eq!(end, Some(WireEnd::Ended("the answer is not AMQP".into())));
    let (end, _) = told(60, 1, |mut inside| {
        inside.send(&frame(41, &[0]));
        inside.wait_for(b"nothing");
    });
    let why = "the server answered what nobody asked";
    assert_eq!(end, Some(WireEnd::Ended(why.into())));
    let (end, _) = told(60, 1, |mut inside| {
        while inside.stream.write_all(&BEAT.repeat(512)).is_ok() {}
    });
    assert_eq!(end, Some(WireEnd::Flooded));
}

#[test]
fn a_login_that_is_refused_says_nothing_of_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (amqp, _directory) = login("wrong");
    let probe = Probe {
        kind: ProbeKind::Amqp(amqp.clone().into()),
        target: listener.local_addr().unwrap(),
        path: None,
    };
    let broker = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        for answer in [start("PLAIN"), closing(403, "ACCESS_REFUSED")] {
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(&answer).unwrap();
        }
        let _ = stream.read(&mut [0; 4096]);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_keep, mut let_go) = oneshot::channel();
    let login = (amqp.login.as_ref().unwrap(), None);
    let end = runtime.block_on(hold(&probe, login, LONG, |_| (), &mut let_go));
    broker.join().unwrap();
    assert!(
        matches!(&end, Some(WireEnd::CouldNotHold(why)) if why.contains("403 ACCESS_REFUSED")),
        "{end:?}"
    );
}

#[test]
fn a_broker_that_leaves_after_a_heartbeat_that_this_host_slept_through_has_not_failed() {
    let blocked = frame(60, b"\x03why");
    let pause = Duration::from_millis(2500);
    let (end, _) = told_to_a_slow_host(2, 9, pause, move |mut inside| {
        inside.send(&blocked);
        assert!(inside.wait_for(&BEAT));
    });
    assert!(matches!(end, Some(WireEnd::CouldNotHold(_))), "{end:?}");
}
