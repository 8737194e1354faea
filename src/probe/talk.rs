// SPDX-License-Identifier: MIT OR Apache-2.0
//! The TCP checker that says something and looks for a part of the answer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use super::Answer;
use super::connection::Connection;
use super::conversation::{self, failed};
use super::tcp::First;
use crate::codec::{shown, shown_bytes};
use crate::model::{Payload, ProbePath, TcpTalk};

/// As much of an answer is read.
const MOST_BYTES: usize = 64 * 1024;
/// As much of an answer is shown, in characters.
pub(super) const LONGEST_ANSWER: usize = 60;
/// As much of what is waited for is shown, in characters.
const LONGEST_PART: usize = 60;

/// Talks, within `timeout` from the connection's first packet to the last byte that matters.
pub(super) async fn probe(
    talk: &TcpTalk,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let say = async |stream: &mut Connection| converse(stream, talk).await;
    let first = if talk.send.bytes().is_empty() {
        First::They
    } else {
        First::We
    };
    conversation::once(at, path, None, first, timeout, say).await
}

async fn converse(stream: &mut Connection, talk: &TcpTalk) -> Answer {
    if let Err(error) = stream.send(talk.send.bytes()).await {
        return failed("send the question", &error);
    }
    let expected = talk.expect.bytes().len();
    let mut came = Vec::new();
    loop {
        let before = came.len();
        let room = u64::try_from(MOST_BYTES - before).unwrap_or_default();
        match (&mut *stream).take(room).read_buf(&mut came).await {
            Ok(0) => return Answer::down(without(talk, &came)),
            Ok(_) => {}
            Err(error) => return failed("read the answer", &error),
        }
        // What was read before has no whole part: only one that ends in the new bytes is possible.
        let unseen = before.saturating_sub(expected.saturating_sub(1));
        if talk.expect.is_in(came.get(unseen..).unwrap_or_default()) {
            return Answer::up();
        }
    }
}

/// Why this answer, which has ended or is too long, is not the right one.
fn without(talk: &TcpTalk, came: &[u8]) -> String {
    let expected = wanted(&talk.expect);
    if came.len() >= MOST_BYTES {
        return format!("the first 64 KiB of the answer do not contain {expected}");
    }
    if came.is_empty() {
        return format!("the server closed the connection before {expected}, without a word");
    }
    let said = said(came);
    format!("the server closed the connection before {expected}, after {said}")
}

/// What is waited for, for a person.
pub(super) fn wanted(expect: &Payload) -> String {
    let text = shown(&expect.to_string(), LONGEST_PART);
    format!("\"{text}\"")
}

/// What came, for a person: `12 bytes: -ERR syntax`.
pub(super) fn said(came: &[u8]) -> String {
    let length = came.len();
    if length == 0 {
        return "it is empty".to_owned();
    }
    let bytes = if length == 1 { "byte" } else { "bytes" };
    let start = came.get(..LONGEST_ANSWER * 4).unwrap_or(came);
    let text = shown_bytes(start, LONGEST_ANSWER);
    if text.is_empty() {
        format!("{length} {bytes} that cannot be shown")
    } else {
        format!("{length} {bytes}: {text}")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::model::ProbeOutcome;

    const LONG: Duration = Duration::from_secs(60);
    /// So long a server waits between two bytes.
    const MOMENT: Duration = Duration::from_millis(2);

    fn talk(send: &str, expect: &str) -> TcpTalk {
        TcpTalk {
            send: Payload::parse(send).unwrap(),
            expect: Payload::parse(expect).unwrap(),
        }
    }

    /// What a server does with the first connection, and where it listens.
    fn server(act: impl FnOnce(std::net::TcpStream) + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        thread::spawn(move || act(listener.accept().unwrap().0));
        at
    }

    /// A server that hears this, says that, and ends.
    fn saying(heard: &'static [u8], said: Vec<u8>) -> SocketAddr {
        server(move |mut stream| {
            let mut came = vec![0; heard.len()];
            stream.read_exact(&mut came).unwrap();
            assert_eq!(came, heard);
            // The probe may have had enough.
            let _ = stream.write_all(&said);
        })
    }

    fn run(talk: &TcpTalk, at: SocketAddr, timeout: Duration) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(probe(talk, at, None, timeout))
    }

    #[test]
    fn an_answer_with_the_part_is_up() {
        let ping = talk("PING\\r\\n", "+PONG");
        let at = saying(b"PING\r\n", b"hello\r\n+PONG\r\n".into());
        assert_eq!(run(&ping, at, LONG), Answer::up());
        // Nothing is said: the server greets by itself.
        let greeting = talk("", "\\0\\xff");
        assert_eq!(
            run(&greeting, saying(b"", b"a\0\xff".into()), LONG),
            Answer::up()
        );
    }

    #[test]
    fn a_part_that_comes_byte_by_byte_is_found() {
        let at = server(|mut stream| {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(MOMENT)).unwrap();
            for byte in b"+OK ready to serve, +PON then +PONG" {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                let _ = stream.read(&mut [0]);
            }
            stream.set_read_timeout(None).unwrap();
            let _ = stream.read(&mut [0]);
        });
        assert_eq!(run(&talk("", "+PONG"), at, LONG), Answer::up());
    }

    #[test]
    fn a_server_that_closes_before_is_down_with_what_it_said() {
        let ping = talk("", "+PONG");
        let table: &[(&[u8], &str)] = &[
            (b"", "without a word"),
            (
                b"-ERR \x1b[31munknown\x07\r\n",
                "after 20 bytes: -ERR [31munknown",
            ),
            (b"\xff\0\x01", "after 3 bytes that cannot be shown"),
            (b"x", "after 1 byte: x"),
        ];
        for (sent, end) in table {
            let answer = run(&ping, saying(b"", sent.to_vec()), LONG);
            let expected = format!("the server closed the connection before \"+PONG\", {end}");
            assert_eq!(answer, Answer::down(expected));
        }
        let long = run(&ping, saying(b"", vec![b'a'; 5000]), LONG);
        assert!(long.reason.len() < 200, "{long:?}");
    }

    #[test]
    fn no_more_than_64_kib_are_read() {
        let at = server(|mut stream| while stream.write_all(&[b'a'; 4096]).is_ok() {});
        let answer = run(&talk("", "b"), at, LONG);
        let expected = "the first 64 KiB of the answer do not contain \"b\"";
        assert_eq!(answer, Answer::down(expected));
    }

    #[test]
    fn a_server_that_says_nothing_or_drips_is_stalled_or_this_host_busy() {
        for drips in [false, true] {
            let at = server(move |mut stream| {
                stream.set_read_timeout(Some(MOMENT)).unwrap();
                while drips && stream.write_all(b"a").is_ok() {
                    let _ = stream.read(&mut [0]);
                }
                stream.set_read_timeout(None).unwrap();
                let _ = stream.read(&mut [0]);
            });
            let answer = run(&talk("", "b"), at, Duration::from_millis(300));
            let outcomes = [ProbeOutcome::Stalled, ProbeOutcome::CouldNotRun];
            assert!(outcomes.contains(&answer.outcome), "{answer:?}");
        }
    }

    #[test]
    fn a_reset_is_down() {
        let at = server(|stream| {
            let _ = nix::sys::socket::setsockopt(
                &stream,
                nix::sys::socket::sockopt::Linger,
                &libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                },
            );
        });
        let answer = run(&talk("", "b"), at, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
    }
}
