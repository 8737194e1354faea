// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: the director is stopped, and killed, and started again, while its clients work.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::director::{HOST, full_table};
use super::report::{Figure, seconds};
use super::stage::{CONFIG, LONG, NOBODY, PORTS, SERVERS, list};
use super::story::Story;
use super::traffic::Traffic;
use lab::load::Kind;

/// How long the director is away.
const AWAY: Duration = Duration::from_secs(3);

pub(super) fn stopped(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    story
        .report
        .step("The director is stopped, and started again");
    away(story, traffic, "TERM", "director stopped")
}

pub(super) fn killed(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    let title = "The director is killed without warning, and started again";
    story.report.step(title);
    away(story, traffic, "KILL", "director killed")
}

fn away(story: &mut Story, traffic: &mut Traffic, signal: &str, what: &str) -> Result<()> {
    let director = &story.stage.director;
    let mark = director.mark()?;
    let begun = traffic.now();
    let left = Instant::now();
    let pid = director.end_by(signal)?;
    let command = format!("kill -{signal} {pid}");
    story.report.command(HOST, &command);
    for line in director.lines_since(mark)? {
        story.report.quote(&line);
    }
    let answered = story.stage.newcomers(12)?;
    thread::sleep(AWAY.saturating_sub(left.elapsed()));
    let director = &story.stage.director;
    let intact = director.table()? == full_table()?;
    let again = format!(
        "director run {CONFIG} &    # {} later",
        seconds(left.elapsed())
    );
    story.report.command(HOST, &again);
    let (mark, started) = director.start()?;
    story.report.quote(&started);
    let all = SERVERS.len() * PORTS.len();
    director.wait_for_lines(mark, all, LONG, |line| line.contains(": unknown -> up "))?;
    director.wait_for_table("the table after the start", LONG, &full_table()?)?;
    let text = format!(
        "while it was away: table unchanged; 12 new clients spread: {}",
        list(&answered)
    );
    story
        .report
        .check(intact && !answered.contains_key(NOBODY), &text);
    let text = "the start found the table as it should be, and changed nothing";
    story.report.check(started.contains(" 0 steps"), text);
    let end = traffic.settle();
    let count = traffic.count(begun..end);
    let broken = traffic.unanswered(Kind::Held, begun..end).len();
    let held = traffic.held(begun..end).len();
    let text = format!(
        "all the while: {} requests, {} not answered; {broken} of {held} held connections lost",
        count.asked, count.failed
    );
    let figures = [
        Figure::lost(format!("{what}: requests lost"), count.failed, count.asked),
        Figure::lost(format!("{what}: held connections lost"), broken, held),
    ];
    story.report.figures(&text, figures);
    story.look_at_foreign()
}
