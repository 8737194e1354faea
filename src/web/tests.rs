// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a browser gets, from a source that a test makes.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

mod hostile;
mod tls;

use super::*;
use crate::control::{Carried, ServerStatus, ServiceStatus, Status, Told};
use crate::model::{Figures, OrderFor, WebListener, WebPath};

/// Says the same until a test changes it.
pub(super) struct Fixed {
    status: Mutex<Option<Status>>,
    changes: watch::Sender<u64>,
}

impl Fixed {
    pub(super) fn new(status: Option<Status>) -> Self {
        Self {
            status: Mutex::new(status),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn status_now(&self) -> Option<Status> {
        self.status.lock().unwrap().clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(self.status.lock().unwrap().as_mut().unwrap());
        self.changes.send_modify(|it| *it += 1);
    }
}

impl Source for Fixed {
    fn status(&self) -> Option<Status> {
        self.status_now()
    }

    fn figures(&self) -> Figures {
        Figures::default()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn events(&self, _after: u64) -> Vec<Told> {
        Vec::new()
    }

    fn order(&self, _wanted: OrderFor, _by: String) -> Waiting<Result<Carried, String>> {
        Box::pin(async { Err("nothing is ordered here".to_owned()) })
    }
}

pub(super) fn server(address: &str, health: &'static str, reason: Option<&str>) -> ServerStatus {
    ServerStatus {
        server: address.parse().unwrap(),
        health: Cow::Borrowed(health),
        since_seconds: Some(7),
        weight: Some(1),
        configured_weight: 1,
        by_configuration: false,
        reason: reason.map(str::to_owned),
        order: None,
        note: None,
        drain: None,
        slow_start: None,
        checks: Vec::new(),
    }
}

/// One service with one server that is up and one that is down.
pub(super) fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        services: vec![ServiceStatus {
            service: "TCP 192.0.2.10:5672".parse().unwrap(),
            scheduler: "wrr".to_owned(),
            keeps_connections: false,
            take_over: None,
            error: None,
            alarm: None,
            servers: vec![
                server("10.0.0.1:5672", "up", None),
                server(
                    "10.0.0.2:5672",
                    "down",
                    Some("said <script>alert(1)</script>"),
                ),
            ],
        }],
        ..Status::default()
    }
}

/// Serves this listener with this status, and returns where.
async fn open(listener: WebListener, status: Option<Status>, limits: Limits) -> SocketAddr {
    open_by(listener, Arc::new(Fixed::new(status)), limits).await
}

async fn open_by(listener: WebListener, source: Arc<Fixed>, limits: Limits) -> SocketAddr {
    let board = Arc::new(Board::new(source));
    // Nobody reads a kernel here: who asks need not wait for it.
    board.traffic().take(None);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(run(socket, None, Site::new(listener, board), limits));
    at
}

pub(super) fn listener(path: &str) -> WebListener {
    WebListener {
        listen: WebListener::LISTEN,
        path: WebPath::new(path).unwrap(),
        refresh: WebListener::REFRESH,
        users_file: None,
        actions: false,
        tls: None,
    }
}

/// What the site answers: everything until it closes the connection.
async fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_page_is_under_its_path_and_text_of_servers_is_only_text() {
    let at = open(
        listener("/rabbitmq-stats"),
        Some(status()),
        Limits::default(),
    )
    .await;
    let page = get(at, "/rabbitmq-stats").await;
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    assert!(
        page.contains("TCP 192.0.2.10:5672") && page.contains("10.0.0.2:5672"),
        "{page}"
    );
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(
        page.contains("content-security-policy: default-src 'none'"),
        "{page}"
    );
    for other in [
        "/",
        "/rabbitmq-stats/x",
        "/api/v1/status",
        "/rabbitmq-stats/../healthz",
    ] {
        let answer = get(at, other).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{other}: {answer}");
    }
    assert!(get(at, "/healthz").await.ends_with("\r\n\r\nok\n"));
}

#[tokio::test]
async fn programs_get_the_status_as_json() {
    let at = open(listener("/"), Some(status()), Limits::default()).await;
    let answer = get(at, "/api/v1/status").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(serde_json::from_str::<Status>(body).unwrap(), status());
}

#[tokio::test]
async fn a_browser_hears_of_what_changes_and_of_nothing_else() {
    let source = Arc::new(Fixed::new(Some(status())));
    let at = open_by(listener("/lvs"), Arc::clone(&source), Limits::default()).await;
    let page = get(at, "/lvs").await;
    let (_, version) = page.split_once("data-version=\"").unwrap();
    let (version, _) = version.split_once('"').unwrap();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET /lvs/live?seen={version} HTTP/1.1\r\nHost: {at}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    source.change(|it| it.services[0].servers[0].health = "down".into());
    let mut heard = String::new();
    let mut part = [0; 4096];
    while !heard.contains("2 down") {
        let length = stream.read(&mut part).await.unwrap();
        assert_ne!(length, 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    assert!(heard.contains("content-type: text/event-stream"), "{heard}");
    assert!(heard.contains("id=\\\"TCP-192.0.2.10:5672\\\""), "{heard}");
    assert!(
        !heard.contains("id=\\\"pair\\\"") && !heard.contains("event: all"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_browser_with_the_page_of_an_earlier_director_fetches_it_again() {
    let at = open(listener("/"), Some(status()), Limits::default()).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("GET /live?seen=7 HTTP/1.1\r\nHost: {at}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut heard, mut part) = (String::new(), [0; 4096]);
    while !heard.contains("event: all\ndata:\n\n") {
        let length = stream.read(&mut part).await.unwrap();
        assert_ne!(length, 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&part[..length]));
    }
}

#[tokio::test]
async fn one_service_can_be_had_by_itself() {
    let at = open(listener("/"), Some(status()), Limits::default()).await;
    let part = get(at, "/service?key=TCP+192.0.2.10%3A5672").await;
    assert!(
        part.contains("\r\n\r\n<details id=\"TCP-192.0.2.10:5672\""),
        "{part}"
    );
    let part = get(at, "/service?key=TCP+192.0.2.99%3A5672").await;
    assert!(part.starts_with("HTTP/1.1 404"), "{part}");
    let part = get(at, "/service?key=%3Cscript%3E").await;
    assert!(part.starts_with("HTTP/1.1 400"), "{part}");
}

#[tokio::test]
async fn prometheus_gets_metrics_at_the_root_and_only_there() {
    let at = open(listener("/stats"), Some(status()), Limits::default()).await;
    let answer = get(at, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4"));
    let up = "director_service_up{service=\"TCP 192.0.2.10:5672\"} 1\n";
    assert!(answer.contains(up), "{answer}");
    assert!(answer.contains("director_kernel_up 0\n"), "{answer}");
    assert!(get(at, "/stats/metrics").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_director_that_starts_is_alive_and_not_ready() {
    let at = open(listener("/"), None, Limits::default()).await;
    assert!(get(at, "/healthz").await.starts_with("HTTP/1.1 200"));
    for path in ["/readyz", "/", "/api/v1/status", "/metrics"] {
        assert!(get(at, path).await.starts_with("HTTP/1.1 503"), "{path}");
    }
}

#[tokio::test]
async fn a_director_whose_kernel_is_not_right_is_not_ready() {
    let mut status = status();
    status.services[0].error = Some("no scheduler".to_owned());
    let at = open(listener("/"), Some(status), Limits::default()).await;
    assert!(get(at, "/readyz").await.starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn where_there_are_users_nothing_is_shown_before_the_login() {
    let mut listener = listener("/");
    listener.users_file = Some(std::path::Path::new("/nonexistent").into());
    let at = open(listener, Some(status()), Limits::default()).await;
    for path in ["/", "/api/v1/status", "/style.css", "/metrics"] {
        let answer = get(at, path).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
        assert!(!answer.contains("192.0.2.10"), "{answer}");
    }
    assert!(get(at, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let limits = Limits {
        of_one: 2,
        ..Limits::default()
    };
    let at = open(listener("/"), Some(status()), limits).await;
    let first = TcpStream::connect(at).await.unwrap();
    let _second = TcpStream::connect(at).await.unwrap();
    let mut third = TcpStream::connect(at).await.unwrap();
    // Closed with or without a reset.
    let _ = third.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(matches!(third.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    drop(first);
    // Its place is free when the director has noticed the end.
    loop {
        let mut next = TcpStream::connect(at).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let _ = next.write_all(request).await;
        let mut answer = Vec::new();
        if next.read_to_end(&mut answer).await.is_ok() && answer.starts_with(b"HTTP/1.1 200") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_client_that_asks_nothing_is_left() {
    let limits = Limits {
        to_ask: Duration::from_millis(50),
        ..Limits::default()
    };
    let at = open(listener("/"), Some(status()), limits).await;
    for part in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(part.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // It ends: with nothing, with a 408, or with a reset.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{part:?}");
    }
}
