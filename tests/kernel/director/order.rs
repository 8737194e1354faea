// SPDX-License-Identifier: MIT OR Apache-2.0
//! Orders for single servers: drain, disable, weight, enable.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

use lab::question::{Conversation, connect};
use lvs_director::model::Protocol;

use super::process::{Files, FullDisk, PROGRAM, QUICK, Running, Said, said, wait_for_weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const VIP: &str = "192.168.0.10:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_drain_keeps_what_is_connected_over_a_kill_and_a_reload_until_it_is_taken_back",
            drained,
        ),
        (
            "a_server_that_leaves_the_file_keeps_its_connections_until_they_end_or_the_deadline_comes",
            left_the_file,
        ),
        (
            "an_order_that_cannot_be_written_down_is_taken_with_a_warning",
            unwritten,
        ),
    ]
}

fn yaml(weight: u32) -> String {
    format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    \
         servers: [{{address: 192.168.0.2, weight: {weight}}}, {{address: 192.168.0.3, weight: {weight}}}]\n"
    )
}

/// Two servers behind [`VIP`], and a connection that stays.
struct Scene {
    stage: Stage,
    files: Files,
    held: Option<Conversation>,
    /// The server of the connection, and the other one.
    own: &'static str,
    other: &'static str,
    /// The other one's name.
    name: &'static str,
}

impl Scene {
    fn set_up() -> (Self, Running) {
        let vip: SocketAddr = VIP.parse().unwrap();
        let (mut stage, files) = (Stage::new(2), Files::new());
        stage.vip(vip.ip());
        stage.servers_hold(vip.ip(), "lo");
        stage.serve_everywhere(Protocol::Tcp, "0.0.0.0:80".parse().unwrap());
        files.write(&yaml(1));
        let director = Running::start(&stage.director, &files, &[]);
        wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
        let stream = stage.client.run(|| connect(None, vip, PATIENCE).unwrap());
        let mut held = Conversation::new(stream).unwrap();
        let first = held.ask("here", Instant::now() + PATIENCE).unwrap() == "rs1 here";
        let [own, other] = ["192.168.0.2", "192.168.0.3"];
        let (own, other, name) = if first {
            (own, other, "rs2")
        } else {
            (other, own, "rs1")
        };
        let scene = Self {
            stage,
            files,
            held: Some(held),
            own,
            other,
            name,
        };
        (scene, director)
    }

    /// Holds a connection to this server.
    fn hold_at(&mut self, server: &str) {
        let vip: SocketAddr = VIP.parse().unwrap();
        let name = if server == "192.168.0.2" {
            "rs1"
        } else {
            "rs2"
        };
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let stream = self
                .stage
                .client
                .run(|| connect(None, vip, PATIENCE).unwrap());
            let mut held = Conversation::new(stream).unwrap();
            if held.ask("here", end).unwrap().starts_with(name) {
                self.held = Some(held);
                return;
            }
        }
        panic!("no connection reaches {server}");
    }

    fn order(&self, words: &[&str]) -> Said {
        let mut program = Command::new(PROGRAM);
        program
            .args(words)
            .arg("--socket")
            .arg(self.files.path("socket"));
        said(&self.stage.director, &mut program)
    }

    /// Waits until the two servers have these weights.
    fn wait_for(&mut self, own: u32, other: u32) {
        let [own, other] = [(self.own, own), (self.other, other)];
        let weights = [own, other].map(|(at, weight)| (format!("{at}:80"), weight));
        let weights: Vec<(&str, u32)> = weights.iter().map(|(at, it)| (&**at, *it)).collect();
        wait_for_weights(&mut self.stage, &weights);
    }

    /// The connection lives, and new ones go to the other server.
    fn is_drained(&mut self) {
        let vip: SocketAddr = VIP.parse().unwrap();
        for _ in 0..6 {
            assert_eq!(self.stage.ask(Protocol::Tcp, None, vip), self.name);
        }
        let held = self.held.as_mut().unwrap();
        held.ask("here", Instant::now() + PATIENCE).unwrap();
    }
}

fn drained() {
    let (mut scene, director) = Scene::set_up();
    let (own, other) = (scene.own, scene.other);
    // One connection is left, and nobody ends it.
    let drain = scene.order(&["drain", own, "--wait", "--timeout", "1"]);
    assert_eq!(drain.code, Some(1), "{drain:?}");
    let said = "drain: 1 of 1 server changed\n1 connection left\n";
    assert_eq!(drain.out, said);
    let said = "not drained after 1 s: 1 connection left; the order stays";
    assert!(drain.err.contains(said), "{drain:?}");
    scene.wait_for(0, 1);
    director.wait_for("drain ordered by user 0");
    let why = scene.files.why(&scene.stage.director, own, &[]);
    assert!(why.out.contains("drain is ordered"), "{why:?}");
    scene.is_drained();

    // The last server stays, unless it is forced.
    let last = scene.order(&["disable", other]);
    assert_eq!(last.code, Some(1), "{last:?}");
    assert!(last.err.contains("--force"), "{last:?}");
    let nobody = scene.order(&["drain", "192.168.0.9"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");

    // Killed, started, and with another configuration it is still so.
    drop(director);
    let director = Running::start(&scene.stage.director, &scene.files, &[]);
    scene.files.write(&yaml(3));
    let plan = scene.files.once(&scene.stage.director, "plan", &[]);
    assert!(!plan.out.contains(&format!("{own}:80")), "{plan:?}");
    let reload = scene
        .files
        .once(&scene.stage.director, "reload", &["--wait"]);
    assert_eq!(reload.code, Some(0), "{reload:?}");
    scene.wait_for(0, 3);
    scene.is_drained();
    taken_back(scene, &director);
}

/// The connection ends, and so does the wait. Then other orders come.
fn taken_back(mut scene: Scene, director: &Running) {
    let (own, other) = (scene.own, scene.other);
    scene.held = None;
    let drain = scene.order(&["drain", own, "--wait"]);
    assert_eq!(drain.code, Some(0), "{drain:?}");
    assert!(drain.out.ends_with("\ndrained\n"), "{drain:?}");
    director.wait_for("drained (no connection is ");
    let alone = (format!("{other}:80"), 3);
    wait_for_weights(&mut scene.stage, &[(&*alone.0, alone.1)]);

    let weight = scene.order(&["weight", "7", own]);
    assert_eq!(weight.code, Some(0), "{weight:?}");
    scene.wait_for(7, 3);
    let status = scene.files.once(&scene.stage.director, "status", &[]);
    assert!(status.out.contains("ordered: weight 7"), "{status:?}");
    let enable = scene.order(&["enable", own, other]);
    assert_eq!(enable.out, "enable: 1 of 2 servers changed\n", "{enable:?}");
    scene.wait_for(3, 3);
    director.wait_for("weight 7 taken back by user 0");
}

/// The file without the server of the held connection, which drains by these words.
fn without(scene: &Scene, drain: &str) -> String {
    format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    drain: {drain}\n    \
         servers: [{{address: {}, weight: 1}}]\n",
        scene.other
    )
}

fn left_the_file() {
    let (mut scene, director) = Scene::set_up();
    let (own, other) = (scene.own, scene.other);
    let reload = |scene: &Scene| {
        let reload = scene
            .files
            .once(&scene.stage.director, "reload", &["--wait"]);
        assert_eq!(reload.code, Some(0), "{reload:?}");
    };
    scene.files.write(&without(&scene, "1h"));
    let plan = scene.files.once(&scene.stage.director, "plan", &[]);
    assert!(plan.out.contains("-w 0"), "{plan:?}");
    reload(&scene);
    scene.wait_for(0, 1);
    director
        .wait_for("drains (the configuration has it no more, for 3600 s at most), weight 1 -> 0");
    scene.is_drained();
    let why = scene.files.why(&scene.stage.director, own, &[]);
    assert!(why.out.contains("leaving for "), "{why:?}");
    // It stays visible until its last connection has ended.
    let is_shown = |scene: &Scene| {
        let status = scene
            .files
            .once(&scene.stage.director, "status", &["--down"]);
        status.out.contains(own) && status.out.contains("leaving for ")
    };
    assert!(is_shown(&scene));

    // A director that is killed meanwhile goes on where it was.
    drop(director);
    let director = Running::start(&scene.stage.director, &scene.files, &[]);
    scene.wait_for(0, 1);
    scene.is_drained();
    scene.held = None;
    director.wait_for("drained (no connection is ");
    let alone = format!("{other}:80");
    wait_for_weights(&mut scene.stage, &[(&*alone, 1)]);
    wait_for("it is shown no more", || (!is_shown(&scene)).then_some(()));

    // With a deadline the connection ends, and the log says so.
    scene
        .files
        .write(&yaml(1).replace("    scheduler: rr\n", "    scheduler: rr\n    drain: 2s\n"));
    reload(&scene);
    scene.wait_for(1, 1);
    scene.hold_at(own);
    scene.files.write(&without(&scene, "2s"));
    reload(&scene);
    director.wait_for("drained (its deadline of ");
    director.wait_for("with 1 connection left), weight 0 -> removed");
    wait_for_weights(&mut scene.stage, &[(&*alone, 1)]);
}

fn unwritten() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    let disk = FullDisk::at(files.path("disk"));
    disk.free();
    let text = format!(
        "virtual_services: [{{address: \"{VIP}\", check: none, servers: [192.168.0.2, 192.168.0.3]}}]\n"
    );
    files.write_with_state(&text, &disk.path.join("state.json"));
    let _director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    let order = |stage: &Stage| {
        let mut program = Command::new(PROGRAM);
        program.args(["drain", "192.168.0.2", "--socket"]);
        let said = said(&stage.director, program.arg(files.path("socket")));
        assert_eq!(said.code, Some(0), "{said:?}");
        said
    };
    let warning =
        "warning: this holds only until the director ends, because it could not be written down: ";
    wait_for("an order is not written down", || {
        // As much as there is room for.
        let _ = fs::write(disk.path.join("full"), [0; 16384]);
        let said = order(&stage);
        let warned = said.err.contains(warning) && said.err.contains("ENOSPC");
        warned.then_some(())
    });
    disk.free();
    assert_eq!(order(&stage).err, "");
}
