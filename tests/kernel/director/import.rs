// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director that runs with a file of keepalived.

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use lvs_director::model::Protocol;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{Files, PROGRAM, Running, said, wait_for_weights};
use crate::Test;
use crate::stage::Stage;

const VIP: &str = "192.168.0.10";
/// The user's own file, with the mistakes in it.
const SEED: &str = "tests/import/keepalived/seed-lvs.conf";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_keepalived_conf_with_mistakes_is_refused_and_runs_as_it_was_meant_when_they_are_mended",
            mended,
        ),
        ("a_director_runs_and_reloads_with_a_keepalived_conf", runs),
    ]
}

fn seed() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SEED)).unwrap()
}

/// Three brokers behind one address, with the two ports of the file.
fn brokers() -> Stage {
    let vip: IpAddr = VIP.parse().unwrap();
    let mut stage = Stage::new(3);
    stage.vip(vip);
    stage.servers_hold(vip, "lo");
    for port in [5672, 15672] {
        for (index, host) in [2, 3, 4].into_iter().enumerate() {
            let real: IpAddr = [192, 168, 0, host].into();
            stage.serve(index, Protocol::Tcp, SocketAddr::new(vip, port));
            stage.serve(index, Protocol::Tcp, SocketAddr::new(real, port));
        }
    }
    stage
}

/// What `ipvsadm -Sn` prints.
fn table(stage: &Stage) -> String {
    let saved = stage.director.command("ipvsadm", &["-S", "-n"]).unwrap();
    String::from_utf8(saved.stdout).unwrap()
}

fn mended() {
    let (mut stage, files) = (brokers(), Files::new());
    let conf = files.path("keepalived.conf");
    fs::write(&conf, seed()).unwrap();
    let check = said(
        &stage.director,
        Command::new(PROGRAM).arg("check").arg(&conf),
    );
    assert_eq!(check.code, Some(3), "{check:?}");
    for words in [
        "keepalived.conf:30:9: unknown keyword protocal in virtual_server",
        "keepalived.conf:66:9: unknown keyword protocal in virtual_server",
        "keepalived.conf:36:25: nb_get_retry does not belong into TCP_CHECK",
        "keepalived.conf:89:25: nb_get_retry does not belong into TCP_CHECK",
    ] {
        assert!(check.err.contains(words), "{}", check.err);
    }
    let mut import = Command::new(PROGRAM);
    let import = import.args(["import", "--fix"]).arg(&conf);
    let import = said(&stage.director, import);
    assert!(
        import.err.contains("corrected: write protocol"),
        "{}",
        import.err
    );
    // Who has the address is not this test's matter.
    let ours = import.out;
    let begin = ours.find("defaults:").unwrap();
    files.write(&ours[begin..]);
    let director = Running::start(&stage.director, &files, &[]);
    let all = [2, 3, 4]
        .into_iter()
        .flat_map(|host| [5672, 15672].map(|port| (format!("192.168.0.{host}:{port}"), 1)));
    let all: Vec<_> = all.collect();
    let all: Vec<_> = all
        .iter()
        .map(|(server, weight)| (&**server, *weight))
        .collect();
    wait_for_weights(&mut stage, &all);
    let services = table(&stage);
    for service in [
        "-A -t 192.168.0.10:5672 -s wrr -p 50",
        "-A -t 192.168.0.10:15672 -s wrr -p 50",
        "-a -t 192.168.0.10:5672 -r 192.168.0.2:5672 -g -w 1",
    ] {
        assert!(
            services.lines().any(|it| it == service),
            "{service}: {services}"
        );
    }
    let asked = stage.ask(Protocol::Tcp, None, format!("{VIP}:5672").parse().unwrap());
    assert!(asked.starts_with("rs"), "{asked}");
    // The meaning of the checks: a broker that refuses is out, and the others serve.
    for at in ["192.168.0.2:5672", "192.168.0.10:5672"] {
        stage.stop_serving(0, at.parse().unwrap());
    }
    let left: Vec<_> = all
        .into_iter()
        .filter(|it| it.0 != "192.168.0.2:5672")
        .collect();
    wait_for_weights(&mut stage, &left);
    director.stop();
}

/// `director run -c FILE`: the usual paths lie in file systems of its own.
fn run(stage: &Stage, files: &Files, conf: &Path) -> Running {
    let mut program = Command::new("unshare");
    let own =
        "mount -t tmpfs none /run && mount -t tmpfs none /var/lib && exec \"$0\" run -c \"$1\"";
    program
        .args(["--mount", "sh", "-c", own, PROGRAM])
        .arg(conf);
    let log = File::create(files.path("log")).unwrap();
    Running::spawn(&stage.director, files, program, log)
}

fn conf(server: &str) -> String {
    format!(
        "virtual_server {VIP} 80 {{\n    delay_loop 1\n    lb_algo rr\n    lb_kind DR\n    protocol TCP\n    \
         quorum_up /bin/true\n    real_server {server} 80 {{\n        TCP_CHECK {{\n            connect_timeout 1\n        \
         }}\n    }}\n}}\n"
    )
}

fn runs() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    stage.serve(0, Protocol::Tcp, "192.168.0.2:80".parse().unwrap());
    stage.serve(1, Protocol::Tcp, "192.168.0.3:80".parse().unwrap());
    let path = files.path("keepalived.conf");
    fs::write(&path, conf("192.168.0.2")).unwrap();
    let director = run(&stage, &files, &path);
    director.wait_for("keepalived.conf:6:5: quorum_up is not carried over");
    director.wait_for("started: ");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1)]);
    // A mistake changes nothing.
    fs::write(&path, conf("192.168.0.3").replace("protocol", "protocal")).unwrap();
    director.signal(SIGHUP);
    let refused = director.wait_for("reload refused");
    assert!(refused.contains("unknown keyword protocal"), "{refused}");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1)]);
    // Another file is taken over.
    fs::write(&path, conf("192.168.0.3")).unwrap();
    director.signal(SIGHUP);
    director.wait_for("reloaded: ");
    wait_for_weights(&mut stage, &[("192.168.0.3:80", 1)]);
    director.stop();
}
