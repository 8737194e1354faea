// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that die and come back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab::question::{Conversation, connect};
use lvs_director::model::Protocol::Tcp;
use nix::sys::signal::Signal;

use super::process::{Files, QUICK, Running, wait_for_weights, weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const ANY: &str = "0.0.0.0:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_that_refuses_leaves_after_fall_probes_and_returns_after_rise",
            refuses,
        ),
        (
            "a_server_that_is_silent_leaves_after_fall_probes_and_returns_after_rise",
            silent,
        ),
        (
            "inhibit_on_failure_keeps_the_connections_of_a_down_server",
            inhibited,
        ),
        (
            "a_persistent_client_moves_away_from_an_inhibited_or_quiesced_server",
            persistent,
        ),
        ("probes_take_the_way_that_is_written", by_a_way),
        (
            "fifty_services_with_the_same_check_of_a_server_make_one_probe_a_period",
            shared,
        ),
        (
            "two_different_checks_of_one_address_are_never_merged",
            never_merged,
        ),
        (
            "the_first_probe_of_every_server_is_its_first_verdict",
            first_verdicts,
        ),
    ]
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Two servers behind [`VIP`], on all of their addresses.
fn set_up(settings: &str) -> (Stage, Files) {
    let (mut stage, files) = (Stage::new(2), Files::new());
    stage.vip(address(VIP).ip());
    stage.servers_hold(address(VIP).ip(), "lo");
    stage.serve_everywhere(Tcp, address(ANY));
    files.write(&format!(
        "defaults: {{{settings}}}\nvirtual_services:\n  - {{address: {VIP}, scheduler: rr, servers: [192.168.0.2, 192.168.0.3]}}\n"
    ));
    (stage, files)
}

fn refuses() {
    let (mut stage, files) = set_up(QUICK);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    stage.stop_serving(0, address(ANY));
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for("real server 192.168.0.2:80 of TCP 192.168.0.10:80: up -> down (connect refused, 3/3), weight 1 -> removed");
    assert_eq!(
        (0..4)
            .map(|_| stage.ask(Tcp, None, address(VIP)))
            .collect::<Vec<_>>(),
        ["rs2"; 4]
    );

    stage.serve(0, Tcp, address(ANY));
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    director.wait_for("down -> up (check passed, 2/2), added with weight 1");
    let mut answers: Vec<String> = (0..2).map(|_| stage.ask(Tcp, None, address(VIP))).collect();
    answers.sort();
    assert_eq!(answers, ["rs1", "rs2"]);
    assert!(director.stop().success());
}

fn silent() {
    let (mut stage, files) = set_up(QUICK);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    stage.servers[1].plug(false).unwrap();
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    let line = director.wait_for("up -> down");
    assert!(line.contains("(connect timed out, 3/3)"), "{line}");
    stage.servers[1].plug(true).unwrap();
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
}

fn inhibited() {
    let settings = QUICK.replace(
        "check: {",
        "inhibit_on_failure: true, check: {tcp: {port: 9}, ",
    );
    let (mut stage, files) = set_up(&settings);
    let health: SocketAddr = address("0.0.0.0:9");
    stage.serve_everywhere(Tcp, health);
    let _director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    let talk = |conversation: &mut Conversation| {
        conversation
            .ask("hello", Instant::now() + PATIENCE)
            .unwrap()
    };
    let mut held = loop {
        let stream = stage
            .client
            .run(|| connect(None, address(VIP), PATIENCE).unwrap());
        let mut conversation = Conversation::new(stream).unwrap();
        if talk(&mut conversation) == "rs1 hello" {
            break conversation;
        }
    };

    stage.stop_serving(0, health);
    wait_for_weights(&mut stage, &[(RS1, 0), (RS2, 1)]);
    assert_eq!(
        (0..4)
            .map(|_| stage.ask(Tcp, None, address(VIP)))
            .collect::<Vec<_>>(),
        ["rs2"; 4]
    );
    assert_eq!(
        talk(&mut held),
        "rs1 hello",
        "an established connection goes on"
    );

    stage.serve(0, Tcp, health);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    assert_eq!(talk(&mut held), "rs1 hello");
}

/// One client is bound to the server whose check fails, then to the one that the file gives weight 0.
fn persistent() {
    let settings = QUICK.replace(
        "check: {",
        "inhibit_on_failure: true, persistence: 1h, check: {tcp: {port: 9}, ",
    );
    let (mut stage, files) = set_up(&settings);
    let health: SocketAddr = address("0.0.0.0:9");
    stage.serve_everywhere(Tcp, health);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    let ask = |stage: &Stage| stage.ask(Tcp, None, address(VIP));
    let bound = ask(&stage);
    assert_eq!([ask(&stage), ask(&stage)], [bound.clone(), bound.clone()]);
    let (failing, other, [first, second]) = if bound == "rs1" {
        (0, "rs2", [0, 1])
    } else {
        (1, "rs1", [1, 0])
    };

    stage.stop_serving(failing, health);
    wait_for_weights(&mut stage, &[(RS1, first), (RS2, second)]);
    assert_eq!([ask(&stage), ask(&stage)], [other, other]);

    stage.serve(failing, Tcp, health);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    assert_eq!(ask(&stage), other, "it is bound to its new server");
    let [rs1, rs2] = [RS1, RS2].map(|server| server.trim_end_matches(":80"));
    files.write(&format!(
        "defaults: {{{settings}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    servers: \
         [{{address: {rs1}, weight: {second}}}, {{address: {rs2}, weight: {first}}}]\n"
    ));
    director.signal(Signal::SIGHUP);
    director.wait_for("reloaded: ");
    wait_for_weights(&mut stage, &[(RS1, second), (RS2, first)]);
    assert_eq!([ask(&stage), ask(&stage)], [bound.clone(), bound]);
}

/// Without the mark there is no route to the server.
fn by_a_way() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    stage
        .director
        .ip(
            "address add 192.168.0.77/16 dev eth0\nroute add unreachable 192.168.0.2/32\n\
             route add 192.168.0.2/32 dev eth0 table 100\nrule add fwmark 7 lookup 100\n",
        )
        .unwrap();
    let way = QUICK.replace(
        "check: {",
        "check: {source: 192.168.0.77, interface: eth0, fwmark: 7, ",
    );
    files.write(&format!(
        "virtual_services:\n  - {{address: {VIP}, {way}, servers: [192.168.0.2]}}\n"
    ));
    let server = stage.servers[0].run(|| TcpListener::bind(RS1).unwrap());
    server.set_nonblocking(true).unwrap();
    let _director = Running::start(&stage.director, &files, &[]);
    let (_, peer) = wait_for("a probe comes", || server.accept().ok());
    assert_eq!(peer.ip(), address("192.168.0.77:0").ip());
    wait_for_weights(&mut stage, &[(RS1, 1)]);
}

/// 50 services, and a server that counts the probes.
fn shared() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    let mut yaml =
        "defaults: {check: {interval: 1s, tcp: {port: 9}}}\nvirtual_services:\n".to_owned();
    for port in 10_000..10_050 {
        yaml.push_str(&format!(
            "  - {{address: 192.168.0.10:{port}, servers: [192.168.0.2]}}\n"
        ));
    }
    files.write(&yaml);
    let server = stage.servers[0].run(|| TcpListener::bind("192.168.0.2:9").unwrap());
    server.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    let director = Running::start(&stage.director, &files, &[]);
    wait_for("every service has its verdict", || {
        (director.count("unknown -> up (check passed, 1/1)") == 50).then_some(())
    });
    for _ in 0..5 {
        wait_for("a probe comes", || server.accept().ok());
    }
    // One at the start, and then one in each period; a period is at most a tenth shorter: at least four periods.
    assert!(
        begun.elapsed() >= Duration::from_millis(900) * 4,
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(weights(&mut stage).len(), 50);
}

/// Services that check one address and port, each in its own way: by TCP, by HTTP, with another path, another deadline,
/// another number of failures. A server tells how it was asked.
fn never_merged() {
    let (stage, files) = (Stage::new(1), Files::new());
    let checks = [
        "tcp: {port: 9}",
        "tcp: {port: 9}, timeout: 3s",
        "tcp: {port: 9}, fall: 5",
        "http: {port: 9}",
        "http: {port: 9, path: /ready}",
    ];
    let mut yaml = "defaults: {check: {interval: 1h}}\nvirtual_services:\n".to_owned();
    for (number, check) in checks.iter().enumerate() {
        // Each check is that of two services.
        for port in [20_000 + number, 21_000 + number] {
            yaml.push_str(&format!(
                "  - {{address: 192.168.0.10:{port}, check: {{{check}}}, servers: [192.168.0.2]}}\n"
            ));
        }
    }
    files.write(&yaml);
    let server = stage.servers[0].run(|| TcpListener::bind("192.168.0.2:9").unwrap());
    server.set_nonblocking(true).unwrap();
    let director = Running::start(&stage.director, &files, &[]);
    let mut asked = Vec::new();
    wait_for(
        "every check has asked and every service has its verdict",
        || {
            while let Ok((stream, _)) = server.accept() {
                asked.push(answer(stream));
            }
            let verdicts = director.count("unknown -> up (check passed, 1/1)");
            (verdicts == 2 * checks.len() && asked.len() >= checks.len()).then_some(())
        },
    );
    asked.sort_unstable();
    assert_eq!(asked, ["", "", "", "GET / HTTP/1.1", "GET /ready HTTP/1.1"]);
}

/// Answers a request that is a success. Returns its first line, which is empty when there was none.
fn answer(mut stream: TcpStream) -> String {
    stream.set_nonblocking(false).unwrap();
    let mut line = String::new();
    // A probe by TCP ends by a reset.
    let _ = BufReader::new(&stream).read_line(&mut line);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    line.trim_end().to_owned()
}

/// 50 services of four servers: up, refusing, silent, and with no host at the address.
fn first_verdicts() {
    let (mut stage, files) = (Stage::new(3), Files::new());
    stage.servers[2].plug(false).unwrap();
    let ports = 10_000..10_050;
    let mut yaml = "defaults: {check: {timeout: 1s}}\nvirtual_services:\n".to_owned();
    for port in ports.clone() {
        stage.serve(0, Tcp, address(&format!("192.168.0.2:{port}")));
        yaml.push_str(&format!(
            "  - {{address: 192.168.0.10:{port}, servers: [192.168.0.2, 192.168.0.3, 192.168.0.4, 192.168.0.222]}}\n"
        ));
    }
    files.write(&yaml);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for("every server has a verdict", || {
        (director.count("unknown -> ") == 4 * ports.len()).then_some(())
    });
    assert_eq!(director.count("unknown -> up"), ports.len());
    let refused = "unknown -> down (connect refused, 1/1)";
    assert_eq!(director.count(refused), ports.len());
    assert_eq!(director.count(", 1/1)"), 4 * ports.len());
    assert_eq!(weights(&mut stage).len(), ports.len());
}
