// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director plan` beside a running director prints what its reload does: pairs of configurations that nobody chose, and
//! the steps of a recording.

use std::fs;

use fastrand::Rng;
use lvs_director::engine::{Action, Event};
use lvs_director::model::Protocol::Tcp;
use lvs_director::model::{Condition, Object};
use lvs_director::plan::Target as _;
use nix::sys::signal::Signal::SIGHUP;
use serde_json::Value;

use super::process::{Files, QUICK, Running, ipvsadm};
use crate::Test;
use crate::stage::{Stage, wait_for};

const RELOADS: usize = 15;
const PORTS: [u16; 5] = [80, 81, 82, 83, 84];

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "plan_beside_a_director_prints_the_steps_that_its_reload_takes",
        foretold,
    )]
}

/// One service, or none at this port.
fn service(port: u16, random: &mut Rng) -> Option<String> {
    if random.u8(0..4) == 0 {
        return None;
    }
    let mut of = |all: &[&str]| (*random.choice(all).unwrap()).to_owned();
    let scheduler = of(&["rr", "wrr", "wlc", "sh", "mh"]);
    let persistence = of(&[
        "",
        "",
        ", persistence: 50s",
        ", persistence: {timeout: 60s, granularity: 24}",
    ]);
    let inhibit = of(&["", ", inhibit_on_failure: true"]);
    let flags = match &*scheduler {
        "sh" | "mh" => of(&["", "flag-1"]),
        _ => String::new(),
    };
    let floor = of(&[
        "",
        "",
        ", min_healthy: 0",
        ", min_healthy: 50%",
        ", min_healthy: 4",
    ]);
    let forwarding = of(&["dr", "dr", "nat", "tun"]);
    let servers = (2..=5).filter_map(|last| {
        let check = of(&["", "", ", check: none", ", check: {fall: 2}", "-"]);
        let weight = of(&["0", "1", "1", "2", "7"]);
        let limit = of(&["", "", "", ", upper_threshold: 9"]);
        (check != "-")
            .then(|| format!("{{address: 192.168.0.{last}, weight: {weight}{limit}{check}}}"))
    });
    let servers: Vec<String> = servers.collect();
    Some(format!(
        "  - {{address: 192.168.0.10:{port}, scheduler: {scheduler}, scheduler_flags: [{flags}]{floor}, forwarding: {forwarding}{persistence}{inhibit}, \
         servers: [{}]}}\n",
        servers.join(", ")
    ))
}

fn yaml(random: &mut Rng) -> String {
    let services: String = PORTS
        .iter()
        .filter_map(|port| service(*port, random))
        .collect();
    let services = if services.is_empty() {
        " []\n".to_owned()
    } else {
        format!("\n{services}")
    };
    format!("defaults: {{{QUICK}}}\nvirtual_services:{services}")
}

/// Waits until each check has come to a verdict, and all of them are in the kernel.
fn settle(stage: &Stage, files: &Files) {
    wait_for("every check has its verdict", || {
        let status = files.status(&stage.director);
        let mut servers = status.services.iter().flat_map(|it| &it.servers);
        (!servers.any(|it| it.health == "unknown")).then_some(())
    });
    wait_for("nothing is left to do", || {
        let said = files.once(&stage.director, "plan", &[]);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out.is_empty().then_some(())
    });
}

/// The steps of each reload, sorted, as ipvsadm's lines.
fn reloads(recording: &str) -> Vec<Vec<String>> {
    let (mut all, mut steps, mut begun) = (Vec::new(), Vec::new(), false);
    for line in recording.lines().skip(1) {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        let event: Event = serde_json::from_value(entry["event"]["event"].take()).unwrap();
        let actions: Vec<Action> =
            serde_json::from_value(entry["event"]["actions"].take()).unwrap();
        begun |= matches!(event, Event::Next(..));
        for action in actions {
            match action {
                Action::Apply(applied) if begun => {
                    steps.extend(applied.iter().map(ToString::to_string));
                }
                Action::Tell(told) if told.object == Object::Configuration => {
                    assert_eq!(told.to, Condition::Running, "{told}");
                    steps.sort();
                    all.push(std::mem::take(&mut steps));
                    begun = false;
                }
                _ => {}
            }
        }
    }
    all
}

/// rs1 is up, rs2 refuses, two have no host.
fn foretold() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    for port in PORTS {
        stage.serve(0, Tcp, ([192, 168, 0, 2], port).into());
    }
    let seed = 20_261;
    let mut random = Rng::with_seed(seed);
    files.write(&yaml(&mut random));
    let recording = files.path("recording");
    let options = ["--record", recording.to_str().unwrap()];
    let director = Running::start(&stage.director, &files, &options);
    let mut foretold = Vec::new();
    let mut configurations = Vec::new();
    for number in 1..=RELOADS {
        settle(&stage, &files);
        let text = yaml(&mut random);
        files.write(&text);
        if random.u8(0..4) == 0 {
            // Somebody else is there first, perhaps.
            let port = random.choice(PORTS).unwrap();
            let key = format!("TCP 192.168.0.10:{port}").parse().unwrap();
            if !stage.ipvs.read().unwrap().services.contains_key(&key) {
                ipvsadm(&stage.director, &format!("-A -t 192.168.0.10:{port} -s lc"));
                ipvsadm(
                    &stage.director,
                    &format!("-a -t 192.168.0.10:{port} -r 192.168.0.9:{port} -m -w 3"),
                );
            }
        }
        let said = files.once(&stage.director, "plan", &[]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let mut lines: Vec<String> = said.out.lines().map(str::to_owned).collect();
        lines.sort();
        foretold.push(lines);
        configurations.push(text);
        director.signal(SIGHUP);
        wait_for("it is reloaded", || {
            assert_eq!(director.count("reload refused"), 0, "{}", director.log());
            (director.count("reloaded: ") == number).then_some(())
        });
    }
    assert!(director.stop().success());
    let taken = reloads(&fs::read_to_string(&recording).unwrap());
    assert_eq!(taken.len(), RELOADS);
    assert!(taken.iter().map(Vec::len).sum::<usize>() > RELOADS);
    for (number, (foretold, taken)) in foretold.iter().zip(&taken).enumerate() {
        let before = number
            .checked_sub(1)
            .map_or("the first", |it| configurations[it].as_str());
        let after = &configurations[number];
        assert_eq!(
            foretold, taken,
            "left: plan, right: reload {number}, seed {seed}\nfrom\n{before}\nto\n{after}"
        );
    }
}
