// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director doctor`: a fault is injected, the doctor names it and nothing else, the very command that it prints mends it,
//! and then it is silent.

use std::path::Path;
use std::process::Command;

use lab::netns::Host;
use lvs_director::doctor::{Finding, Severity};

use super::process::{Files, PROGRAM, Running, Said, ipvsadm, said};
use crate::stage::{Stage, hold_vip, wait_for};
use crate::{Test, number};

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("the_doctor_finds_a_healthy_host_healthy", healthy),
        ("the_doctor_names_a_fault_and_its_command_mends_it", faults),
        (
            "the_doctor_hears_another_host_that_answers_for_the_vip",
            second_host,
        ),
        (
            "the_doctor_hears_another_pair_with_our_vrid",
            duplicate_vrid,
        ),
        ("the_doctor_says_which_capability_is_missing", capability),
        (
            "the_doctor_finds_a_scheduler_whose_module_is_not_loaded",
            scheduler,
        ),
        (
            "the_doctor_without_rights_says_what_it_could_not_read",
            unprivileged,
        ),
        ("the_doctor_beside_a_director_knows_who_is_master", beside),
    ]
}

const DIRECT: &str = "\
virtual_services:
  - {address: 192.168.0.10:80, scheduler: rr, check: none, servers: [192.168.0.2, 192.168.0.3]}
";
const MASQUERADED: &str = "\
virtual_services:
  - {address: 10.9.0.10:80, scheduler: rr, forwarding: nat, check: none, servers: [192.168.0.2]}
";
const TUNNELED: &str = "\
virtual_services:
  - {address: 192.168.0.10:80, scheduler: rr, forwarding: tun, check: none, servers: [192.168.0.2]}
";
const TUNNELED_6: &str = "\
virtual_services:
  - {address: \"[fd00:a::10]:80\", scheduler: rr, forwarding: tun, check: none, servers: [fd00:a::2]}
";
const SHARED: &str = "\
virtual_routers: [{interface: eth0, vrid: 51, addresses: [192.168.0.10/16]}]
virtual_services:
  - {address: 192.168.0.10:80, scheduler: rr, check: none, servers: [192.168.0.2]}
";

/// A fault: its section, the configuration, what is done to the director's host, and whether it is above a note.
#[derive(Clone)]
struct Fault {
    topic: &'static str,
    config: &'static str,
    /// The virtual address that the host has.
    vip: Option<&'static str>,
    inject: fn(&Stage, &Files),
    loud: bool,
}

impl Fault {
    const fn of(topic: &'static str, config: &'static str, inject: fn(&Stage, &Files)) -> Self {
        Self {
            topic,
            config,
            vip: Some("192.168.0.10"),
            inject,
            loud: true,
        }
    }
}

fn set(stage: &Stage, name: &str, value: &str) {
    stage.director.sysctl(name, value).unwrap();
}

fn ip(stage: &Stage, lines: &str) {
    stage.director.ip(lines).unwrap();
}

fn faults_of_settings() -> Vec<Fault> {
    vec![
        Fault {
            vip: Some("10.9.0.10"),
            ..Fault::of("ip-forward", MASQUERADED, |stage, _| {
                set(stage, "ipv4/ip_forward", "0");
            })
        },
        Fault {
            vip: Some("10.9.0.10"),
            ..Fault::of("send-redirects", MASQUERADED, |stage, _| {
                set(stage, "ipv4/conf/all/send_redirects", "1");
            })
        },
        Fault::of("rp-filter", DIRECT, |stage, _| {
            ip(
                stage,
                "link add eth1 type veth peer name eth2\nlink set eth1 up\nlink set eth2 up\n\
                 address add 10.77.0.1/24 dev eth1\nroute add default via 10.77.0.2 dev eth1\n",
            );
            set(stage, "ipv4/conf/all/rp_filter", "1");
        }),
    ]
}

fn faults_of_ways() -> Vec<Fault> {
    vec![
        Fault {
            vip: None,
            ..Fault::of("vip-missing", DIRECT, |_, _| ())
        },
        Fault {
            vip: None,
            ..Fault::of("vip-on-lo", SHARED, |stage, _| {
                ip(stage, "address add 192.168.0.10/32 dev lo\n");
            })
        },
        Fault {
            loud: false,
            ..Fault::of("tunnel-mtu", TUNNELED, |_, _| ())
        },
        Fault::of("no-route", DIRECT, |stage, _| {
            ip(stage, "route delete 192.168.0.0/16 dev eth0\n");
        }),
        Fault::of("dr-gateway", DIRECT, |stage, _| {
            ip(stage, "route add 192.168.0.2/32 via 192.168.0.3\n");
        }),
        Fault {
            vip: None,
            ..Fault::of("source-address", TUNNELED_6, |stage, _| {
                ip(stage, "address add fd00:a::10/128 dev eth0 nodad\n");
            })
        },
        Fault::of("conn-reuse-mode", DIRECT, |stage, _| {
            set(stage, "ipv4/vs/conn_reuse_mode", "0");
        }),
        Fault::of("sloppy-tcp", DIRECT, |stage, _| {
            set(stage, "ipv4/vs/sloppy_tcp", "1");
        }),
        Fault::of("defence", DIRECT, |stage, _| {
            set(stage, "ipv4/vs/drop_entry", "3");
        }),
        Fault {
            loud: false,
            ..Fault::of("foreign-services", DIRECT, |stage, _| {
                ipvsadm(&stage.director, "-A -t 192.168.0.77:80 -s rr");
            })
        },
        Fault::of("state-directory", DIRECT, |stage, files| {
            let directory = files.directory.path().to_str().unwrap();
            let done = stage
                .director
                .command("chmod", &["777", directory])
                .unwrap();
            assert!(done.status.success());
        }),
    ]
}

/// What the doctor finds above ok, and what it exits with.
fn doctor(host: &Host, files: &Files) -> (Vec<Finding>, Option<i32>) {
    of(&files.once(host, "doctor", &["--json"]))
}

fn of(said: &Said) -> (Vec<Finding>, Option<i32>) {
    let report: serde_json::Value =
        serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    let all: Vec<Finding> = serde_json::from_value(report["findings"].clone()).unwrap();
    let found = all.into_iter().filter(|it| it.severity > Severity::Ok);
    (found.collect(), said.code)
}

fn topics(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|it| it.topic.as_str()).collect()
}

/// Those above a note.
fn loud(found: &[Finding]) -> Vec<&Finding> {
    found
        .iter()
        .filter(|it| it.severity > Severity::Note)
        .collect()
}

/// Runs what a finding says, with our own programs first in the path.
fn mend(host: &Host, command: &str) {
    let programs = Path::new(PROGRAM).parent().unwrap().display();
    let script = format!("PATH={programs}:$PATH\n{command}");
    let done = host.command("sh", &["-c", &script]).unwrap();
    assert!(done.status.success(), "{command}: {done:?}");
}

fn healthy() {
    for (yaml, vip) in [
        (DIRECT, "192.168.0.10"),
        (MASQUERADED, "10.9.0.10"),
        (TUNNELED, "192.168.0.10"),
        (TUNNELED_6, "fd00:a::10"),
    ] {
        let (stage, files) = (Stage::new(2), Files::new());
        files.write(yaml);
        hold_vip(&stage.director, vip.parse().unwrap());
        let (found, code) = doctor(&stage.director, &files);
        assert!(loud(&found).is_empty(), "{yaml}: {found:#?}");
        assert_eq!(code, Some(0));
        let text = files.once(&stage.director, "doctor", &[]);
        assert!(text.out.contains("0 errors, 0 warnings"), "{text:?}");
    }
}

/// So many are played where `FAULTS` does not say it; all of them take minutes.
const FAULTS: u64 = 5;

fn faults() {
    let faults = [faults_of_settings(), faults_of_ways()].concat();
    assert!(faults.len() >= 12);
    let wanted = usize::try_from(number("FAULTS", FAULTS)).unwrap();
    let step = faults.len().div_ceil(wanted.max(1));
    for fault in faults.into_iter().step_by(step) {
        let (stage, files) = (Stage::new(2), Files::new());
        files.write(fault.config);
        if let Some(vip) = fault.vip {
            hold_vip(&stage.director, vip.parse().unwrap());
        }
        (fault.inject)(&stage, &files);
        let (found, code) = doctor(&stage.director, &files);
        let named: Vec<_> = found.iter().filter(|it| it.topic == fault.topic).collect();
        assert_eq!(named.len(), 1, "{}: {found:#?}", fault.topic);
        let others: Vec<_> = loud(&found)
            .into_iter()
            .filter(|it| it.topic != fault.topic)
            .collect();
        assert!(others.is_empty(), "{}: {others:#?}", fault.topic);
        assert_eq!(code, Some(i32::from(fault.loud)), "{}", fault.topic);
        mend(&stage.director, named[0].mend.as_deref().unwrap());
        let (found, code) = doctor(&stage.director, &files);
        assert!(!topics(&found).contains(&fault.topic), "{found:#?}");
        assert!(loud(&found).is_empty(), "{}: {found:#?}", fault.topic);
        assert_eq!(code, Some(0), "{}", fault.topic);
    }
}

/// A real server whose kernel answers for every address.
fn second_host() {
    let stage = Stage::direct_routing(2, &["192.168.0.10:80".parse().unwrap()]);
    let files = Files::new();
    files.write(DIRECT);
    let loudly = |found: &[Finding]| {
        loud(found)
            .into_iter()
            .map(|it| it.topic.clone())
            .collect::<Vec<_>>()
    };
    let (found, _) = doctor(&stage.director, &files);
    assert_eq!(loudly(&found), [""; 0], "{found:#?}");
    stage.servers[0]
        .sysctl("ipv4/conf/all/arp_ignore", "0")
        .unwrap();
    let (found, code) = doctor(&stage.director, &files);
    assert_eq!(
        (loudly(&found), code),
        (vec!["duplicate-vip".to_owned()], Some(1))
    );
    let its = stage.servers[0].run(|| std::fs::read_to_string("/sys/class/net/eth0/address"));
    // The file system of the lab may show the interfaces of another namespace.
    if let Ok(its) = its {
        let what = &found[0].what;
        assert!(what.contains("192.168.0.10 on eth0: "), "{what}, {its}");
    }
    // As realserver start does it there.
    stage.servers[0]
        .sysctl("ipv4/conf/all/arp_ignore", "1")
        .unwrap();
    let (found, _) = doctor(&stage.director, &files);
    assert_eq!(loudly(&found), [""; 0], "{found:#?}");
}

fn duplicate_vrid() {
    let (stage, files, theirs) = (Stage::new(1), Files::new(), Files::new());
    let config = "virtual_services: []\nvirtual_routers: [{interface: eth0, vrid: 51, addresses: [192.168.0.99/16]}]\n";
    theirs.write(config);
    let other = stage.other_director();
    let running = Running::start(&other, &theirs, &[]);
    running.wait_for("-> master");
    files.write(SHARED);
    let (found, code) = doctor(&stage.director, &files);
    let loudly: Vec<_> = loud(&found).into_iter().collect();
    assert_eq!((loudly.len(), code), (1, Some(1)), "{found:#?}");
    assert_eq!(loudly[0].topic, "duplicate-vrid");
    assert!(loudly[0].what.contains("192.168.0.99"), "{loudly:?}");
    // No director runs here that could read the file again: the first half of the command.
    let command = loudly[0].mend.as_deref().unwrap();
    let (edit, _) = command.split_once(" && ").unwrap();
    let file = files.config();
    mend(
        &stage.director,
        &edit.replace("FILE", file.to_str().unwrap()),
    );
    let (found, code) = doctor(&stage.director, &files);
    assert!(loud(&found).is_empty(), "{found:#?}");
    assert_eq!(code, Some(0));
}

fn capability() {
    let (stage, files) = (Stage::new(2), Files::new());
    files.write(&DIRECT.replace("check: none", "check: icmp"));
    hold_vip(&stage.director, "192.168.0.10".parse().unwrap());
    let mut program = Command::new("setpriv");
    program.args([
        "--bounding-set=-net_raw",
        "--inh-caps=-net_raw",
        PROGRAM,
        "doctor",
    ]);
    program.arg(files.config()).arg("--json");
    let (found, code) = of(&said(&stage.director, &mut program));
    let named = loud(&found);
    assert_eq!((named.len(), code), (1, Some(1)), "{found:#?}");
    assert_eq!(named[0].topic, "capabilities");
    assert!(named[0].what.contains("CAP_NET_RAW"), "{named:?}");
    // Nobody can ask by ARP without it, and that is said.
    assert!(topics(&found).contains(&"duplicate-vip"), "{found:#?}");
    let command = named[0].mend.as_deref().unwrap();
    assert_eq!(command, "sudo director doctor");
    let (found, code) = doctor(&stage.director, &files);
    assert!(loud(&found).is_empty() && code == Some(0), "{found:#?}");
}

/// No other test uses this scheduler at the same time, so its module can go.
fn scheduler() {
    let (stage, files) = (Stage::new(2), Files::new());
    files.write(&DIRECT.replace("scheduler: rr", "scheduler: nq"));
    hold_vip(&stage.director, "192.168.0.10".parse().unwrap());
    // Namespaces of earlier tests may still be on their way out with their services.
    wait_for("the module ip_vs_nq is gone", || {
        let loaded = std::fs::read_to_string("/proc/modules").unwrap();
        if !loaded.contains("ip_vs_nq ") {
            return Some(());
        }
        let done = Command::new("modprobe").args(["-r", "ip_vs_nq"]).status();
        done.unwrap().success().then_some(())
    });
    let (found, code) = doctor(&stage.director, &files);
    let named = found.iter().find(|it| it.topic == "scheduler-module");
    let named = named.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(code, Some(0), "{found:#?}");
    mend(&stage.director, named.mend.as_deref().unwrap());
    let (found, _) = doctor(&stage.director, &files);
    assert!(!topics(&found).contains(&"scheduler-module"), "{found:#?}");
}

fn unprivileged() {
    let (stage, files) = (Stage::new(2), Files::new());
    files.write(DIRECT);
    hold_vip(&stage.director, "192.168.0.10".parse().unwrap());
    let mut program = Command::new("setpriv");
    program.args(["--bounding-set=-all", "--inh-caps=-all", PROGRAM, "doctor"]);
    program.arg(files.config()).arg("--json");
    let (found, _) = of(&said(&stage.director, &mut program));
    for topic in ["duplicate-vip", "connection-table", "foreign-services"] {
        let finding = found.iter().find(|it| it.topic == topic);
        let finding = finding.unwrap_or_else(|| panic!("{topic}: {found:#?}"));
        assert_eq!(finding.severity, Severity::Note, "{finding:?}");
        assert!(finding.what.starts_with("could not look at"), "{finding:?}");
    }
    assert_eq!(loud(&found).len(), 1, "{found:#?}");
    assert_eq!(loud(&found)[0].topic, "capabilities");
}

/// A master expects nobody else to answer, a backup expects the master.
fn beside() {
    let (stage, files, theirs) = (Stage::new(1), Files::new(), Files::new());
    files.write(SHARED);
    theirs.write(SHARED);
    let running = Running::start(&stage.director, &files, &[]);
    running.wait_for("-> master");
    wait_for("the status says master", || {
        let status = files.status(&stage.director);
        (status.routers[0].state == "master").then_some(())
    });
    let (found, code) = doctor(&stage.director, &files);
    assert!(loud(&found).is_empty() && code == Some(0), "{found:#?}");
    let other = stage.other_director();
    let second = Running::start(&other, &theirs, &[]);
    wait_for("the other one follows", || {
        let status = theirs.status(&other);
        status.routers[0].master.map(drop)
    });
    let (found, code) = doctor(&other, &theirs);
    assert!(loud(&found).is_empty() && code == Some(0), "{found:#?}");
    drop(second);
    // Somebody gives the address to another host by hand.
    other.ip("address add 192.168.0.10/32 dev eth0\n").unwrap();
    let (found, code) = doctor(&stage.director, &files);
    let named: Vec<_> = loud(&found).into_iter().map(|it| &*it.topic).collect();
    assert_eq!(
        (named, code),
        (vec!["duplicate-vip"], Some(1)),
        "{found:#?}"
    );
}
