// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AMQP checker against brokers that answer well, and against hostile ones.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::model::{Login, ProbeOutcome};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// A frame of a server: a method of class connection.
pub(super) fn frame(method: u16, arguments: &[u8]) -> Vec<u8> {
    let size = u32::try_from(arguments.len() + 4).unwrap();
    let mut bytes = vec![1, 0, 0];
    bytes.extend(size.to_be_bytes());
    bytes.extend([0, 10]);
    bytes.extend(method.to_be_bytes());
    bytes.extend(arguments);
    bytes.push(0xce);
    bytes
}

pub(super) fn start(mechanisms: &str) -> Vec<u8> {
    let mut arguments = vec![0, 9, 0, 0, 0, 0];
    arguments.extend(u32::try_from(mechanisms.len()).unwrap().to_be_bytes());
    arguments.extend(mechanisms.as_bytes());
    arguments.extend(b"\0\0\0\x05en_US");
    frame(10, &arguments)
}

pub(super) fn tune() -> Vec<u8> {
    frame(30, &[0x07, 0xff, 0, 2, 0, 0, 0, 60])
}

pub(super) fn closing(code: u16, text: &str) -> Vec<u8> {
    let mut arguments = code.to_be_bytes().to_vec();
    arguments.push(u8::try_from(text.len()).unwrap());
    arguments.extend(text.as_bytes());
    arguments.extend([0; 4]);
    frame(50, &arguments)
}

/// A broker that sends each of these when something has come, and tells what came.
fn broker(answers: Vec<Vec<u8>>) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let came = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut came = Vec::new();
        for answer in answers {
            came.extend(read_some(&mut stream));
            // The probe may have had enough.
            let _ = stream.write_all(&answer);
        }
        came.extend(read_some(&mut stream));
        came
    });
    (at, came)
}

fn read_some(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

fn run(amqp: &AmqpProbe, at: SocketAddr, timeout: Duration) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(probe(amqp, at, None, timeout))
}

const GREETING: AmqpProbe = AmqpProbe {
    login: None,
    tls: None,
};

/// A login, and the file of its password.
pub(super) fn login(password: &str) -> (AmqpProbe, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, password).unwrap();
    let login = AmqpLogin {
        who: Login {
            user: "monitor".into(),
            password_file: file.into(),
        },
        vhost: "/".into(),
    };
    (
        AmqpProbe {
            login: Some(login),
            tls: None,
        },
        directory,
    )
}

#[test]
fn a_greeting_is_enough_when_nobody_logs_in() {
    let (at, came) = broker(vec![start("PLAIN AMQPLAIN")]);
    assert_eq!(run(&GREETING, at, LONG), Answer::up());
    assert_eq!(came.join().unwrap(), b"AMQP\0\0\x09\x01");
}

#[test]
fn a_login_goes_all_the_way_and_says_goodbye() {
    let (amqp, _directory) = login("secret\n");
    let heartbeat = [8, 0, 0, 0, 0, 0, 0, 0xce].to_vec();
    let answers = vec![
        start("AMQPLAIN PLAIN"),
        tune(),
        [heartbeat, frame(41, &[0])].concat(),
        frame(51, &[]),
    ];
    let (at, came) = broker(answers);
    assert_eq!(run(&amqp, at, LONG), Answer::up());
    let came = came.join().unwrap();
    let has = |bytes: &[u8]| came.windows(bytes.len()).any(|part| part == bytes);
    assert!(has(b"\x05PLAIN\0\0\0\x0f\0monitor\0secret\x05en_US"));
    // Tune-Ok has the limits of the server and no heartbeat; Open has the virtual host.
    assert!(has(&frame(31, &[0x07, 0xff, 0, 2, 0, 0, 0, 0])));
    assert!(has(&frame(40, b"\x01/\0\0")));
    assert!(has(&frame(50, b"\0\xc8\x11health check done\0\0\0\0")));
    assert!(!has(b"secret\n"));
}

#[test]
fn a_refused_login_is_our_mistake_and_not_the_servers_failure() {
    let (amqp, _directory) = login("wrong");
    let refused = "ACCESS_REFUSED - Login was refused";
    let (at, _came) = broker(vec![start("PLAIN"), closing(403, refused)]);
    let why = format!("login of user monitor to virtual host / refused: 403 {refused}");
    assert_eq!(run(&amqp, at, LONG), Answer::could_not_run(why));
    let (at, _came) = broker(vec![
        start("PLAIN"),
        tune(),
        closing(530, "vhost / not found"),
    ]);
    assert_eq!(run(&amqp, at, LONG).outcome, ProbeOutcome::CouldNotRun);
    let (at, _came) = broker(vec![start("EXTERNAL")]);
    let why = "the server takes no login by PLAIN without TLS";
    assert_eq!(run(&amqp, at, LONG), Answer::could_not_run(why));
    let (at, _came) = broker(vec![start("PLAIN"), frame(20, &[0, 0, 0, 0])]);
    assert_eq!(run(&amqp, at, LONG).outcome, ProbeOutcome::CouldNotRun);
}

#[test]
fn a_password_file_that_cannot_be_read_says_nothing_of_the_server() {
    let (mut amqp, directory) = login("secret");
    let file = directory.path().join("none");
    amqp.login.as_mut().unwrap().who.password_file = file.clone().into();
    let answer = run(&amqp, "127.0.0.1:9".parse().unwrap(), LONG);
    assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun);
    assert!(
        answer.reason.contains(&*file.to_string_lossy()),
        "{answer:?}"
    );
}

#[test]
fn a_server_says_why_it_closes() {
    let (amqp, _directory) = login("secret");
    let full = "connection refused: node connection limit (10) is reached";
    let (at, _came) = broker(vec![start("PLAIN"), tune(), closing(530, full)]);
    let why = format!("the server takes no more connections: 530 {full}");
    assert_eq!(run(&amqp, at, LONG), Answer::drain(why));
    // Clients of other virtual hosts are welcome.
    let full = "access to vhost '/' refused for user 'monitor': connection limit (0) is reached";
    let (at, _came) = broker(vec![start("PLAIN"), tune(), closing(530, full)]);
    assert_eq!(run(&amqp, at, LONG).outcome, ProbeOutcome::CouldNotRun);
    let down = "INTERNAL_ERROR - vhost '/' is down\x1b[31m";
    let (at, _came) = broker(vec![start("PLAIN"), tune(), closing(541, down)]);
    let why = "the server closed the connection: 541 INTERNAL_ERROR - vhost '/' is down[31m";
    assert_eq!(run(&amqp, at, LONG), Answer::down(why));
    let (at, _came) = broker(vec![closing(320, "CONNECTION_FORCED")]);
    let why = "the server closed the connection: 320 CONNECTION_FORCED";
    assert_eq!(run(&GREETING, at, LONG), Answer::down(why));
}

#[test]
fn whatever_else_a_server_sends_it_is_down_with_a_plain_reason() {
    let (at, _came) = broker(vec![]);
    let why = "the server closed the connection before a greeting";
    assert_eq!(run(&GREETING, at, LONG), Answer::down(why));
    let endless: Vec<u8> = [8, 0, 0, 0, 0, 0, 0, 0xce].repeat(10_000);
    for (sent, why) in [
        (
            b"AMQP\0\x01\0\0".to_vec(),
            "the server does not speak AMQP 0-9-1",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            "the answer is not AMQP",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            "the answer is not AMQP",
        ),
        (
            vec![1, 0, 0, 0xff, 0xff, 0xff, 0xff],
            "the answer has a frame of more than 64 KiB",
        ),
        (
            vec![1, 0, 0, 0, 0, 0, 1, 0, 0],
            "a frame of the answer has no end",
        ),
        (
            vec![1, 0, 0, 0, 0, 0, 1, 0, 0xce],
            "a frame of the answer ends too early",
        ),
        (
            frame(10, &[0, 9, 0, 0, 0, 99]),
            "a frame of the answer ends too early",
        ),
        (
            frame(41, &[0]),
            "the server sent something else than a greeting",
        ),
        (endless, "the server sent something else than a greeting"),
    ] {
        let (at, _came) = broker(vec![sent]);
        assert_eq!(run(&GREETING, at, LONG), Answer::down(why));
    }
}

#[test]
fn a_broker_that_hangs_or_dribbles_is_stalled() {
    let (amqp, _directory) = login("secret");
    // A machine without time for the probe says so, and it is tried again.
    let answer = loop {
        let (at, _came) = broker(vec![start("PLAIN"), tune()[..9].to_vec(), vec![]]);
        let answer = run(&amqp, at, SHORT);
        if answer.outcome != ProbeOutcome::CouldNotRun {
            break answer;
        }
    };
    let why = "connected, but no answer came in time";
    assert_eq!(answer, Answer::stalled(why));
}
