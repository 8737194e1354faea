// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: a host loses its power and gets it back; a service dies on a host that lives.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::config::{REMOVAL, RESTORATION};
use super::director::{Mark, full_table, table_with};
use super::report::{Figure, seconds};
use super::stage::{CONFIG, LONG, NOBODY, PORTS, SERVERS, SLACK, Server, list, wait_for};
use super::story::Story;
use super::traffic::Traffic;

/// How long to look which server each address has.
const KNOWN: Duration = Duration::from_millis(1500);
/// How long to go on after a removal: longer than a request that began before it may take.
const AFTERWARDS: Duration = Duration::from_millis(2500);
/// How far before a failure a request may be made and still be hit by it.
const IN_FLIGHT: Duration = Duration::from_millis(100);

pub(super) fn power_cut(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    let [_, server, _] = SERVERS;
    let title = format!("The power of {} is cut", server.name);
    story.report.step(&title);
    // Long enough to know which server each address has.
    thread::sleep(KNOWN);
    fail(story, traffic, server, "power cut", |story| {
        story
            .report
            .command("", &format!("lab kill {}", server.name));
        story.stage.lab.kill(server.name)
    })
}

pub(super) fn power_back(story: &mut Story) -> Result<()> {
    let [_, server, _] = SERVERS;
    story.report.step(&format!("{} comes back", server.name));
    let mark = story.stage.director.mark()?;
    story
        .report
        .command("", &format!("lab start {}", server.name));
    story.stage.lab.start(server.name)?;
    let command = format!("realserver start --config {CONFIG}    # and its service");
    story.report.command(server.name, &command);
    story.stage.start_server(server)?;
    let took = restored(story, server)?;
    let is_up = |line: &str| line.contains(": down -> up ");
    let lines = story
        .stage
        .director
        .wait_for_lines(mark, PORTS.len(), LONG, is_up)?;
    story.report.quote(lines.first().map_or("", String::as_str));
    story.report.figure(
        &format!("in both services again {} after it answered", seconds(took)),
        Figure::time("host back: restored after", took, RESTORATION),
    );
    let answered = story.stage.newcomers(12)?;
    let share = answered.get(server.name).copied().unwrap_or_default();
    let text = format!("12 new client addresses were spread: {}", list(&answered));
    let holds = (2..=6).contains(&share) && !answered.contains_key(NOBODY);
    story.report.check(holds, &text);
    story.look_at_foreign()
}

pub(super) fn service_killed(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    let [_, _, server] = SERVERS;
    let title = format!("The service on {} is killed, its host lives", server.name);
    story.report.step(&title);
    fail(story, traffic, server, "service killed", |story| {
        let pid = story.stage.kill_service(server)?;
        story.report.command(server.name, &format!("kill -9 {pid}"));
        Ok(())
    })?;
    story.stage.serve(server)?;
    let took = restored(story, server)?;
    let text = format!(
        "started again, it was back in the table {} after it answered",
        seconds(took)
    );
    story.report.check(took <= RESTORATION + SLACK, &text);
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
    let cut = traffic.now();
    cause(story)?;
    let (line, removed) = follow(story, traffic, server, mark)?;
    let took = removed.saturating_sub(cut);
    story.report.quote(&line);
    story.report.figure(
        &format!(
            "noticed, and removed from the table, {} after it failed",
            seconds(took)
        ),
        Figure::time(&format!("{what}: removed after"), took, REMOVAL),
    );
    thread::sleep(AFTERWARDS);
    let end = traffic.settle();
    let doomed = cut.saturating_sub(IN_FLIGHT)..removed;
    story.excuse(doomed.clone());
    let before = traffic.count(doomed.clone());
    story.report.say(&format!(
        "Up to the removal: {} requests, {} of them not answered{}.",
        before.asked,
        before.failed,
        reasons(&traffic.errors(doomed))
    ));
    let after = traffic.count(removed..end);
    story.report.figure(
        &format!(
            "after the removal: {} requests, {} not answered",
            after.asked, after.failed
        ),
        Figure::lost(
            format!("{what}: requests lost after the removal"),
            after.failed,
            after.asked,
        ),
    );
    let (known, afterwards) = (cut.saturating_sub(KNOWN)..cut, removed..end);
    let clients = [&known, &afterwards].map(|window| traffic.bindings(window.clone()));
    moved(story, server, "client addresses", &clients);
    let held = [&known, &afterwards].map(|window| traffic.held(window.clone()));
    moved(story, server, "held connections", &held);
    story.look_at_foreign()
}

/// Waits for a server's removal; returns what the director said, and when the kernel was seen without it in the
/// service that the load asks.
fn follow(
    story: &Story,
    traffic: &Traffic,
    server: Server,
    mark: Mark,
) -> Result<(String, Duration)> {
    let director = &story.stage.director;
    let down_at = |port: u16| {
        let start = format!("real server {}:{port} of ", server.address);
        move |line: &str| line.starts_with(&start) && line.contains(": up -> down ")
    };
    let [port, other_port] = PORTS;
    let line = director.wait_for_lines(mark, 1, LONG, down_at(port))?;
    let gone = format!("-r {}:{port} ", server.address);
    wait_for("the removal", LONG, || {
        let there = director.table()?.iter().any(|line| line.contains(&gone));
        Ok((!there).then_some(()))
    })?;
    let removed = traffic.now();
    director.wait_for_lines(mark, 1, LONG, down_at(other_port))?;
    let mut others = SERVERS.to_vec();
    others.retain(|it| it.name != server.name);
    director.wait_for_table(
        "the removal from both services",
        LONG,
        &table_with(&others)?,
    )?;
    Ok((line.concat(), removed))
}

/// `: 8 connection reset by peer, 10 timed out`.
fn reasons(errors: &BTreeMap<&str, usize>) -> String {
    let parts: Vec<String> = errors
        .iter()
        .map(|(error, count)| {
            let short = error.split(" (os error").next().unwrap_or(error);
            format!("{count} {}", short.to_lowercase())
        })
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

/// Whether the clients of a dead server have another one: who was where before, and afterwards.
fn moved(
    story: &mut Story,
    server: Server,
    what: &str,
    [before, after]: &[BTreeMap<IpAddr, String>; 2],
) {
    let bound = before.iter().filter(|(_, name)| *name == server.name);
    let bound: Vec<&IpAddr> = bound.map(|(client, _)| client).collect();
    let mut now = BTreeMap::new();
    for name in bound.iter().filter_map(|client| after.get(client)) {
        *now.entry(name.clone()).or_default() += 1;
    }
    let (served, all): (usize, usize) = (now.values().sum(), bound.len());
    let text = format!(
        "{all} of {} {what} were on {}; they went to {}",
        before.len(),
        server.name,
        list(&now)
    );
    story.report.check(
        served == all && all > 0 && !now.contains_key(server.name),
        &text,
    );
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
