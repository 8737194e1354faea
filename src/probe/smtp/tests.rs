// SPDX-License-Identifier: MIT OR Apache-2.0
//! The SMTP checker against mail servers that answer well, and against hostile ones.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::*;
use crate::model::ProbeOutcome;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

fn helo(name: Option<&str>) -> SmtpProbe {
    SmtpProbe {
        helo: name.map(Into::into),
        tls: None,
    }
}

/// A server that says the first of these at once, and each other one after a line; and the lines that came.
fn server(listen: &str, says: &[&'static str]) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(listen).unwrap();
    let at = listener.local_addr().unwrap();
    let says = says.to_vec();
    let came = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let mut came = Vec::new();
        for (at, text) in says.into_iter().enumerate() {
            let mut line = String::new();
            if at > 0 && lines.read_line(&mut line).is_err() {
                break;
            }
            came.extend(Some(line).filter(|line| !line.is_empty()));
            // The probe may have had enough.
            let _ = stream.write_all(text.as_bytes());
        }
        came
    });
    (at, came)
}

fn run(smtp: &SmtpProbe, at: SocketAddr, timeout: Duration) -> Answer {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(probe(smtp, at, None, timeout))
}

const BYE: &str = "221 2.0.0 Bye\r\n";

#[test]
fn a_server_that_greets_and_says_hello_is_up_and_hears_a_goodbye() {
    let greeting = "220-mail.example\r\n220 ESMTP\r\n";
    let hello = "250-mail.example\r\n250-SIZE 1000\r\n250 HELP\r\n";
    let (at, came) = server("127.0.0.1:0", &[greeting, hello, BYE]);
    assert_eq!(run(&helo(Some("lvs.example")), at, LONG), Answer::up());
    assert_eq!(came.join().unwrap(), ["EHLO lvs.example\r\n", "QUIT\r\n"]);
    for (listen, name) in [("127.0.0.1:0", "[127.0.0.1]"), ("[::1]:0", "[IPv6:::1]")] {
        let (at, came) = server(listen, &[greeting, hello, BYE]);
        assert_eq!(run(&helo(None), at, LONG), Answer::up());
        let hello = format!("EHLO {name}\r\n");
        assert_eq!(came.join().unwrap(), [&*hello, "QUIT\r\n"]);
    }
}

#[test]
fn a_server_that_knows_only_the_old_hello_is_up() {
    let says = ["220 old\r\n", "502 what?\r\n", "250 old\r\n", BYE];
    let (at, came) = server("127.0.0.1:0", &says);
    assert_eq!(run(&helo(Some("a")), at, LONG), Answer::up());
    assert_eq!(
        came.join().unwrap(),
        ["EHLO a\r\n", "HELO a\r\n", "QUIT\r\n"]
    );
}

#[test]
fn a_goodbye_that_is_not_answered_well_costs_nothing() {
    for bye in ["", "421 too late\r\n", "nonsense\r\n"] {
        let (at, _) = server("127.0.0.1:0", &["220 a\r\n", "250 a\r\n", bye]);
        assert_eq!(run(&helo(None), at, LONG), Answer::up(), "{bye:?}");
    }
}

#[test]
fn a_server_that_refuses_is_down_with_its_own_words() {
    let table: &[(&[&str], &str)] = &[
        (
            &["421 4.3.2 \x1b[1mbusy\r\n"],
            "the server greets with 421 4.3.2 [1mbusy",
        ),
        (
            &["554-a\r\n554 No SMTP service here\r\n"],
            "the server greets with 554 No SMTP service here",
        ),
        (&["250 ok\r\n"], "the server greets with 250 ok"),
        (
            &["220 a\r\n", "421 closing\r\n"],
            "the server answers EHLO with 421 closing",
        ),
        (
            &["220 a\r\n", "500\r\n", "521 no\r\n"],
            "the server answers HELO with 521 no",
        ),
        (&["SSH-2.0-x\r\n"], "the server does not speak SMTP"),
        (
            &[""],
            "the server closed the connection before its greeting",
        ),
        (
            &["220 a\r\n", "250-a\r\n"],
            "the server closed the connection before the reply to EHLO",
        ),
    ];
    for (says, why) in table {
        let (at, _) = server("127.0.0.1:0", says);
        assert_eq!(run(&helo(Some("a")), at, LONG), Answer::down(*why));
    }
}

#[test]
fn a_name_that_is_refused_is_our_mistake_and_not_the_servers_failure() {
    let refused = "504 5.5.2 <a>: Helo command rejected\r\n";
    let (at, _) = server("127.0.0.1:0", &["220 a\r\n", refused, refused]);
    let why =
        "the server refuses the name a: 504 5.5.2 <a>: Helo command rejected; write another helo";
    assert_eq!(run(&helo(Some("a")), at, LONG), Answer::could_not_run(why));
}

#[test]
fn a_server_that_says_nothing_or_never_ends_is_no_success() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let answer = run(&helo(None), listener.local_addr().unwrap(), SHORT);
    let outcomes = [ProbeOutcome::Stalled, ProbeOutcome::CouldNotRun];
    assert!(outcomes.contains(&answer.outcome), "{answer:?}");
    let endless = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = endless.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = endless.accept().unwrap();
        while stream.write_all(b"220-more\r\n").is_ok() {}
    });
    let long = Answer::down("the server's reply has more than 16 KiB");
    assert_eq!(run(&helo(None), at, LONG), long);
}
