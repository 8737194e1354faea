// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director export`, and what keepalived and ipvsadm make of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::netns::Host;
use lab::peers::peer;
use lvs_director::plan::Target as _;

use super::process::{Files, PROGRAM, ipvsadm, said, wait_for_table};
use super::vrrp_peers::Keepalived;
use crate::Test;
use crate::stage::{Stage, Table as _};

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "keepalived_finds_no_fault_in_what_is_exported_of_the_examples",
            examples,
        ),
        ("keepalived_makes_the_same_table_of_an_export", table),
        ("ipvsadm_makes_the_same_table_of_an_export", lines),
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
