// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pool does when servers fail.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use lab::question::{Conversation, connect};
use lvs_director::control::ServerStatus;
use lvs_director::model::Protocol::Tcp;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, QUICK, Running, wait_for_weights, weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
const RS3: &str = "192.168.0.4:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_dead_server_moves_only_its_own_clients_under_mh_and_sh",
            places,
        ),
        (
            "when_every_check_fails_the_last_good_servers_go_on_and_that_is_an_alarm",
            floor,
        ),
        (
            "a_reload_with_another_wrong_check_breaks_no_connection_to_the_last_good_server",
            wrong_checks,
        ),
        (
            "a_backup_server_and_then_the_sorry_server_stand_in_for_dead_primaries",
            standing_in,
        ),
    ]
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Servers behind [`VIP`], on all of their addresses.
fn set_up(servers: u8) -> (Stage, Files) {
    let (mut stage, files) = (Stage::new(servers), Files::new());
    stage.vip(address(VIP).ip());
    stage.servers_hold(address(VIP).ip(), "lo");
    stage.serve_everywhere(Tcp, address("0.0.0.0:80"));
    (stage, files)
}

/// Under `sh` a server with weight 0 keeps its place when its own weight is 1.
fn places() {
    for (scheduler, weight) in [("mh", 3), ("sh", 1)] {
        let (mut stage, files) = set_up(3);
        files.write(&format!(
            "defaults: {{{QUICK}}}\nvirtual_services:\n  - {{address: {VIP}, scheduler: {scheduler}, scheduler_flags: \
             [{scheduler}-fallback], weight: {weight}, servers: [192.168.0.2, 192.168.0.3, 192.168.0.4]}}\n"
        ));
        let clients: Vec<String> = (1..=40).map(|n| format!("192.168.1.{n}")).collect();
        let lines = clients.iter();
        let lines = lines.map(|client| format!("address add {client}/16 dev eth0\n"));
        stage.client.ip(&lines.collect::<String>()).unwrap();
        let ask = |stage: &Stage| -> Vec<String> {
            let answers = clients.iter();
            let answers = answers.map(|client| stage.ask(Tcp, Some(client), address(VIP)));
            answers.collect()
        };
        let director = Running::start(&stage.director, &files, &[]);
        wait_for_weights(&mut stage, &[(RS1, weight), (RS2, weight), (RS3, weight)]);
        let before = ask(&stage);

        stage.stop_serving(1, address("0.0.0.0:80"));
        wait_for_weights(&mut stage, &[(RS1, weight), (RS2, 0), (RS3, weight)]);
        director.wait_for(&format!(
            "up -> down (connect refused, 3/3), weight {weight} -> 0"
        ));
        for (before, meanwhile) in before.iter().zip(ask(&stage)) {
            assert_ne!(meanwhile, "rs2");
            assert!(
                before == "rs2" || *before == meanwhile,
                "{scheduler}: {before} {meanwhile}"
            );
        }

        stage.serve(1, Tcp, address("0.0.0.0:80"));
        wait_for_weights(&mut stage, &[(RS1, weight), (RS2, weight), (RS3, weight)]);
        assert_eq!(ask(&stage), before, "{scheduler}");
    }
}

/// The servers answer on their port; only what the checks ask for is gone.
fn floor() {
    let (mut stage, files) = set_up(3);
    let health = address("0.0.0.0:9");
    stage.serve_everywhere(Tcp, health);
    let settings = QUICK.replace("check: {", "min_healthy: 50%, check: {tcp: {port: 9}, ");
    files.write(&format!(
        "defaults: {{{settings}}}\nvirtual_services:\n  - {{address: {VIP}, scheduler: rr, servers: [192.168.0.2, \
         192.168.0.3, 192.168.0.4]}}\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1), (RS3, 1)]);

    stage.stop_serving(1, health);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS3, 1)]);
    stage.stop_serving(0, health);
    stage.stop_serving(2, health);
    wait_for("all are down", || {
        (director.count("up -> down") == 3).then_some(())
    });
    let alarm = director.wait_for("too few healthy real servers: ");
    assert!(alarm.contains("ERROR"), "{alarm}");
    let answers: BTreeSet<String> = (0..6).map(|_| stage.ask(Tcp, None, address(VIP))).collect();
    assert!(answers.iter().eq(["rs1", "rs3"]), "{answers:?}");
    let status = wait_for("the status has it", || {
        let said = files.once(&stage.director, "status", &[]).out;
        let alarm = "alarm: too few healthy real servers: 0 of 3, min_healthy is 50%";
        said.contains(alarm).then_some(said)
    });
    let note = "weight 1 of 1, stays in: too few are healthy";
    assert_eq!(status.matches(note).count(), 2, "{status}");

    // The director dies and comes back.
    drop(director);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("too few healthy real servers: ");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS3, 1)]);
    stage.serve_everywhere(Tcp, health);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1), (RS3, 1)]);
    director.wait_for("enough healthy real servers again");
    assert_eq!(director.count("too few healthy real servers"), 1);
}

/// The servers are well, and every check asks a port where nobody listens. Each reload asks another such port.
fn wrong_checks() {
    let (mut stage, files) = set_up(3);
    let ask_at = |port: u16| {
        let check = QUICK.replace("check: {", &format!("check: {{tcp: {{port: {port}}}, "));
        files.write(&format!(
            "defaults: {{{check}}}\nvirtual_services:\n  - {{address: {VIP}, scheduler: rr, servers: [192.168.0.2, \
             192.168.0.3, 192.168.0.4]}}\n"
        ));
    };
    ask_at(80);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1), (RS3, 1)]);
    wait_for("all are up", || {
        (director.count("unknown -> up") == 3).then_some(())
    });
    ask_at(81);
    director.signal(SIGHUP);
    director.wait_for("too few healthy real servers: 0 of 3");
    let kept = weights(&mut stage);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let out = "not in the kernel";
    let out_before = director.count(out);
    let mut held: Vec<Conversation> = (0..6)
        .map(|_| {
            let to = || connect(None, address(VIP), PATIENCE).unwrap();
            Conversation::new(stage.client.run(to)).unwrap()
        })
        .collect();
    let mut talk = || -> BTreeSet<String> {
        let each = held.iter_mut();
        let answers = each.map(|it| it.ask("hello", Instant::now() + PATIENCE));
        answers
            .map(|answer| answer.unwrap_or_else(|broken| broken.to_string()))
            .collect()
    };
    let served_by = talk();
    for (reload, port) in (1..).zip(82..92) {
        ask_at(port);
        director.signal(SIGHUP);
        wait_for("the file is in force", || {
            (director.count("reloaded: 0 steps") > reload).then_some(())
        });
        wait_for(
            "the server that serves has a verdict by the new check",
            || {
                let verdict = "unknown -> down (connect refused, 3/3), weight 1";
                let verdicts = director
                    .log()
                    .lines()
                    .filter(|line| line.ends_with(verdict))
                    .count();
                (verdicts > reload).then_some(())
            },
        );
        wait_for("the new checks have failed", || {
            let status = files.status(&stage.director);
            let servers = &status.services[0].servers;
            let failed = |it: &ServerStatus| it.health == "down" && it.reason.is_some();
            servers.iter().all(failed).then_some(())
        });
        assert_eq!(weights(&mut stage), kept, "{}", director.log());
        assert_eq!(talk(), served_by, "{}", director.log());
    }
    assert_eq!(director.count(out), out_before, "{}", director.log());
    assert_eq!(director.count("enough healthy real servers again"), 0);
    // The check is right again.
    ask_at(80);
    director.signal(SIGHUP);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1), (RS3, 1)]);
    director.wait_for("enough healthy real servers again");
    assert_eq!(talk(), served_by);
}

/// rs1 and rs2 are primaries, rs3 is the backup server, rs4 the sorry server.
fn standing_in() {
    const RS4: &str = "192.168.0.5:80";
    let (mut stage, files) = set_up(4);
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - {{address: {VIP}, scheduler: rr, sorry_server: 192.168.0.5, servers: \
         [192.168.0.2, 192.168.0.3, {{address: 192.168.0.4, backup: true}}]}}\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    let any = address("0.0.0.0:80");
    let answers = |stage: &Stage| -> BTreeSet<String> {
        (0..4).map(|_| stage.ask(Tcp, None, address(VIP))).collect()
    };

    stage.stop_serving(0, any);
    stage.stop_serving(1, any);
    wait_for_weights(&mut stage, &[(RS3, 1)]);
    assert!(answers(&stage).iter().eq(["rs3"]));
    director.wait_for("quorum lost: 0 left, quorum is 1 server; backup servers stand in");
    stage.stop_serving(2, any);
    wait_for_weights(&mut stage, &[(RS4, 1)]);
    assert!(answers(&stage).iter().eq(["rs4"]));
    let status = wait_for("the status has it", || {
        let said = files.once(&stage.director, "status", &[]).out;
        said.contains("the sorry server stands in").then_some(said)
    });
    assert!(status.contains("weight 1 of 1, sorry server"), "{status}");
    assert!(status.contains("weight - of 1, backup server"), "{status}");

    // Killed and started, it is still so; then everything is well again.
    drop(director);
    let director = Running::start(&stage.director, &files, &[]);
    assert!(answers(&stage).iter().eq(["rs4"]));
    (0..3).for_each(|index| stage.serve(index, Tcp, any));
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 1)]);
    assert!(answers(&stage).iter().eq(["rs1", "rs2"]));
    director.wait_for("quorum regained");
}
