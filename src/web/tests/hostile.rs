// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients that do everything they should not. Each gets a clear answer or a closed connection, and the next client is
//! served as ever.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::{get, listener, open, server, status};
use crate::control::Status;
use crate::web::Limits;
use crate::web::access::tests::{Door, alice, code};

/// What is answered to a request that closes its connection.
async fn raw(at: SocketAddr, request: &[u8]) -> String {
    rest(TcpStream::connect(at).await.unwrap(), request, false).await
}

/// What is answered to bytes that are no whole request: nothing comes after them.
async fn cut(at: SocketAddr, bytes: &[u8]) -> String {
    rest(TcpStream::connect(at).await.unwrap(), bytes, true).await
}

async fn rest(mut stream: TcpStream, request: &[u8], cut: bool) -> String {
    let _ = stream.write_all(request).await;
    if cut {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn site() -> SocketAddr {
    open(listener("/stats"), Some(status()), Limits::default()).await
}

#[tokio::test]
async fn junk_is_answered_with_400_or_nothing() {
    let at = site().await;
    let mut junk: Vec<Vec<u8>> = [
        &b""[..],
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /stats\r\n\r\n",
        b"GET /stats HTTP/9.9\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /st\0ats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\nX y: 1\r\n\r\n",
        b"GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\n continued\r\n\r\n",
        b"GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\nX: \0\r\n\r\n",
        b"GET /stats HTTP/1.1\r\nHost: 127.0.0.1",
    ]
    .map(<[u8]>::to_vec)
    .into();
    let mut random = fastrand::Rng::with_seed(7);
    for length in [1, 16, 1000, 40_000] {
        junk.push((0..length).map(|_| random.u8(..)).collect());
    }
    for bytes in junk {
        let answer = cut(at, &bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        assert!(
            ["", "400", "431"].contains(&code(&answer)),
            "{shown:?}: {answer}"
        );
    }
    assert_eq!(code(&get(at, "/stats").await), "200");
}

#[tokio::test]
async fn a_head_has_so_many_lines_and_bytes() {
    let at = site().await;
    let head = |lines: &str| {
        format!("GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{lines}\r\n")
    };
    assert_eq!(
        code(&raw(at, head(&"X: 1\r\n".repeat(50)).as_bytes()).await),
        "200"
    );
    for bomb in [
        "X: 1\r\n".repeat(1000),
        format!("X: {}\r\n", "a".repeat(64 << 10)),
        format!("{}: 1\r\n", "a".repeat(64 << 10)),
    ] {
        let answer = raw(at, head(&bomb).as_bytes()).await;
        assert!(["", "431", "400"].contains(&code(&answer)), "{answer}");
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "a".repeat(60_000)
    );
    let answer = raw(at, long.as_bytes()).await;
    assert!(
        ["", "414", "431", "400"].contains(&code(&answer)),
        "{answer}"
    );
}

#[tokio::test]
async fn no_path_means_another_one() {
    let at = site().await;
    for path in [
        "/stats/%2e%2e/healthz",
        "/stats/..%2fhealthz",
        "/stats/../healthz",
        "/stats/./style.css",
        "/stats//style.css",
        "//stats",
        "/stats%2f",
        "/stats;x=1",
        "/stats/..;/healthz",
        "/stats/style.css%00",
        "/stats/style.css%00.html",
        "/stats/style.css/",
        "/stats\\style.css",
        "/%73tats",
        "/STATS",
        "/stats/api/v1/services/..%2f..%2f..%2fetc%2fpasswd",
        "/stats/api/v1/services/%00",
        "/stats/api/v1/services/%1b[31m",
        "*",
    ] {
        let answer = get(at, path).await;
        assert!(["404", "400"].contains(&code(&answer)), "{path}: {answer}");
        assert!(!answer.contains('\u{1b}'), "{answer}");
    }
}

#[tokio::test]
async fn other_methods_and_older_versions_have_plain_answers() {
    let at = site().await;
    for (request, wanted) in [
        ("BREW /stats HTTP/1.1\r\nHost: 127.0.0.1", "405"),
        ("TRACE /stats HTTP/1.1\r\nHost: 127.0.0.1", "405"),
        ("OPTIONS /stats HTTP/1.1\r\nHost: 127.0.0.1", "405"),
        ("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1", "404"),
        ("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22", "404"),
        ("DELETE /healthz HTTP/1.1\r\nHost: 127.0.0.1", "405"),
        ("GET /stats HTTP/1.0", "200"),
        ("HEAD /stats HTTP/1.1\r\nHost: 127.0.0.1", "200"),
        (
            "GET http://127.0.0.1/stats HTTP/1.1\r\nHost: 127.0.0.1",
            "200",
        ),
        (
            "GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 5",
            "200",
        ),
        (
            "GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: h2c\r\nConnection: Upgrade",
            "200",
        ),
    ] {
        let answer = raw(
            at,
            format!("{request}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await;
        assert_eq!(code(&answer), wanted, "{request}: {answer}");
    }
}

/// What two readers could understand otherwise is refused (RFC 9112, 6).
#[tokio::test]
async fn a_body_has_one_length() {
    let door = Door::with_users().await;
    for (lines, body) in [
        ("Content-Length: 5\r\nContent-Length: 6", "a=b&c"),
        ("Content-Length: -1", ""),
        ("Content-Length: +5", "a=b&c"),
        ("Content-Length: 99999999999999999999", ""),
        ("Content-Length: 5, 6", "a=b&c"),
        ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "fffffffffffffffff\r\n"),
        ("Transfer-Encoding: chunked", "-1\r\n"),
        ("Transfer-Encoding: chunked", "zz\r\n"),
        (
            "Transfer-Encoding: chunked",
            &format!("1;{}\r\n", "a".repeat(60_000)),
        ),
        ("Transfer-Encoding: chunked", "1\nab"),
    ] {
        let request = format!(
            "POST /stats/login HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: \
             application/x-www-form-urlencoded\r\n{lines}\r\n\r\n{body}",
            door.at
        );
        let answer = cut(door.at, request.as_bytes()).await;
        assert!(
            ["", "400", "413"].contains(&code(&answer)),
            "{lines} {body:.20}: {answer}"
        );
    }
    assert_eq!(code(&door.ask("GET", "/stats", &alice(), "").await), "200");
}

#[tokio::test]
async fn a_body_is_small() {
    let door = Door::with_users().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let large = "a".repeat(65 << 10);
    let answer = door.ask("POST", "/stats/login", form, &large).await;
    assert!(["", "413"].contains(&code(&answer)), "{answer}");
    let chunks = "1000\r\n".to_owned() + &"a".repeat(0x1000) + "\r\n";
    let request = format!(
        "POST /stats/login HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{form}Transfer-Encoding: chunked\r\n\r\n{}",
        door.at,
        chunks.repeat(100)
    );
    let answer = raw(door.at, request.as_bytes()).await;
    assert!(["", "413"].contains(&code(&answer)), "{answer}");
}

/// The clock of this test jumps to the next deadline whenever nobody has anything to do.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let door = Door::with_users().await;
    let before = tokio::time::Instant::now();
    let request = format!(
        "POST /stats/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: \
         30\r\n\r\nuser=",
        door.at
    );
    let answer = door.raw(request.as_bytes()).await;
    assert_eq!(code(&answer), "408", "{answer}");
    assert!(before.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn ten_thousand_connections_leave_room_for_the_next_one() {
    let limits = Limits {
        connections: 100,
        of_one: 50,
        ..Limits::default()
    };
    let at = open(listener("/stats"), Some(status()), limits).await;
    let mut held = Vec::new();
    for number in 0..10_000 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        if number < 50 {
            held.push(stream);
        } else {
            // Closed with or without a reset.
            assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
        }
    }
    drop(held);
    while code(&raw(at, b"GET /stats HTTP/1.0\r\n\r\n").await) != "200" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A status of some ten megabytes.
fn large() -> Status {
    let mut large = status();
    let one = server("10.0.0.9:5672", "down", Some(&"why ".repeat(200)));
    large.services[0].servers = vec![one; 10_000];
    large
}

/// A client that asks for it and takes nothing of it but the beginning.
async fn slow(at: SocketAddr) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(at).await.unwrap();
    let ask = b"GET /stats/api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut begin = vec![0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    (stream, String::from_utf8(begin).unwrap())
}

#[tokio::test]
async fn so_many_large_answers_are_held_by_slow_readers_and_no_more() {
    let at = open(listener("/stats"), Some(large()), Limits::default()).await;
    let mut slow_ones = Vec::new();
    for number in 0..10 {
        let (stream, begin) = slow(at).await;
        let wanted = if number < 8 { "200" } else { "503" };
        assert_eq!(code(&begin), wanted, "{number}");
        slow_ones.push(stream);
    }
    // What is small is answered all the same.
    assert_eq!(code(&get(at, "/healthz").await), "200");
    drop(slow_ones);
    loop {
        let answer = get(at, "/stats/api/v1/status").await;
        if code(&answer) == "200" {
            let (lines, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                lines.contains(&format!("content-length: {}", body.len())),
                "{lines}"
            );
            assert!(serde_json::from_str::<Status>(body).is_ok());
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_left() {
    let limits = Limits {
        of_one: 1,
        to_take: Duration::from_millis(200),
        ..Limits::default()
    };
    let at = open(listener("/stats"), Some(large()), limits).await;
    let idle = slow(at).await;
    // Its place is free again when it has been left.
    while code(&raw(at, b"GET /healthz HTTP/1.0\r\n\r\n").await) != "200" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(idle);
}
