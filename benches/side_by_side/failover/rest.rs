// SPDX-License-Identifier: MIT OR Apache-2.0
//! What two directors with one address use while nothing happens.
//!
//! The lab's kernel has no fine account of processor time. This machine has: so each program gets a kernel of its own, and
//! what is measured is the time of that kernel with all its processes. What an idle kernel uses is subtracted. The floor is two
//! processes that do only what the protocol cannot do without: one sends an advertisement each interval, the other one
//! takes it in.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use lab::netns::{Host, Net};
use lvs_director::codec::vrrp::group;
use lvs_director::kernel::Route;
use lvs_director::model::{AddressFamily, Vrid, VrrpVersion};
use lvs_director::net::{Hears, VrrpSocket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::beside;
use super::pair::{Pair, Program, VRID};
use crate::daemon::Running;
use crate::figure::{Figure, quantile};
use crate::usage::time_of_all;

/// This program's argument for being what is measured, in a kernel of its own.
pub(crate) const ARGUMENT: &str = "at-rest";
/// This program's argument for being one of the two of the floor.
pub(crate) const FLOOR: &str = "advertise-only";
/// The shortest interval.
const BRISK: Duration = Duration::from_millis(10);
/// The second announcement of a master comes after 5 s.
const CALM: Duration = Duration::from_secs(6);
/// How long each is measured.
const REST: Duration = Duration::from_secs(20);
/// How often each is measured, turn and turn about, where `RUNS` does not say it.
const RUNS: usize = 5;
/// How often it is tried again after a take-over.
const TRIES: usize = 6;
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(20);

/// What runs in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Nothing,
    Floor,
    Director,
    Keepalived,
}

impl Subject {
    const ALL: [Self; 4] = [Self::Nothing, Self::Floor, Self::Director, Self::Keepalived];

    const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Floor => "floor",
            Self::Director => "director",
            Self::Keepalived => "keepalived",
        }
    }
}

/// All of them beside each other, in milliseconds of processor time each second.
pub(crate) fn run() -> Result<Vec<Figure>> {
    let runs = std::env::var("RUNS").map_or(Ok(RUNS), |text| text.parse())?;
    let mut used = Subject::ALL.map(|subject| (subject, Vec::new()));
    for _ in 0..runs {
        for (subject, times) in &mut used {
            times.push(measure(*subject)?);
        }
    }
    let [nothing, floor, ours, theirs] = used.map(|(_, mut times)| quantile(&mut times, 50));
    let beyond = |time: Duration| time.saturating_sub(nothing);
    let [floor, ours, theirs] = [floor, ours, theirs].map(beyond);
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let (ours_above, theirs_above) = (ours.saturating_sub(floor), theirs.saturating_sub(floor));
    let title = format!(
        "at rest, advertisements every {} ms, both hosts with their kernel, each second: median of {runs}",
        BRISK.as_millis()
    );
    Ok(vec![
        Figure::new(title, &[&"director", &"keepalived"]),
        beside("processor time", &milliseconds(ours), &milliseconds(theirs))
            .goal("<= 0.5x keepalived's", ours * 2 <= theirs),
        beside(
            "  of that, two processes that only send and take in",
            &milliseconds(floor),
            &milliseconds(floor),
        ),
        beside(
            "  and what the program adds",
            &milliseconds(ours_above),
            &milliseconds(theirs_above),
        ),
    ])
}

/// In a second, of a kernel with this in it.
fn measure(subject: Subject) -> Result<Duration> {
    for _ in 0..TRIES {
        if let Some(time) = try_to_measure(subject)? {
            return Ok(time);
        }
    }
    anyhow::bail!("the two of {} are never at rest", subject.word())
}

/// `None` when there was a take-over meanwhile.
fn try_to_measure(subject: Subject) -> Result<Option<Duration>> {
    let out = tempfile::tempdir()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args([ARGUMENT, subject.word()]);
    command.env(lab::kernel::OUT, out.path());
    command.stdin(Stdio::null());
    let mut child = command.spawn()?;
    let used = wait_for(&out.path().join("ready"), &mut child).and_then(|()| {
        let (begin, before) = (Instant::now(), time_of_all(child.id())?);
        thread::sleep(REST);
        let used = time_of_all(child.id())?.saturating_sub(before);
        Ok(used.div_f64(begin.elapsed().as_secs_f64()))
    });
    fs::write(out.path().join("measured"), "")?;
    let ended = child.wait()?;
    let used = used?;
    let restless = out.path().join("restless").exists();
    ensure!(ended.success(), "{} ended: {ended}", subject.word());
    Ok((!restless).then_some(used))
}

fn wait_for(file: &Path, child: &mut Child) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !file.exists() {
        ensure!(child.try_wait()?.is_none(), "the kernel has ended");
        ensure!(Instant::now() < deadline, "{} never came", file.display());
        thread::sleep(LOOK);
    }
    Ok(())
}

/// What is measured, in a kernel of its own.
pub(crate) fn be(word: &str) -> Result<()> {
    let out = std::env::var_os(lab::kernel::OUT).context("the lab names a directory")?;
    let out = PathBuf::from(out);
    let subject = Subject::ALL.into_iter().find(|it| it.word() == word);
    let directory = tempfile::tempdir()?;
    match subject.context("an unknown subject")? {
        Subject::Nothing => rest(&out, || Ok(0)),
        Subject::Floor => {
            let _floor = Floor::start()?;
            rest(&out, || Ok(0))
        }
        Subject::Director => pair(&out, directory.path(), Program::Director),
        Subject::Keepalived => pair(&out, directory.path(), Program::Keepalived),
    }
}

fn pair(out: &Path, directory: &Path, program: Program) -> Result<()> {
    let pair = Pair::start(directory, program, BRISK)?;
    rest(out, || pair.take_overs())
}

/// Says when all is calm, and waits until it has been measured.
fn rest(out: &Path, moves: impl Fn() -> Result<usize>) -> Result<()> {
    thread::sleep(CALM);
    let before = moves()?;
    fs::write(out.join("ready"), "")?;
    let measured = out.join("measured");
    let deadline = Instant::now() + PATIENCE;
    while !measured.exists() && Instant::now() < deadline {
        // A look is a process's turn: few of them are in the figure of each.
        thread::sleep(REST / 20);
    }
    if moves()? > before {
        fs::write(out.join("restless"), "")?;
    }
    Ok(())
}

/// The two processes of the floor, on hosts of their own.
struct Floor {
    _processes: [Running; 2],
    _hosts: [Host; 2],
    _net: Net,
}

impl Floor {
    fn start() -> Result<Self> {
        let net = Net::new()?;
        let start = |(role, address): (&str, &str)| -> Result<(Running, Host)> {
            let host = net.host(role, &[&format!("{address}/24")])?;
            let mut command = Command::new(std::env::current_exe()?);
            command.args([FLOOR, role, address]).stdin(Stdio::null());
            host.adopt(&mut command);
            Ok((Running(command.spawn()?), host))
        };
        let (hears, first) = start(("hears", "192.168.0.12"))?;
        let (sends, second) = start(("sends", "192.168.0.11"))?;
        Ok(Self {
            _processes: [hears, sends],
            _hosts: [first, second],
            _net: net,
        })
    }
}

/// Sends an advertisement each interval, or takes them in.
pub(crate) fn advertise_only(role: &str, address: &str) -> Result<()> {
    let link = Route::open()?.link("eth0")?.context("there is no eth0")?;
    let vrid = Vrid::new(VRID).context("no virtual router id")?;
    let hears = Hears::Likely(VrrpVersion::V3, vrid);
    let socket = VrrpSocket::open(AddressFamily::Ipv4, "eth0", link.index, hears)?;
    if role == "sends" {
        let (own, all): (Ipv4Addr, IpAddr) = (address.parse()?, group(AddressFamily::Ipv4));
        // The head of an advertisement; nobody looks at more of it.
        let payload = [0x31, VRID, 100, 1, 0, 1, 0, 0, 192, 168, 0, 10];
        loop {
            socket.send(&payload, own.into(), all)?;
            thread::sleep(BRISK);
        }
    }
    let mut bytes = [0; 256];
    loop {
        let mut arrives = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut arrives, PollTimeout::NONE)?;
        socket.receive(&mut bytes)?;
    }
}
