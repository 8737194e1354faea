// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: the director is stopped, and killed, and started again, while its clients work.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::config::FIRST_VERDICTS;
use super::director::{HOST, full_table};
use super::report::{Figure, seconds};
use super::stage::{CONFIG, LONG, NOBODY, PORTS, SERVERS, SLACK, list};
use super::story::Story;
use super::traffic::{HELD, Traffic};

/// How long the director is away.
const AWAY: Duration = Duration::from_secs(3);

pub(super) fn stopped(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    story
        .report
        .step("The director is stopped, and started again");
    away(story, traffic, "TERM", "director stopped and started")
}

pub(super) fn killed(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    story
        .report
        .step("The director is killed without warning, and started again");
    away(story, traffic, "KILL", "director killed and started")
}

fn away(story: &mut Story, traffic: &mut Traffic, signal: &str, what: &str) -> Result<()> {
    let director = &story.stage.director;
    let mark = director.mark()?;
    let begun = traffic.now();
    let left = Instant::now();
    let pid = director.end_by(signal)?;
    story.report.command(HOST, &format!("kill -{signal} {pid}"));
    for line in director
        .lines_since(mark)?
        .iter()
        .filter(|line| line.starts_with("stopped"))
    {
        story.report.quote(line);
    }
    let answered = story.stage.newcomers(12)?;
    thread::sleep(AWAY.saturating_sub(left.elapsed()));
    let director = &story.stage.director;
    let intact = director.table()? == full_table()?;
    story.report.command(
        HOST,
        &format!(
            "director run {CONFIG} &     # {} later",
            seconds(left.elapsed())
        ),
    );
    let (mark, started) = director.start()?;
    story.report.quote(&started);
    let all = SERVERS.len() * PORTS.len();
    director.wait_for_lines(mark, all, LONG.max(FIRST_VERDICTS), |line| {
        line.contains(": unknown -> up ")
    })?;
    director.wait_for_table("the table after the start", SLACK, &full_table()?)?;
    story.report.check(
        intact,
        "while it was away the kernel's table stayed as it was",
    );
    story.report.check(
        !answered.contains_key(NOBODY),
        &format!(
            "while it was away 12 new client addresses were answered by {}",
            list(&answered)
        ),
    );
    story.report.check(
        started.contains(" 0 steps"),
        "the start found the table as it should be, changed nothing, and took up the checks",
    );
    let end = traffic.settle();
    let count = traffic.count(begun..end);
    let broken = traffic.broken(begun..end).len();
    let held = traffic.held(begun..end).len();
    story.report.figure(
        &format!(
            "{} questions meanwhile, {} not answered; {broken} of {held} held connections lost",
            count.asked, count.failed
        ),
        Figure {
            what: format!("{what}: questions, held connections lost"),
            measured: format!("{} of {}, {broken} of {held}", count.failed, count.asked),
            wanted: "0, 0".to_owned(),
            holds: count.failed == 0
                && count.asked > 0
                && broken == 0
                && held == usize::try_from(HELD)?,
        },
    );
    story.look_at_foreign()
}
