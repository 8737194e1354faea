// SPDX-License-Identifier: MIT OR Apache-2.0
//! How soon a server that fails is out: the director, keepalived and HAProxy check the same servers at the same time,
//! with the same settings. For the first two, out is when the kernel's table no longer has the server; for HAProxy,
//! when it calls it down.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

mod settings;
mod stage;
mod watch;
mod wires;

use std::fmt::Display;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use settings::Settings;
use stage::{Fault, HOSTS, Programs, SERVERS, Stage};

use crate::answer::Protocol;
use crate::daemon::PATIENCE;
use crate::figure::{Figure, quantile};
use crate::measure::processor_time;

/// The goals for the director's defaults.
const REFUSED: Duration = Duration::from_secs(2);
const KILLED: Duration = Duration::from_secs(5);
/// The time between two hosts that fail, as a share of the interval: their checks are then at any point of theirs.
const APART: f64 = 0.37;
/// The medians of two programs of the same speed differ by chance, by up to this part of the interval: each check is at
/// any point of its own when the fault comes.
const CHANCE: u32 = 10;
/// How much longer than they should need the programs are given.
const GRACE: Duration = Duration::from_secs(20);

/// Everything, line by line.
pub(crate) fn run(directory: &Path) -> Result<Vec<Figure>> {
    let mut stage = Stage::set(directory)?;
    let mut figures = vec![Figure::new(
        format!(
            "from the fault until the server is out, {} servers: median (range)",
            HOSTS * SERVERS
        ),
        &[&"director", &"keepalived", &"HAProxy"],
    )];
    let usual = Settings::usual();
    figures.push(Figure::new(usual.to_string(), &[]));
    let (found, idle) = faults(&mut stage, &usual)?;
    let chance = usual.schedule.interval / CHANCE;
    figures.extend(found.iter().map(|it| it.beside_keepalived(chance)));
    figures.push(idle);
    let defaults = Settings::defaults()?;
    figures.push(Figure::new(defaults.to_string(), &[]));
    let (found, idle) = faults(&mut stage, &defaults)?;
    figures.extend(found.iter().map(Found::by_defaults));
    figures.push(idle);
    figures.extend(wires::run(directory)?);
    Ok(figures)
}

/// Every fault, with these settings; and how idle the processor was. Where it had no rest, the figures say little.
fn faults(stage: &mut Stage, settings: &Settings) -> Result<(Vec<Found>, Figure)> {
    let programs = stage.start(settings)?;
    let before = processor_time()?;
    let mut found = Vec::new();
    for fault in Fault::ALL {
        wait_until("every program has all servers", PATIENCE, || {
            programs.watches.iter().all(watch::Watch::is_whole)
        })?;
        // The checks get their own times.
        thread::sleep(settings.schedule.interval * 2);
        let times = fail(stage, &programs, settings, fault)?;
        for protocol in Protocol::ALL {
            found.push(Found::of(&times, &programs, fault, protocol));
        }
        for host in &mut stage.failing {
            host.heal(fault)?;
        }
    }
    let now = processor_time()?;
    let share = (now.1 - before.1) * 100 / (now.0 - before.0).max(1);
    let idle = Figure::new("  the processor was idle", &[&format!("{share} %")]);
    Ok((found, idle))
}

/// One host fails after the other. Returns when each server did, once all programs had the time to find out.
fn fail(
    stage: &mut Stage,
    programs: &Programs,
    settings: &Settings,
    fault: Fault,
) -> Result<Vec<(Ipv4Addr, Instant)>> {
    let schedule = &settings.schedule;
    let mut times = Vec::new();
    for host in &mut stage.failing {
        let now = Instant::now();
        host.fail(fault)?;
        times.extend(host.addresses.iter().map(|address| (*address, now)));
        thread::sleep(schedule.interval.mul_f64(APART));
    }
    let each = schedule.timeout + settings.retry();
    let longest = schedule.interval + each * settings.failures() + GRACE;
    let all_out = || {
        let servers = times.iter().flat_map(|(address, _)| {
            let protocols = Protocol::ALL.into_iter();
            let found = protocols.filter(|it| fault.is_found_by(*it));
            found.map(move |protocol| (protocol, *address))
        });
        servers.into_iter().all(|server| {
            let mut watches = programs.watches.iter().filter(|it| it.has(server));
            watches.all(|watch| watch.out_since(server).is_some())
        })
    };
    // A program that does not find out shows in the figures.
    let _ = wait_until("all are out", longest, all_out);
    Ok(times)
}

fn wait_until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !done() {
        ensure!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// How soon each program found one fault by one kind of check.
struct Found {
    fault: Fault,
    protocol: Protocol,
    /// Of the director, keepalived and HAProxy; `None` where it has no such check.
    times: [Option<Times>; 3],
}

/// How soon a program found it.
struct Times {
    /// Of the servers that it found.
    each: Vec<Duration>,
    /// How many it did not find.
    missed: usize,
}

impl Found {
    fn of(
        times: &[(Ipv4Addr, Instant)],
        programs: &Programs,
        fault: Fault,
        protocol: Protocol,
    ) -> Self {
        let times = programs.watches.each_ref().map(|watch| {
            let servers = times.iter().map(|(at, since)| ((protocol, *at), *since));
            let servers = servers.filter(|(server, _)| watch.has(*server));
            let out = servers.map(|(server, since)| Some(watch.out_since(server)? - since));
            let (found, missed): (Vec<_>, Vec<_>) = out.partition(Option::is_some);
            let mut each: Vec<Duration> = found.into_iter().flatten().collect();
            each.sort_unstable();
            let is_checked = !each.is_empty() || !missed.is_empty();
            is_checked.then_some(Times {
                each,
                missed: missed.len(),
            })
        });
        Self {
            fault,
            protocol,
            times,
        }
    }

    /// The median of one program; `None` where it did not find them all.
    fn median(&self, program: usize) -> Option<Duration> {
        let times = self.times.get(program)?.as_ref()?;
        (times.missed == 0).then(|| quantile(&mut times.each.clone(), 50))
    }

    fn line(&self) -> Figure {
        let cells = self.times.each_ref().map(|it| match it {
            None => "-".to_owned(),
            Some(times) => times.to_string(),
        });
        let cells = cells.each_ref().map(|cell| -> &dyn Display { cell });
        let (fault, protocol) = (self.fault.words(), self.protocol.word());
        Figure::new(format!("  {fault}, by {protocol}"), &cells)
    }

    /// Never slower than keepalived, but for what is `chance`.
    fn beside_keepalived(&self, chance: Duration) -> Figure {
        let line = self.line();
        match (self.median(0), self.median(1)) {
            (ours, Some(theirs)) => {
                let met = ours.is_some_and(|ours| ours <= theirs + chance);
                line.goal("<= keepalived's", met)
            }
            (_, None) => line,
        }
    }

    fn by_defaults(&self) -> Figure {
        let goal = match self.fault {
            Fault::Refused => REFUSED,
            Fault::Killed => KILLED,
            Fault::Hung => return self.line(),
        };
        let met = self.median(0).is_some_and(|median| median <= goal);
        self.line().goal(format!("<= {} s", goal.as_secs()), met)
    }
}

impl Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Some(first), Some(last)) = (self.each.first(), self.each.last()) else {
            return f.write_str("stays in");
        };
        let [first, last] = [first, last].map(Duration::as_secs_f64);
        let median = quantile(&mut self.each.clone(), 50).as_secs_f64();
        write!(f, "{median:.1} s ({first:.1}-{last:.1})")?;
        if self.missed > 0 {
            write!(f, ", {} stay", self.missed)?;
        }
        Ok(())
    }
}
