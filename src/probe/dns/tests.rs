// SPDX-License-Identifier: MIT OR Apache-2.0
//! The DNS checker against servers that answer well, badly, and not at all.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::thread::{self, JoinHandle};

use super::*;
use crate::model::{DnsName, DnsRcode, DnsType};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);
/// Where the flags of a message are.
const FLAGS: usize = 2;

fn asks(kind: &str, expect: &[&str]) -> DnsProbe {
    let kind = DnsType::of(kind).unwrap();
    DnsProbe {
        transport: DnsTransport::Udp,
        name: DnsName::parse("www.example").unwrap(),
        kind,
        expect: expect.iter().map(|it| kind.written(it).unwrap()).collect(),
        rcodes: [DnsRcode::NO_ERROR].into(),
    }
}

fn by_tcp(dns: DnsProbe) -> DnsProbe {
    let transport = DnsTransport::Tcp;
    DnsProbe { transport, ..dns }
}

fn run(dns: &DnsProbe, at: SocketAddr, timeout: Duration) -> Answer {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(probe(dns, at, None, timeout))
}

/// The answer to this question with this code, and A records with these addresses.
fn answer(question: &[u8], rcode: u8, addresses: &[[u8; 4]]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[FLAGS] |= 0x80;
    message[FLAGS + 1] |= rcode;
    message[7] = u8::try_from(addresses.len()).unwrap();
    for address in addresses {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(address);
    }
    message
}

fn truncated(question: &[u8]) -> Vec<u8> {
    let mut message = answer(question, 0, &[]);
    message[FLAGS] |= 2;
    message
}

/// A server by UDP that answers the first question with these messages, and where it is.
fn server(
    answers: impl FnOnce(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut bytes = [0; 512];
        let (length, from) = socket.recv_from(&mut bytes).unwrap();
        for answer in answers(&bytes[..length]) {
            socket.send_to(&answer, from).unwrap();
        }
    });
    (at, thread)
}

/// A server by TCP that says these bytes after the first question, and where it is.
fn tcp_server(
    says: impl FnOnce(&[u8]) -> Vec<u8> + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (at, serve(listener, says))
}

fn serve(
    listener: TcpListener,
    says: impl FnOnce(&[u8]) -> Vec<u8> + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question).unwrap();
        let said = says(&question);
        // Byte by byte, as long as that takes no time.
        let (some, rest) = said.split_at(said.len().min(100));
        for part in some.chunks(1).chain([rest]) {
            let _ = stream.write_all(part);
        }
    })
}

/// Sockets of both kinds with the same port. Somebody else may have the second one.
fn both() -> (TcpListener, UdpSocket) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (listener, socket);
        }
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

#[test]
fn an_answer_with_one_of_the_expected_records_is_up() {
    let two = |question: &[u8]| vec![answer(question, 0, &[[10, 0, 0, 5], [10, 0, 0, 6]])];
    for (expect, up) in [
        (&[][..], true),
        (&["10.0.0.6"], true),
        (&["10.0.0.9", "10.0.0.5"], true),
        (&["10.0.0.9", "10.0.0.8"], false),
    ] {
        let (at, _) = server(two);
        let down = "the answer is 10.0.0.5, 10.0.0.6, not 10.0.0.9 or 10.0.0.8";
        let wanted = if up { Answer::up() } else { Answer::down(down) };
        assert_eq!(run(&asks("a", expect), at, LONG), wanted);
        let (at, _) = tcp_server(move |question| framed(&two(question)[0]));
        assert_eq!(run(&by_tcp(asks("a", expect)), at, LONG), wanted);
    }
    let (at, _) = server(|question| vec![answer(question, 0, &[])]);
    let none = "the answer has no record of type a";
    assert_eq!(run(&asks("a", &["10.0.0.5"]), at, LONG), Answer::down(none));
    let (at, _) = server(|question| vec![answer(question, 0, &[[10, 0, 0, 5]; 200])]);
    let many = "the answer is 10.0.0.5, 10.0.0.5, 10.0.0.5, ..., not 10.0.0.9";
    assert_eq!(run(&asks("a", &["10.0.0.9"]), at, LONG), Answer::down(many));
}

#[test]
fn the_response_code_decides() {
    let (at, _) = server(|question| vec![answer(question, 2, &[])]);
    let failed = "the server answers with rcode servfail";
    assert_eq!(run(&asks("a", &[]), at, LONG), Answer::down(failed));
    let (at, _) = server(|question| vec![answer(question, 3, &[])]);
    let rcodes = [DnsRcode::NO_ERROR, DnsRcode(3)].into();
    let nxdomain = DnsProbe {
        rcodes,
        ..asks("a", &[])
    };
    assert_eq!(run(&nxdomain, at, LONG), Answer::up());
}

#[test]
fn a_truncated_answer_is_asked_for_by_tcp() {
    let tcp = |says: fn(&[u8]) -> Vec<u8>| {
        let (listener, socket) = both();
        let at = listener.local_addr().unwrap();
        let served = serve(listener, says);
        let asked = thread::spawn(move || {
            let mut bytes = [0; 512];
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            socket.send_to(&truncated(&bytes[..length]), from).unwrap();
        });
        let answer = run(&asks("a", &["10.0.0.5"]), at, LONG);
        asked.join().unwrap();
        served.join().unwrap();
        answer
    };
    assert_eq!(
        tcp(|question| framed(&answer(question, 0, &[[10, 0, 0, 5]]))),
        Answer::up()
    );
    let before = "the answer by UDP is truncated, and by TCP: ";
    let down = |why| Answer::down(format!("{before}{why}"));
    assert_eq!(
        tcp(|question| framed(&truncated(question))),
        down("the answer is truncated")
    );
    assert_eq!(
        tcp(|_| vec![0, 9, 1]),
        down("the server closed the connection before the answer")
    );
    let (at, _) = server(|question| vec![truncated(question)]);
    assert_eq!(
        run(&asks("a", &[]), at, LONG),
        Answer::refused(format!("{before}connect refused"))
    );
}

#[test]
fn answers_to_other_questions_do_not_count() {
    let other = |question: &[u8]| {
        let mut other = answer(question, 2, &[]);
        other[0] ^= 0x55;
        other
    };
    let (at, _) = server(move |question| vec![other(question), answer(question, 0, &[])]);
    assert_eq!(run(&asks("a", &[]), at, LONG), Answer::up());
    let (at, _) = server(move |question| vec![other(question); MOST_STRANGERS + 1]);
    let only = Answer::down("only answers to other questions came");
    assert_eq!(run(&asks("a", &[]), at, LONG), only);
    let (at, _) = tcp_server(move |question| framed(&other(question)));
    let another = Answer::down("the answer is for another question");
    assert_eq!(run(&by_tcp(asks("a", &[])), at, LONG), another);
}

#[test]
fn a_hostile_answer_is_down() {
    let echo = Answer::down("the answer is none: it is a question");
    let (at, _) = server(|question| vec![question.to_vec()]);
    assert_eq!(run(&asks("a", &[]), at, LONG), echo);
    // A record that is not there.
    let cut = |question: &[u8]| {
        let mut message = answer(question, 0, &[[10, 0, 0, 5]]);
        message[6..8].copy_from_slice(&[0xff, 0xff]);
        message
    };
    let (at, _) = server(move |question| vec![cut(question)]);
    let ends = Answer::down("the answer ends in a record");
    assert_eq!(run(&asks("a", &["10.0.0.5"]), at, LONG), ends);
    // 64 KiB of names that point at each other.
    let names = |question: &[u8]| {
        let mut message = answer(question, 0, &[]);
        message[6..8].copy_from_slice(&[0xff, 0xff]);
        while message.len() < 64 * 1024 - 16 {
            message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0, 12]);
        }
        framed(&message)
    };
    let (at, _) = tcp_server(names);
    assert_eq!(run(&by_tcp(asks("cname", &["a"])), at, LONG), ends);
}

#[test]
fn a_server_that_says_nothing_is_silent_or_stalled_or_this_host_busy() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for (dns, at, outcome) in [
        (
            asks("a", &[]),
            silent.local_addr().unwrap(),
            ProbeOutcome::Silent,
        ),
        (
            by_tcp(asks("a", &[])),
            listener.local_addr().unwrap(),
            ProbeOutcome::Stalled,
        ),
    ] {
        let answer = run(&dns, at, SHORT);
        let outcomes = [outcome, ProbeOutcome::CouldNotRun];
        assert!(outcomes.contains(&answer.outcome), "{answer:?}");
    }
}

#[test]
fn a_port_where_nobody_is_is_down_at_once() {
    let at = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let unreachable = Answer::down("port unreachable");
    assert_eq!(run(&asks("a", &[]), at, LONG), unreachable);
    let refused = Answer::refused("connect refused");
    assert_eq!(run(&by_tcp(asks("a", &[])), at, LONG), refused);
}
