// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers whose state a program tells.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::process::{Files, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const VIP: &str = "192.168.0.10:80";
const RS1: &str = "192.168.0.2:80";
const RS2: &str = "192.168.0.3:80";

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "a_program_tells_the_weight_of_a_server_as_nobody_and_is_ended_with_its_children",
        exec,
    )]
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The programs whose command line has these words.
fn running(words: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(words)).count()
}

fn exec() {
    let mut stage = Stage::direct_routing(2, &[VIP.parse().unwrap()]);
    let files = Files::new();
    let [program, says, new] = ["check", "says", "new"].map(|name| files.path(name));
    allow(program.parent().unwrap(), 0o755);
    // It does for each server what the file says, and writes who it is.
    fs::write(
        &program,
        "#!/bin/sh\necho \"$(id -un) $(id -G) $1\"\nread -r does < \"$1.$LVS_ADDRESS\"\neval \"$does\"\n",
    )
    .unwrap();
    allow(&program, 0o755);
    let does = |server: &str, what: &str| {
        fs::write(&new, format!("{what}\n")).unwrap();
        allow(&new, 0o644);
        fs::rename(&new, format!("{}.{server}", says.display())).unwrap();
    };
    does("192.168.0.2", "exit 0");
    does("192.168.0.3", "exit 9");
    files.write(&format!(
        "defaults: {{check: {{interval: 500ms, timeout: 5s, retry_delay: 200ms}}}}\nvirtual_services:\n  \
         - address: {VIP}\n    scheduler: wrr\n    weight: 10\n    min_healthy: 0\n    \
         check: {{exec: {{command: [{}, {}], dynamic: true}}}}\n    servers: [192.168.0.2, 192.168.0.3]\n",
        program.display(),
        says.display()
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[(RS1, 10), (RS2, 7)]);

    does("192.168.0.2", "exit 1");
    wait_for_weights(&mut stage, &[(RS2, 7)]);
    let why = director.wait_for("up -> down (exit status 1: nobody ");
    // The groups of nobody are one.
    assert!(why.contains("(exit status 1: nobody 65534 /"), "{why}");
    does("192.168.0.3", "exit 2");
    does("192.168.0.2", "exit 5");
    wait_for_weights(&mut stage, &[(RS1, 3), (RS2, 0)]);

    // It ignores every signal that it can, and has a child that does so, too.
    let hang = "trap \"\" TERM HUP INT; (sleep 4321) & while :; do sleep 4322; done";
    does("192.168.0.2", hang);
    wait_for("the program hangs", || {
        (running("sleep 4321") > 0).then_some(())
    });
    wait_for_weights(&mut stage, &[(RS2, 0)]);
    director.wait_for("up -> down (the program did not end within 5000 ms: nobody ");
    does("192.168.0.2", "exit 3");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 0)]);
    assert_eq!(running("sleep 432"), 0);

    // Nobody knows what it would do.
    allow(&program, 0o777);
    director.wait_for("everybody can change");
    does("192.168.0.2", "exit 1");
    director.wait_for("could not run (8 in a row)");
    wait_for_weights(&mut stage, &[(RS1, 1), (RS2, 0)]);
    allow(&program, 0o755);
    wait_for_weights(&mut stage, &[(RS2, 0)]);
    fs::remove_file(&program).unwrap();
    director.wait_for("No such file or directory");

    // A director that ends leaves no program behind.
    fs::write(&program, "#!/bin/sh\nsleep 4323\n").unwrap();
    allow(&program, 0o755);
    wait_for("the program runs", || {
        (running("sleep 4323") > 0).then_some(())
    });
    assert!(director.stop().success());
    wait_for("no program is left", || {
        (running("sleep 4323") == 0).then_some(())
    });
}
