// SPDX-License-Identifier: MIT OR Apache-2.0
//! The UDP checker: one datagram, and the answer, or that no error comes.

use std::net::SocketAddr;
use std::time::Duration;

use super::Answer;
use super::conversation::Time;
use super::datagram::Datagrams;
use super::talk::{said, wanted};
use crate::model::{ProbeOutcome, ProbePath, UdpProbe};

/// Asks, and waits until something comes or `timeout` has passed.
pub(super) async fn probe(
    udp: &UdpProbe,
    at: SocketAddr,
    path: Option<&ProbePath>,
    timeout: Duration,
) -> Answer {
    let time = Time::from_now(timeout);
    match time.within(ask(udp, at, path)).await {
        Some(Ok(came)) => judge(udp, &came),
        Some(Err(answer)) => answer,
        None => time.missed().unwrap_or_else(|| match &udp.expect {
            Some(_) => Answer::silent("no answer came in time"),
            None => Answer::new(ProbeOutcome::Quiet, ""),
        }),
    }
}

async fn ask(udp: &UdpProbe, at: SocketAddr, path: Option<&ProbePath>) -> Result<Vec<u8>, Answer> {
    let server = Datagrams::udp(at, path)?;
    server.send(udp.send.bytes())?;
    server.receive().await
}

fn judge(udp: &UdpProbe, came: &[u8]) -> Answer {
    match &udp.expect {
        Some(expect) if !expect.is_in(came) => {
            let (expected, said) = (wanted(expect), said(came));
            Answer::down(format!("the answer does not contain {expected}: {said}"))
        }
        Some(_) | None => Answer::up(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::thread;

    use super::*;
    use crate::model::Payload;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(200);

    fn udp(send: &str, expect: Option<&str>) -> UdpProbe {
        UdpProbe {
            send: Payload::parse(send).unwrap(),
            expect: expect.map(|text| Payload::parse(text).unwrap()),
        }
    }

    /// A server that answers the first datagram with these, and where it is.
    fn server(
        listen: &str,
        answers: &[&'static [u8]],
    ) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
        let socket = UdpSocket::bind(listen).unwrap();
        let at = socket.local_addr().unwrap();
        let answers = answers.to_vec();
        let asked = thread::spawn(move || {
            let mut bytes = vec![0; 2048];
            let (length, from) = socket.recv_from(&mut bytes).unwrap();
            for answer in answers {
                socket.send_to(answer, from).unwrap();
            }
            bytes.truncate(length);
            bytes
        });
        (at, asked)
    }

    fn run_by(
        path: Option<&ProbePath>,
        udp: &UdpProbe,
        at: SocketAddr,
        timeout: Duration,
    ) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(probe(udp, at, path, timeout))
    }

    fn run(udp: &UdpProbe, at: SocketAddr, timeout: Duration) -> Answer {
        run_by(None, udp, at, timeout)
    }

    #[test]
    fn the_answer_decides_when_one_is_wanted() {
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            let (at, asked) = server(listen, &[b"\0pong\xff"]);
            assert_eq!(run(&udp("\\0ping", Some("g\\xff")), at, LONG), Answer::up());
            assert_eq!(asked.join().unwrap(), b"\0ping");
        }
        let (at, _) = server("127.0.0.1:0", &[b"no \x1b[31m\xff\x00", b"pong"]);
        let expected = "the answer does not contain \"pong\": 10 bytes: no [31m";
        assert_eq!(
            run(&udp("", Some("pong")), at, LONG),
            Answer::down(expected)
        );
        let (at, _) = server("127.0.0.1:0", &[b""]);
        let expected = "the answer does not contain \"pong\": it is empty";
        assert_eq!(
            run(&udp("", Some("pong")), at, LONG),
            Answer::down(expected)
        );
    }

    #[test]
    fn any_answer_will_do_when_none_is_wanted_and_so_will_none() {
        let (at, asked) = server("127.0.0.1:0", &[b""]);
        assert_eq!(run(&udp("", None), at, LONG), Answer::up());
        assert_eq!(asked.join().unwrap(), b"");
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let quiet = run_in_time(&udp("x", None), silent.local_addr().unwrap());
        assert_eq!(quiet, Answer::new(ProbeOutcome::Quiet, ""));
        let silence = run_in_time(&udp("x", Some("y")), silent.local_addr().unwrap());
        assert_eq!(silence, Answer::silent("no answer came in time"));
    }

    /// A short probe; again, while this machine was too busy for it.
    fn run_in_time(udp: &UdpProbe, at: SocketAddr) -> Answer {
        loop {
            let answer = run(udp, at, SHORT);
            if answer.outcome != ProbeOutcome::CouldNotRun {
                return answer;
            }
        }
    }

    #[test]
    fn a_port_where_nobody_is_is_down_at_once() {
        for listen in ["127.0.0.1:0", "[::1]:0"] {
            let at = UdpSocket::bind(listen).unwrap().local_addr().unwrap();
            for expect in [None, Some("pong")] {
                assert_eq!(
                    run(&udp("", expect), at, LONG),
                    Answer::down("port unreachable")
                );
            }
        }
    }

    #[test]
    fn a_stranger_s_answer_does_not_count() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = server.local_addr().unwrap();
        let stranger = thread::spawn(move || {
            let (_, from) = server.recv_from(&mut [0; 9]).unwrap();
            let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
            stranger.send_to(b"no", from).unwrap();
            server.send_to(b"pong", from).unwrap();
        });
        assert_eq!(run(&udp("", Some("pong")), at, LONG), Answer::up());
        stranger.join().unwrap();
    }

    #[test]
    fn a_probe_leaves_from_its_source_and_needs_the_way_that_is_written() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = server.local_addr().unwrap();
        let source = |text: &str| ProbePath {
            source: Some(text.parse().unwrap()),
            ..ProbePath::default()
        };
        let path = source("127.0.0.77");
        run_by(Some(&path), &udp("", None), at, Duration::from_millis(1));
        let (_, from) = server.recv_from(&mut [0; 9]).unwrap();
        assert_eq!(Some(from.ip()), path.source);
        let answer = run_by(Some(&source("192.0.2.254")), &udp("", None), at, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
        let by_interface = ProbePath {
            interface: Some("no-such-card".into()),
            ..ProbePath::default()
        };
        let answer = run_by(Some(&by_interface), &udp("", None), at, LONG);
        assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
    }
}
