// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose state a file on the director tells.

use std::fs;
use std::net::TcpStream;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::peer::Peer;
use super::process::{Files, Running, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_file_tells_the_weight_of_a_server_and_one_that_makes_no_sense_costs_nothing",
        file,
    )]
}

fn serve(_: TcpStream, _: u16) {}

fn file() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    // Nothing listens on the first server: only its file counts.
    let server = Peer::start(&stage.servers[1], 8080, 1, serve);
    let files = Files::new();
    let [one, other, new] = ["one", "other", "new"].map(|name| files.path(name));
    files.write(&format!(
        "defaults: {{check: {{interval: 200ms, timeout: 500ms, source: 192.168.0.11}}}}\nvirtual_services:\n  \
         - address: {VIP}\n    scheduler: wrr\n    weight: 10\n    min_healthy: 0\n    servers:\n      \
         - {{address: 192.168.0.2, check: {{file: {{path: {}, missing: up}}}}}}\n      \
         - {{address: 192.168.0.3, check: {{each: [{{tcp: {{port: 8080}}}}, {{file: {{path: {}}}}}]}}}}\n",
        one.display(),
        other.display()
    ));
    let says = |file, content: &str| {
        fs::write(&new, content).unwrap();
        fs::rename(&new, file).unwrap();
    };
    let director = Running::start(&stage.director, &files, &[]);
    // The other server's file is missing: its other check decides.
    wait_for_weights(&mut stage, &[(RS1, 10), (RS2, 10)]);
    director.wait_for("other: no such file or directory (ENOENT)");

    says(&one, "3\n");
    says(&other, "maint # until noon\n");
    wait_for_weights(&mut stage, &[(RS1, 3), (RS2, 0)]);
    director.wait_for("up -> up (the server asks for weight 3), weight 10 -> 3");
    director.wait_for("the file says: maint), weight 10 -> 0");
    says(&one, "50%\n");
    wait_for_weights(&mut stage, &[(RS1, 5), (RS2, 0)]);
    says(&one, "down\n");
    wait_for_weights(&mut stage, &[(RS2, 0)]);
    director.wait_for("up -> down (the file says: down, 1/1), weight 5 -> removed");

    // Nobody writes into the FIFO: it is not opened.
    fs::remove_file(&other).unwrap();
    mkfifo(&other, Mode::S_IRWXU).unwrap();
    director.wait_for("other: is a FIFO; name a regular file");
    says(&one, "sideways\n");
    director
        .wait_for("neither a weight, nor a share like 75%, nor up, down, drain or maint: sideways");
    wait_for_weights(&mut stage, &[(RS2, 0)]);

    fs::remove_file(&one).unwrap();
    says(&other, "up 100%\n");
    wait_for_weights(&mut stage, &[(RS1, 10), (RS2, 10)]);
    // A file that is not there any more changes nothing.
    says(&other, "drain\n");
    wait_for_weights(&mut stage, &[(RS1, 10), (RS2, 0)]);
    fs::remove_file(&other).unwrap();
    director.wait_for("other: no such file or directory (ENOENT)");
    says(&one, "4");
    wait_for_weights(&mut stage, &[(RS1, 4), (RS2, 0)]);
    drop(server);
}
