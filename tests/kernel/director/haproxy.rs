// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host of HAProxy's becomes a director: its file is imported, and both run side by side.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

use lab::question::{Conversation, connect};
use lab::service::tcp_name_server;
use lvs_director::model::{IpvsTable, Protocol};

use super::process::{Files, PROGRAM, Running, said, wait_for_table, wait_for_weights};
use super::web::page;
use crate::Test;
use crate::stage::{PATIENCE, Stage};

const VIP: &str = "192.168.0.10:5672";
const RS1: &str = "192.168.0.2:5672";
const RS2: &str = "192.168.0.3:5672";

/// As people publish it for RabbitMQ, with shorter times.
const FILE: &str = "\
global
    maxconn 4096
defaults
    mode tcp
    retries 3
    timeout connect 5s
    timeout client 120s
    timeout server 120s
listen rabbitmq_cluster
    bind 0.0.0.0:5672
    balance roundrobin
    server rabbitmq-node1 192.168.0.2:5672 check inter 100 rise 2 fall 2 weight 1
    server rabbitmq-node2 192.168.0.3:5672 check inter 100 rise 2 fall 2 weight 1
listen monitor
    bind :8100
    mode http
    stats enable
    stats uri /rabbitmq-stats
    stats refresh 5s
";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "an_imported_file_of_haproxy_serves_beside_a_proxy_that_keeps_its_connections",
        beside_a_proxy,
    )]
}

/// The configuration that the file becomes.
fn imported(stage: &Stage, files: &Files) -> String {
    let path = files.path("haproxy.cfg");
    fs::write(&path, FILE).unwrap();
    let mut program = Command::new(PROGRAM);
    program.args(["import", "--vip", "192.168.0.10"]).arg(path);
    let said = said(&stage.director, &mut program);
    assert_eq!(said.code, Some(0), "{said:?}");
    said.out
}

fn beside_a_proxy() {
    let vip: SocketAddr = VIP.parse().unwrap();
    let everywhere: SocketAddr = "0.0.0.0:5672".parse().unwrap();
    let mut stage = Stage::new(2);
    stage.vip(vip.ip());
    stage.servers_hold(vip.ip(), "lo");
    stage.serve_everywhere(Protocol::Tcp, everywhere);
    let proxy = stage.director.run(|| tcp_name_server(vip, "proxy"));
    let proxy = proxy.unwrap();
    let old = stage.client.run(|| connect(None, vip, PATIENCE)).unwrap();
    let mut old = Conversation::new(old).unwrap();
    let mut ask_old = || old.ask("hello", Instant::now() + PATIENCE).unwrap();
    assert_eq!(ask_old(), "proxy hello");

    let files = Files::new();
    files.write(&imported(&stage, &files));
    let director = Running::start(&stage.director, &files, &["--release"]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    let server = stage.ask(Protocol::Tcp, None, vip);
    assert!(server.starts_with("rs"), "{server}");
    assert_eq!(ask_old(), "proxy hello", "the proxy keeps its connections");

    stage.stop_serving(0, everywhere);
    wait_for_weights(&mut stage, &[(RS1, 0), (RS2, 1)]);
    assert_eq!(stage.ask(Protocol::Tcp, None, vip), "rs2");
    stage.serve(0, Protocol::Tcp, everywhere);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);

    // Its status page is where it was.
    let page = page(&stage.client, "192.168.0.11:8100", "/rabbitmq-stats").unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains(RS2),
        "{page}"
    );

    // Back again.
    assert!(director.stop().success());
    wait_for_table(&mut stage, &IpvsTable::new());
    assert_eq!(stage.ask(Protocol::Tcp, None, vip), "proxy");
    assert_eq!(ask_old(), "proxy hello");
    drop(proxy);
}
