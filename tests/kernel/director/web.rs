// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status page of a running director.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use lab::netns::Host;
use lvs_director::control::Status;
use lvs_director::model::Protocol;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, QUICK, Running, wait_for_weights};
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
