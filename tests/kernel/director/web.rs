// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status page of a running director.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use lab::netns::Host;
use lvs_director::control::Status;
use lvs_director::model::Protocol;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, PROGRAM, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const HERE: &str = "192.168.0.11:8100";
const ANY: &str = "0.0.0.0:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "the_status_page_says_what_the_director_says_and_a_reload_moves_it",
            moves,
        ),
        (
            "a_status_page_whose_port_is_taken_comes_when_the_port_is_free_and_all_else_goes_on",
            taken,
        ),
        (
            "a_user_of_the_status_page_drains_a_server_and_nobody_else_can",
            orders,
        ),
    ]
}

/// What is at this path: the whole answer.
pub(super) fn page(from: &Host, at: &str, path: &str) -> io::Result<String> {
    let at: SocketAddr = at.parse().unwrap();
    from.run(|| {
        let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    })
}

/// The answer to an order in JSON by `alice:correct horse`, or by nobody.
fn order(from: &Host, by_alice: bool, order: &str) -> String {
    let at: SocketAddr = HERE.parse().unwrap();
    let login = if by_alice {
        "Authorization: Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==\r\n"
    } else {
        ""
    };
    let body = format!(
        r#"{{"servers":[{{"service":"TCP 192.168.0.10:80","server":"192.168.0.2:80"}}],"order":"{order}"}}"#
    );
    let length = body.len();
    let answer = from.run(|| {
        let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "POST /api/v1/orders HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{login}Content-Type: \
             application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        io::Result::Ok(answer)
    });
    answer.unwrap()
}

fn is_there(from: &Host, at: &str, path: &str) -> bool {
    page(from, at, path).is_ok_and(|it| it.starts_with("HTTP/1.1 200"))
}

fn yaml(web: &str) -> String {
    format!(
        "{web}\ndefaults: {{{QUICK}}}\nvirtual_services: [{{address: 192.168.0.10:80, servers: [192.168.0.2, 192.168.0.3]}}]\n"
    )
}

fn set_up(web: &str) -> (Stage, Files, Running) {
    let (mut stage, files) = (Stage::new(2), Files::new());
    stage.serve(0, Protocol::Tcp, ANY.parse().unwrap());
    files.write(&yaml(web));
    let director = Running::start(&stage.director, &files, &[]);
    (stage, files, director)
}

fn moves() {
    let (mut stage, files, director) = set_up("web: {listen: 0.0.0.0:8100, path: /stats}");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1)]);
    director.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: unknown -> down");
    let client = &stage.client;
    assert!(is_there(client, HERE, "/stats"));
    wait_for("the page knows the verdicts", || {
        let answer = page(client, HERE, "/stats/api/v1/status").unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: Status = serde_json::from_str(body).unwrap();
        let servers = &status.services[0].servers;
        (servers[0].health == "up" && servers[1].health == "down").then_some(())
    });
    assert!(is_there(client, HERE, "/readyz"));

    files.write(&yaml("web: {listen: 0.0.0.0:8101}"));
    director.signal(SIGHUP);
    wait_for("the page has moved", || {
        let moved = is_there(client, "192.168.0.11:8101", "/");
        (moved && page(client, HERE, "/stats").is_err()).then_some(())
    });

    files.write(&yaml(""));
    director.signal(SIGHUP);
    wait_for("the page has gone", || {
        page(client, "192.168.0.11:8101", "/").err()
    });
    director.stop();
}

fn taken() {
    let (stage, files) = (Stage::new(2), Files::new());
    let other = stage.director.run(|| TcpListener::bind("0.0.0.0:8100"));
    files.write(&yaml("web: {listen: 0.0.0.0:8100}"));
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("status page at http://0.0.0.0:8100/: listen: Address already in use");
    assert_eq!(files.status(&stage.director).services.len(), 1);
    drop(other);
    wait_for("the page has come", || {
        is_there(&stage.client, HERE, "/").then_some(())
    });
    director.stop();
}

/// Puts alice into the file, with the command that an operator has.
fn set_password(files: &Files) -> String {
    let file = files.path("web.users").display().to_string();
    let mut command = Command::new(PROGRAM)
        .args(["password", "alice", "--stdin", "--file", &file])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = command.stdin.take().unwrap();
    input.write_all(b"correct horse\n").unwrap();
    drop(input);
    assert!(command.wait().unwrap().success());
    file
}

fn orders() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    for server in 0..2 {
        stage.serve(server, Protocol::Tcp, ANY.parse().unwrap());
    }
    let file = set_password(&files);
    files.write(&yaml(&format!(
        "web: {{listen: 0.0.0.0:8100, users_file: {file}, actions: true}}"
    )));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    let client = &stage.client;
    let nobody = order(client, false, "disable");
    assert!(nobody.starts_with("HTTP/1.1 401"), "{nobody}");
    let done = order(client, true, "disable");
    assert!(
        done.ends_with(r#"{"changed":1,"not_written":null}"#),
        "{done}"
    );
    let line = director.wait_for("disable ordered by user alice from");
    assert!(line.contains("by the status page"), "{line}");
    wait_for_weights(&mut stage, &[("192.168.0.3:80", 1)]);
    let back = order(&stage.client, true, "enable");
    assert!(back.starts_with("HTTP/1.1 200"), "{back}");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    director.stop();
}
