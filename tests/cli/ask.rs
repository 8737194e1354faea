// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that ask a running director, with one that only answers; and their output.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;

use lvs_director::control::{
    Asked, ControlSocket, Item, Reloaded, Replies, Request, SentConnections, ServerStatus,
    ServiceStatus, Status, Told, Unanswered, serve,
};
use lvs_director::engine::ReloadId;
use lvs_director::model::Severity;

use crate::program::{GOOD, PROGRAM, director, file};

#[path = "../../src/control/tests/served.rs"]
mod served;

use served::Served;

/// Answers like a director, but without a kernel.
struct Answering(Served);

impl Answering {
    fn start() -> Self {
        Self(Served::by(async |socket| {
            serve(socket, Arc::default, Rc::new(answer)).await;
        }))
    }

    fn socket(&self) -> PathBuf {
        self.0.path()
    }

    /// `director COMMAND --socket ITS_SOCKET OPTIONS...`
    fn ask(&self, command: &str, options: &[&str]) -> crate::program::Said {
        let socket = self.socket();
        let mut arguments = vec![command, "--socket", socket.to_str().unwrap()];
        arguments.extend(options);
        director(&arguments)
    }
}

fn status(services: usize) -> Item {
    let services = (1..=services).map(|number| ServiceStatus {
        service: format!("TCP 192.0.2.10:{number}").parse().unwrap(),
        scheduler: "wrr".to_owned(),
        keeps_connections: false,
        take_over: None,
        error: None,
        alarm: None,
        servers: vec![ServerStatus {
            server: "10.0.0.1:80".parse().unwrap(),
            health: "unchecked".into(),
            since_seconds: None,
            weight: Some(1),
            configured_weight: 1,
            by_configuration: false,
            reason: None,
            order: None,
            note: None,
            drain: None,
            slow_start: None,
            checks: Vec::new(),
        }],
    });
    Item::Status(Box::new(Status {
        version: "0.1.0".to_owned(),
        services: services.collect(),
        ..Status::default()
    }))
}

fn event(number: u64) -> Item {
    Item::Event(Told {
        number,
        milliseconds_ago: 0,
        severity: Severity::Warning,
        text: "drift: \u{1b}[31m".to_owned(),
        transition: serde_json::json!({"at": 0}),
    })
}

async fn reload(wait: bool, replies: &Replies) -> Result<(), Unanswered> {
    let (reload, refused) = (ReloadId(1), Some("director.yaml:3: no\u{7}".to_owned()));
    let asked = Reloaded {
        reload,
        answered: None,
        refused: None,
        steps: 0,
        warning: None,
    };
    replies.item(Item::Reload(asked)).await?;
    if wait {
        let answer = Reloaded {
            reload,
            answered: Some(reload),
            refused,
            steps: 0,
            warning: None,
        };
        replies.item(Item::Reload(answer)).await?;
    }
    Ok(())
}

async fn answer(asked: Asked, replies: Replies) -> Result<(), Unanswered> {
    match asked.request {
        Request::Status { watch: false, .. } => replies.item(status(2)).await,
        Request::Status { watch: true, .. } => {
            replies.item(status(1)).await?;
            replies.item(status(2)).await?;
            std::future::pending().await
        }
        Request::Events { after, follow } => {
            let after = after.unwrap_or(0);
            if after == 7 {
                replies.item(Item::Skipped { first: 8, last: 9 }).await?;
            }
            replies.item(event(after + 3)).await?;
            if follow {
                replies.item(event(after + 4)).await?;
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        Request::Order { servers, .. } => {
            let all = u64::try_from(servers.len()).unwrap();
            replies.item(Item::Ordered(all)).await
        }
        Request::Reload { wait } => reload(wait, &replies).await,
        Request::Failover { router } => match router {
            Some(name) => Err(Unanswered::Refused(format!("no {name}\u{7}"))),
            None => {
                replies
                    .item(Item::HandedOver(vec!["eth0/51".to_owned()]))
                    .await
            }
        },
        Request::Sync => {
            replies
                .item(Item::Sent(SentConnections {
                    connections: 1,
                    left_out: std::collections::BTreeMap::new(),
                    milliseconds: 40,
                    to: "224.0.0.81:8848 on eth1".to_owned(),
                }))
                .await
        }
        Request::LogLevel { level, module } => {
            let level = level.unwrap_or_else(|| "info".to_owned());
            let module = module.map(|it| format!(",{it}={level}"));
            let now = level.clone() + &module.unwrap_or_default();
            replies.item(Item::LogLevel(now)).await
        }
        Request::Standings => Err(Unanswered::Refused("no".to_owned())),
    }
}

#[test]
fn a_failover_says_which_virtual_routers_leave_or_why_none_does() {
    let running = Answering::start();
    let said = running.ask("failover", &[]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "handed over: eth0/51\n"),
        "{said:?}"
    );
    let said = running.ask("failover", &["--router", "eth1/7"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("no eth1/7") && !said.err.contains('\u{7}'),
        "{said:?}"
    );
}

#[test]
fn a_sync_says_how_many_connections_were_sent_and_where() {
    let said = Answering::start().ask("sync", &[]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (
            Some(0),
            "1 connection sent in 0.0 s to 224.0.0.81:8848 on eth1\n"
        ),
        "{said:?}"
    );
}

#[test]
fn status_is_for_people_and_for_programs() {
    let running = Answering::start();
    let said = running.ask("status", &[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(
        said.out
            .starts_with("director 0.1.0 (pid 0), running for 0 s; ")
    );
    assert!(said.out.contains(
        "TCP 192.0.2.10:2 wrr\n  -> 10.0.0.1:80                  unchecked, weight 1 of 1\n"
    ));
    let said = running.ask("status", &["--json"]);
    let status: Status = serde_json::from_str(&said.out).unwrap();
    assert_eq!(status.services.len(), 2);
}

#[test]
fn a_service_that_is_none_is_a_wrong_command_line() {
    let said = director(&["status", "--service", "nonsense"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

/// The first lines of a command that runs until its reader leaves.
fn first_lines(running: &Answering, command: &str, options: &[&str], number: usize) -> Vec<String> {
    let mut child = Command::new(PROGRAM)
        .arg(command)
        .arg("--socket")
        .arg(running.socket())
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let lines = BufReader::new(out).lines().take(number);
    let lines = lines.map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[test]
fn a_watched_status_comes_again_whenever_something_has_changed() {
    let running = Answering::start();
    let lines = first_lines(&running, "status", &["--watch", "--json"], 2);
    let numbers = lines.iter().map(|line| {
        let status: Status = serde_json::from_str(line).unwrap();
        status.services.len()
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn events_are_lines_with_numbers_and_without_escapes() {
    let running = Answering::start();
    let said = running.ask("events", &["--since-number", "7"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], "events 8 to 9 are no longer kept");
    assert!(
        lines[1].starts_with("10 ") && lines[1].ends_with(" warning drift: \u{fffd}[31m"),
        "{said:?}"
    );
    let lines = first_lines(&running, "events", &["--follow", "--json"], 2);
    for (line, number) in lines.iter().zip([3, 4]) {
        let told: Told = serde_json::from_str(line).unwrap();
        assert_eq!(told.number, number);
    }
}

#[test]
fn a_reload_is_asked_for_or_waited_for() {
    let running = Answering::start();
    let said = running.ask("reload", &[]);
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (Some(0), "asked\n", "")
    );
    let said = running.ask("reload", &["--wait"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert_eq!(
        said.err,
        "director: reload refused, the running configuration stays: director.yaml:3: no\u{fffd}\n"
    );
}

#[test]
fn a_broken_file_is_no_reason_not_to_ask() {
    let (_directory, broken) = file("virtual_services: [");
    let name = broken.to_str().unwrap();
    for command in ["status", "events", "reload"] {
        let said = director(&[command, name]);
        // There may or may not be a director on the usual socket here.
        assert!(
            said.err.starts_with(&format!(
                "director: note: {name} is wrong (director check {name} says how); asking on the usual socket, \
                 /run/lvs-director/director.sock\n"
            )),
            "{said:?}"
        );
    }
    let said = director(&["status", "/nonexistent/director.yaml"]);
    assert!(
        said.err
            .starts_with("director: note: read /nonexistent/director.yaml: no such file"),
        "{said:?}"
    );
}

#[test]
fn a_good_file_names_the_socket() {
    let running = Answering::start();
    let (_directory, path) = file(format!(
        "director: {{socket: {}}}\n{GOOD}",
        running.socket().display()
    ));
    let said = director(&["status", path.to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn a_director_that_hangs_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sock");
    // It accepts connections, and sends nothing.
    let _listener = UnixListener::bind(&socket).unwrap();
    let said = director(&["status", "--socket", socket.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("no answer within 5 s"), "{said:?}");
}

/// Runs a command with its standard output, or its standard error, on a full disk.
fn on_a_full_disk(arguments: &[&str], out: bool) -> (Option<i32>, String) {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    if out {
        command.stdout(full()).stderr(Stdio::piped());
    } else {
        command.stdout(Stdio::piped()).stderr(full());
    }
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn what_cannot_be_written_is_a_failure() {
    let running = Answering::start();
    let (_directory, good) = file(GOOD);
    let (good, socket) = (good.to_str().unwrap(), running.socket());
    let socket = socket.to_str().unwrap();
    for arguments in [
        &["check", good][..],
        &["check", "--print", good],
        &["status", "--socket", socket],
        &["events", "--socket", socket],
        &["reload", "--socket", socket],
        &["--help"],
    ] {
        let (code, err) = on_a_full_disk(arguments, true);
        assert_eq!(code, Some(1), "{arguments:?}: {err}");
        assert!(
            err.starts_with("director: write to standard output: No space left on device"),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn a_complaint_that_nobody_can_read_changes_no_exit_code() {
    let (_directory, bad) = file("virtual_services: [");
    let (code, _) = on_a_full_disk(&["check", bad.to_str().unwrap()], false);
    assert_eq!(code, Some(3));
    let (code, _) = on_a_full_disk(&["fly"], false);
    assert_eq!(code, Some(2));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let running = Answering::start();
    let (_directory, good) = file(GOOD);
    let socket = running.socket();
    for arguments in [
        &["check", good.to_str().unwrap()][..],
        &["status", "--socket", socket.to_str().unwrap()],
        // It would go on for ever.
        &["status", "--watch", "--socket", socket.to_str().unwrap()],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(PROGRAM)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), err.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_socket_path_that_is_something_else_stays() {
    let (directory, precious) = file("precious: true\n");
    let said = director(&["status", "--socket", precious.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(content(&precious), "precious: true\n");
    let config = directory.path().join("other.yaml");
    fs::write(
        &config,
        format!(
            "director: {{socket: {0}, state_file: {0}.state}}\n{GOOD}",
            precious.display()
        ),
    )
    .unwrap();
    for command in ["apply", "run"] {
        let said = director(&[command, config.to_str().unwrap()]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            said.err.contains("is a file; it stays as it is"),
            "{said:?}"
        );
        assert_eq!(content(&precious), "precious: true\n");
    }
}

fn content(path: &Path) -> String {
    let mut text = String::new();
    File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_status_is_of_the_services_and_servers_that_are_named() {
    let running = Answering::start();
    let said = running.ask("status", &["TCP 192.0.2.10:2", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let said = running.ask("status", &["192.0.2.10:1"]);
    assert!(
        said.out.contains("TCP 192.0.2.10:1 wrr") && !said.out.contains("192.0.2.10:2"),
        "{said:?}"
    );
    let said = running.ask("status", &["10.0.0.1"]);
    assert!(said.out.contains("192.0.2.10:2"), "{said:?}");
    let said = running.ask("status", &["10.0.0.9:80"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("10.0.0.9:80 is neither a virtual service nor a real server"),
        "{said:?}"
    );
    let said = running.ask("status", &["--down"]);
    assert!(
        said.out.ends_with("nothing is down: all of them are up\n"),
        "{said:?}"
    );
    let said = running.ask("status", &["rabbit1"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err.contains("--config names a configuration file"),
        "{said:?}"
    );
}

#[test]
fn a_configuration_file_is_named_by_an_option_or_by_its_place() {
    let running = Answering::start();
    let (_directory, path) = file(format!(
        "director: {{socket: {}}}\n{GOOD}",
        running.socket().display()
    ));
    let path = path.to_str().unwrap();
    for command in ["status", "events", "reload", "log-level"] {
        let said = director(&[command, "--config", path]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    }
    let said = director(&["status", "-c", path, "10.0.0.1"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let said = director(&["status", path, "10.0.0.1"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[test]
fn events_have_the_time_of_the_clock_on_the_wall_and_can_be_those_since_then() {
    let running = Answering::start();
    let said = running.ask("events", &["--since", "1h"]);
    let time = said.out.split(' ').nth(1).unwrap();
    // 2026-12-31T14:03:22+01:00
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert!(shape.starts_with("0000-00-00T00:00:00"), "{said:?} {shape}");
    let since_then = running.ask("events", &["--since", time]);
    assert_eq!(since_then.code, Some(0), "{since_then:?}");
    assert!(!since_then.out.is_empty());
    let later = running.ask("events", &["--since", "2999-01-01"]);
    assert_eq!((later.code, later.out.as_str()), (Some(0), ""), "{later:?}");
    let wrong = running.ask("events", &["--since", "yesterday"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("write a duration (30s, 5m, 2h, 3d)"));
}

#[test]
fn a_reload_without_a_terminal_asks_nobody() {
    let running = Answering::start();
    for options in [&["--yes"][..], &["-y"], &[]] {
        let said = running.ask("reload", options);
        assert_eq!(said.out, "asked\n", "{said:?}");
    }
}

#[test]
fn the_logs_level_is_printed_and_changed() {
    let running = Answering::start();
    assert_eq!(running.ask("log-level", &[]).out, "info\n");
    assert_eq!(running.ask("log-level", &["debug"]).out, "debug\n");
    let said = running.ask("log-level", &["warn", "tokio"]);
    assert_eq!(said.out, "warn,tokio=warn\n");
    let said = running.ask("log-level", &["loud"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

/// Says hello as this program would, takes one line, and answers with this one.
fn of_another_version(hello: &str, answer: &'static str) -> (tempfile::TempDir, PathBuf) {
    use std::io::Write as _;
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let hello = format!("{{\"hello\":{hello}}}\n");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        lines.next();
        stream.write_all(hello.as_bytes()).unwrap();
        lines.next();
        // A program that has left already has said what it thinks of the hello.
        let _ = stream.write_all(answer.as_bytes());
    });
    (directory, socket)
}

#[test]
fn a_director_of_another_version_is_told_of_and_asked_all_the_same() {
    let newer = r#"{"protocol":9,"oldest":2,"program":"director 7.0"}"#;
    let answer = "{\"id\":1,\"item\":{\"colour\":1}}\n{\"id\":1,\"item\":{\"reload\":{\"reload\":1}}}\n{\"id\":1,\"end\":true}\n";
    let (_directory, socket) = of_another_version(newer, answer);
    let said = director(&["reload", "--socket", socket.to_str().unwrap()]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "asked\n"),
        "{said:?}"
    );
    assert!(
        said.err.starts_with(
            "director: note: the running director is director 7.0, this program is director "
        ),
        "{said:?}"
    );
    // One that speaks this program's protocol no more.
    let newer = r#"{"protocol":9,"oldest":8,"program":"director 7.0"}"#;
    let (_directory, socket) = of_another_version(newer, "");
    let said = director(&["reload", "--socket", socket.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("use the program that belongs to the running director"),
        "{said:?}"
    );
    // An older one does not know what this program asks.
    let older = r#"{"protocol":2,"oldest":2,"program":"director 0.0.9"}"#;
    let answer = "{\"id\":1,\"error\":\"director 0.0.9 (control protocol 2) does not know the request \\\"log_level\\\"\"}\n";
    let (_directory, socket) = of_another_version(older, answer);
    let said = director(&["log-level", "--socket", socket.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("the running director is director 0.0.9")
            && said.err.contains("does not know the request"),
        "{said:?}"
    );
}

#[test]
fn orders_for_all_servers_need_a_service() {
    let running = Answering::start();
    let said = running.ask("drain", &["--all"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    let said = running.ask("drain", &["--all", "--service", "TCP 192.0.2.10:1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with("drain: "), "{said:?}");
    let said = running.ask("drain", &["10.0.0.1", "--until", "idle"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("--wait"), "{said:?}");
    let said = running.ask("drain", &["10.0.0.1", "--wait", "--until", "soon"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    let said = running.ask("enable", &["10.0.0.1", "--wait"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.ends_with("up, and in the table\n"), "{said:?}");
}
