// SPDX-License-Identifier: MIT OR Apache-2.0
//! One daemon compared with another: start, reload, memory.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use lab::namespace::Namespace;
use lvs_director::kernel::Ipvs;
use lvs_director::model::ServiceKey;

use crate::inputs::{PORT, Scale};
use crate::measure::{Bench, DIRECTOR};
use crate::usage::{peak_memory, processes};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(15);
/// How long a daemon runs before we read its peak memory: its checks must have run.
const SETTLE: Duration = Duration::from_secs(10);

/// What a daemon took.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    /// From its start until the kernel has the whole table.
    pub(crate) start: Duration,
    /// From SIGHUP until the kernel has the changed weight.
    pub(crate) reload: Duration,
    /// Peak resident memory of all its processes together, in KiB.
    pub(crate) peak_memory_kib: u64,
    /// How many processes that were.
    pub(crate) processes: usize,
    /// Its log line about the reload, if it writes one.
    pub(crate) reload_line: Option<String>,
}

/// The keepalived to measure: `KEEPALIVED` names another than this machine's.
pub(crate) fn keepalived() -> OsString {
    std::env::var_os("KEEPALIVED").unwrap_or_else(|| "keepalived".into())
}

impl Bench {
    /// Start, reload with one changed weight, and peak memory of the director.
    pub(crate) fn director_run(&self) -> Result<Daemon> {
        let _ = fs::remove_file(self.path("state.json"));
        let mut command = Command::new(DIRECTOR);
        command.arg("run").arg(self.path("director.yaml"));
        self.daemon(command, "director.log")
    }

    /// The same for keepalived: only its checker (`-C`), like a director without VRRP.
    pub(crate) fn keepalived_run(&self) -> Result<Daemon> {
        let mut command = Command::new(keepalived());
        command
            .args(["-C", "-n", "-l", "-f"])
            .arg(self.path("keepalived.conf"));
        command.arg("-p").arg(self.path("keepalived.pid"));
        command.arg("-c").arg(self.path("checkers.pid"));
        self.daemon(command, "keepalived.log")
    }

    fn daemon(&self, mut command: Command, log: &str) -> Result<Daemon> {
        self.write_configurations(1)?;
        let namespace = Self::namespace()?;
        let _listener = Listener::start(&namespace)?;
        let log = self.path(log);
        command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::create(&log)?);
        namespace.adopt(&mut command);
        let start = Instant::now();
        let mut child = Running(
            command
                .spawn()
                .with_context(|| format!("run {command:?}"))?,
        );
        self.until(&namespace, &mut child, |ipvs| self.is_complete(ipvs))?;
        let started = start.elapsed();
        thread::sleep(SETTLE);

        self.write_configurations(7)?;
        let hangup = Instant::now();
        child.signal(nix::sys::signal::Signal::SIGHUP)?;
        self.until(&namespace, &mut child, |ipvs| self.has_weight(ipvs, 7))?;
        let reload = hangup.elapsed();
        thread::sleep(SETTLE);
        let pids = processes(child.0.id())?;
        let (peak_memory_kib, processes) = (peak_memory(&pids)?, pids.len());
        let text = fs::read_to_string(&log)?;
        let reload_line = text
            .lines()
            .find_map(|line| Some(line.split_once("reloaded: ")?.1.to_owned()));
        Ok(Daemon {
            start: started,
            reload,
            peak_memory_kib,
            processes,
            reload_line,
        })
    }

    fn until(
        &self,
        namespace: &Namespace,
        child: &mut Running,
        done: impl Fn(&mut Ipvs) -> Result<bool> + Send + Sync,
    ) -> Result<()> {
        let mut ipvs = namespace.run(Ipvs::open)?;
        let deadline = Instant::now() + PATIENCE;
        while !done(&mut ipvs)? {
            ensure!(
                child.0.try_wait()?.is_none(),
                "the daemon ended; see its log in {}",
                self.directory.display()
            );
            ensure!(Instant::now() < deadline, "not done after {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn last_service(&self) -> ServiceKey {
        let address = Scale::virtual_address(self.scale.services - 1);
        ServiceKey::tcp((address, PORT).into())
    }

    /// Both daemons add services in order: wait for the last one's servers, then count all.
    fn is_complete(&self, ipvs: &mut Ipvs) -> Result<bool> {
        if ipvs.servers(&self.last_service())?.len() < self.scale.servers.try_into()? {
            return Ok(false);
        }
        Ok(lvs_director::plan::Target::read(ipvs)?.server_count() == self.servers()?)
    }

    pub(crate) fn servers(&self) -> Result<usize> {
        Ok(usize::try_from(self.scale.services * self.scale.servers)?)
    }

    fn has_weight(&self, ipvs: &mut Ipvs, weight: u32) -> Result<bool> {
        let servers = ipvs.servers(&self.last_service())?;
        Ok(servers
            .iter()
            .any(|entry| entry.server.weight.get() == weight))
    }
}

/// A daemon. Dropping this ends it and its children.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) -> Result<()> {
        let pid = nix::unistd::Pid::from_raw(self.0.id().try_into()?);
        Ok(nix::sys::signal::kill(pid, signal)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.signal(nix::sys::signal::Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Accepts, and closes, every connection to the port in a namespace.
struct Listener {
    ending: Arc<AtomicBool>,
    at: Namespace,
}

impl Listener {
    fn start(namespace: &Namespace) -> Result<Self> {
        let listener = namespace.run(|| TcpListener::bind(("0.0.0.0", PORT)))?;
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                drop(connection);
                if told.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        Ok(Self {
            ending,
            at: namespace.clone(),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // One more connection wakes it up.
        let _ = self.at.run(|| TcpStream::connect(("127.0.0.1", PORT)));
    }
}
