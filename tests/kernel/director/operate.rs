// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an operator does with a running director: who may ask it what, settings that a reload changes, its log's level,
//! orders that are waited for.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Instant;

use lab::netns::Host;
use lab::question::{Conversation, connect};
use lvs_director::model::Protocol;

use super::process::{Files, PROGRAM, QUICK, Running, Said, ipvsadm, said, wait_for_weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};
use crate::terminal::Terminal;

const VIP: &str = "192.168.0.10:80";
const ANY: &str = "0.0.0.0:80";
const BOTH: [(&str, u32); 2] = [("192.168.0.2:80", 1), ("192.168.0.3:80", 1)];

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "members_of_two_groups_may_ask_as_much_as_the_configuration_says",
            groups,
        ),
        (
            "a_reload_moves_the_socket_and_changes_the_repair_interval",
            settings,
        ),
        ("the_logs_level_changes_while_the_director_runs", log_level),
        (
            "orders_for_a_whole_service_are_waited_for_until_what_was_asked_for",
            waited_for,
        ),
        (
            "a_weight_gives_way_to_the_file_and_a_server_that_is_down_stays_out",
            given_way,
        ),
        (
            "a_reload_on_a_terminal_shows_its_steps_and_asks",
            asked_before,
        ),
    ]
}

/// A configuration with these settings and this weight of the first server.
fn text(files: &Files, socket: &str, settings: &str, weight: u32) -> String {
    format!(
        "director: {{state_file: {}, socket: {}{settings}}}\ndefaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    \
         scheduler: rr\n    servers: [{{address: 192.168.0.2, weight: {weight}}}, 192.168.0.3]\n",
        files.path("state.json").display(),
        files.path(socket).display()
    )
}

fn write(files: &Files, socket: &str, settings: &str, weight: u32) {
    fs::write(files.config(), text(files, socket, settings, weight)).unwrap();
}

/// Two servers that answer, and a director.
fn running() -> (Stage, Files, Running) {
    let vip: SocketAddr = VIP.parse().unwrap();
    let (mut stage, files) = (Stage::new(2), Files::new());
    stage.vip(vip.ip());
    stage.servers_hold(vip.ip(), "lo");
    stage.serve_everywhere(Protocol::Tcp, ANY.parse().unwrap());
    // Others than root find their way to the socket.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(files.directory.path(), open).unwrap();
    write(&files, "socket", "", 1);
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &BOTH);
    (stage, files, director)
}

/// `director ARGUMENTS... --socket SOCKET`
fn ask(host: &Host, files: &Files, socket: &str, arguments: &[&str]) -> Said {
    let mut program = Command::new(PROGRAM);
    program
        .args(arguments)
        .arg("--socket")
        .arg(files.path(socket));
    said(host, &mut program)
}

/// The same as somebody with these groups.
fn ask_as(host: &Host, files: &Files, groups: &str, arguments: &[&str]) -> Said {
    let mut program = Command::new("setpriv");
    program.args(["--reuid=65534", "--regid=65534"]);
    program.arg(format!("--groups={groups}"));
    program.arg(PROGRAM).args(arguments);
    program.arg("--socket").arg(files.path("socket"));
    said(host, &mut program)
}

fn reload(host: &Host, files: &Files, socket: &str) {
    let reload = ask(host, files, socket, &["reload", "--wait"]);
    assert_eq!(reload.code, Some(0), "{reload:?}");
}

fn groups() {
    let (stage, files, director) = running();
    let host = &stage.director;
    let has_mode = |mode: u32| {
        let now = fs::metadata(files.path("socket")).unwrap().permissions();
        (now.mode() & 0o777 == mode).then_some(())
    };
    assert_eq!(has_mode(0o600), Some(()));
    let closed = ask_as(host, &files, "4711", &["status"]);
    assert_eq!(closed.code, Some(4), "{closed:?}");
    assert!(closed.err.contains("socket_group"), "{closed:?}");

    // One group of readers: nobody else gets as far as the director.
    write(&files, "socket", ", socket_readers: 4712", 1);
    reload(host, &files, "socket");
    wait_for("the socket is open to a group", || has_mode(0o660));
    let stranger = ask_as(host, &files, "4711", &["status"]);
    assert_eq!(stranger.code, Some(4), "{stranger:?}");
    assert!(
        stranger.err.contains("permission denied (EACCES)")
            && stranger.err.contains("of the group 4712"),
        "{stranger:?}"
    );
    let reader = ask_as(host, &files, "1,4712", &["status", "192.168.0.2"]);
    assert_eq!(reader.code, Some(0), "{reader:?}");
    let denied = ask_as(host, &files, "4712", &["drain", "192.168.0.2"]);
    assert_eq!(denied.code, Some(4), "{denied:?}");
    assert!(
        denied.err.contains("may look, and may not change anything"),
        "{denied:?}"
    );

    // Both: the director tells them apart.
    let both = ", socket_group: 4711, socket_readers: 4712";
    write(&files, "socket", both, 1);
    reload(host, &files, "socket");
    wait_for("the socket is open to all", || has_mode(0o666));
    let stranger = ask_as(host, &files, "4713", &["status"]);
    assert_eq!(stranger.code, Some(4), "{stranger:?}");
    assert!(
        stranger.err.contains("user 65534 may not ask") && stranger.err.contains("4711 or 4712"),
        "{stranger:?}"
    );
    let denied = ask_as(host, &files, "4712", &["log-level", "debug"]);
    assert!(denied.err.contains("of the group 4711"), "{denied:?}");
    let level = ask_as(host, &files, "4712", &["log-level"]);
    assert_eq!(level.code, Some(0), "{level:?}");
    let member = ask_as(host, &files, "4711", &["drain", "192.168.0.2"]);
    assert_eq!(member.code, Some(0), "{member:?}");
    director.wait_for("drain ordered by user 65534");

    // An unknown group lets nobody in, and hurts nobody else.
    write(&files, "socket", ", socket_group: nosuchgroup", 1);
    let check = files.once(host, "check", &[]);
    assert!(
        check.err.contains("this host has no group nosuchgroup"),
        "{check:?}"
    );
    reload(host, &files, "socket");
    director.wait_for("socket_group: this host has no group nosuchgroup");
    wait_for("the socket is closed", || has_mode(0o600));
}

fn settings() {
    let (stage, files, director) = running();
    let host = &stage.director;
    write(&files, "moved", ", repair_interval: 1s", 1);
    reload(host, &files, "socket");
    director.wait_for("control socket: ");
    wait_for("the new socket answers, and the old one is gone", || {
        let there = ask(host, &files, "moved", &["status"]).code == Some(0);
        (there && !files.path("socket").exists()).then_some(())
    });
    let shown = files.once(host, "status", &["--json"]);
    assert_eq!(shown.code, Some(0), "the file names the new socket");
    // The new interval is in force.
    ipvsadm(host, &format!("-e -t {VIP} -r 192.168.0.2:80 -g -w 9"));
    director.wait_for("repaired");

    // Something else is at the path: all stays as it is.
    fs::write(files.path("file"), "precious").unwrap();
    write(&files, "file", "", 1);
    let refused = ask(host, &files, "moved", &["reload", "--wait"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains("is a file; it stays as it is"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(files.path("file")).unwrap(), "precious");
    assert_eq!(ask(host, &files, "moved", &["status"]).code, Some(0));
    // What cannot change is named.
    let other = text(&files, "moved", "", 1).replace("state.json", "other.json");
    fs::write(files.config(), other).unwrap();
    let refused = ask(host, &files, "moved", &["reload", "--wait"]);
    assert!(
        refused
            .err
            .contains("director: state_file, remembered_file cannot change while"),
        "{refused:?}"
    );
}

fn log_level() {
    let (stage, files, director) = running();
    let host = &stage.director;
    let level = |arguments: &[&str]| {
        let mut all = vec!["log-level"];
        all.extend(arguments);
        let said = ask(host, &files, "socket", &all);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out
    };
    assert_eq!(level(&[]), "info\n");
    assert_eq!(
        level(&["debug", "lvs_director::daemon::vrrp"]),
        "info,lvs_director::daemon::vrrp=debug\n"
    );
    director
        .wait_for("log level info -> info,lvs_director::daemon::vrrp=debug, asked for by user 0");
    assert_eq!(level(&["error"]), "error\n");
    reload(host, &files, "socket");
    assert_eq!(level(&["info"]), "info\n");
    reload(host, &files, "socket");
    director.wait_for("reload asked for");
    assert_eq!(
        director.count("reload asked for"),
        1,
        "the other was no error"
    );
    let wrong = ask(host, &files, "socket", &["log-level", "loud"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}

fn waited_for() {
    let (mut stage, files, _director) = running();
    let vip: SocketAddr = VIP.parse().unwrap();
    let stream = stage.client.run(|| connect(None, vip, PATIENCE).unwrap());
    let mut held = Conversation::new(stream).unwrap();
    let first = held.ask("here", Instant::now() + PATIENCE).unwrap() == "rs1 here";
    let own = if first { "192.168.0.2" } else { "192.168.0.3" };
    let service = format!("TCP {VIP}");
    let order =
        |stage: &Stage, arguments: &[&str]| ask(&stage.director, &files, "socket", arguments);

    let enough = order(&stage, &["drain", own, "--wait", "--until", "1"]);
    assert_eq!(enough.code, Some(0), "{enough:?}");
    assert!(
        enough.out.contains("enough: 1 connection left"),
        "{enough:?}"
    );
    let idle = order(&stage, &["drain", own, "--wait", "--until", "idle"]);
    assert_eq!(idle.code, Some(0), "{idle:?}");
    let not = order(&stage, &["drain", own, "--wait", "--timeout", "1"]);
    assert_eq!(not.code, Some(1), "{not:?}");
    assert!(
        not.err.contains("not drained after 1 s: 1 connection left"),
        "{not:?}"
    );
    let status = order(&stage, &["status", "--down"]);
    assert!(
        status.out.contains(own) && status.out.contains("ordered: drain"),
        "{status:?}"
    );

    let all = order(&stage, &["disable", "--all", "--service", &service]);
    assert_eq!(all.code, Some(1), "{all:?}");
    assert!(all.err.contains("--force"), "{all:?}");
    let all = [
        "disable",
        "--all",
        "--service",
        &service,
        "--force",
        "--wait",
    ];
    let all = order(&stage, &all);
    assert_eq!((all.code, all.err.as_str()), (Some(0), ""), "{all:?}");
    assert_eq!(all.out, "disable: 2 of 2 servers changed\nremoved\n");
    let enable = order(
        &stage,
        &["enable", "--all", "--service", &service, "--wait"],
    );
    assert_eq!(enable.code, Some(0), "{enable:?}");
    assert!(enable.out.ends_with("up, and in the table\n"), "{enable:?}");
    let fine = order(&stage, &["status", "--down"]);
    assert!(
        fine.out.ends_with("nothing is down: all of them are up\n"),
        "{fine:?}"
    );
    wait_for_weights(&mut stage, &BOTH);
    let without = order(&stage, &["drain", "--all"]);
    assert_eq!(without.code, Some(2), "{without:?}");
}

fn given_way() {
    let (mut stage, files, director) = running();
    let order = |stage: &Stage, arguments: &[&str]| {
        let said = ask(&stage.director, &files, "socket", arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out
    };
    order(&stage, &["weight", "7", "192.168.0.2"]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 7), BOTH[1]]);
    let status = order(&stage, &["status", "192.168.0.2"]);
    assert!(
        status.contains("weight 7 of 1, ordered: weight 7"),
        "{status}"
    );
    write(&files, "socket", "", 3);
    let plan = files.once(&stage.director, "plan", &[]);
    assert!(plan.out.contains("-w 3"), "{plan:?}");
    reload(&stage.director, &files, "socket");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 3), BOTH[1]]);
    director
        .wait_for("weight 7 taken back by the configuration, which gives the server weight 3 now");
    let status = order(&stage, &["status"]);
    assert!(!status.contains("ordered"), "{status}");

    // It goes down, is ordered out, and stays out when it could come back.
    stage.stop_serving(0, ANY.parse().unwrap());
    wait_for_weights(&mut stage, &[BOTH[1]]);
    order(&stage, &["disable", "192.168.0.2"]);
    stage.serve(0, Protocol::Tcp, ANY.parse().unwrap());
    director.wait_for("192.168.0.2:80 of TCP 192.168.0.10:80: down -> up");
    wait_for_weights(&mut stage, &[BOTH[1]]);
    order(&stage, &["enable", "192.168.0.2", "--wait"]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 3), BOTH[1]]);
}

fn asked_before() {
    let (mut stage, files, director) = running();
    write(&files, "socket", "", 4);
    let (config, socket) = (files.config(), files.path("socket"));
    let arguments = [
        PROGRAM,
        "reload",
        "--config",
        config.to_str().unwrap(),
        "--socket",
        socket.to_str().unwrap(),
        "--wait",
    ];
    let asks = |stage: &Stage| stage.director.run(|| Terminal::start(&arguments, 24, 100));
    let mut no = asks(&stage);
    no.until_seen("-r 192.168.0.2:80");
    no.until_seen("? [y/N]");
    no.press("\r");
    assert_eq!(no.end().code(), Some(1));
    no.until_seen("not reloaded: the answer was no");
    assert_eq!(director.count("reload asked for"), 0);
    let mut yes = asks(&stage);
    yes.until_seen("? [y/N]");
    yes.press("y\r");
    assert_eq!(yes.end().code(), Some(0));
    yes.until_seen("reloaded: 1 step");
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 4), BOTH[1]]);
    // With an error in the file nobody is asked.
    fs::write(files.config(), "virtual_services: [").unwrap();
    let mut wrong = asks(&stage);
    assert_eq!(wrong.end().code(), Some(3));
    assert_eq!(director.count("reload asked for"), 1);
}
