// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps: a host loses its power and gets it back; a service dies on a host that lives.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::config::{REMOVAL, RESTORATION};
use super::director::{Mark, full_table, table_with};
use super::report::{Figure, seconds};
use super::stage::{CONFIG, LONG, NOBODY, PORTS, SERVERS, Server, list, wait_for};
use super::story::Story;
use super::traffic::{PATIENCE, Traffic};
use lab::load::Kind;

/// How long to look which server each client address has.
const KNOWN: Duration = Duration::from_millis(1500);
/// How long to go on after a removal: longer than a request that began before it may take.
const AFTERWARDS: Duration = Duration::from_millis(2500);
/// How long before a failure a request can start and still be hit by it, usually.
const IN_FLIGHT: Duration = Duration::from_millis(100);

pub(super) fn power_cut(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    let [_, server, _] = SERVERS;
    let title = format!("The power of {} is cut", server.name);
    story.report.step(&title);
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
    let name = server.name;
    story.report.step(&format!("{name} comes back"));
    let mark = story.stage.director.mark()?;
    story.report.command("", &format!("lab start {name}"));
    story.stage.lab.start(name)?;
    let set_up = format!("realserver start --config {CONFIG}    # and its service");
    story.report.command(name, &set_up);
    story.stage.start_server(server)?;
    let took = restored(story, server)?;
    let is_up = |line: &str| line.contains(": down -> up ");
    let director = &story.stage.director;
    let lines = director.wait_for_lines(mark, PORTS.len(), LONG, is_up)?;
    story.report.quote(lines.first().map_or("", String::as_str));
    let text = format!("in both services again {} after it answered", seconds(took));
    let figure = Figure::time("host back: restored after", took, RESTORATION);
    story.report.figures(&text, [figure]);
    let answered = story.stage.newcomers(12)?;
    let share = answered.get(name).copied().unwrap_or_default();
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
    let figure = Figure::time("service back: restored after", took, RESTORATION);
    story.report.figures(&text, [figure]);
    Ok(())
}

/// Makes a server fail, and follows the consequences.
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
    let text = format!(
        "noticed, and removed from the table, {} after it failed",
        seconds(took)
    );
    let figure = Figure::time(&format!("{what}: removed after"), took, REMOVAL);
    story.report.figures(&text, [figure]);
    thread::sleep(AFTERWARDS);
    let end = traffic.settle();
    let windows = Windows {
        known: cut.saturating_sub(KNOWN)..cut,
        doomed: cut.saturating_sub(IN_FLIGHT)..removed,
        hit: cut.saturating_sub(PATIENCE)..removed,
        afterwards: removed..end,
    };
    story.excuse(windows.hit.clone());
    lost_before(story, traffic, server, what, &windows);
    let after = traffic.count(windows.afterwards.clone());
    let text = format!(
        "after the removal: {} requests, {} not answered",
        after.asked, after.failed
    );
    let what = format!("{what}: requests lost afterwards");
    story
        .report
        .figures(&text, [Figure::lost(what, after.failed, after.asked)]);
    moved(story, traffic, server, &windows);
    story.look_at_foreign()
}

/// The periods around a failure.
struct Windows {
    /// When it is seen which server each client has.
    known: Range<Duration>,
    /// From the failure to the removal.
    doomed: Range<Duration>,
    /// The same, with all requests that may still have been without an answer when it failed.
    hit: Range<Duration>,
    /// From the removal on.
    afterwards: Range<Duration>,
}

/// Waits for a server's removal. Returns the director's log line, and the time when the service under load no longer
/// had the server in the kernel.
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

/// Reports what was lost up to the removal. Only the dead server's clients may have lost anything.
fn lost_before(
    story: &mut Story,
    traffic: &Traffic,
    server: Server,
    what: &str,
    windows: &Windows,
) {
    let Windows {
        known, doomed, hit, ..
    } = windows;
    let bound = [
        (Kind::Short, traffic.bindings(known.clone())),
        (Kind::Held, traffic.held(known.clone())),
    ];
    let only_its = bound.iter().all(|(kind, before)| {
        let unanswered = traffic.unanswered(*kind, hit.clone());
        let is_its = |client| before.get(client).is_some_and(|name| name == server.name);
        unanswered.iter().all(is_its)
    });
    let count = traffic.count(doomed.clone());
    let text = format!(
        "until then: {} requests, {} not answered{}",
        count.asked,
        count.failed,
        reasons(&traffic.errors(doomed.clone()))
    );
    let figure = Figure::new(
        format!("{what}: requests lost until then"),
        format!("{} of {}", count.failed, count.asked),
        format!("only {}'s clients'", server.name),
        only_its,
    );
    story.report.figures(&text, [figure]);
}

/// ` (8 connection reset by peer, 10 timed out)`.
fn reasons(errors: &BTreeMap<&str, usize>) -> String {
    let part = |(error, count): (&&str, &usize)| {
        let short = error.split(" (os error").next().unwrap_or(error);
        format!("{count} {}", short.to_lowercase())
    };
    let parts: Vec<String> = errors.iter().map(part).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

/// Whether the clients of a dead server have another one.
fn moved(story: &mut Story, traffic: &Traffic, server: Server, windows: &Windows) {
    let (known, afterwards) = (windows.known.clone(), windows.afterwards.clone());
    let (clients, to) = others(
        server,
        &traffic.bindings(known.clone()),
        &traffic.bindings(afterwards.clone()),
    );
    let (held, held_to) = others(server, &traffic.held(known), &traffic.held(afterwards));
    let text = format!(
        "its {clients} clients went to {}; its {held} held connections to {}",
        list(&to),
        list(&held_to)
    );
    let all_moved = |count: usize, now: &BTreeMap<String, usize>| {
        count > 0 && now.values().sum::<usize>() == count && !now.contains_key(server.name)
    };
    let holds = all_moved(clients, &to) && all_moved(held, &held_to);
    story.report.check(holds, &text);
}

/// How many had this server before, and which servers these have now.
fn others(
    server: Server,
    before: &BTreeMap<IpAddr, String>,
    after: &BTreeMap<IpAddr, String>,
) -> (usize, BTreeMap<String, usize>) {
    let bound = before.iter().filter(|(_, name)| *name == server.name);
    let bound: Vec<&IpAddr> = bound.map(|(client, _)| client).collect();
    let mut now = BTreeMap::new();
    for name in bound.iter().filter_map(|client| after.get(client)) {
        *now.entry(name.clone()).or_default() += 1;
    }
    (bound.len(), now)
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
