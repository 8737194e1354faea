// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checker that runs programs, with programs of every mood.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::LocalSet;

use super::*;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

fn exec(command: &[&str]) -> Arc<ExecProbe> {
    Arc::new(ExecProbe {
        command: command.iter().map(|word| (*word).into()).collect(),
        // The tests' own user, whoever that is.
        user: Some(nix::unistd::geteuid().to_string().into()),
        dynamic: false,
    })
}

fn shell(script: &str) -> Arc<ExecProbe> {
    exec(&["/bin/sh", "-c", script])
}

/// Runs all of them at the same time.
fn run_all(execs: &[Arc<ExecProbe>], limit: Duration) -> Vec<Answer> {
    run_all_while(execs, limit, async {})
}

/// The same while this goes on.
fn run_all_while(
    execs: &[Arc<ExecProbe>],
    limit: Duration,
    beside: impl Future<Output = ()> + 'static,
) -> Vec<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = "10.0.0.5:5672".parse().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let probes = execs.iter().map(|exec| {
            let exec = Arc::clone(exec);
            tokio::task::spawn_local(async move { probe(&exec, server, limit).await })
        });
        let probes = probes.collect::<Vec<_>>();
        tokio::task::spawn_local(beside);
        let mut answers = Vec::new();
        for probe in probes {
            answers.push(probe.await.unwrap());
        }
        answers
    })
}

fn run(exec: &Arc<ExecProbe>, limit: Duration) -> Answer {
    run_all(&[Arc::clone(exec)], limit).remove(0)
}

/// Waits until a process is gone, or nothing but a zombie of somebody else.
fn wait_for_end(pid: &str) {
    let stat = format!("/proc/{}/stat", pid.trim());
    for _ in 0..2000 {
        let Ok(text) = fs::read_to_string(&stat) else {
            return;
        };
        if text.contains(") Z ") {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("{stat} is still there");
}

#[test]
fn the_exit_status_decides() {
    for (script, dynamic, expected) in [
        ("exit 0", false, Answer::up()),
        ("exit 0", true, Answer::up()),
        ("exit 1", true, Answer::down("exit status 1")),
        ("exit 2", false, Answer::down("exit status 2")),
        (
            "echo; echo no answer; echo more; exit 3",
            false,
            Answer::down("exit status 3: no answer"),
        ),
        (
            "echo oh >&2; exit 4",
            false,
            Answer::down("exit status 4: oh"),
        ),
        (
            "printf '\\033[31mred\\007'; exit 1",
            false,
            Answer::down("exit status 1: [31mred"),
        ),
        (
            "kill -SEGV $$",
            false,
            Answer::down("the program was ended by SIGSEGV"),
        ),
        (
            "kill -KILL $$",
            false,
            Answer::could_not_run("somebody ended the program by SIGKILL"),
        ),
    ] {
        let exec = Arc::new(ExecProbe {
            dynamic,
            ..ExecProbe::clone(&shell(script))
        });
        assert_eq!(run(&exec, LONG), expected, "{script:?}");
    }
    for (code, number) in [(2, 0), (3, 1), (255, 253)] {
        let exec = Arc::new(ExecProbe {
            dynamic: true,
            ..ExecProbe::clone(&shell(&format!("exit {code}")))
        });
        let weight = Weight::new(number).map(AskedWeight::Weight);
        assert_eq!(run(&exec, LONG).outcome, ProbeOutcome::Up(weight));
    }
}

/// The descriptors that every child of this process gets: the usual three, and those that we were started with.
fn inherited() -> String {
    let of = |fd: &str| fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
    let is_kept = |fd: &String| {
        let info = of(fd);
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
        flags.is_some_and(|flags| flags & libc::O_CLOEXEC == 0)
    };
    let fds = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let names = fds.map(|entry| entry.file_name().into_string().unwrap());
    let mut kept: Vec<String> = names.filter(is_kept).collect();
    kept.sort();
    kept.join(" ")
}

#[test]
fn a_program_gets_its_arguments_and_little_else() {
    let script = r#"
        [ "$1 $2" = '$HOME a b' ] && [ "$LVS_ADDRESS $LVS_PORT" = "10.0.0.5 5672" ] || exit 9
        [ "$(pwd)" = / ] && [ -z "$HOME$USER$CARGO" ] || exit 8
        [ "$(readlink /proc/self/fd/0)" = /dev/null ] || exit 7
        # What reads the directory is listed, too, and gone afterwards.
        has=; for fd in /proc/$$/fd/*; do [ -h "$fd" ] && has="$has${fd##*/} "; done
        [ "$has" = "$3 " ] || { echo "$has"; exit 6; }
    "#;
    let fds = inherited();
    let exec = exec(&["/bin/sh", "-c", script, "sh", "$HOME", "a b", &fds]);
    assert_eq!(run(&exec, LONG), Answer::up(), "{fds}");
}

#[test]
fn a_program_that_never_ends_is_ended_with_all_of_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    let script = format!(
        "trap '' TERM HUP INT; (trap '' TERM; sleep 1000) & echo $! > {0}; sleep 1001 & echo $! >> {0}; \
         echo $$ >> {0}; echo working; while :; do sleep 1002; done",
        pids.display()
    );
    let answer = run(&shell(&script), Duration::from_secs(2));
    let why = "the program did not end within 2000 ms: working";
    assert_eq!(answer, Answer::down(why));
    let pids = fs::read_to_string(&pids).unwrap();
    assert_eq!(pids.lines().count(), 3);
    pids.lines().for_each(wait_for_end);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "this host hangs for a time")]
fn when_this_host_hangs_a_program_that_has_ended_is_judged_by_its_end_and_no_other_has_failed() {
    let ended: [_; 8] = std::array::from_fn(|_| shell("exit 0"));
    let runs_on = shell("sleep 1000");
    let all = [&ended[..], &[runs_on]].concat();
    let limit = Duration::from_millis(400);
    let answers = run_all_while(&all, limit, async move {
        // All of them have started.
        tokio::time::sleep(limit / 2).await;
        std::thread::sleep(limit * 3);
    });
    for answer in answers {
        let outcome = answer.outcome;
        assert_ne!(outcome, ProbeOutcome::Down, "{answer:?}");
    }
}

#[test]
fn children_that_keep_the_output_open_are_not_waited_for_and_ended() {
    let script = "sleep 1000 & echo $!; exit 5";
    let answer = run(&shell(script), LONG);
    let pid = answer.reason.strip_prefix("exit status 5: ").unwrap();
    wait_for_end(pid);
    // One that has closed its outputs is waited for.
    let answer = run(&shell("exec >&- 2>&-; sleep 0.1; exit 6"), LONG);
    assert_eq!(answer, Answer::down("exit status 6"));
}

#[test]
fn a_program_that_writes_without_end_costs_a_bounded_memory() {
    let answer = run(&shell("echo first; exec cat /dev/zero"), SHORT);
    let why = "the program did not end within 300 ms: first";
    assert_eq!(answer, Answer::down(why));
    let answer = run(&shell("head -c 3000000 /dev/zero; exit 7"), LONG);
    assert_eq!(answer, Answer::down("exit status 7"));
}

#[test]
fn a_program_that_cannot_be_started_is_no_failure_of_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (path, why) in [
        ("/nowhere/at/all".to_owned(), "ENOENT"),
        (file("plain", "#!/bin/sh\n", 0o644), "EACCES"),
        (file("lost", "#!/nowhere/sh\n", 0o755), "ENOENT"),
        (file("text", "\0\0", 0o755), "ENOEXEC"),
        (file("open", "#!/bin/sh\n", 0o757), "everybody can change"),
        (
            directory.path().to_str().unwrap().to_owned(),
            "is no regular file",
        ),
    ] {
        let answer = run(&exec(&[&path]), LONG);
        assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
        assert!(answer.reason.contains(why), "{why}: {answer:?}");
    }
    let stranger = Arc::new(ExecProbe {
        user: Some("no-such-user-here".into()),
        ..ExecProbe::clone(&shell("exit 1"))
    });
    let answer = run(&stranger, LONG);
    let why = "look up user no-such-user-here: this host has no such user";
    assert_eq!(answer, Answer::could_not_run(why));
}

#[test]
fn a_program_may_be_deleted_while_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("check");
    fs::write(&path, "#!/bin/sh\nrm \"$0\"\necho gone\nexit 3\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let exec = exec(&[path.to_str().unwrap()]);
    assert_eq!(run(&exec, LONG), Answer::down("exit status 3: gone"));
    assert_eq!(run(&exec, LONG).outcome, ProbeOutcome::CouldNotRun);
}

/// The most processes of a directory's log that were there at the same time.
fn most_at_once(log: &Path) -> usize {
    let running = AtomicUsize::new(0);
    let text = fs::read_to_string(log).unwrap();
    let counts = text.lines().map(|line| match line {
        "begin" => running.fetch_add(1, Ordering::Relaxed) + 1,
        _ => running.fetch_sub(1, Ordering::Relaxed) - 1,
    });
    counts.max().unwrap()
}

#[test]
fn few_programs_run_at_a_time_and_the_others_are_not_late() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let script = format!(
        "echo begin >> {0}; sleep 0.05; echo end >> {0}",
        log.display()
    );
    let execs = vec![shell(&script); 3 * AT_ONCE];
    let answers = run_all(&execs, LONG);
    assert!(
        answers.iter().all(|answer| *answer == Answer::up()),
        "{answers:?}"
    );
    let most = most_at_once(&log);
    assert!((1..=AT_ONCE).contains(&most), "{most}");
}

#[test]
fn a_program_ends_with_the_director() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let script = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; sleep 1000; :",
        file.display()
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = LocalSet::new();
    let exec = shell(&script);
    let server = "10.0.0.5:5672".parse().unwrap();
    local.spawn_local(async move { probe(&exec, server, LONG).await });
    local.block_on(&runtime, async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    drop(local);
    wait_for_end(&fs::read_to_string(&file).unwrap());
}
