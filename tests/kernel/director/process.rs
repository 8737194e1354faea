// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program, its files, and its output.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use lab::netns::Host;
use lvs_director::config;
use lvs_director::control::Status;
use lvs_director::model::{Config, IpvsTable};
use lvs_director::plan::Target as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::stage::{Stage, wait_for};

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_director");
/// Checks that come to a verdict soon.
pub(super) const QUICK: &str =
    "check: {interval: 200ms, timeout: 500ms, rise: 2, fall: 3, retry_delay: 100ms}";

/// The files of one director: configuration, state, control socket.
pub(super) struct Files {
    pub(super) directory: TempDir,
}

impl Files {
    /// None yet; the director repairs every second.
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path("director.yaml")
    }

    /// Writes the configuration: `rest` is everything except the section `director`. Returns the parsed configuration.
    pub(super) fn write(&self, rest: &str) -> Config {
        self.write_with_state(rest, &self.path("state.json"))
    }

    pub(super) fn write_with_state(&self, rest: &str, state: &Path) -> Config {
        self.write_with(rest, state, "")
    }

    /// The same for a director whose virtual routers run before all other threads.
    pub(super) fn write_real_time(&self, rest: &str) -> Config {
        let settings = ", real_time: 10, lock_memory: true";
        self.write_with(rest, &self.path("state.json"), settings)
    }

    fn write_with(&self, rest: &str, state: &Path, settings: &str) -> Config {
        let text = format!(
            "director: {{state_file: {}, socket: {}, repair_interval: 1s{settings}}}\n{rest}",
            state.display(),
            self.path("socket").display()
        );
        fs::write(self.config(), &text).unwrap();
        config::parse("director.yaml", text.as_bytes())
            .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
    }

    /// The services that are ours by the state file.
    pub(super) fn state(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(self.path("state.json")).unwrap();
        let content: serde_json::Value = serde_json::from_str(&text).unwrap();
        serde_json::from_value(content["services"].clone()).unwrap()
    }

    /// Runs `director COMMAND FILE OPTIONS...` to its end.
    pub(super) fn once(&self, host: &Host, command: &str, options: &[&str]) -> Said {
        let mut program = Command::new(PROGRAM);
        program.arg(command).arg(self.config()).args(options);
        said(host, &mut program)
    }

    /// Runs `director why SERVER FILE OPTIONS...`.
    pub(super) fn why(&self, host: &Host, server: &str, options: &[&str]) -> Said {
        let mut program = Command::new(PROGRAM);
        program
            .args(["why", server])
            .arg(self.config())
            .args(options);
        said(host, &mut program)
    }

    pub(super) fn status(&self, host: &Host) -> Status {
        let said = self.once(host, "status", &["--json"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        serde_json::from_str(&said.out).unwrap()
    }
}

/// A program's output, and its exit status.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// Its output, when it has succeeded.
    pub(super) fn succeeds(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

/// Runs a program on a host to its end.
pub(super) fn said(host: &Host, program: &mut Command) -> Said {
    host.adopt(program);
    let Output {
        status,
        stdout,
        stderr,
    } = program.stdin(Stdio::null()).output().unwrap();
    Said {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// `director run`, killed when dropped.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts the director, and waits until the kernel is right for the first time.
    pub(super) fn start(host: &Host, files: &Files, options: &[&str]) -> Self {
        let running = Self::launch(host, files, options);
        running.wait_for("started: ");
        running
    }

    /// Only just started.
    pub(super) fn launch(host: &Host, files: &Files, options: &[&str]) -> Self {
        let log = File::create(files.path("log")).unwrap();
        Self::launch_to(host, files, options, log)
    }

    /// The same, with its log going elsewhere than to the file that is read here.
    pub(super) fn launch_to(
        host: &Host,
        files: &Files,
        options: &[&str],
        log: impl Into<Stdio>,
    ) -> Self {
        let mut program = Command::new(PROGRAM);
        program.arg("run").arg(files.config()).args(options);
        Self::spawn(host, files, program, log)
    }

    /// Only just started, without these capabilities (`-sys_nice,-sys_resource`).
    pub(super) fn launch_without(host: &Host, files: &Files, capabilities: &str) -> Self {
        let mut program = Command::new("setpriv");
        program.arg(format!("--bounding-set={capabilities}"));
        program.arg(format!("--inh-caps={capabilities}"));
        program.args([PROGRAM, "run"]).arg(files.config());
        Self::spawn(
            host,
            files,
            program,
            File::create(files.path("log")).unwrap(),
        )
    }

    pub(super) fn spawn(
        host: &Host,
        files: &Files,
        mut program: Command,
        log: impl Into<Stdio>,
    ) -> Self {
        program.stdin(Stdio::null()).stdout(Stdio::null());
        program.stderr(log);
        host.adopt(&mut program);
        Self {
            child: program.spawn().unwrap(),
            log: files.path("log"),
        }
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for a line of the log with this in it.
    pub(super) fn wait_for(&self, words: &str) -> String {
        wait_for(&format!("{words:?} in the log:\n{}", self.log()), || {
            let log = self.log();
            log.lines()
                .find(|line| line.contains(words))
                .map(str::to_owned)
        })
    }

    /// The same, how often.
    pub(super) fn count(&self, words: &str) -> usize {
        self.log().matches(words).count()
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Ends it by SIGTERM.
    pub(super) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.child.wait().unwrap()
    }

    /// Waits for its own end, and returns its status.
    pub(super) fn end(mut self) -> (ExitStatus, String) {
        let status = wait_for("it ends", || self.child.try_wait().unwrap());
        (status, self.log())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file system in memory of four pages, all of them taken: room for both of the director's files, each twice.
pub(super) struct FullDisk {
    pub(super) path: PathBuf,
}

impl FullDisk {
    pub(super) fn at(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"])
            .arg(&path);
        assert!(mount.status().unwrap().success());
        fs::write(path.join("full"), [0; 16384]).unwrap();
        Self { path }
    }

    /// There is room again.
    pub(super) fn free(&self) {
        fs::remove_file(self.path.join("full")).unwrap();
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.path).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

/// Runs ipvsadm, as somebody else would.
pub(super) fn ipvsadm(host: &Host, arguments: &str) {
    let words: Vec<&str> = arguments.split(' ').collect();
    let output = host.command("ipvsadm", &words).unwrap();
    assert!(output.status.success(), "ipvsadm {arguments}: {output:?}");
}

/// Waits until the director's kernel has exactly this table.
pub(super) fn wait_for_table(stage: &mut Stage, expected: &IpvsTable) {
    let mut last = IpvsTable::new();
    let deadline = std::time::Instant::now() + crate::stage::PATIENCE;
    while std::time::Instant::now() < deadline {
        last = stage.ipvs.read().unwrap();
        if last == *expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("expected {expected:#?}\nfound {last:#?}");
}

/// The weights of the servers of all services, by server, as `192.168.0.2:80`.
pub(super) fn weights(stage: &mut Stage) -> BTreeMap<String, u32> {
    let table = stage.ipvs.read().unwrap();
    let servers = table.services.values().flat_map(|service| &service.servers);
    servers
        .map(|(key, server)| (key.to_string(), server.weight.get()))
        .collect()
}

pub(super) fn wait_for_weights(stage: &mut Stage, expected: &[(&str, u32)]) {
    let expected: BTreeMap<String, u32> = expected
        .iter()
        .map(|(server, weight)| ((*server).to_owned(), *weight))
        .collect();
    wait_for(&format!("the weights are {expected:?}"), || {
        (weights(stage) == expected).then_some(())
    });
}
