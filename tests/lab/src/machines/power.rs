// SPDX-License-Identifier: MIT OR Apache-2.0
//! Switching hosts on and off, stopping them in their tracks, pulling their cables.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lab::Lab;
use super::plan::{Host, Kind};
use super::{director, lan, state};
use crate::uml::kill_group;

/// What a host is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Power {
    /// It runs.
    On,
    /// It was stopped in its tracks.
    Paused,
    /// It was switched off.
    Off,
    /// It was on, and ended by itself.
    Dead,
}

impl Lab {
    /// What a host is doing.
    pub fn power(&self, name: &str) -> Result<Power> {
        self.host(name)?;
        Ok(match state::pid_of(&self.dir, name) {
            None => Power::Off,
            Some(pid) if !state::is_running(pid) => Power::Dead,
            Some(pid) if state::is_stopped(pid) => Power::Paused,
            Some(_) => Power::On,
        })
    }

    /// Cuts a host's power: its programs end at once, and it forgets everything.
    pub fn kill(&self, name: &str) -> Result<()> {
        let host = self.host(name)?;
        let pid =
            state::pid_of(&self.dir, name).with_context(|| format!("{name} is off already"))?;
        match host.kind {
            Kind::Namespace => lan::stop_host(&self.here, host, pid)?,
            Kind::Director => kill_group(pid),
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while state::is_running(pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        ensure!(!state::is_running(pid), "{name} does not die");
        state::set_pid(&self.dir, name, None)
    }

    /// Switches a host on again: it is as it was when the lab started. Returns when it is up.
    pub fn start(&self, name: &str) -> Result<()> {
        let power = self.power(name)?;
        ensure!(
            matches!(power, Power::Off | Power::Dead),
            "{name} is on already"
        );
        let pid = self.switch_on(self.host(name)?)?;
        self.wait_until_up(name, pid)
    }

    pub(super) fn switch_on(&self, host: &Host) -> Result<Pid> {
        let dir = state::host_dir(&self.dir, &host.name);
        let pid = match host.kind {
            Kind::Namespace => lan::start_host(&self.here, host)?,
            Kind::Director => director::boot(host, &dir, &self.share(), self.state.memory)?,
        };
        state::set_pid(&self.dir, &host.name, Some(pid))?;
        Ok(pid)
    }

    pub(super) fn wait_until_up(&self, name: &str, pid: Pid) -> Result<()> {
        let host = self.host(name)?;
        let dir = state::host_dir(&self.dir, name);
        match host.kind {
            Kind::Namespace => Ok(()),
            Kind::Director => director::wait_until_up(host, pid, &dir, &self.here),
        }
    }

    /// Pauses a host, as if it hung.
    pub fn pause(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::SIGSTOP)
    }

    /// Lets a paused host go on.
    pub fn resume(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::SIGCONT)
    }

    fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        let pid = self.live_pid(name)?;
        match self.host(name)?.kind {
            Kind::Namespace => lan::signal_host(pid, signal),
            // The kernel's other processes do nothing without this one.
            Kind::Director => kill(pid, signal).with_context(|| format!("signal {name}"))?,
        }
        Ok(())
    }

    /// Pulls a host's cable out of the LAN, or puts it back. The management network stays.
    pub fn plug(&self, name: &str, plugged: bool) -> Result<()> {
        let host = self.host(name)?;
        let port = host.port();
        // A user-mode kernel closes its card for good after an error of its tap device, and a device that is down gives
        // one for every packet. So a director's device stays up, and only leaves the bridge.
        let change = match (host.kind, plugged) {
            (Kind::Namespace, true) => "up",
            (Kind::Namespace, false) => "down",
            (Kind::Director, true) => "master lan",
            (Kind::Director, false) => "nomaster",
        };
        self.here.ip(&format!("link set {port} {change}\n"))
    }
}
