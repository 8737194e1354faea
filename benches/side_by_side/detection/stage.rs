// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real-server hosts that fail, and three programs that check the same servers.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use lab::namespace::Namespace;
use lab::netns::{Host, Net};
use nix::sys::signal::Signal;

use super::settings::Settings;
use super::watch::{Server, Watch};
use crate::answer::{Protocol, process};
use crate::daemon::{Running, keepalived};
use crate::measure::DIRECTOR;

/// Hosts that fail, one after the other.
pub(super) const HOSTS: u8 = 10;
/// Servers on each: so many checks of each kind find out by themselves.
pub(super) const SERVERS: u8 = 10;

/// What happens to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its process ends: the port refuses.
    Refused,
    /// Its packets are dropped, all of them.
    Killed,
    /// Its process does not run: the kernel takes connections, and nobody answers.
    Hung,
}

impl Fault {
    pub(super) const ALL: [Self; 3] = [Self::Refused, Self::Killed, Self::Hung];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused port",
            Self::Killed => "killed host",
            Self::Hung => "hung process",
        }
    }

    /// Whether a check of this protocol can find it.
    pub(super) fn is_found_by(self, protocol: Protocol) -> bool {
        self != Self::Hung || protocol != Protocol::Tcp
    }
}

/// A host with its servers.
pub(super) struct RealServers {
    host: Host,
    pub(super) addresses: Vec<Ipv4Addr>,
    process: Running,
}

impl RealServers {
    fn start(net: &Net, number: u8) -> Result<Self> {
        let addresses = (1..=SERVERS).map(|last| Ipv4Addr::new(192, 168, 10 + number, last));
        let addresses: Vec<Ipv4Addr> = addresses.collect();
        let cidrs: Vec<String> = addresses.iter().map(|it| format!("{it}/16")).collect();
        let cidrs: Vec<&str> = cidrs.iter().map(String::as_str).collect();
        let host = net.host(&format!("rs{number}"), &cidrs)?;
        let process = Self::serve(&host)?;
        Ok(Self {
            host,
            addresses,
            process,
        })
    }

    fn serve(host: &Host) -> Result<Running> {
        let servers = Protocol::ALL.map(|protocol| (protocol, protocol.port()));
        Ok(Running(process(host, &servers)?))
    }

    pub(super) fn fail(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Refused => Ok(self.process.0.kill()?),
            Fault::Killed => self.host.plug(false),
            Fault::Hung => self.process.signal(Signal::SIGSTOP),
        }
    }

    pub(super) fn heal(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Refused => {
                self.process = Self::serve(&self.host)?;
                Ok(())
            }
            Fault::Killed => self.host.plug(true),
            Fault::Hung => self.process.signal(Signal::SIGCONT),
        }
    }
}

/// All hosts.
pub(super) struct Stage {
    pub(super) failing: Vec<RealServers>,
    /// One that never fails: no service is ever empty, and the link never silent.
    steady: RealServers,
    /// The hosts of the director, keepalived and HAProxy.
    programs: [Host; 3],
    directory: PathBuf,
    _net: Net,
}

/// The three programs; each with the servers that it has in use.
pub(super) struct Programs {
    _running: [Running; 3],
    pub(super) watches: [Watch; 3],
}

impl Stage {
    pub(super) fn set(directory: &Path) -> Result<Self> {
        let net = Net::new()?;
        let program = |name, last| net.host(name, &[&format!("192.168.0.{last}/16")]);
        let programs = [
            program("director", 11)?,
            program("keepalived", 12)?,
            program("haproxy", 13)?,
        ];
        let hosts = (1..=HOSTS).map(|number| RealServers::start(&net, number));
        Ok(Self {
            failing: hosts.collect::<Result<_>>()?,
            steady: RealServers::start(&net, 0)?,
            programs,
            directory: directory.to_owned(),
            _net: net,
        })
    }

    pub(super) fn start(&self, settings: &Settings) -> Result<Programs> {
        let failing = self.failing.iter().chain([&self.steady]);
        let servers: Vec<Ipv4Addr> = failing.flat_map(|it| it.addresses.clone()).collect();
        let of = |protocols: &[Protocol]| -> BTreeSet<Server> {
            let each = protocols.iter();
            each.flat_map(|it| servers.iter().map(|at| (*it, *at)))
                .collect()
        };
        let directory = &self.directory;
        let [at_director, at_keepalived, at_haproxy] = &self.programs;
        for name in ["state.json", "remembered.json"] {
            let _ = fs::remove_file(directory.join(name));
        }
        let mut director = Command::new(DIRECTOR);
        director.arg("run");
        let text = settings.for_director(directory, &servers);
        let director = self.run(at_director, director, "director.yaml", &text)?;
        let mut program = Command::new(keepalived());
        program.arg("-p").arg(directory.join("keepalived.pid"));
        program.arg("-c").arg(directory.join("checkers.pid"));
        program.args(["-C", "-n", "-l", "-f"]);
        let text = settings.for_keepalived(&servers);
        let keepalived = self.run(at_keepalived, program, "keepalived.conf", &text)?;
        let mut program = Command::new("haproxy");
        program.args(["-db", "-f"]);
        let text = settings.for_haproxy(directory, &servers);
        let haproxy = self.run(at_haproxy, program, "haproxy.cfg", &text)?;
        Ok(Programs {
            _running: [director, keepalived, haproxy],
            watches: [
                Watch::table(of(&Protocol::ALL), at_director)?,
                Watch::table(of(&[Protocol::Tcp, Protocol::Http]), at_keepalived)?,
                Watch::haproxy(of(&Protocol::ALL), directory.join("haproxy.stats")),
            ],
        })
    }

    /// Runs a program with its configuration as the last argument. Its log is beside that.
    fn run(
        &self,
        host: &Namespace,
        mut program: Command,
        file: &str,
        text: &str,
    ) -> Result<Running> {
        let path = self.directory.join(file);
        fs::write(&path, text)?;
        let log = File::create(self.directory.join(format!("{file}.log")))?;
        program.arg(path).stdin(Stdio::null());
        program.stdout(log.try_clone()?).stderr(log);
        host.adopt(&mut program);
        let child = program.spawn();
        Ok(Running(child.with_context(|| format!("run {program:?}"))?))
    }
}
