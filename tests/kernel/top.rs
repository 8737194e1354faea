// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm top-connections` of connections that are really there.

use std::net::{IpAddr, SocketAddr, TcpStream};

use lab::question::connect;
use lvs_director::model::Protocol::Tcp;
use serde_json::Value;

use super::Test;
use super::beside::{LVSADM, Outcome, feed, succeed};
use super::stage::{PATIENCE, Stage, wait_for};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        (
            "connections_are_counted_by_client_and_by_server",
            connections_are_counted,
        ),
        (
            "an_empty_table_has_nobody_and_ipvsadms_ways_have_no_such_word",
            an_empty_table_has_nobody,
        ),
    ]
}

const VIP: &str = "192.168.0.10";
const BUSY: &str = "192.168.1.1";
const QUIET: &str = "192.168.1.2";

fn at(port: u16) -> SocketAddr {
    format!("{VIP}:{port}").parse().unwrap()
}

/// Two servers in turn; port 81 is persistent.
fn set_up() -> Stage {
    let mut stage = Stage::direct_routing(2, &[at(80), at(81)]);
    for client in [BUSY, QUIET] {
        let line = format!("address add {client}/16 dev eth0\n");
        stage.client.ip(&line).unwrap();
    }
    stage.program(&format!(
        "defaults: {{scheduler: rr}}\npools: {{two: [192.168.0.2, 192.168.0.3]}}\nvirtual_services:\n  \
         - {{address: {VIP}:80, pool: two}}\n  - {{address: {VIP}:81, pool: two, persistence: 50s}}\n"
    ));
    stage
}

fn held(stage: &Stage, client: &str) -> TcpStream {
    let from: IpAddr = client.parse().unwrap();
    let stream = stage.client.run(|| connect(Some(from), at(80), PATIENCE));
    stream.unwrap()
}

/// What the director's lvsadm says.
fn top(stage: &Stage, arguments: &[&str]) -> String {
    let arguments = [&["top-connections"], arguments].concat();
    let outcome = Outcome::from(stage.director.command(LVSADM, &arguments).unwrap());
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
    outcome.stdout
}

fn json(stage: &Stage, arguments: &[&str]) -> Value {
    serde_json::from_str(&top(stage, &[arguments, &["--json"]].concat())).unwrap()
}

/// Each row's name and numbers: all, established, opening, closing.
fn rows(table: &Value) -> Vec<(String, [u64; 4])> {
    let rows = table["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        let address = row["address"].as_str().unwrap();
        let name = match row.get("port") {
            Some(port) => format!("{address}:{port}"),
            None => address.to_owned(),
        };
        let counts = ["total", "established", "opening", "closing"];
        let counts = counts.map(|key| row["connections"][key].as_u64().unwrap());
        (name, counts)
    })
    .collect()
}

fn connections_are_counted() {
    let stage = set_up();
    let busy = [(); 3].map(|()| held(&stage, BUSY));
    let quiet = held(&stage, QUIET);
    wait_for("all are established", || {
        let established = json(&stage, &[])["connections"]["established"].as_u64();
        (established == Some(4)).then_some(())
    });
    let all = json(&stage, &[]);
    let expected =
        [(BUSY, 3), (QUIET, 1)].map(|(name, count)| (name.to_owned(), [count, count, 0, 0]));
    assert_eq!(rows(&all["clients"]), expected);
    let expected = [2, 3].map(|last| (format!("192.168.0.{last}:80"), [2, 2, 0, 0]));
    assert_eq!(rows(&all["servers"]), expected);
    assert_eq!(all["services"], Value::Null);
    for (arguments, connections) in [
        (["--client", BUSY], 3),
        (["--client", "192.168.1.0/24"], 4),
        (["--server", "192.168.0.3:80"], 2),
        (["--service", "tcp:192.168.0.10:81"], 0),
        (["--state", "time_wait"], 0),
        (["--rows", "1"], 4),
    ] {
        let total = &json(&stage, &arguments)["connections"]["total"];
        assert_eq!(*total, connections, "{arguments:?}");
    }
    let text = top(&stage, &["--by", "service"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with("TCP 192.168.0.10:80          4  100.0%            4"),
        "{text}"
    );
    assert!(lines[2].starts_with("1 service "), "{text}");

    drop(busy);
    // A connection that binds its client: it also makes a template.
    stage.ask(Tcp, Some(QUIET), at(81));
    let all = wait_for("what was closed is closing", || {
        let all = json(&stage, &[]);
        (all["connections"]["closing"] == 4).then_some(all)
    });
    let expected = [(BUSY, [3, 0, 0, 3]), (QUIET, [2, 1, 0, 1])];
    assert_eq!(
        rows(&all["clients"]),
        expected.map(|(name, counts)| (name.to_owned(), counts))
    );
    assert_eq!(all["persistence_templates"], 1);
    assert!(top(&stage, &[]).ends_with("\nnot counted: 1 persistence template\n"));
    // As many as the kernel lists.
    assert_eq!(stage.connections().len(), 6);
    drop(quiet);
}

fn an_empty_table_has_nobody() {
    let text = succeed(LVSADM, &["top-connections", "--by", "server"]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with("0 servers          0       - "),
        "{text}"
    );
    let json = succeed(LVSADM, &["top-connections", "--json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["clients"]["count"], 0);
    let refused = feed(LVSADM, &["top-connections", "--compat"], "");
    assert_eq!((refused.stdout.as_str(), refused.status), ("", Some(255)));
}
