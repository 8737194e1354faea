// SPDX-License-Identifier: MIT OR Apache-2.0
//! The channel between two directors, and between one and strangers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::frames::{self, Frames};
use super::handshake::{Cipher, Proved, Refused, Side, prove};
use super::key::PairKey;
use super::link::{SILENCE, carry};
use super::meeting::Meeting;
use super::view::ChannelView;
use crate::daemon::clock::Clock;
use crate::engine::PeerNews;
use crate::model::{Peer, Timestamp};
use crate::pair::{Message, TableNews};

fn key() -> PairKey {
    PairKey::of(b"0123456789abcdef").unwrap()
}

/// Runs to its end, with time that passes when nothing else happens.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test)
}

/// With the clock of the host, for real connections.
fn run_for_real<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test)
}

async fn meet(one: &PairKey, other: &PairKey) -> [Result<Proved<DuplexStream>, Refused>; 2] {
    let (a, b) = duplex(1 << 16);
    let opened = prove(a, Side::Opened, one, 1);
    let accepted = prove(b, Side::Accepted, other, 2);
    let (opened, accepted) = tokio::join!(opened, accepted);
    [opened, accepted]
}

async fn pair() -> [Proved<DuplexStream>; 2] {
    meet(&key(), &key()).await.map(|it| it.ok().unwrap())
}

/// Why `Proved` was not proved.
fn why<S>(proved: Result<Proved<S>, Refused>) -> Option<Refused> {
    proved.err()
}

/// Carries for one side. Returns why that ended, and what was heard.
async fn carried(proved: Proved<DuplexStream>, say: Vec<Message>) -> (String, Vec<PeerNews>) {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (outbox, mut inbox) = mpsc::channel(100);
    for message in say {
        outbox.send(message).await.unwrap();
    }
    let (notes, overrun) = (Rc::clone(&heard), AtomicBool::new(false));
    let tell = move |news| notes.borrow_mut().push(news);
    let view = ChannelView::default();
    let now = || Timestamp::ZERO;
    let why = carry(proved, &mut inbox, &overrun, &view, &tell, now).await;
    let heard = heard.borrow().clone();
    (why, heard)
}

#[test]
fn two_directors_with_one_key_hear_what_the_other_one_says() {
    run(async {
        let [a, b] = pair().await;
        assert_eq!((a.hello.instance, b.hello.instance), (2, 1));
        let said = Message::Table(TableNews::Sent { connections: 7 });
        let speaks = carried(a, vec![Message::Leads(true), said.clone()]);
        let hears = timeout(Duration::from_secs(60), carried(b, Vec::new()));
        tokio::select! {
            _ = speaks => panic!("it has no reason to end"),
            // A minute without a word of the engine: they keep saying that they are there.
            ended = hears => assert!(ended.is_err()),
        }
        let [a, b] = pair().await;
        let (say, hear) = (Message::Leads(true), carried(b, Vec::new()));
        let ends = timeout(
            Duration::from_secs(2),
            carried(a, vec![say.clone(), said.clone()]),
        );
        let (_, (why, news)) = tokio::join!(ends, hear);
        assert_eq!(why, "it ended the connection");
        let expected = [say, said].map(|it| PeerNews::Said(Box::new(it)));
        assert_eq!(news, expected);
    });
}

#[test]
fn another_key_is_refused_by_both() {
    run(async {
        let other = PairKey::of(b"0123456789abcdeg").unwrap();
        let [opened, accepted] = meet(&key(), &other).await;
        assert_eq!(why(opened), Some(Refused::Ended));
        assert_eq!(why(accepted), Some(Refused::WrongKey));
    });
}

#[test]
fn a_director_that_meets_itself_says_so() {
    run(async {
        let (a, b) = duplex(1 << 16);
        let (one, other) = (key(), key());
        let opened = prove(a, Side::Opened, &one, 1);
        let accepted = prove(b, Side::Accepted, &other, 1);
        let (opened, accepted) = tokio::join!(opened, accepted);
        assert_eq!(why(opened), Some(Refused::Itself));
        assert_eq!(why(accepted), Some(Refused::Itself));
    });
}

#[test]
fn what_was_recorded_is_good_for_nothing() {
    run(async {
        // All that the side which opened the connection sends, as somebody on the way would record it.
        let (a, mut on_the_way) = duplex(1 << 16);
        let (mut behind, b) = duplex(1 << 16);
        let mut recorded = Vec::new();
        let (one_key, other_key) = (key(), key());
        let opened = prove(a, Side::Opened, &one_key, 1);
        let accepted = prove(b, Side::Accepted, &other_key, 2);
        let copy = async {
            loop {
                let (mut there, mut back) = ([0; 512], [0; 512]);
                tokio::select! {
                    read = on_the_way.read(&mut there) => {
                        let read = read.unwrap();
                        if read == 0 {
                            return;
                        }
                        recorded.extend_from_slice(&there[..read]);
                        behind.write_all(&there[..read]).await.unwrap();
                    }
                    read = behind.read(&mut back) => {
                        let read = read.unwrap();
                        if read == 0 {
                            return;
                        }
                        on_the_way.write_all(&back[..read]).await.unwrap();
                    }
                }
            }
        };
        let both = async { tokio::join!(opened, accepted) };
        tokio::select! {
            () = copy => panic!("nobody has ended it"),
            (one, two) = both => assert!(one.is_ok() && two.is_ok()),
        }
        let (mut replay, b) = duplex(1 << 16);
        replay.write_all(&recorded).await.unwrap();
        assert_eq!(
            why(prove(b, Side::Accepted, &other_key, 2).await),
            Some(Refused::WrongKey)
        );
    });
}

#[test]
fn garbage_is_refused_and_costs_no_more_than_a_frame() {
    run(async {
        for garbage in [
            vec![0; 70_000],
            vec![0xff; 70_000],
            b"GET / HTTP/1.1\r\n\r\n".repeat(5000),
            [&48_u16.to_be_bytes()[..], &[7; 48]].concat(),
        ] {
            let (mut stranger, b) = duplex(1 << 20);
            stranger.write_all(&garbage).await.unwrap();
            assert_eq!(
                why(prove(b, Side::Accepted, &key(), 2).await),
                Some(Refused::WrongKey)
            );
        }
    });
}

#[test]
fn bytes_that_are_changed_on_the_way_end_the_connection() {
    run(async {
        let [mut a, b] = pair().await;
        let mut frame = a.cipher.seal(&Message::Leads(true)).unwrap();
        frame[3] ^= 1;
        frames::write(&mut a.to, &frame).await.unwrap();
        let (why, heard) = carried(b, Vec::new()).await;
        assert_eq!(why, "something on the way changed what it said");
        assert_eq!(heard, []);
        // So does a frame that comes twice.
        let [mut a, b] = pair().await;
        let frame = a.cipher.seal(&Message::Leads(true)).unwrap();
        for _ in 0..2 {
            frames::write(&mut a.to, &frame).await.unwrap();
        }
        let (why, heard) = carried(b, Vec::new()).await;
        assert_eq!(why, "something on the way changed what it said");
        assert_eq!(heard.len(), 1);
    });
}

#[test]
fn who_says_nothing_whole_is_gone_after_a_while() {
    run(async {
        let [a, b] = pair().await;
        let (why, _) = carried(b, Vec::new()).await;
        assert_eq!(why, "nothing was heard of it for 4 s");
        drop(a);
        // A byte at a time, for ever.
        let [mut a, b] = pair().await;
        let drip = async {
            loop {
                let _ = a.to.write_all(&[0xff]).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = drip => {}
            (why, _) = carried(b, Vec::new()) => assert_eq!(why, "nothing was heard of it for 4 s"),
        }
    });
}

#[test]
fn who_takes_nothing_is_gone_after_a_while() {
    run(async {
        let [mut a, b] = pair().await;
        let say = vec![Message::Drained(Vec::new()); 100];
        // It speaks, and never reads: the buffers between the two are full soon.
        let speaks = async {
            loop {
                let frame = a.cipher.seal(&Message::Alive {}).unwrap();
                let _ = frames::write(&mut a.to, &frame).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        let why = tokio::select! {
            () = speaks => unreachable!(),
            ended = timeout(SILENCE * 20_000, endless(b, say)) => ended.unwrap(),
        };
        assert_eq!(why, "it has taken nothing for 4 s");
    });
}

/// Carries for one side that always has something to say.
async fn endless(proved: Proved<DuplexStream>, say: Vec<Message>) -> String {
    let (outbox, mut inbox) = mpsc::channel(100);
    let overrun = AtomicBool::new(false);
    let view = ChannelView::default();
    let speaks = async {
        loop {
            for message in &say {
                let _ = outbox.send(message.clone()).await;
            }
        }
    };
    let carries = carry(proved, &mut inbox, &overrun, &view, &|_| (), || {
        Timestamp::ZERO
    });
    tokio::select! {
        () = speaks => unreachable!(),
        why = carries => why,
    }
}

#[test]
fn an_unknown_kind_is_passed_over_and_the_connection_goes_on() {
    run(async {
        let [mut a, b] = pair().await;
        for text in [
            &br#"{"weather":{"rain":true}}"#[..],
            br#"{"leads":7}"#,
            b"\x00\x01",
            b"[[[[[[[[",
        ] {
            let frame = seal(&mut a.cipher, text);
            frames::write(&mut a.to, &frame).await.unwrap();
        }
        let frame = a.cipher.seal(&Message::Leads(true)).unwrap();
        frames::write(&mut a.to, &frame).await.unwrap();
        let (why, heard) = carried(b, Vec::new()).await;
        assert_eq!(why, "nothing was heard of it for 4 s");
        assert_eq!(heard.len(), 1);
    });
}

fn seal(cipher: &mut Cipher, text: &[u8]) -> Vec<u8> {
    cipher.seal_bytes(text).unwrap()
}

#[test]
fn frames_come_whole_however_they_are_cut() {
    run(async {
        let (mut to, from) = duplex(3);
        let mut frames = Frames::new(from);
        let write = async {
            for frame in [&b"one"[..], b"", b"three"] {
                frames::write(&mut to, frame).await.unwrap();
            }
            to.write_all(&[0, 9, 1]).await.unwrap();
            drop(to);
        };
        let read = async {
            let mut all = Vec::new();
            while let Some(frame) = frames.next().await.unwrap() {
                all.push(frame);
            }
            all
        };
        let ((), all) = tokio::join!(write, read);
        assert_eq!(all, [&b"one"[..], b"", b"three"]);
        let io: io::Result<()> = frames::write(&mut duplex(1).0, &vec![0; 65_536]).await;
        assert!(io.is_err());
    });
}

/// A director on an address of its own of this host, and what its channel tells.
struct Host {
    peer: Peer,
    instance: u64,
    view: ChannelView,
    news: Rc<RefCell<Vec<PeerNews>>>,
}

impl Host {
    fn new(own: &str, other: &str, instance: u64) -> Self {
        Self {
            peer: Peer {
                address: other.parse().unwrap(),
                bind: Some(own.parse().unwrap()),
                key_file: std::path::Path::new("/k").into(),
            },
            instance,
            view: ChannelView::default(),
            news: Rc::default(),
        }
    }

    async fn run(&self, key: &PairKey) {
        let (_outbox, mut inbox) = mpsc::channel(9);
        let news = Rc::clone(&self.news);
        let tell: super::TellPeerNews = Box::new(move |it| news.borrow_mut().push(it));
        let meeting = Meeting {
            peer: &self.peer,
            key,
            instance: self.instance,
            view: &self.view,
            tell: &tell,
            clock: Clock::start(),
        };
        meeting.go_on(&mut inbox, &AtomicBool::new(false)).await;
    }

    fn count(&self, is: fn(&PeerNews) -> bool) -> usize {
        self.news.borrow().iter().filter(|it| is(it)).count()
    }
}

/// Two free ports of this host, one on each of two of its addresses.
async fn addresses() -> [String; 2] {
    let mut all = Vec::new();
    for host in ["127.0.0.11", "127.0.0.12"] {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        all.push(listener.local_addr().unwrap().to_string());
    }
    all.try_into().unwrap()
}

async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

fn came(news: &PeerNews) -> bool {
    matches!(news, PeerNews::Came(_))
}

#[test]
fn two_directors_that_both_listen_and_both_connect_have_one_connection() {
    run_for_real(async {
        let [a, b] = addresses().await;
        let (one, two) = (Host::new(&a, &b, 1), Host::new(&b, &a, 2));
        let key = key();
        let both = async { tokio::join!(one.run(&key), two.run(&key)) };
        tokio::select! {
            _ = both => {}
            () = async {
                until("both are connected", || one.count(came) > 0 && two.count(came) > 0).await;
                // They stay so.
                tokio::time::sleep(Duration::from_millis(2500)).await;
            } => {}
        }
        for side in [&one, &two] {
            let gone = |it: &PeerNews| matches!(it, PeerNews::Gone(_));
            assert!(side.count(came) <= 2, "{:?}", side.news.borrow());
            assert_eq!(side.count(gone), 0, "{:?}", side.news.borrow());
        }
    });
}

#[test]
fn a_wrong_key_is_counted_and_nobody_is_connected() {
    run_for_real(async {
        let [a, b] = addresses().await;
        let (one, two) = (Host::new(&a, &b, 1), Host::new(&b, &a, 2));
        let (key, other) = (key(), PairKey::of(b"another key, longer").unwrap());
        let both = async { tokio::join!(one.run(&key), two.run(&other)) };
        let refused = |side: &Host| {
            let shown = side.view.shown();
            shown.refused.get("wrong key").copied().unwrap_or_default()
        };
        tokio::select! {
            _ = both => {}
            () = until("both refuse", || refused(&one) > 1 && refused(&two) > 1) => {}
        }
        assert_eq!(one.count(came) + two.count(came), 0);
        let problem = one.view.shown().problem.unwrap();
        assert!(problem.contains("perhaps it has another key"), "{problem}");
    });
}

#[test]
fn strangers_are_refused_before_they_say_anything_and_few_may_wait() {
    run_for_real(async {
        let [a, b] = addresses().await;
        let one = Host::new(&a, &b, 1);
        let key = key();
        let count = |reason| one.view.shown().refused.get(reason).copied();
        let strangers = async {
            until("it listens", || std::net::TcpStream::connect(&a).is_ok()).await;
            until("it counts the stranger", || {
                count("another address") == Some(1)
            })
            .await;
            // From the peer's address, and silent.
            let mut silent = Vec::new();
            for _ in 0..7 {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.12:0".parse().unwrap()).unwrap();
                silent.push(socket.connect(a.parse().unwrap()).await.unwrap());
            }
            until("it has no room", || count("too many at a time") == Some(3)).await;
            until("it waits no longer", || count("too slow") == Some(4)).await;
        };
        tokio::select! {
            () = one.run(&key) => {}
            () = strangers => {}
        }
    });
}
