// SPDX-License-Identifier: MIT OR Apache-2.0
//! Step: connections are spread by weight, and a client stays with its server.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::report::Figure;
use super::stage::{PORTS, SERVERS, VIP, WEIGHTS};
use super::story::Story;
use super::traffic::PATIENCE;

/// How many times each address asks.
const TIMES: usize = 5;
/// How far a server's share may be from its weight's.
const TOLERANCE: usize = 3;

pub(super) fn tell(story: &mut Story) -> Result<()> {
    let clients = story.stage.regulars.len();
    let shares = SERVERS.map(|server| clients * server.weight / WEIGHTS);
    let report = &mut story.report;
    report.step("Connections are spread by weight, and a client stays with its server");
    report.say(&format!(
        "{clients} client addresses connect {TIMES} times to each port. Addresses on each server:"
    ));
    let names = SERVERS.map(|server| format!("{} (weight {})", server.name, server.weight));
    report.say(&row("", &names));
    report.say(&row("as the weights say", &shares));
    let (mut close, mut faithful, mut unanswered, mut measured) = (true, 0, 0, Vec::new());
    for port in PORTS {
        let to = SocketAddr::new(VIP.into(), port);
        let spread = ask_all(story, to);
        let found = SERVERS.map(|server| spread.count(server.name));
        let mut pairs = found.iter().zip(shares);
        close &= pairs.all(|(found, share)| found.abs_diff(share) <= TOLERANCE);
        story.report.say(&row(&to.to_string(), &found));
        faithful += spread.faithful;
        unanswered += spread.unanswered;
        measured.push(found.map(|count| count.to_string()).join(":"));
    }
    let report = &mut story.report;
    let wanted = shares.map(|share| share.to_string()).join(":");
    let figure = Figure::new(
        format!("{clients} client addresses spread by weight"),
        measured.join(", "),
        format!("{wanted}, ±{TOLERANCE}"),
        close,
    );
    report.figures(
        &format!("every server has its share (±{TOLERANCE})"),
        [figure],
    );
    let all = clients * PORTS.len();
    let text = format!(
        "{faithful} of {all} times an address had the same server {TIMES} times of {TIMES} (persistence 50 s)"
    );
    report.check(faithful == all && unanswered == 0, &text);
    arp(story)?;
    story.look_at_foreign()
}

fn row<T: std::fmt::Display>(title: &str, cells: &[T]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>17}")).collect();
    format!("  {title:<19}{}", cells.concat())
}

/// What came of asking.
#[derive(Debug, Default)]
struct Spread {
    /// Addresses, by the server that answered first.
    per_server: BTreeMap<String, usize>,
    /// Addresses that were answered by one server only.
    faithful: usize,
    unanswered: usize,
}

impl Spread {
    fn count(&self, name: &str) -> usize {
        self.per_server.get(name).copied().unwrap_or_default()
    }
}

fn ask_all(story: &Story, to: SocketAddr) -> Spread {
    let mut spread = Spread::default();
    for &from in &story.stage.regulars {
        let ask = |_| story.stage.ask(Some(from), to, PATIENCE);
        let answers: Vec<Option<String>> = (0..TIMES).map(ask).collect();
        spread.unanswered += answers.iter().filter(|answer| answer.is_none()).count();
        let mut names = answers.into_iter().flatten();
        if let Some(first) = names.next() {
            spread.faithful += usize::from(names.all(|name| name == first));
            *spread.per_server.entry(first).or_default() += 1;
        }
    }
    spread
}

/// Four hosts have the VIP; the client must know only one of them.
fn arp(story: &mut Story) -> Result<()> {
    let after = |text: &str, word: &str| {
        let mut words = text.split_whitespace().skip_while(|&it| it != word);
        words.nth(1).map(str::to_owned)
    };
    let seen = story
        .stage
        .run("client", &format!("ip neighbour show {VIP}"))?;
    let own = story.stage.director.run("ip -o link show eth0")?;
    let seen =
        after(&seen, "lladdr").context("the client does not know the VIP's Ethernet address")?;
    let own = after(&own, "link/ether").context("director1 has no Ethernet address")?;
    let text = format!("the client has {VIP} at {seen}, which is director1's card");
    story.report.check(seen == own, &text);
    Ok(())
}
