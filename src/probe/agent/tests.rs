// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checker of agents against agents of every mood.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::*;
use crate::model::{AgentAdmin, AgentHealth, AskedWeight, Percent};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

fn run(send: Option<&str>, at: SocketAddr, timeout: Duration) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let agent = AgentProbe {
        send: send.map(Into::into),
    };
    runtime.block_on(probe(&agent, at, None, timeout))
}

/// An agent that does this with one connection.
fn agent(talk: impl FnOnce(std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || talk(listener.accept().unwrap().0));
    at
}

/// What the check makes of an agent that sends these bytes and closes the connection.
fn sends(bytes: &'static [u8]) -> Answer {
    let at = agent(move |mut stream| stream.write_all(bytes).unwrap());
    run(None, at, LONG)
}

#[test]
fn an_agent_tells_health_and_weight_and_what_is_wanted() {
    let down = AgentState {
        health: Some(AgentHealth::Down),
        ..AgentState::NOTHING
    };
    let all = AgentState {
        health: Some(AgentHealth::Up),
        admin: Some(AgentAdmin::Ready),
        weight: Some(AskedWeight::Percent(Percent(75))),
    };
    for (bytes, state, reason) in [
        (
            &b"down # disk full\n"[..],
            down,
            "the agent says: down # disk full",
        ),
        (b"fail", down, "the agent says: fail"),
        (b"down\rup\n", down, "the agent says: down"),
        (b"stopped\x1b[31m\x07\n", AgentState::NOTHING, ""),
        (b"up ready 75%\r\nmore", all, "the agent says: up ready 75%"),
    ] {
        let answer = sends(bytes);
        if state == AgentState::NOTHING {
            assert_eq!(answer.outcome, ProbeOutcome::Abstained);
            continue;
        }
        assert_eq!(answer, Answer::new(ProbeOutcome::Told(state), reason));
    }
}

#[test]
fn an_agent_that_says_nothing_useful_has_no_opinion() {
    for (bytes, reason) in [
        (&b""[..], "the agent says nothing"),
        (b"\nup\n", "the agent says nothing"),
        (
            b"maxconn:30\n",
            "the agent says nothing of its server: maxconn:30",
        ),
        (
            b"\x1b]0;HTTP/1.1\xff 400\n",
            "the agent says: ]0;HTTP/1.1: that is no word of its protocol",
        ),
    ] {
        assert_eq!(sends(bytes), Answer::abstained(reason), "{bytes:?}");
    }
}

#[test]
fn an_agent_that_is_not_there_says_nothing_about_its_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    // Nobody takes the connection, and nobody answers.
    let hangs = run(None, at, SHORT);
    drop(listener);
    let why = "no agent: connected, but no answer came in time";
    assert_eq!(hangs, Answer::abstained(why));
    assert_eq!(
        run(None, at, LONG),
        Answer::abstained("no agent: connect refused")
    );
}

#[test]
fn a_line_that_never_ends_costs_a_bounded_time_and_memory() {
    let (ended, wait) = std::sync::mpsc::channel::<()>();
    let drips = agent(move |mut stream| {
        let pause = Duration::from_millis(20);
        while stream.write_all(b" ").is_ok() {
            if wait.recv_timeout(pause) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                return;
            }
        }
    });
    let why = "no agent: connected, but no answer came in time";
    assert_eq!(run(None, drips, SHORT), Answer::abstained(why));
    drop(ended);
    let floods = agent(|mut stream| while stream.write_all(&[b'u'; 4096]).is_ok() {});
    let why = "the agent sent a line of more than 1024 bytes";
    assert_eq!(run(None, floods, LONG), Answer::abstained(why));
}

#[test]
fn an_agent_is_sent_its_line() {
    let at = agent(|mut stream| {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while byte != *b"\n" {
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        let answer: &[u8] = if line == b"web/rs1\n" {
            b"drain\n"
        } else {
            b"up\n"
        };
        stream.write_all(answer).unwrap();
    });
    let drain = AgentState {
        admin: Some(AgentAdmin::Drain),
        ..AgentState::NOTHING
    };
    let answer = run(Some("web/rs1"), at, LONG);
    assert_eq!(answer.outcome, ProbeOutcome::Told(drain));
}
