// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who gets in, and what they can do then.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::hashed;
use crate::control::{Carried, Status, Told};
use crate::model::{Figures, Order, OrderFor, WebListener};
use crate::web::tests::{listener, status};
use crate::web::{Board, Limits, Site, Source, Waiting, run};

const ONE: &str = "TCP 192.0.2.10:5672 10.0.0.1:5672";
pub(super) const PASSWORD: &str = "correct horse";

/// Keeps what is ordered. The last server of a service is only taken by force.
pub(in crate::web) struct Recorded {
    orders: Mutex<Vec<(OrderFor, String)>>,
    changes: watch::Sender<u64>,
}

impl Source for Arc<Recorded> {
    fn status(&self) -> Option<Status> {
        Some(status())
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

    fn order(&self, wanted: OrderFor, by: String) -> Waiting<Result<Carried, String>> {
        if wanted.order == Some(Order::Disable) && !wanted.force {
            return Box::pin(async { Err("nobody would be left".to_owned()) });
        }
        let servers = u64::try_from(wanted.servers.len()).unwrap();
        self.orders.lock().unwrap().push((wanted, by));
        Box::pin(async move {
            Ok(Carried {
                servers,
                not_written: None,
            })
        })
    }
}

/// A listener with users, or without, and a client.
pub(in crate::web) struct Door {
    pub(in crate::web) at: SocketAddr,
    source: Arc<Recorded>,
    directory: TempDir,
}

impl Door {
    /// With one user who may act.
    pub(in crate::web) async fn with_users() -> Self {
        Self::open(|it, file| {
            std::fs::write(&file, line("alice", PASSWORD)).unwrap();
            it.users_file = Some(file.into());
            it.actions = true;
        })
        .await
    }

    async fn open(change: impl FnOnce(&mut WebListener, PathBuf)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut listener = listener("/stats");
        change(&mut listener, directory.path().join("users"));
        let source = Arc::new(Recorded {
            orders: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let board = Arc::new(Board::new(Arc::new(Arc::clone(&source))));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let site = Site::new(listener, board);
        let limits = Limits {
            of_one: 1024,
            ..Limits::default()
        };
        tokio::spawn(run(socket, None, site, limits));
        Self {
            at,
            source,
            directory,
        }
    }

    fn users(&self) -> PathBuf {
        self.directory.path().join("users")
    }

    /// What is answered to these bytes.
    pub(in crate::web) async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(in crate::web) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> String {
        let host = self.at;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.raw(request.as_bytes()).await
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        self.ask("GET", path, headers, "").await
    }

    async fn form(&self, path: &str, headers: &str, body: &str) -> String {
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
        self.ask("POST", path, &headers, body).await
    }

    async fn json(&self, headers: &str, body: &str) -> String {
        let headers = format!("Content-Type: application/json\r\n{headers}");
        self.ask("POST", "/stats/api/v1/orders", &headers, body)
            .await
    }

    /// The header with the cookie of a new session.
    async fn log_in(&self) -> String {
        let answer = self
            .form("/stats/login", "", "user=alice&password=correct+horse")
            .await;
        assert_eq!(code(&answer), "303", "{answer}");
        let (_, cookie) = answer.split_once("set-cookie: ").unwrap();
        let (cookie, rest) = cookie.split_once(';').unwrap();
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/stats;"] {
            assert!(rest.contains(attribute), "{answer}");
        }
        assert!(!rest.contains("Secure"), "it is plain HTTP: {answer}");
        format!("Cookie: other=1; {cookie}\r\n")
    }

    /// The token of the forms of this session.
    async fn token(&self, cookie: &str) -> String {
        let page = self.get("/stats/servers", cookie).await;
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
        rest[..64].to_owned()
    }

    fn ordered(&self) -> Vec<(OrderFor, String)> {
        self.source.orders.lock().unwrap().clone()
    }
}

pub(super) fn line(name: &str, password: &str) -> String {
    let few = NonZeroU32::new(1000).unwrap();
    hashed(name, password, [7; 16], few).unwrap()
}

fn basic(user: &str, password: &str) -> String {
    let text = BASE64.encode(format!("{user}:{password}").as_bytes());
    format!("Authorization: Basic {text}\r\n")
}

pub(in crate::web) fn alice() -> String {
    basic("alice", PASSWORD)
}

pub(in crate::web) fn code(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Without what differs from one second to the next.
fn without_date(answer: &str) -> String {
    let lines = answer.lines().filter(|it| !it.starts_with("date:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn before_the_login_every_path_answers_the_same_and_says_nothing() {
    let door = Door::with_users().await;
    let first = without_date(&door.get("/stats", "").await);
    assert!(first.starts_with("HTTP/1.1 401"), "{first}");
    assert!(
        !first.contains("director") && !first.contains("0.1.0"),
        "{first}"
    );
    for path in [
        "/",
        "/stats/",
        "/stats/style.css",
        "/stats/api/v1/status",
        "/stats/api/v1/openapi.json",
        "/stats/servers",
        "/stats/nothing",
        "/stats/login/",
        "/stats/%6cogin",
        "//stats/login",
        "/stats/../stats/login",
    ] {
        assert_eq!(without_date(&door.get(path, "").await), first, "{path}");
    }
    for path in ["/stats", "/stats/nothing"] {
        let guess = door.get(path, &basic("alice", "wrong")).await;
        assert_eq!(without_date(&guess), first);
    }
    let page = door
        .get("/stats/nothing", "Accept: text/html,*/*\r\n")
        .await;
    assert_eq!(code(&page), "303");
    assert!(page.contains("location: /stats/login\r\n"), "{page}");
    let script = door
        .get("/stats/api/v1/status", "Sec-Fetch-Mode: cors\r\n")
        .await;
    assert!(!script.contains("www-authenticate"), "{script}");
    for open in ["/healthz", "/readyz"] {
        assert_eq!(body(&door.get(open, "").await), "ok\n");
    }
    let login = door.get("/stats/login", "").await;
    assert!(
        !login.contains("director") && !login.contains("192.0.2"),
        "{login}"
    );
}

#[tokio::test]
async fn a_program_reads_with_the_password_of_a_user() {
    let door = Door::with_users().await;
    for _ in 0..3 {
        let answer = door.get("/stats/api/v1/status", &alice()).await;
        assert_eq!(code(&answer), "200", "{answer}");
    }
    for wrong in [basic("alice", ""), basic("bob", PASSWORD), basic("", "")] {
        assert_eq!(code(&door.get("/stats", &wrong).await), "401");
    }
}

#[tokio::test]
async fn a_browser_logs_in_and_out() {
    let door = Door::with_users().await;
    let wrong = door
        .form("/stats/login", "", "user=alice&password=%3Cscript%3E")
        .await;
    assert_eq!(code(&wrong), "401");
    assert!(
        !wrong.contains("<script>") && !wrong.contains("set-cookie"),
        "{wrong}"
    );
    let elsewhere = door
        .form(
            "/stats/login",
            "Origin: http://evil.example\r\n",
            "user=alice&password=correct+horse",
        )
        .await;
    assert_eq!(code(&elsewhere), "403");
    let cookie = door.log_in().await;
    assert_eq!(code(&door.get("/stats", &cookie).await), "200");
    assert_eq!(
        code(&door.form("/stats/logout", &cookie, "token=x").await),
        "403"
    );
    let token = format!("token={}", door.token(&cookie).await);
    assert_eq!(
        code(&door.form("/stats/logout", &cookie, &token).await),
        "303"
    );
    assert_eq!(code(&door.get("/stats", &cookie).await), "401");
}

#[tokio::test]
async fn wrong_passwords_by_the_thousand_slow_nobody_who_is_in() {
    let door = Arc::new(Door::with_users().await);
    let cookie = door.log_in().await;
    assert_eq!(code(&door.get("/stats", &alice()).await), "200");
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..20 {
        let door = Arc::clone(&door);
        guesses.spawn(async move {
            let mut codes = Vec::new();
            for guess in 0..50 {
                let header = basic("alice", &format!("{number}-{guess}"));
                codes.push(code(&door.get("/stats", &header).await).to_owned());
            }
            codes
        });
    }
    let codes = guesses.join_all().await.concat();
    let count = |wanted: &str| codes.iter().filter(|it| *it == wanted).count();
    assert_eq!(count("401") + count("429") + count("503"), 1000);
    assert!(count("429") > 500, "{} were looked at", count("401"));
    // The same address may not guess any more; who is in is served.
    assert_eq!(code(&door.get("/stats", &cookie).await), "200");
    assert_eq!(code(&door.get("/stats", &alice()).await), "200");
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_opened() {
    let door = Door::with_users().await;
    let cookie = door.log_in().await;
    assert_eq!(code(&door.get("/stats", &alice()).await), "200");
    std::fs::write(door.users(), line("alice", "another horse")).unwrap();
    while code(&door.get("/stats", &cookie).await) == "200" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(code(&door.get("/stats", &alice()).await), "401");
    let new = basic("alice", "another horse");
    assert_eq!(code(&door.get("/stats", &new).await), "200");
}

#[tokio::test]
async fn without_a_file_of_users_nobody_gets_in_until_it_is_there() {
    let door = Door::open(|it, file| it.users_file = Some(file.into())).await;
    assert_eq!(code(&door.get("/stats", &alice()).await), "401");
    std::fs::write(door.users(), line("alice", PASSWORD)).unwrap();
    // It must not be asked too often, and the file is looked at every two seconds.
    let mut answer = String::new();
    while code(&answer) != "200" {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        answer = door.get("/stats", &alice()).await;
    }
}

#[tokio::test]
async fn a_page_whose_name_suddenly_is_this_host_reads_nothing() {
    let door = Door::open(|_, _| {}).await;
    let ask = |target: &str, host: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    for (target, host, wanted) in [
        ("/stats", "evil.example", "421"),
        ("/stats", "evil.example:8100", "421"),
        ("/stats/api/v1/status", "127.0.0.1.evil.example", "421"),
        ("http://evil.example/stats", "127.0.0.1", "421"),
        ("/stats", "", "421"),
        ("/stats", "127.0.0.1", "200"),
        ("/stats", "localhost:8100", "200"),
        ("http://[::1]:8100/stats", "[::1]:8100", "200"),
        ("/healthz", "evil.example", "200"),
        ("/stats", "a\r\nHost: 127.0.0.1", "400"),
    ] {
        let answer = door.raw(ask(target, host).as_bytes()).await;
        assert_eq!(code(&answer), wanted, "{target} {host}: {answer}");
    }
    let nameless = door
        .raw(b"GET /stats HTTP/1.1\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(code(&nameless), "400");
    // Nobody can act where nobody can log in.
    let order = door.json("", "{}").await;
    assert_eq!(code(&order), "403", "{order}");
    assert_eq!(
        code(&door.form("/stats/act", "", "order=drain").await),
        "403"
    );
    assert_eq!(code(&door.form("/stats/login", "", "user=a").await), "404");
}

#[tokio::test]
async fn an_order_of_a_form_is_asked_once_more_and_carried_out() {
    let door = Door::with_users().await;
    let cookie = door.log_in().await;
    let token = door.token(&cookie).await;
    let box_of = ONE.replace(' ', "+").replace(':', "%3A");
    let form = format!("token={token}&order=weight&weight=7&server={box_of}&server={box_of}");
    let asked = door.form("/stats/act", &cookie, &form).await;
    assert_eq!(code(&asked), "200", "{asked}");
    assert!(asked.contains("Set weight 7 for 1 server"), "{asked}");
    assert!(asked.contains(&format!("value=\"{ONE}\"")), "{asked}");
    assert!(door.ordered().is_empty());
    let done = door
        .form("/stats/act", &cookie, &format!("{form}&confirmed=yes"))
        .await;
    assert!(done.contains("1 of 1 changed"), "{done}");
    let [(wanted, by)] = &door.ordered()[..] else {
        panic!("one order");
    };
    assert_eq!(
        wanted.order.map(|it| it.to_string()).as_deref(),
        Some("weight 7")
    );
    assert_eq!(by, "user alice from 127.0.0.1 by the status page");
}

#[tokio::test]
async fn what_the_director_refuses_is_shown_with_the_way_on() {
    let door = Door::with_users().await;
    let cookie = door.log_in().await;
    let token = door.token(&cookie).await;
    let form = format!("token={token}&order=disable&server={ONE}&confirmed=yes");
    let refused = door.form("/stats/act", &cookie, &form).await;
    assert_eq!(code(&refused), "409");
    assert!(refused.contains("nobody would be left"), "{refused}");
    assert!(
        refused.contains("name=\"force\" value=\"yes\""),
        "{refused}"
    );
    let forced = door
        .form("/stats/act", &cookie, &format!("{form}&force=yes"))
        .await;
    assert_eq!(code(&forced), "200");
    assert!(door.ordered()[0].0.force);
}

#[tokio::test]
async fn a_form_that_the_session_was_not_given_changes_nothing() {
    let door = Door::with_users().await;
    let (cookie, other) = (door.log_in().await, door.log_in().await);
    let (token, of_other) = (door.token(&cookie).await, door.token(&other).await);
    let rest = format!("&order=drain&server={ONE}&confirmed=yes");
    let own = format!("token={token}{rest}");
    let evil = format!("{cookie}Origin: http://evil.example\r\n");
    let null = format!("{cookie}Origin: null\r\n");
    let cross = format!("{cookie}Sec-Fetch-Site: cross-site\r\n");
    let near = format!("{cookie}Sec-Fetch-Site: same-site\r\n");
    for (headers, form) in [
        (&cookie, rest.clone()),
        (&cookie, format!("token={of_other}{rest}")),
        (&evil, own.clone()),
        (&null, own.clone()),
        (&cross, own.clone()),
        (&near, own.clone()),
        (&alice(), own.clone()),
    ] {
        let answer = door.form("/stats/act", headers, &form).await;
        assert_eq!(code(&answer), "403", "{headers} {form}: {answer}");
    }
    assert!(door.ordered().is_empty());
    let same = format!("{cookie}Origin: http://{}\r\n", door.at);
    assert_eq!(code(&door.form("/stats/act", &same, &own).await), "200");
    for wrong in [
        "order=reboot",
        "order=weight",
        "order=weight&weight=-1",
        "order=drain&server=x",
        "order=drain",
    ] {
        let form = format!("token={token}&{wrong}&confirmed=yes");
        assert_eq!(
            code(&door.form("/stats/act", &cookie, &form).await),
            "400",
            "{wrong}"
        );
    }
    assert_eq!(door.ordered().len(), 1);
}

#[tokio::test]
async fn programs_order_by_json_and_pages_from_elsewhere_cannot() {
    let door = Door::with_users().await;
    let order = r#"{"servers":[{"service":"TCP 192.0.2.10:5672","server":"10.0.0.1:5672"}],"order":"drain","deadline_seconds":60}"#;
    let done = door.json(&alice(), order).await;
    assert_eq!(body(&done), r#"{"changed":1,"not_written":null}"#, "{done}");
    let float = door.json(&alice(), &order.replace("60", "6e1")).await;
    assert_eq!(code(&float), "200", "{float}");
    let form = door.form("/stats/api/v1/orders", &alice(), order).await;
    assert_eq!(code(&form), "415");
    let elsewhere = format!("{}Origin: http://evil.example\r\n", alice());
    assert_eq!(code(&door.json(&elsewhere, order).await), "403");
    for wrong in [
        "",
        "{}",
        "[]",
        r#"{"servers":[],"order":"drain"}"#,
        &order.replace("60", "0"),
        &order.replace("60", "6.5"),
        &order.replace("60", "-6e1"),
        &order.replace("60", "6e99"),
        &order.replace("deadline", "dead"),
        &order.replace("drain", "reboot"),
        &order.replace("60}", r#"60,"weight":2147483648}"#),
    ] {
        let answer = door.json(&alice(), wrong).await;
        assert_eq!(code(&answer), "400", "{wrong}");
        assert!(body(&answer).starts_with(r#"{"message":""#), "{answer}");
    }
    for name in ["10.0.0.1", "192.0.2.10"] {
        let answer = door.json(&alice(), &order.replace(name, "x")).await;
        assert_eq!(code(&answer), "404", "{name}");
    }
    let refused = door
        .json(&alice(), &order.replace("drain", "disable"))
        .await;
    assert_eq!(code(&refused), "409");
    assert_eq!(door.ordered().len(), 2);
}
