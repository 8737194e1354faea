// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: a host loses its power and gets it back; a service dies on a host that lives.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::config::{REMOVAL, RESTORATION};
use super::director::{full_table, table_with};
use super::report::{Figure, seconds};
use super::stage::{CONFIG, LONG, NOBODY, PORTS, SERVERS, SLACK, Server, VIP, list, wait_for};
use super::story::Story;
use super::traffic::{PATIENCE, Traffic};

/// How long to go on after a removal.
const AFTERWARDS: Duration = Duration::from_millis(2500);
/// How far before a failure a question may be asked and still be hit by it.
const IN_FLIGHT: Duration = Duration::from_millis(100);

pub(super) fn power_cut(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    let [_, server, _] = SERVERS;
    story
        .report
        .step(&format!("The power of {} is cut", server.name));
    // Long enough to know which server each address has.
    thread::sleep(Duration::from_millis(1500));
    fail(story, traffic, server, "power cut", |story| {
        story
            .report
            .command("lab", &format!("kill {}", server.name));
        story.stage.lab.kill(server.name)
    })
}

pub(super) fn power_back(story: &mut Story) -> Result<()> {
    let [_, server, _] = SERVERS;
    story.report.step(&format!("{} comes back", server.name));
    let mark = story.stage.director.mark()?;
    story
        .report
        .command("lab", &format!("start {}", server.name));
    story.stage.lab.start(server.name)?;
    story.report.command(
        server.name,
        &format!("realserver start --config {CONFIG}; (the service)"),
    );
    story.stage.start_server(server)?;
    let took = restored(story, server)?;
    let lines = story
        .stage
        .director
        .wait_for_lines(mark, PORTS.len(), LONG, |line| {
            line.contains(": down -> up ")
        })?;
    for line in &lines {
        story.report.quote(line);
    }
    story.report.figure(
        &format!("in both services again {} after it answered", seconds(took)),
        Figure {
            what: "the host is back: restored after".to_owned(),
            measured: seconds(took),
            wanted: format!("{} at most", seconds(RESTORATION)),
            holds: took <= RESTORATION + SLACK,
        },
    );
    let answered = story.stage.newcomers(12)?;
    let share = answered.get(server.name).copied().unwrap_or_default();
    story.report.check(
        (2..=6).contains(&share) && !answered.contains_key(NOBODY),
        &format!(
            "12 new client addresses are answered by {}",
            list(&answered)
        ),
    );
    story.look_at_foreign()
}

pub(super) fn service_killed(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    let [_, _, server] = SERVERS;
    story.report.step(&format!(
        "The service on {} is killed; its host lives",
        server.name
    ));
    fail(story, traffic, server, "service killed", |story| {
        let pid = story.stage.kill_service(server)?;
        story.report.command(server.name, &format!("kill -9 {pid}"));
        Ok(())
    })?;
    story.stage.serve(server)?;
    let took = restored(story, server)?;
    story.report.check(
        took <= RESTORATION + SLACK,
        &format!(
            "started again, it is in the table again {} after it answered",
            seconds(took)
        ),
    );
    Ok(())
}

/// Makes a server fail, and follows what comes of it.
fn fail(
    story: &mut Story,
    traffic: &mut Traffic,
    server: Server,
    what: &str,
    cause: impl FnOnce(&Story) -> Result<()>,
) -> Result<()> {
    let mark = story.stage.director.mark()?;
    let [port, other_port] = PORTS;
    let cut = traffic.now();
    cause(story)?;
    let line_for = |port: u16| {
        let (start, down) = (
            format!("real server {}:{port} of ", server.address),
            ": up -> down ",
        );
        move |line: &str| line.starts_with(&start) && line.contains(down)
    };
    let line = story
        .stage
        .director
        .wait_for_lines(mark, 1, LONG, line_for(port))?;
    let gone = format!("-r {}:{port} ", server.address);
    wait_for("the removal", LONG, || {
        Ok((!story
            .stage
            .director
            .table()?
            .iter()
            .any(|line| line.contains(&gone)))
        .then_some(()))
    })?;
    let removed = traffic.now();
    story.report.quote(&line.concat());
    story
        .stage
        .director
        .wait_for_lines(mark, 1, LONG, line_for(other_port))?;
    let others: Vec<Server> = SERVERS
        .into_iter()
        .filter(|it| it.name != server.name)
        .collect();
    story.stage.director.wait_for_table(
        "the removal from both services",
        LONG,
        &table_with(&others)?,
    )?;
    let took = removed.saturating_sub(cut);
    story.report.figure(
        &format!(
            "noticed and removed from {VIP}:{port} after {} (the configuration: {} at most)",
            seconds(took),
            seconds(REMOVAL)
        ),
        Figure {
            what: format!("{what}: removed after"),
            measured: seconds(took),
            wanted: format!("{} at most", seconds(REMOVAL)),
            holds: took <= REMOVAL + SLACK,
        },
    );
    thread::sleep(AFTERWARDS);
    let end = traffic.settle();
    let doomed = cut.saturating_sub(IN_FLIGHT)..removed;
    story.excuse(doomed.clone());
    let before = traffic.count(doomed.clone());
    let errors: Vec<String> = traffic
        .errors(doomed)
        .iter()
        .map(|(error, count)| {
            format!(
                "{count} {}",
                error.split(" (os error").next().unwrap_or(error)
            )
        })
        .collect();
    story.report.say(&format!(
        "Until then {} of {} questions went unanswered: {}.",
        before.failed,
        before.asked,
        errors.join(", ")
    ));
    let after = traffic.count(removed..end);
    story.report.figure(
        &format!(
            "after the removal: {} questions, {} not answered",
            after.asked, after.failed
        ),
        Figure {
            what: format!("{what}: questions lost after the removal"),
            measured: format!("{} of {}", after.failed, after.asked),
            wanted: "0".to_owned(),
            holds: after.failed == 0 && after.asked > 0,
        },
    );
    moved(story, traffic, server, cut, removed..end);
    story.look_at_foreign()
}

/// Whether the clients of a dead server have another one.
fn moved(
    story: &mut Story,
    traffic: &Traffic,
    server: Server,
    cut: Duration,
    afterwards: std::ops::Range<Duration>,
) {
    let known = cut.saturating_sub(Duration::from_millis(1500))..cut;
    for (what, before, after) in [
        (
            "client addresses",
            traffic.bindings(known.clone()),
            traffic.bindings(afterwards.clone()),
        ),
        (
            "held connections",
            traffic.held(known.clone()),
            traffic.held(afterwards.clone()),
        ),
    ] {
        let bound: Vec<_> = before
            .iter()
            .filter(|(_, name)| *name == server.name)
            .collect();
        let mut now = std::collections::BTreeMap::new();
        for name in bound.iter().filter_map(|(client, _)| after.get(client)) {
            *now.entry(name.clone()).or_default() += 1_usize;
        }
        let served: usize = now.values().sum();
        story.report.check(
            served == bound.len() && !now.contains_key(server.name),
            &format!(
                "{} of {} {what} were on {}; now {served} of these are on others: {}",
                bound.len(),
                before.len(),
                server.name,
                list(&now)
            ),
        );
    }
}

/// Waits until a server that answers is back in the table; returns how long that took.
fn restored(story: &Story, server: Server) -> Result<Duration> {
    let begun = Instant::now();
    let director = &story.stage.director;
    director
        .wait_for_table("the return to the table", LONG, &full_table()?)
        .with_context(|| format!("{} is back, and answers", server.name))?;
    Ok(begun.elapsed())
}

/// The longest that a question of the load may take.
const _: () = assert!(PATIENCE.as_millis() < AFTERWARDS.as_millis());
