// SPDX-License-Identifier: MIT OR Apache-2.0
//! The HTTP checker against servers that answer well, and against hostile ones.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;
use crate::model::{HttpMethod, JsonMatch, JsonScalar, Login, ProbeOutcome, StatusRange};

fn http(host: Option<&str>) -> HttpProbe {
    HttpProbe {
        method: HttpMethod::Get,
        path: "/health?full=1".into(),
        host: host.map(Into::into),
        headers: Box::default(),
        login: None,
        statuses: [StatusRange::SUCCESS].into(),
        contains: None,
        json: Box::default(),
        tls: None,
    }
}

/// What a server does with the first connection, and where it listens.
fn server(act: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || act(listener.accept().unwrap().0));
    at
}

fn run(http: &HttpProbe, at: SocketAddr, timeout: Duration) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(probe(http, at, None, timeout))
}

/// A short probe of a server made for it; again, while this machine was too busy for it.
fn run_in_time(http: &HttpProbe, at: impl Fn() -> SocketAddr) -> Answer {
    loop {
        let answer = run(http, at(), SHORT);
        if answer.outcome != ProbeOutcome::CouldNotRun {
            return answer;
        }
    }
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// A server that reads the request and sends this; the request comes out.
fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let (asked, requests) = channel();
    let answer = answer.into();
    let at = server(move |mut stream| {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            request.push(byte[0]);
        }
        let _ = asked.send(String::from_utf8(request).unwrap());
        // The probe may have had enough.
        let _ = stream.write_all(&answer);
    });
    (at, requests)
}

#[test]
fn the_status_decides() {
    let table: &[(&str, Answer)] = &[
        ("HTTP/1.1 200 OK\r\n\r\n", Answer::up()),
        (
            "HTTP/1.1 299 Fine\r\ncontent-length: 5\r\n\r\nhello",
            Answer::up(),
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            Answer::down("status 503 Service Unavailable, not 200-299"),
        ),
        (
            "HTTP/1.1 302\r\nlocation: /login\r\n\r\n",
            Answer::down("status 302, not 200-299"),
        ),
        (
            "HTTP/1.1 500 \x1b[31mred\x07\r\n\r\n",
            Answer::down("the answer is not HTTP/1"),
        ),
        (
            "220 mail.example ESMTP\r\n",
            Answer::down("the answer is not HTTP/1"),
        ),
        (
            "",
            Answer::down("the server closed the connection without an answer"),
        ),
        (
            "HTTP/1.1 200 OK\r\n",
            Answer::down("the server closed the connection without an answer"),
        ),
    ];
    for (sent, expected) in table {
        let (at, _requests) = answering(*sent);
        assert_eq!(run(&http(None), at, LONG), *expected, "{sent:?}");
    }
}

#[test]
fn the_request_says_what_is_asked_of_whom() {
    let (at, requests) = answering("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(run(&http(None), at, LONG), Answer::up());
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        requests.recv().unwrap(),
        format!(
            "GET /health?full=1 HTTP/1.1\r\nHost: {at}\r\nUser-Agent: lvs-director/{version}\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        )
    );
    let (at, requests) = answering("HTTP/1.1 200 OK\r\n\r\n");
    let named = HttpProbe {
        method: HttpMethod::Head,
        ..http(Some("a.example"))
    };
    assert_eq!(run(&named, at, LONG), Answer::up());
    let request = requests.recv().unwrap();
    assert!(request.starts_with("HEAD /health?full=1 HTTP/1.1\r\nHost: a.example\r\n"));
    for (at, usual, host) in [
        ("10.0.0.5:80", 80, "10.0.0.5"),
        ("10.0.0.5:8080", 80, "10.0.0.5:8080"),
        ("10.0.0.5:80", 443, "10.0.0.5:80"),
        ("[2001:db8::5]:80", 80, "[2001:db8::5]"),
        ("[2001:db8::5]:443", 443, "[2001:db8::5]"),
        ("[2001:db8::5]:180", 80, "[2001:db8::5]:180"),
    ] {
        assert_eq!(host_of(at.parse().unwrap(), usual), host);
    }
}

#[test]
fn headers_and_a_login_go_with_the_request() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    let mut asked = http(Some("a.example"));
    asked.headers = [
        ("Accept".into(), "application/json".into()),
        ("X-Probe".into(), "a b".into()),
    ]
    .into();
    asked.login = Some(Login {
        user: "monitor".into(),
        password_file: directory.path().join("none").into(),
    });
    let (at, _requests) = answering("HTTP/1.1 200 OK\r\n\r\n");
    let answer = run(&asked, at, LONG);
    assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
    std::fs::write(&file, "open sesame\n").unwrap();
    asked.login.as_mut().unwrap().password_file = file.into();
    let (at, requests) = answering("HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(run(&asked, at, LONG), Answer::up());
    let request = requests.recv().unwrap();
    let ends = "Connection: close\r\nAccept: application/json\r\nX-Probe: a b\r\n\
                Authorization: Basic bW9uaXRvcjpvcGVuIHNlc2FtZQ==\r\n\r\n";
    assert!(request.ends_with(ends), "{request}");
    assert_eq!(request.matches("Accept").count(), 1, "{request}");
    // A wrong password is our mistake, and not the failure of every server.
    let (at, _requests) = answering("HTTP/1.1 401 Unauthorized\r\n\r\n");
    let why = "login of user monitor refused: status 401 Unauthorized";
    assert_eq!(run(&asked, at, LONG), Answer::could_not_run(why));
    let (at, _requests) = answering("HTTP/1.1 401 Unauthorized\r\n\r\n");
    let why = "status 401 Unauthorized, not 200-299";
    assert_eq!(run(&http(None), at, LONG), Answer::down(why));
}

#[test]
fn the_body_has_what_is_asked_for_or_not() {
    let mut asked = http(None);
    asked.contains = Some("\"ok\"".into());
    let no = Answer::down("the answer does not contain \"\\\"ok\\\"\"");
    let long = "x".repeat(100_000);
    let table = [
        (
            "content-length: 15\r\n\r\n{\"status\":\"ok\"}",
            Answer::up(),
        ),
        ("content-length: 9\r\n\r\n{\"status\":\"ok\"}", no.clone()),
        ("\r\n{\"status\":\"ok\"}", Answer::up()),
        ("\r\n{\"status\":\"bad\"}", no.clone()),
        ("content-length: 0\r\n\r\n", no),
        (
            "transfer-encoding: chunked\r\n\r\n3\r\n\"ok\r\n1\r\n\"\r\n0\r\n\r\n",
            Answer::up(),
        ),
        (
            "transfer-encoding: chunked\r\n\r\nzz\r\n",
            Answer::down("the answer has a broken chunk"),
        ),
        (
            "content-length: 99\r\n\r\nshort",
            Answer::down("the server closed the connection within the answer"),
        ),
        (
            "content-length: 1\r\ncontent-length: 2\r\n\r\nab",
            Answer::down("the answer has an impossible Content-Length"),
        ),
        (
            &format!("\r\n{long}\"ok\""),
            Answer::down("the first 64 KiB of the answer do not contain \"\\\"ok\\\"\""),
        ),
    ];
    for (rest, expected) in table {
        let (at, _requests) = answering(format!("HTTP/1.1 200 OK\r\n{rest}"));
        let start: String = rest.chars().take(60).collect();
        assert_eq!(run(&asked, at, LONG), expected, "{start}");
    }
    // The status comes first.
    let (at, _requests) = answering("HTTP/1.1 500 Oh\r\n\r\n\"ok\"");
    let why = "status 500 Oh, not 200-299";
    assert_eq!(run(&asked, at, LONG), Answer::down(why));
}

/// It takes the connection and hangs.
#[test]
fn a_server_that_hangs_is_stalled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let answer = run_in_time(&http(None), || listener.local_addr().unwrap());
    assert_eq!(
        answer,
        Answer::stalled("connected, but no answer came in time")
    );
}

/// The director is suspended between the connection and the request, for longer than the probe may take.
#[test]
#[expect(clippy::disallowed_methods, reason = "a host that hangs")]
fn a_host_that_hangs_blames_no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asked = http(None);
    let (answer, ()) = runtime.block_on(async {
        let hang = async { thread::sleep(SHORT * 3) };
        tokio::join!(biased; probe(&asked, at, None, SHORT), hang)
    });
    assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
    assert!(
        answer.reason.starts_with("this host was busy"),
        "{answer:?}"
    );
}

/// A byte now and then, for ever: the whole probe has one deadline.
#[test]
#[expect(clippy::disallowed_methods, reason = "a server that is slow")]
fn a_server_that_dribbles_is_stalled_at_the_deadline() {
    let dribble = |mut stream: TcpStream| {
        for byte in b"HTTP/1.1 200 OK\r\nx: "
            .iter()
            .chain(std::iter::repeat(&b'y'))
        {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    };
    let answer = run_in_time(&http(None), || server(dribble));
    assert_eq!(answer.outcome, ProbeOutcome::Stalled);
}

#[test]
fn a_server_that_floods_is_down_after_sixteen_kibibytes() {
    let flood = |head: &str, body: &'static [u8]| {
        let head = head.to_owned();
        server(move |mut stream| {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(body).is_ok() {}
        })
    };
    let headers = flood("HTTP/1.1 200 OK\r\n", &[b'a'; 4096]);
    let why = "the head of the answer has more than 16 KiB";
    assert_eq!(run(&http(None), headers, LONG), Answer::down(why));
    let interim = flood("", b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(run(&http(None), interim, LONG), Answer::down(why));
    // A body of any length is not read.
    let body = flood("HTTP/1.1 200 OK\r\n\r\n", &[b'a'; 4096]);
    assert_eq!(run(&http(None), body, LONG), Answer::up());
}

#[test]
fn a_server_that_resets_the_connection_is_down() {
    let at = server(|stream| {
        // A request that was not read makes the end a reset.
        let mut byte = [0];
        stream.peek(&mut byte).unwrap();
    });
    let answer = run(&http(None), at, LONG);
    assert_eq!(answer.outcome, ProbeOutcome::Down, "{answer:?}");
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(
        run(&http(None), at, LONG),
        Answer::refused("connect refused")
    );
}

#[test]
fn a_probe_leaves_nothing_behind() {
    let (at, _requests) = answering("HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(run(&http(None), at, LONG), Answer::up());
    let port = format!(":{:04X} ", at.port());
    let connections = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let waiting = |line: &&str| line.contains(&port) && line.contains(" 06 ");
    assert_eq!(connections.lines().filter(waiting).count(), 0);
}

#[test]
fn a_json_answer_must_have_its_values_and_come_whole() {
    let mut asked = http(None);
    asked.json = [("/status", "ok"), ("/nodes/0/running", "true")]
        .map(|(pointer, value)| JsonMatch {
            pointer: pointer.into(),
            value: JsonScalar::plain(value),
        })
        .into();
    asked.contains = Some("nodes".into());
    let long = format!("{{\"nodes\":[],\"a\":\"{}\"}}", "a".repeat(70_000));
    for (body, expected) in [
        (
            "{\"status\":\"ok\",\"nodes\":[{\"running\":true}]}",
            Answer::up(),
        ),
        (
            "{\"status\":\"starting\",\"nodes\":[]}",
            Answer::down("/status of the answer is \"starting\", not \"ok\""),
        ),
        (
            "{\"status\":\"ok\",\"nodes\":[]}",
            Answer::down("the answer has no /nodes/0/running"),
        ),
        (
            "{\"status\":\"ok\"}",
            Answer::down("the answer does not contain \"nodes\""),
        ),
        (
            &long,
            Answer::down("the answer has more than 64 KiB: too much to be read as JSON"),
        ),
    ] {
        let (at, _requests) = answering(format!("HTTP/1.1 200 OK\r\n\r\n{body}"));
        assert_eq!(run(&asked, at, LONG), expected);
    }
}
