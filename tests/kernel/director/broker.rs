// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a real RabbitMQ writes into its log because of healthy checks, at its default level. `BROKER=1` asks for it; the
//! package rabbitmq-server must be installed.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use lab::netns::Host;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::process::{Files, Running};
use crate::Test;
use crate::stage::{Stage, wait_for};

pub(super) fn tests() -> Vec<Test> {
    if std::env::var_os("BROKER").is_none() {
        return Vec::new();
    }
    vec![(
        "healthy_checks_leave_no_warning_in_the_log_of_rabbitmq_and_no_pile_of_connections",
        quiet,
    )]
}

/// So long each check runs, every 200 ms.
const WHILE: Duration = Duration::from_secs(8);
/// More connections than this that have ended and are remembered are a pile.
const PILE: usize = 10;

/// A RabbitMQ on a host, until this is dropped.
struct Broker {
    child: Child,
    directory: TempDir,
}

impl Broker {
    fn start(host: &Host) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        // It runs as its own user.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
        fs::write(path("plugins"), "[rabbitmq_management].\n").unwrap();
        fs::write(path("rabbitmq.conf"), "loopback_users = none\n").unwrap();
        host.ip("link set lo up\n").unwrap();
        let mut program = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
        program.env("HOME", directory.path());
        program.env("RABBITMQ_NODENAME", "lab@localhost");
        for (name, file) in [
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_MNESIA_BASE", "mnesia"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
            ("RABBITMQ_CONFIG_FILE", "rabbitmq"),
        ] {
            program.env(name, path(file));
        }
        let out = File::create(path("out")).unwrap();
        program.stdin(Stdio::null());
        program.stdout(out.try_clone().unwrap()).stderr(out);
        host.adopt(&mut program);
        let child = program.spawn().unwrap();
        let broker = Self { child, directory };
        wait_for("RabbitMQ has started", || {
            broker
                .log()
                .contains("Server startup complete")
                .then_some(())
        });
        broker
    }

    fn log(&self) -> String {
        let file = self.directory.path().join("log/lab@localhost.log");
        fs::read_to_string(file).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.child.wait();
    }
}

/// What RabbitMQ says at WARNING or above while a healthy server is checked so.
fn complaints(stage: &Stage, broker: &Broker, port: u16, check: &str) -> Vec<String> {
    let files = Files::new();
    fs::write(files.path("password"), "guest\n").unwrap();
    let check = check.replace("PASSWORD", &files.path("password").display().to_string());
    files.write(&format!(
        "virtual_services:\n  - {{address: '192.168.0.10:{port}', servers: [192.168.0.2], check: {{{check}, interval: 200ms, \
         timeout: 5s}}}}\n"
    ));
    let before = broker.log().len();
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("unknown -> up");
    sleep(WHILE);
    assert!(director.stop().success());
    let log = broker.log();
    let new = log.get(before..).unwrap_or_default().lines();
    let is_bad = |line: &&str| {
        let mut levels = ["[warning]", "[error]", "[critical]"].into_iter();
        levels.any(|level| line.contains(level))
    };
    new.filter(is_bad).map(str::to_owned).collect()
}

fn remembered(host: &Host) -> usize {
    let listed = host
        .command("ss", &["-Htan", "state", "time-wait"])
        .unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().count()
}

fn quiet() {
    const LOGIN: &str = "amqp: {user: guest, password_file: PASSWORD}";
    const MANAGEMENT: &str = "rabbitmq: {user: guest, password_file: PASSWORD}";
    let stage = Stage::new(1);
    let broker = Broker::start(&stage.servers[0]);
    for (port, check) in [
        (5672, "tcp: {}"),
        (5672, LOGIN),
        (5672, &format!("{LOGIN}, tripwire: true")),
        (15672, MANAGEMENT),
    ] {
        let said = complaints(&stage, &broker, port, check);
        assert_eq!(said, [""; 0], "{check}");
    }
    for host in [&stage.director, &stage.servers[0]] {
        assert!(remembered(host) <= PILE, "{}", remembered(host));
    }
    // RabbitMQ knows no way to leave after its greeting that it does not warn of: the documentation says so.
    let said = complaints(&stage, &broker, 5672, "amqp: {}");
    assert!(
        said.iter()
            .any(|line| line.contains("client unexpectedly closed TCP connection")),
        "{said:?}"
    );
}
