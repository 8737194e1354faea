// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two directors and one virtual address, beside two keepalived: how soon new clients are served when the active one
//! dies, and what a planned hand-over costs clients, turn and turn about, in one boot. What both use at rest: [`rest`].

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

mod pair;
pub(crate) mod rest;
mod stream;

use std::fmt;
use std::fmt::Display;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use pair::{Pair, Program};
use stream::{Attempt, Stream};

use crate::figure::{Figure, quantile};

/// How often each program is measured, where `RUNS` does not say it.
const RUNS: u32 = 10;
/// The goals for the time until clients are served again.
const SOON: Duration = Duration::from_millis(500);
const SOONER: Duration = Duration::from_millis(100);
/// Two programs of the same speed differ by chance, by this part of the interval.
const CHANCE: u32 = 50;
/// A connection of a client that looks whether it is served may take this long.
const GLANCE: Duration = Duration::from_millis(200);
/// The patience of a client over a hand-over: TCP sends a lost SYN again after one second, and after three.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the stream of connections goes on, before a hand-over and after it.
const AROUND: Duration = Duration::from_millis(1500);
/// The longest that a failover may take.
const LONGEST: Duration = Duration::from_secs(30);

/// Everything, line by line.
pub(crate) fn run(directory: &Path) -> Result<Vec<Figure>> {
    let runs = std::env::var("RUNS").map_or(Ok(RUNS), |text| text.parse())?;
    let mut figures = vec![Figure::new(
        format!(
            "from the death of the active one until a new client is served, {runs} runs: median (range)"
        ),
        &[&"director", &"keepalived"],
    )];
    let second = Duration::from_secs(1);
    let (ours, theirs) = deaths(directory, second, runs)?;
    let met = ours.median() <= theirs.median() + second / CHANCE;
    let line = beside("advertisements every 1 s", &ours, &theirs);
    figures.push(line.goal("<= keepalived's", met));
    for (interval, goal) in [(100, SOON), (10, SOONER)] {
        let (ours, theirs) = deaths(directory, Duration::from_millis(interval), runs)?;
        let line = beside(
            &format!("advertisements every {interval} ms"),
            &ours,
            &theirs,
        );
        let met = ours.median() <= goal;
        figures.push(line.goal(format!("<= {} ms", goal.as_millis()), met));
    }
    figures.extend(hand_overs(directory, runs)?);
    Ok(figures)
}

fn beside(what: &str, ours: &dyn Display, theirs: &dyn Display) -> Figure {
    Figure::new(format!("  {what}"), &[ours, theirs])
}

/// The times of both programs. The fault comes at the same points of the interval for both.
fn deaths(directory: &Path, interval: Duration, runs: u32) -> Result<(Times, Times)> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..runs {
        let phase = interval * (2 * run + 1) / (2 * runs);
        let time = |program| death(&Pair::start(directory, program, interval)?, phase);
        ours.push(time(Program::Director)?);
        theirs.push(time(Program::Keepalived)?);
    }
    Ok((Times::of(ours), Times::of(theirs)))
}

/// From the death of the active host to the end of the first connection that was begun later and answered.
fn death(pair: &Pair, phase: Duration) -> Result<Duration> {
    let stream = Stream::start(&pair.client, Pair::service()?, GLANCE);
    served(&stream, Instant::now())?;
    let active = pair.active()?;
    let hand = pair.hand(active)?;
    pair.after_advertisement(phase)?;
    let (began, done) = pair.kill(active, hand)?;
    let again = served(&stream, done)?;
    stream.stop()?;
    Ok(again.ended - began)
}

/// Waits for a connection that was begun after this moment and answered.
fn served(stream: &Stream, since: Instant) -> Result<Attempt> {
    let deadline = since + LONGEST;
    while Instant::now() < deadline {
        if let Some(attempt) = stream.first_after(since) {
            return Ok(attempt);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let made = stream.so_far().len();
    Err(anyhow::anyhow!("no client is served, of {made}"))
}

/// Several times.
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn median(&self) -> Duration {
        quantile(&mut self.0.clone(), 50)
    }
}

impl Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = [self.0.first(), self.0.last()];
        let [first, last] = ends.map(|it| it.copied().unwrap_or_default().as_secs_f64());
        let median = self.median().as_secs_f64();
        if median >= 1.0 {
            write!(f, "{median:.2} s ({first:.2}-{last:.2})")
        } else {
            let [first, median, last] = [first, median, last].map(|it| it * 1000.0);
            write!(f, "{median:.0} ms ({first:.0}-{last:.0})")
        }
    }
}

/// What planned hand-overs cost a stream of new connections.
fn hand_overs(directory: &Path, runs: u32) -> Result<Vec<Figure>> {
    let mut costs = [
        (Program::Director, Cost::default()),
        (Program::Keepalived, Cost::default()),
        (Program::Keeping, Cost::default()),
    ];
    for _ in 0..runs {
        for (program, cost) in &mut costs {
            cost.measure(directory, *program)?;
        }
    }
    let [(_, ours), (_, theirs), (_, keeping)] = &costs;
    let title = format!(
        "planned hand-over, every 1 s, {runs} runs, a new connection every {} ms",
        stream::EVERY.as_millis()
    );
    let count = |cost: &Cost| format!("{} of {}", cost.failed, cost.all);
    Ok(vec![
        Figure::new(title, &[&"director", &"keepalived"]),
        beside(
            "connections without an answer",
            &count(ours),
            &count(theirs),
        )
        .goal("0", ours.failed == 0),
        beside("  with failover: keep_connections", &count(keeping), &"-")
            .goal("0", keeping.failed == 0),
        beside(
            "the slowest connection of each run",
            &Times::of(ours.slowest.clone()),
            &Times::of(theirs.slowest.clone()),
        ),
        beside(
            "  with failover: keep_connections",
            &Times::of(keeping.slowest.clone()),
            &"-",
        ),
    ])
}

/// What became of the connections around hand-overs.
#[derive(Default)]
struct Cost {
    all: usize,
    failed: usize,
    /// The slowest one of each hand-over.
    slowest: Vec<Duration>,
}

impl Cost {
    fn measure(&mut self, directory: &Path, program: Program) -> Result<()> {
        let pair = Pair::start(directory, program, Duration::from_secs(1))?;
        let stream = Stream::start(&pair.client, Pair::service()?, PATIENCE);
        served(&stream, Instant::now())?;
        thread::sleep(AROUND);
        pair.hand_over()?;
        thread::sleep(AROUND);
        let made = stream.stop()?;
        let took = made.iter().map(|it| it.ended - it.began);
        self.slowest
            .push(took.max().context("no connection was made")?);
        self.all += made.len();
        self.failed += made.iter().filter(|it| !it.answered).count();
        ensure!(self.all > 0, "no connection was made");
        Ok(())
    }
}
