// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab as programs inside see it: its hosts, and running commands on them.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::unistd::Pid;

use super::frame::{Input, Request};
use super::plan::{Host, Kind};
use super::state::{self, DIR, State};
use super::task::{self, Output, Stream, Task};
use super::{agent, director, lan};
use crate::namespace::Namespace;
use crate::uml::console_tail;

/// The lab we are in.
#[derive(Clone, Debug)]
pub struct Lab {
    pub(super) dir: PathBuf,
    pub(super) state: State,
    pub(super) here: Namespace,
}

impl Lab {
    /// The lab that this process was started in.
    pub fn from_env() -> Result<Self> {
        let dir = std::env::var_os(DIR).ok_or_else(|| {
            anyhow!("not inside a lab ({DIR} is not set); start one with: lab machines")
        })?;
        Self::open(Path::new(&dir))
    }

    pub(super) fn open(dir: &Path) -> Result<Self> {
        // The first process of the lab stays in the namespace that has the bridges.
        let here = Namespace::open(&lan::namespace_file(Pid::from_raw(1)));
        Ok(Self {
            dir: dir.to_owned(),
            state: State::load(dir)?,
            here: here.context("open the lab's own network namespace")?,
        })
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory that every host sees at the same path.
    #[must_use]
    pub fn share(&self) -> PathBuf {
        self.dir.join("share")
    }

    /// Everyone in it.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.state.hosts
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Result<&Host> {
        self.state
            .hosts
            .iter()
            .find(|host| host.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.hosts().iter().map(|host| host.name.as_str()).collect();
                anyhow!(
                    "no host {name:?} in this lab; there are: {}",
                    names.join(" ")
                )
            })
    }

    /// Runs a command on a host to its end, with our environment, in our directory.
    pub fn on<S: AsRef<str>>(&self, name: &str, argv: &[S]) -> Result<Output> {
        self.spawn(name, argv)?.wait()
    }

    /// Starts a command on a host; it ends when the [`Task`] is dropped, if not before.
    pub fn spawn<S: AsRef<str>>(&self, name: &str, argv: &[S]) -> Result<Task> {
        self.live_pid(name)?;
        let (lab, name, request) = (self.clone(), name.to_owned(), request(argv)?);
        Ok(Task::start(move |cancel, sink| {
            lab.execute(&name, request, cancel, sink)
        }))
    }

    /// Starts a command on a host in the background; appends its output to `HOST.log` in the lab's directory.
    pub fn start_detached<S: AsRef<str>>(&self, name: &str, argv: &[S]) -> Result<()> {
        let pid = self.live_pid(name)?;
        let mut request = request(argv)?;
        if self.host(name)?.kind == Kind::Director {
            request.log = Some(self.share().join(format!("{name}.log")));
            let status = self.execute(name, request, &AtomicBool::new(false), &mut |_, _| ())?;
            ensure!(status == 0, "{name}: status {status}");
            return Ok(());
        }
        let log = agent::open_log(&self.log(name))?;
        let mut command = agent::command(&request);
        command.stdout(log.try_clone()?).stderr(log);
        lan::adopt(&mut command, pid)?;
        agent::spawn(&mut command, &request)?;
        Ok(())
    }

    /// Where the output of a host's detached commands is.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        state::log_file(&self.dir, name)
    }

    /// Runs a command on a host, and passes its output on as it comes.
    pub(crate) fn execute(
        &self,
        name: &str,
        request: Request,
        cancel: &AtomicBool,
        sink: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<i32> {
        let host = self.host(name)?;
        let pid = self.live_pid(name)?;
        match host.kind {
            Kind::Namespace => task::execute(pid, &request, cancel, sink),
            Kind::Director => {
                let outcome = director::execute(host, pid, &self.here, request, cancel, sink);
                if outcome.is_err() && !state::is_running(pid) {
                    return Err(self.death(name));
                }
                outcome
            }
        }
    }

    /// Becomes a command on a host that is a namespace; returns only if that fails.
    pub(crate) fn become_command(&self, name: &str, argv: &[OsString]) -> Result<()> {
        let pid = self.live_pid(name)?;
        let mut words = argv.iter();
        let program = words.next().context("no command to run")?;
        let mut command = std::process::Command::new(program);
        command.args(words);
        lan::adopt(&mut command, pid)?;
        Err(command.exec()).with_context(|| format!("run {}", program.display()))
    }

    /// The network namespace of a host that is one: for sockets of our own there.
    pub fn namespace(&self, name: &str) -> Result<Namespace> {
        let host = self.host(name)?;
        ensure!(
            host.kind == Kind::Namespace,
            "{name} is a machine of its own; run a command on it"
        );
        Namespace::open(&lan::namespace_file(self.live_pid(name)?))
            .context("open the host's namespace")
    }

    /// The addresses of the client: all those of one IP version, to ask from.
    pub fn client_addresses(&self, ipv6: bool) -> Result<Vec<IpAddr>> {
        let cidrs = self.host("client")?.addresses.iter();
        let all = cidrs.filter_map(|cidr| cidr.split_once('/')?.0.parse().ok());
        Ok(all
            .filter(|address: &IpAddr| address.is_ipv6() == ipv6)
            .collect())
    }

    /// The lab's own network namespace, which has the bridges `lan` and `mgmt`.
    #[must_use]
    pub fn own_namespace(&self) -> &Namespace {
        &self.here
    }

    /// The end of a director's console.
    pub fn console(&self, name: &str) -> Result<String> {
        let host = self.host(name)?;
        ensure!(
            host.kind == Kind::Director,
            "{name} is no machine of its own, and has no console"
        );
        Ok(console_tail(&state::host_dir(&self.dir, name)))
    }

    /// Why a director that was on is on no more.
    fn death(&self, name: &str) -> anyhow::Error {
        // Who switches a machine off notes it as soon as it is dead.
        std::thread::sleep(Duration::from_millis(100));
        if state::pid_of(&self.dir, name).is_none() {
            return anyhow!("{name} was switched off");
        }
        let dir = state::host_dir(&self.dir, name);
        anyhow!("{name} died; its console:\n{}", console_tail(&dir))
    }

    pub(super) fn live_pid(&self, name: &str) -> Result<Pid> {
        let host = self.host(name)?;
        match state::pid_of(&self.dir, name) {
            None => bail!("{name} is off; switch it on with: lab start {name}"),
            Some(pid) if state::is_running(pid) => Ok(pid),
            Some(_) if host.kind == Kind::Director => Err(self.death(name)),
            Some(_) => bail!("{name} died; switch it on again with: lab start {name}"),
        }
    }
}

/// The request to run a command as we would.
pub(crate) fn request<S: AsRef<str>>(argv: &[S]) -> Result<Request> {
    ensure!(!argv.is_empty(), "no command to run");
    let text = |text: &OsStr| text.to_str().map(str::to_owned);
    Ok(Request {
        argv: argv.iter().map(|word| word.as_ref().to_owned()).collect(),
        env: std::env::vars_os()
            .filter_map(|(name, value)| Some((text(&name)?, text(&value)?)))
            .collect(),
        cwd: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        log: None,
        input: Input::Nothing,
    })
}
