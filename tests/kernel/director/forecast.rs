// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director failover --dry-run`: what another director would break.

use std::process::Command;
use std::time::Instant;

use lab::question::{Conversation, connect};
use lvs_director::control::{Status, TakeOverStatus};
use serde_json::Value;

use super::process::{Files, PROGRAM, Running, Said, said};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const HASHED: &str = "192.168.0.10:5672";
const NOT_KEPT: &str = "192.168.0.10:81";
const IN_TURN: &str = "192.168.0.10:80";
/// More than are listed for people.
const HELD: usize = 60;

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "failover_dry_run_says_which_connections_would_break_and_why",
        said_before,
    )]
}

fn said_before() {
    let vips = [HASHED, NOT_KEPT, IN_TURN].map(|vip| vip.parse().unwrap());
    let stage = Stage::direct_routing(3, &vips);
    let files = Files::new();
    files.write(&format!(
        "defaults: {{check: none}}\n\
         virtual_services:\n\
         - {{address: {HASHED}, failover: keep_connections, servers: [192.168.0.2, 192.168.0.3, \
         192.168.0.4]}}\n\
         - {{address: {NOT_KEPT}, scheduler: mh, servers: [192.168.0.2]}}\n\
         - {{address: {IN_TURN}, scheduler: rr, servers: [192.168.0.2]}}\n"
    ));
    let _director = Running::start(&stage.director, &files, &[]);
    let (held, servers) = hold(&stage, HASHED, HELD);
    let (one, _) = hold(&stage, IN_TURN, 1);
    let (other, _) = hold(&stage, NOT_KEPT, 1);
    let dry_run = |options: &[&str]| -> Said {
        let options = [&["--dry-run"], options].concat();
        let said = files.once(&stage.director, "failover", &options);
        assert_eq!(said.code, Some(0), "{said:?}");
        said
    };
    let text = dry_run(&[]).out;
    assert!(
        text.contains(&format!(
            "TCP {HASHED}: 0 of {HELD} open connections would break\n"
        )),
        "{text}"
    );
    let of_rr = "1 of 1 open connection would break\n  1: the scheduler is not mh: the other director would choose anew\n";
    assert!(text.contains(&format!("TCP {IN_TURN}: {of_rr}")), "{text}");
    let unkept = "1 of 1 open connection would break\n  1: the service does not have failover: keep_connections\n";
    assert!(
        text.contains(&format!("TCP {NOT_KEPT}: {unkept}")),
        "{text}"
    );
    assert!(text.contains("these would break:\n"), "{text}");

    status_counts(&stage, &files, 0);

    drain(&stage, &files, "192.168.0.2");
    drain(&stage, &files, "192.168.0.3");
    let broken = servers.iter().filter(|name| *name != "rs3").count();
    assert!(broken >= 20, "{servers:?}");
    status_counts(&stage, &files, broken);
    let text = dry_run(&[]).out;
    let expected = format!(
        "TCP {HASHED}: {broken} of {HELD} open connections would break\n  {broken}: the real server drains or has weight 0\n"
    );
    assert!(text.contains(&expected), "{text}");
    let first = "the first 20 that would break (--json prints all):\n";
    let (_, listed) = text.split_once(first).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(listed.lines().count(), 20, "{text}");

    let json: Value = serde_json::from_str(&dry_run(&["--json"]).out).unwrap();
    let connections = json["connections"].as_array().unwrap();
    assert_eq!(connections.len(), broken + 2, "{json}");
    let of_mh = connections.iter().filter(|it| it["reason"] == "quiesced");
    assert_eq!(of_mh.count(), broken, "{json}");
    assert_eq!(json["services"][2]["open"], HELD, "{json}");
    assert_eq!(json["not_foretold"], 0, "{json}");

    let said = files.once(
        &stage.director,
        "failover",
        &["--dry-run", "--router", "eth0/9"],
    );
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("no virtual router eth0/9"), "{said:?}");
    drop((held, one, other));
}

/// Holds so many connections. Returns also the names of their servers.
fn hold(stage: &Stage, vip: &str, count: usize) -> (Vec<Conversation>, Vec<String>) {
    let vip = vip.parse().unwrap();
    let open = || {
        let stream = stage.client.run(|| connect(None, vip, PATIENCE)).unwrap();
        let mut conversation = Conversation::new(stream).unwrap();
        let answer = conversation
            .ask("hello", Instant::now() + PATIENCE)
            .unwrap();
        let name = answer.strip_suffix(" hello").unwrap().to_owned();
        (conversation, name)
    };
    (0..count).map(|_| open()).unzip()
}

/// The status says that so many of those that are held would break.
fn status_counts(stage: &Stage, files: &Files, would_break: usize) {
    let services = files.status(&stage.director).services;
    let counts = services.into_iter().map(|it| it.take_over);
    let [open, would_break] = [HELD, would_break].map(|it| u64::try_from(it).unwrap());
    let kept = TakeOverStatus::Counted { open, would_break };
    // By the order of the keys: the port 5672 is the last one.
    assert_eq!(counts.collect::<Vec<_>>(), [None, None, Some(kept)]);
}

/// Orders it for the service by hash, where another server is left.
fn drain(stage: &Stage, files: &Files, server: &str) {
    let service = format!("TCP {HASHED}");
    let socket = files.path("socket");
    let mut program = Command::new(PROGRAM);
    program.args(["drain", server, "--service", &service, "--socket"]);
    let said = said(&stage.director, program.arg(socket));
    assert_eq!(said.code, Some(0), "{said:?}");
    wait_for("the kernel has weight 0", || {
        let said = files.once(
            &stage.director,
            "status",
            &["--json", "--service", &service],
        );
        let status: Status = serde_json::from_str(&said.out).unwrap();
        let mut servers = status.services[0].servers.iter();
        let it = servers.find(|it| it.server.address.to_string() == server)?;
        (it.weight == Some(0)).then_some(())
    });
}
