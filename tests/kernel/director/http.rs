// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose health an HTTP answer tells.

use std::io::{Read, Write};

use super::peer::{HANGS, Peer};
use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_whose_status_is_no_success_leaves_and_returns",
            status,
        ),
        (
            "servers_that_take_connections_and_never_answer_are_down_to_http_and_up_to_tcp",
            hang,
        ),
        (
            "a_rabbitmq_node_that_drains_gets_no_new_connections_and_returns",
            drain,
        ),
        (
            "a_server_whose_json_answer_has_another_value_leaves_and_returns",
            json,
        ),
        (
            "a_server_with_several_checks_needs_all_of_them_or_any",
            several,
        ),
    ]
}

/// It answers without a body.
const EMPTY: u16 = 204;

/// The probe may have given up.
pub(super) fn answer(mut stream: impl Read + Write, status: u16) {
    let _ = stream.read(&mut [0; 1024]);
    let body = "{\"reason\":\"the node is not currently available to serve clients\"}";
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} Word\r\ncontent-length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes());
}

/// Two servers behind [`VIP`], with a web server on each.
fn set_up(yaml: &str) -> (Stage, Files, [Peer; 2]) {
    let stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    files.write(yaml);
    let webs = [0, 1].map(|index| Peer::start(&stage.servers[index], 8080, 200, answer));
    (stage, files, webs)
}

fn status() {
    let (mut stage, files, webs) = set_up(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    \
         check: {{http: {{port: 8080, path: /ready}}}}\n    servers: [192.168.0.2, 192.168.0.3]\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    webs[0].acts(503);
    wait_for_weights(&mut stage, &[(RS2, 1)]);
    director.wait_for(
        "real server 192.168.0.2:80 of TCP 192.168.0.10:80: up -> down (status 503 Word, not 200-299, 3/3), weight 1 -> removed",
    );
    let said = files.once(&stage.director, "status", &[]);
    assert!(
        said.out.contains("status 503 Word, not 200-299"),
        "{said:?}"
    );

    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert_eq!(why.code, Some(0), "{why:?}");
    for words in [
        "TCP 192.168.0.10:80 -> 192.168.0.2:80\n  down for ",
        ", not in the kernel; while it is up it has weight 1\n",
        "  check http 192.168.0.2:8080/ready\n",
        "0 of 2 successes in a row to be up\n",
        ": status 503 Word, not 200-299\n",
        ": unknown -> up (check passed, 1/1), added with weight 1\n",
        ": up -> down (status 503 Word, not 200-299, 3/3), weight 1 -> removed\n",
    ] {
        assert!(why.out.contains(words), "{words:?} in\n{}", why.out);
    }
    assert!(!why.out.contains("192.168.0.3"), "{}", why.out);
    let json = files.why(&stage.director, "192.168.0.3:80", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json[0]["health"], "up");
    assert_eq!(json[0]["checks"][0]["last_succeeded"], true);
    assert_eq!(
        json[0]["events"][0]["transition"]["to"]["standing"]["up"],
        serde_json::Value::Null
    );
    let nobody = files.why(&stage.director, "192.168.0.9", &[]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(
        nobody.err.contains("has the real server 192.168.0.9"),
        "{nobody:?}"
    );

    webs[0].acts(204);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    director.wait_for("down -> up (check passed, 2/2), added with weight 1");
}

fn hang() {
    let service = |port: u16, check: &str| {
        format!(
            "  - {{address: 192.168.0.10:{port}, check: {{{check}: {{port: 8080}}}}, servers: [192.168.0.2, 192.168.0.3]}}\n"
        )
    };
    let (mut stage, files, webs) = set_up(&format!(
        "defaults: {{min_healthy: 0, {QUICK}}}\nvirtual_services:\n{}{}",
        service(80, "http"),
        service(81, "tcp")
    ));
    let director = Running::start(&stage.director, &files, &[]);
    let (other1, other2) = ("192.168.0.2:81", "192.168.0.3:81");
    wait_for_weights(&mut stage, &[(RS1, 1), (other1, 1), (RS2, 1), (other2, 1)]);

    for web in &webs {
        web.acts(HANGS);
    }
    wait_for_weights(&mut stage, &[(other1, 1), (other2, 1)]);
    director
        .wait_for("up -> down (connected, but no answer came in time, 3/3), weight 1 -> removed");

    for web in &webs {
        web.acts(200);
    }
    wait_for_weights(&mut stage, &[(RS1, 1), (other1, 1), (RS2, 1), (other2, 1)]);
    assert_eq!(director.count(":81: up -> down"), 0, "{}", director.log());
}

fn drain() {
    let (mut stage, files, webs) = set_up(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    \
         check: {{rabbitmq: {{port: 8080}}, down_interval: 200ms}}\n    servers: [192.168.0.2, 192.168.0.3]\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    webs[0].acts(503);
    wait_for_weights(&mut stage, &[(RS1, 0), (RS2, 1)]);
    director.wait_for(
        "up -> drain (the node drains or boots: the node is not currently available to serve clients), weight 1 -> 0",
    );
    webs[0].acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    // Too old for the question, and nobody logs in: that is no failure of the server.
    webs[0].acts(404);
    director.wait_for(
        "is not supported by the server (1 in a row): this node is older than RabbitMQ 4.1",
    );
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(
        why.out.contains("\n    not supported by the server "),
        "{why:?}"
    );
    assert!(!why.out.contains("could not run "), "{why:?}");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
}

fn json() {
    const DRAINS: &str = "the node is not currently available to serve clients";
    let (mut stage, files, webs) = set_up(&format!(
        "defaults: {{min_healthy: 0, {QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    check: {{http: {{port: 8080, \
         status: 200-599, json: {{/reason: {DRAINS}}}}}}}\n    servers: [192.168.0.2, {{address: 192.168.0.3, check: \
         {{http: {{json: {{/reason: null, /status/0: 1}}}}}}}}]\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    director.wait_for(&format!(
        "unknown -> down (/reason of the answer is \"{DRAINS}\", not null, 1/1)"
    ));
    webs[0].acts(EMPTY);
    wait_for_weights(&mut stage, &[]);
    director.wait_for(
        "up -> down (the answer is not JSON: EOF while parsing a value at line 1 column 0, 3/3)",
    );
    webs[0].acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1)]);
}

fn several() {
    let service = |port: u16, need: &str| {
        format!(
            "  - {{address: 192.168.0.10:{port}, check: {{need: {need}, each: [{{tcp: {{port: 8080}}}}, \
             {{http: {{port: 8080}}}}]}}, servers: [192.168.0.2, 192.168.0.3]}}\n"
        )
    };
    let (mut stage, files, webs) = set_up(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n{}{}",
        service(80, "all"),
        service(81, "any")
    ));
    let director = Running::start(&stage.director, &files, &[]);
    let (other1, other2) = ("192.168.0.2:81", "192.168.0.3:81");
    wait_for_weights(&mut stage, &[(RS1, 1), (other1, 1), (RS2, 1), (other2, 1)]);

    webs[0].acts(500);
    wait_for_weights(&mut stage, &[(other1, 1), (RS2, 1), (other2, 1)]);
    director.wait_for(
        "(http 192.168.0.2:8080/: status 500 Word, not 200-299, 3/3), weight 1 -> removed",
    );
    let why = files.why(&stage.director, "192.168.0.2:81", &[]);
    for words in [
        "  check tcp 192.168.0.2:8080\n",
        "  check http 192.168.0.2:8080/\n    down for ",
    ] {
        assert!(why.out.contains(words), "{words:?} in\n{}", why.out);
    }

    webs[0].acts(200);
    wait_for_weights(&mut stage, &[(RS1, 1), (other1, 1), (RS2, 1), (other2, 1)]);
    assert_eq!(director.count(":81: up -> down"), 0, "{}", director.log());
}
