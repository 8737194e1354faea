// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checker of RabbitMQ's management API against nodes of every age and mood.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;
use crate::model::{Login, ProbeOutcome};

const LONG: Duration = Duration::from_secs(60);

/// A node that answers one connection after the other with these, and tells what was asked.
fn node(answers: &[(&str, &str)]) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (asked, requests) = channel();
    let answers: Vec<String> = answers
        .iter()
        .map(|(status, body)| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")
        })
        .collect();
    thread::spawn(move || {
        for answer in answers {
            let mut stream = listener.accept().unwrap().0;
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            let _ = asked.send(String::from_utf8(request).unwrap());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (at, requests)
}

fn run(rabbitmq: &RabbitmqProbe, at: SocketAddr) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(probe(rabbitmq, at, None, LONG))
}

const NOBODY: RabbitmqProbe = RabbitmqProbe {
    login: None,
    listener: 5672,
    tls: None,
};

fn somebody() -> (RabbitmqProbe, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let login = Some(Login {
        user: "monitor".into(),
        password_file: file.into(),
    });
    let listener = 5673;
    (
        RabbitmqProbe {
            login,
            listener,
            tls: None,
        },
        directory,
    )
}

const UNKNOWN: (&str, &str) = ("404 Not Found", "{\"error\":\"Object Not Found\"}");
const YES: (&str, &str) = ("200 OK", "{\"status\":\"ok\"}");

fn no(reason: &str) -> String {
    format!("{{\"status\":\"failed\",\"reason\":\"{reason}\",\"connections\":9}}")
}

#[test]
fn a_node_says_whether_it_is_ready() {
    let (at, requests) = node(&[YES]);
    assert_eq!(run(&NOBODY, at), Answer::up());
    let request = requests.recv().unwrap();
    assert!(request.starts_with(&format!("GET {READY} HTTP/1.1\r\n")));
    assert!(!request.contains("Authorization"));
    for (reason, outcome, said) in [
        (
            "node connection limit is reached",
            ProbeOutcome::Drain,
            "the node takes no more connections: node connection limit is reached",
        ),
        (
            "the rabbit node is not currently available to serve",
            ProbeOutcome::Drain,
            "the node drains or boots: the rabbit node is not currently available to serve",
        ),
        (
            "no active listeners for AMQP/AMQPS",
            ProbeOutcome::Down,
            "the node is not ready to serve clients: no active listeners for AMQP/AMQPS",
        ),
        (
            "",
            ProbeOutcome::Down,
            "the node is not ready to serve clients",
        ),
        (
            "\\u001b[31mred",
            ProbeOutcome::Down,
            "the node is not ready to serve clients: [31mred",
        ),
    ] {
        let (at, _requests) = node(&[("503 Service Unavailable", &no(reason))]);
        let answer = run(&NOBODY, at);
        assert_eq!((answer.outcome, &*answer.reason), (outcome, said));
    }
    let (at, _requests) = node(&[("500 Oh", "no JSON")]);
    assert_eq!(run(&NOBODY, at), Answer::down("status 500 Oh"));
    let (at, _requests) = node(&[("503 Service Unavailable", "no JSON")]);
    let why = "the node is not ready to serve clients";
    assert_eq!(run(&NOBODY, at), Answer::down(why));
}

#[test]
fn an_older_node_is_asked_older_questions_with_a_login() {
    let (rabbitmq, _directory) = somebody();
    let (at, requests) = node(&[UNKNOWN, YES, YES]);
    assert_eq!(run(&rabbitmq, at), Answer::up());
    let requests: Vec<String> = requests.try_iter().collect();
    assert!(!requests[0].contains("Authorization"));
    for (request, question) in requests[1..]
        .iter()
        .zip(["/api/health/checks/port-listener/5673", VIRTUAL_HOSTS])
    {
        assert!(
            request.starts_with(&format!("GET {question} ")),
            "{request}"
        );
        let login = "Authorization: Basic bW9uaXRvcjpzZWNyZXQ=\r\n";
        assert!(request.contains(login), "{request}");
    }
    let failed = ("503 Service Unavailable", &*no("No active listener"));
    let (at, _requests) = node(&[UNKNOWN, failed]);
    let why = "no listener for clients: No active listener";
    assert_eq!(run(&rabbitmq, at), Answer::down(why));
    let (at, _requests) = node(&[UNKNOWN, YES, ("503 Service Unavailable", "")]);
    assert_eq!(run(&rabbitmq, at), Answer::down("a virtual host is down"));
}

#[test]
fn what_says_nothing_of_the_node_moves_no_verdict() {
    let (at, _requests) = node(&[UNKNOWN]);
    assert_eq!(run(&NOBODY, at).outcome, ProbeOutcome::Unsupported);
    let (rabbitmq, directory) = somebody();
    let (at, _requests) = node(&[UNKNOWN, ("401 Unauthorized", "")]);
    let why = "login of user monitor to the management API refused";
    assert_eq!(run(&rabbitmq, at), Answer::could_not_run(why));
    let (at, _requests) = node(&[UNKNOWN, UNKNOWN]);
    assert_eq!(run(&rabbitmq, at).outcome, ProbeOutcome::Unsupported);
    drop(directory);
    let (fresh, directory) = somebody();
    drop(directory);
    let (at, _requests) = node(&[UNKNOWN]);
    assert_eq!(run(&fresh, at).outcome, ProbeOutcome::CouldNotRun);
}

#[test]
fn a_node_that_does_not_answer_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(run(&NOBODY, at), Answer::refused("connect refused"));
}

/// The director is suspended while the first answer is on its way, for longer than the probe may take.
#[test]
#[expect(clippy::disallowed_methods, reason = "a host that hangs")]
fn a_host_that_hangs_blames_no_node() {
    let (rabbitmq, _directory) = somebody();
    let (at, _requests) = node(&[UNKNOWN, YES, YES]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let timeout = Duration::from_millis(300);
    let answer = runtime.block_on(async {
        // The password is known by then.
        let first = probe(&rabbitmq, at, None, LONG).await;
        assert_eq!(first, Answer::up());
        let (at, _requests) = node(&[UNKNOWN, YES, YES]);
        let hang = async { thread::sleep(timeout * 4) };
        tokio::join!(biased; probe(&rabbitmq, at, None, timeout), hang).0
    });
    assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
}
