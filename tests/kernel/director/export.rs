// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director export`, and what keepalived and ipvsadm make of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::netns::{Host, Net};
use lab::peers::peer;
use lvs_director::model::Protocol::Udp;
use lvs_director::plan::Target as _;

use super::peer::Peer;
use super::process::{Files, PROGRAM, Running, ipvsadm, said, wait_for_table, wait_for_weights};
use super::vrrp_peers::{Keepalived, follows, has};
use crate::Test;
use crate::stage::{Stage, Table as _, wait_for};

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "keepalived_finds_no_fault_in_what_is_exported_of_the_examples",
            examples,
        ),
        ("keepalived_makes_the_same_table_of_an_export", table),
        ("ipvsadm_makes_the_same_table_of_an_export", lines),
        (
            "keepalived_finds_the_same_servers_up_and_down_by_the_checks_of_an_export",
            verdicts,
        ),
        (
            "the_director_and_a_keepalived_of_an_export_are_one_virtual_router",
            router,
        ),
    ]
}

/// Nothing is checked, so that the table is the configured one.
const SERVICES: &str = "\
defaults: {check: none}
virtual_services:
  - {address: 192.168.0.10:80, scheduler: wrr, persistence: {timeout: 50s, granularity: 24}, servers: [192.168.0.2, {address: 192.168.0.3, weight: 3, upper_threshold: 9, lower_threshold: 5}]}
  - {address: 192.168.0.10:53, protocol: udp, forwarding: nat, one_packet: true, scheduler: rr, servers: [192.168.0.2:5353]}
  - {address: 192.168.0.10:5060, protocol: udp, persistence: {engine: sip}, servers: [192.168.0.2]}
  - {address: 192.168.0.10:9, protocol: sctp, scheduler: sed, servers: [192.168.0.2]}
  - {address: 192.168.0.10:0, persistence: 50s, servers: [192.168.0.2]}
  - {address: \"[fd00:a::10]:80\", forwarding: tun, servers: [fd00:a::2, 192.168.0.3, {address: fd00:a::4, tunnel: {type: gue, port: 6080, checksum: full}}, {address: fd00:a::5, forwarding: dr}]}
  - {fwmark: 7, scheduler: mh, scheduler_flags: [mh-port, mh-fallback], servers: [192.168.0.2, 192.168.0.3]}
  - {fwmark: 8, family: ipv6, scheduler: sh, scheduler_flags: [sh-port, flag-3], persistence: {granularity: 64}, servers: [fd00:a::2]}
";

fn export(host: &Host, to: &str, file: &Path) -> String {
    let mut program = Command::new(PROGRAM);
    program.args(["export", "--to", to]).arg(file);
    let said = said(host, &mut program);
    assert_eq!(said.code, Some(0), "{said:?}");
    said.out
}

fn written(files: &Files, name: &str, text: &str) -> PathBuf {
    let path = files.path(name);
    fs::write(&path, text).unwrap();
    path
}

fn examples() {
    let (stage, files) = (Stage::new(0), Files::new());
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut tried = 0;
    for example in paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        let text = export(&stage.director, "keepalived", &example);
        let path = written(&files, "keepalived.conf", &text);
        let mut keepalived = peer("keepalived");
        keepalived.arg("--config-test").arg("--use-file").arg(path);
        let said = said(&stage.director, &mut keepalived);
        let found = (said.code, said.err.as_str());
        assert_eq!(found, (Some(0), ""), "{}:\n{text}", example.display());
        tried += 1;
    }
    assert!(tried > 0);
}

fn table() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let config = files.write(SERVICES);
    let text = export(&stage.director, "keepalived", &files.config());
    let _keepalived = Keepalived::start_with(&stage.director, &text, "--check");
    wait_for_table(&mut stage, &config.table());
}

fn lines() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let config = files.write(SERVICES);
    let text = export(&stage.director, "ipvsadm", &files.config());
    let path = written(&files, "saved", &text);
    let restored = format!("ipvsadm -R < {}", path.display());
    let mut shell = Command::new("sh");
    let restored = said(&stage.director, shell.args(["-c", &restored]));
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(stage.ipvs.read().unwrap(), config.table());

    // ipvsadm saves what was exported, in an order of its own; thresholds and this flag it does not save.
    let mut save = Command::new("ipvsadm");
    let saved = said(&stage.director, save.arg("-Sn"));
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let saveable = text.replace(" -x 9 -y 5", "").replace(",flag-3", "");
    assert_eq!(lines(&saved.out), lines(&saveable));
    ipvsadm(&stage.director, "-C");
}

/// Each service has a check of another type, which one of its two servers passes. They begin as down: who is in the table
/// has passed.
const CHECKED: &str = "\
defaults:
  scheduler: rr
  min_healthy: 0
  check: {interval: 200ms, interval_from: end, timeout: 1s, rise: 1, fall: 2, first_failure: decides, retry_delay: 100ms, initial: down}
virtual_services:
  - address: 192.168.0.10:80
    check: {http: {port: 8080, path: '/up?a=1&b=!#c', host: web.example, status: [204, 418], contains: all is well}}
    servers: [192.168.0.2, 192.168.0.3]
  - {address: 192.168.0.10:81, check: {tcp: {port: 8080}}, servers: [192.168.0.2, 192.168.0.4]}
  - {address: 192.168.0.10:53, protocol: udp, check: {udp: {port: 5300, send: '\\0hi', expect: 'rs1'}}, servers: [192.168.0.2, 192.168.0.3]}
  - {address: 192.168.0.10:82, check: icmp, servers: [192.168.0.2, 192.168.0.4]}
  - address: 192.168.0.10:83
    servers:
      - {address: 192.168.0.2, check: {exec: {command: [/bin/test, a, '=', a], user: root}}}
      - {address: 192.168.0.3, check: {exec: {command: [/bin/test, a, '=', b], user: root}}}
";

/// An answer to the request that is meant, and another one to any other.
fn answer(mut stream: TcpStream, status: u16) {
    let mut request = [0; 1024];
    let length = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]);
    let is_meant = request.starts_with("GET /up?a=1&b=!#c HTTP/")
        && request.to_lowercase().contains("host: web.example\r\n");
    let status = if is_meant { status } else { 400 };
    let answer = format!("HTTP/1.1 {status} Word\r\nconnection: close\r\n\r\n<p>all is well</p>");
    let _ = stream.write_all(answer.as_bytes());
}

fn verdicts() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    files.write(CHECKED);
    let webs = [418, 503].map(|status| (status, usize::from(status == 503)));
    let _webs = webs.map(|(status, at)| Peer::start(&stage.servers[at], 8080, status, answer));
    let at: SocketAddr = "192.168.0.2:5300".parse().unwrap();
    stage.serve(0, Udp, at);
    let text = export(&stage.director, "keepalived", &files.config());
    let _keepalived = Keepalived::start_with(&stage.director, &text, "--check");
    let passing = [80, 81, 53, 82, 83].map(|port| format!("192.168.0.2:{port}"));
    let passing: Vec<(&str, u32)> = passing.iter().map(|server| (server.as_str(), 1)).collect();
    wait_for_weights(&mut stage, &passing);
}

fn router() {
    const VIP: &str = "192.168.0.10";
    let net = Net::new().unwrap();
    let ours = net.host("ours", &["192.168.0.11/24"]).unwrap();
    let theirs = net.host("theirs", &["192.168.0.12/24"]).unwrap();
    let files = Files::new();
    let write = |priority: u8| {
        files.write(&format!(
            "virtual_routers:\n  - {{name: pair, interface: eth0, vrid: 51, priority: {priority}, interval: 200ms, hold: 0s, \
             addresses: [{VIP}/24]}}\nvirtual_services: []\n"
        ));
    };
    write(100);
    let text = export(&theirs, "keepalived", &files.config());
    write(200);
    let at = |here: &Host, there: &Host| {
        wait_for(&format!("{VIP} is at {}", here.name()), || {
            (has(here, VIP) && !has(there, VIP)).then_some(())
        });
    };
    let director = Running::start(&ours, &files, &[]);
    at(&ours, &theirs);
    let keepalived = Keepalived::start_with(&theirs, &text, "--vrrp");
    keepalived.wait_for("Entering BACKUP STATE");
    assert!(director.stop().success());
    at(&theirs, &ours);
    let director = Running::start(&ours, &files, &[]);
    follows(&director, &files, &ours);
    drop(keepalived);
    at(&ours, &theirs);
}
