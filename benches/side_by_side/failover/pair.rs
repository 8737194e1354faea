// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two hosts with the same program and one virtual address, a client, and a real server that never fails.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::fs::{self, File};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use lab::netns::{Hand, Host, Net};
use lab::service::{NameServer, tcp_name_server};
use lvs_director::kernel::{Ipvs, Route};
use lvs_director::model::{AddressFamily, Vrid, VrrpVersion};
use lvs_director::net::{Hears, VrrpSocket};
use lvs_director::plan::Target as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::{Running, keepalived};
use crate::measure::DIRECTOR;
use crate::usage::processes;

const VIP: &str = "192.168.0.10";
const SERVER: &str = "192.168.0.2";
const OWN: [&str; 2] = ["192.168.0.11", "192.168.0.12"];
const PORT: u16 = 80;
pub(super) const VRID: u8 = 51;
/// How long anything may take that has no limit of its own.
const PATIENCE: Duration = Duration::from_mins(1);
/// Each look is a thread's, and the lab's kernel has few numbers for threads.
const LOOK: Duration = Duration::from_millis(20);
/// How long both run before anything is done: by then the backup has heard the master.
const SETTLED: Duration = Duration::from_secs(2);

/// Which program both hosts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Director,
    /// The director with `failover: keep_connections` for its service.
    Keeping,
    Keepalived,
}

/// The hosts, and what runs there.
pub(super) struct Pair {
    pub(super) client: Host,
    hosts: [Host; 2],
    running: [Running; 2],
    program: Program,
    directory: PathBuf,
    _server: (Host, NameServer),
    _net: Net,
}

impl Pair {
    /// Starts both, with advertisements so far apart. The first one has the address, both have the service, and all is
    /// at rest.
    pub(super) fn start(directory: &Path, program: Program, interval: Duration) -> Result<Self> {
        let net = Net::new()?;
        let client = net.host("client", &["192.168.0.100/24"])?;
        let server = real_server(&net)?;
        let [first, second] = OWN.map(|address| {
            let host = net.host(address, &[&format!("{address}/24")])?;
            host.sysctl("ipv4/ip_forward", "1")?;
            anyhow::Ok(host)
        });
        let hosts = [first?, second?];
        let [a, b] = &hosts;
        let launch = |number, host| launch(directory, program, interval, number, host);
        let master = launch(0, a)?;
        wait_until("the first one has the address", || {
            Ok(has_address(a) && has_server(a)?)
        })?;
        let backup = launch(1, b)?;
        wait_until("the second one has the service", || has_server(b))?;
        thread::sleep(SETTLED);
        Ok(Self {
            client,
            running: [master, backup],
            program,
            directory: directory.to_owned(),
            hosts,
            _server: server,
            _net: net,
        })
    }

    /// Where clients connect to.
    pub(super) fn service() -> Result<SocketAddr> {
        Ok(SocketAddr::new(VIP.parse()?, PORT))
    }

    /// Which of the two is the active one: usually the first. Where the machine is busy and the interval short, the other
    /// one may have taken over.
    pub(super) fn active(&self) -> Result<usize> {
        let mut active = None;
        wait_until("one host has the address", || {
            let [a, b] = self.hosts.each_ref().map(has_address);
            active = (a != b).then_some(usize::from(b));
            Ok(active.is_some())
        })?;
        active.context("no host has the address")
    }

    /// How often one of the two became master, by what they say.
    pub(super) fn take_overs(&self) -> Result<usize> {
        let words = match self.program {
            Program::Director | Program::Keeping => "backup -> master",
            Program::Keepalived => "Entering MASTER STATE",
        };
        let log = |host| fs::read_to_string(self.directory.join(format!("log{host}")));
        Ok(log(0)?.matches(words).count() + log(1)?.matches(words).count())
    }

    /// Waits for an advertisement of the master, and so much longer.
    pub(super) fn after_advertisement(&self, longer: Duration) -> Result<()> {
        let socket = self.client.run(|| -> Result<VrrpSocket> {
            let link = Route::open()?
                .link("eth0")?
                .context("the client has no eth0")?;
            let vrid = Vrid::new(VRID).context("no virtual router id")?;
            let hears = Hears::Likely(VrrpVersion::V3, vrid);
            Ok(VrrpSocket::open(
                AddressFamily::Ipv4,
                "eth0",
                link.index,
                hears,
            )?)
        })?;
        let mut arrives = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let heard = poll(&mut arrives, PollTimeout::try_from(PATIENCE)?)?;
        let now = Instant::now();
        ensure!(heard == 1, "no advertisement is heard");
        thread::sleep(longer.saturating_sub(now.elapsed()));
        Ok(())
    }

    /// Gets ready to cut this host off.
    pub(super) fn hand(&self, host: usize) -> Result<Hand> {
        self.at(host)?.0.hand_at_cable()
    }

    /// This host is dead: all of its program's processes are killed, and its cable is out. Returns when that began and
    /// when it was done.
    pub(super) fn kill(&self, host: usize, hand: Hand) -> Result<(Instant, Instant)> {
        let mut pids = processes(self.at(host)?.1.0.id())?;
        // A parent would end its children more gently, or start them again.
        pids.reverse();
        let began = Instant::now();
        for pid in pids {
            kill(Pid::from_raw(pid.try_into()?), Signal::SIGKILL)?;
        }
        hand.pull()?;
        Ok((began, Instant::now()))
    }

    /// The active one lets the other be master, as an operator would have it: the director by `director failover`,
    /// keepalived by the end of its service.
    pub(super) fn hand_over(&self) -> Result<()> {
        let active = self.active()?;
        let (host, running) = self.at(active)?;
        match self.program {
            Program::Director | Program::Keeping => {
                let file = self.directory.join(format!("director{active}.yaml"));
                let said = host.command(DIRECTOR, &["failover", &file.to_string_lossy()])?;
                let complaint = String::from_utf8_lossy(&said.stderr);
                ensure!(said.status.success(), "{complaint}");
            }
            Program::Keepalived => running.signal(Signal::SIGTERM)?,
        }
        let other = self.at(1 - active)?.0;
        wait_until("the other one has the address", || Ok(has_address(other)))
    }

    fn at(&self, host: usize) -> Result<(&Host, &Running)> {
        let both = self.hosts.iter().zip(&self.running).nth(host);
        both.context("there are two hosts")
    }
}

fn real_server(net: &Net) -> Result<(Host, NameServer)> {
    let host = net.host("rs", &[&format!("{SERVER}/24")])?;
    host.ip(&format!("address add {VIP}/32 dev lo\n"))?;
    for (name, value) in [("all/arp_ignore", "1"), ("all/arp_announce", "2")] {
        host.sysctl(&format!("ipv4/conf/{name}"), value)?;
    }
    let at = SocketAddr::from(([0, 0, 0, 0], PORT));
    let server = host.run(|| tcp_name_server(at, "rs"))?;
    Ok((host, server))
}

/// Starts the program of one host. Its files and its log have the host's number.
fn launch(
    directory: &Path,
    program: Program,
    interval: Duration,
    number: usize,
    host: &Host,
) -> Result<Running> {
    let path = |name: &str| directory.join(format!("{name}{number}"));
    let (mut command, file, text) = match program {
        Program::Director | Program::Keeping => {
            let _ = fs::remove_file(path("state"));
            let mut command = Command::new(DIRECTOR);
            command.arg("run");
            let file = path("director").with_added_extension("yaml");
            (
                command,
                file,
                for_director(directory, program, interval, number),
            )
        }
        Program::Keepalived => {
            let mut command = Command::new(keepalived());
            command.args(["-n", "-l"]);
            for (option, name) in [("-p", "pid"), ("-r", "vrrp-pid"), ("-c", "checkers-pid")] {
                // One that was killed has left its own, and the number may be another's by now.
                let _ = fs::remove_file(path(name));
                command.arg(option).arg(path(name));
            }
            command.arg("-f");
            (command, path("keepalived"), for_keepalived(interval))
        }
    };
    fs::write(&file, text)?;
    let log = File::create(path("log"))?;
    command.arg(file).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log);
    host.adopt(&mut command);
    let child = command.spawn();
    Ok(Running(child.with_context(|| format!("run {command:?}"))?))
}

fn for_director(directory: &Path, program: Program, interval: Duration, number: usize) -> String {
    let at = directory.display();
    let service = if program == Program::Keeping {
        "failover: keep_connections"
    } else {
        "scheduler: wrr"
    };
    format!(
        "director: {{state_file: {at}/state{number}, socket: {at}/socket{number}}}\n\
         virtual_routers:\n  - {{interface: eth0, vrid: {VRID}, version: 3, priority: 100, interval: {}ms, preempt: never, \
         hold: 0s, addresses: [{VIP}/24]}}\n\
         virtual_services:\n  - {{address: '{VIP}:{PORT}', {service}, check: {{tcp: {{}}, interval: 6s}}, servers: \
         [{SERVER}]}}\n",
        interval.as_millis()
    )
}

fn for_keepalived(interval: Duration) -> String {
    format!(
        "vrrp_instance pair {{\n interface eth0\n virtual_router_id {VRID}\n version 3\n priority 100\n state BACKUP\n \
         nopreempt\n advert_int {}\n virtual_ipaddress {{\n {VIP}/24\n }}\n}}\n\
         virtual_server {VIP} {PORT} {{\n delay_loop 6\n lvs_sched wrr\n lvs_method DR\n protocol TCP\n \
         real_server {SERVER} {PORT} {{\n weight 1\n TCP_CHECK {{\n connect_timeout 3\n }}\n }}\n}}\n",
        interval.as_secs_f64()
    )
}

/// Whether the virtual address is the host's own.
fn has_address(host: &Host) -> bool {
    host.run(|| UdpSocket::bind((VIP, 0)).is_ok())
}

/// Whether the host's kernel has the service with its server.
fn has_server(host: &Host) -> Result<bool> {
    let table = host.run(|| anyhow::Ok(Ipvs::open()?.read()?))?;
    Ok(table.server_count() == 1)
}

fn wait_until(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !done()? {
        ensure!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(LOOK);
    }
    Ok(())
}
