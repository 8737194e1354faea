// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pool does when servers fail.

use std::net::SocketAddr;

use lvs_director::model::Protocol::Tcp;

use super::process::{Files, QUICK, Running, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";
const RS3: &str = "192.168.0.4:80";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_dead_server_moves_only_its_own_clients_under_mh_and_sh",
        places,
    )]
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
