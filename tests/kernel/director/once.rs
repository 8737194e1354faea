// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director plan` and `director apply`.

use std::process::Command;

use lvs_director::plan::Target as _;

use super::process::{Files, PROGRAM, said};
use crate::Test;
use crate::beside::LVSADM;
use crate::stage::{Stage, Table as _};

const SERVICES: &str = "\
virtual_services:
  - {address: 192.168.0.10:80, scheduler: wrr, persistence: 50s, servers: [192.168.0.2, {address: 192.168.0.3, weight: 3}]}
  - {address: 192.168.0.10:53, protocol: udp, forwarding: nat, one_packet: true, servers: [192.168.0.2:5353]}
  - {address: \"[fd00:a::10]:80\", forwarding: tun, servers: [fd00:a::2, 192.168.0.3]}
  - {fwmark: 7, scheduler: mh, scheduler_flags: [mh-port], servers: [192.168.0.2, 192.168.0.3]}
";

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("a_second_apply_finds_nothing_to_do", idempotent),
        (
            "apply_finds_all_of_a_thousand_services_that_it_just_wrote",
            thousand,
        ),
        ("plan_changes_nothing_and_says_so_by_its_exit_code", plan),
        (
            "what_cannot_be_written_is_a_failure_of_every_command",
            full_output,
        ),
        ("apply_without_cap_net_admin_is_not_permitted", unprivileged),
    ]
}

fn idempotent() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let config = files.write(SERVICES);
    let first = files.once(&stage.director, "apply", &[]);
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""), "{first:?}");
    assert_eq!(stage.ipvs.read().unwrap(), config.table());
    assert_eq!(files.state().len(), 4);

    let plan = files.once(&stage.director, "plan", &["--detailed-exitcode"]);
    assert_eq!((plan.code, plan.out.as_str()), (Some(0), ""), "{plan:?}");
    let second = files.once(&stage.director, "apply", &[]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.out.starts_with("applied 0 steps"), "{second:?}");
    assert_eq!(stage.ipvs.read().unwrap(), config.table());
}

/// Standard output is a device without room; then standard error is.
fn full_output() {
    let (stage, files) = (Stage::new(0), Files::new());
    files.write(SERVICES);
    let config = files.config();
    let config = config.to_str().unwrap();
    let into = |to: &str, program: &str, arguments: &[&str]| {
        let script = format!("exec \"$@\" {to}");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", program]).args(arguments);
        said(&stage.director, &mut command)
    };
    for (program, arguments) in [
        (PROGRAM, &["plan", config][..]),
        (PROGRAM, &["apply", config]),
        (LVSADM, &["-Ln"]),
        (LVSADM, &["-L", "-n", "--stats"]),
        (LVSADM, &["-L", "--json"]),
        (LVSADM, &["-Lnc"]),
        (LVSADM, &["-L", "--timeout"]),
        (LVSADM, &["-Sn"]),
        (LVSADM, &["diff", "-"]),
        (LVSADM, &["top-connections"]),
        (LVSADM, &["completion", "bash"]),
        (LVSADM, &["man"]),
        (LVSADM, &["-h"]),
    ] {
        let to = if arguments[0] == "diff" {
            "<<'end' >/dev/full\n-A -f 99\nend"
        } else {
            ">/dev/full"
        };
        let said = into(to, program, arguments);
        let code = if arguments[0] == "diff" { 2 } else { 1 };
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        let why = "write to standard output: No space left on device";
        assert!(said.err.contains(why), "{arguments:?}: {said:?}");
    }
    for (program, arguments, code) in [
        (PROGRAM, &["plan", "/nonexistent"][..], 3),
        (LVSADM, &["-D", "-f", "99"], 255),
        (LVSADM, &["-Q"], 255),
    ] {
        let said = into("2>/dev/full", program, arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
    }
}

/// Linux 7.1 and later move services to a larger table just then, see `traps::listings`.
fn thousand() {
    let mut yaml = String::from("virtual_services:\n");
    for port in 1000..2000 {
        yaml.push_str(&format!(
            "  - {{address: 192.168.0.10:{port}, scheduler: rr, servers: [192.168.0.2]}}\n"
        ));
    }
    for round in 0..10 {
        // A table that is new, and small.
        let (stage, files) = (Stage::new(0), Files::new());
        files.write(&yaml);
        let applied = files.once(&stage.director, "apply", &[]);
        assert_eq!(applied.code, Some(0), "round {round}: {}", applied.err);
        let plan = files.once(&stage.director, "plan", &["--detailed-exitcode"]);
        let said = (plan.code, plan.out.lines().next());
        assert_eq!(said, (Some(0), None), "round {round}");
    }
}

fn plan() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    files.write(SERVICES);
    let plan = files.once(&stage.director, "plan", &["--detailed-exitcode"]);
    assert_eq!(plan.code, Some(2), "{plan:?}");
    let rule = "-a -t 192.168.0.10:80 -r 192.168.0.3:80 -g -w 3\n";
    assert!(plan.out.contains(rule), "{plan:?}");
    assert_eq!(files.once(&stage.director, "plan", &[]).code, Some(0));
    assert!(stage.ipvs.read().unwrap().services.is_empty());
    assert!(!files.path("state.json").exists());
}

fn unprivileged() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    files.write(SERVICES);
    for command in ["plan", "apply", "run"] {
        let mut program = Command::new("setpriv");
        program.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin"]);
        program.args([PROGRAM, command]).arg(files.config());
        let said = said(&stage.director, &mut program);
        assert_eq!(said.code, Some(4), "{command}: {said:?}");
        assert!(said.err.contains("CAP_NET_ADMIN"), "{command}: {said:?}");
    }
    assert!(stage.ipvs.read().unwrap().services.is_empty());
    assert!(!files.path("state.json").exists());
}
