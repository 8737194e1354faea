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
    story
        .report
        .step("Connections are spread by weight, and a client stays with its server");
    story.report.say(&format!("{clients} client addresses ask {TIMES} times at each port. Addresses answered by each server:"));
    let mut header = " ".repeat(22);
    let mut wanted = format!("{:<22}", "by weight");
    for server in SERVERS {
        header.push_str(&format!(
            "{:>16}",
            format!("{} (weight {})", server.name, server.weight)
        ));
        wanted.push_str(&format!("{:>16}", clients * server.weight / WEIGHTS));
    }
    story.report.say(&header);
    story.report.say(&wanted);
    let (mut close, mut faithful, mut unanswered, mut measured) = (true, 0, 0, Vec::new());
    for port in PORTS {
        let to = SocketAddr::new(VIP.into(), port);
        let spread = ask_all(story, to);
        let mut row = format!("{:<22}", to.to_string());
        let mut shares = Vec::new();
        for server in SERVERS {
            let count = spread
                .per_server
                .get(server.name)
                .copied()
                .unwrap_or_default();
            close &= count.abs_diff(clients * server.weight / WEIGHTS) <= TOLERANCE;
            row.push_str(&format!("{count:>16}"));
            shares.push(count.to_string());
        }
        story.report.say(&row);
        faithful += spread.faithful;
        unanswered += spread.unanswered;
        measured.push(shares.join(":"));
    }
    let expected: Vec<String> = SERVERS
        .iter()
        .map(|server| (clients * server.weight / WEIGHTS).to_string())
        .collect();
    story.report.figure(
        &format!("every server has its share, give or take {TOLERANCE}"),
        Figure {
            what: format!("{clients} addresses spread by wrr over weights 3:2:1"),
            measured: measured.join(", "),
            wanted: format!("{}, ±{TOLERANCE}", expected.join(":")),
            holds: close,
        },
    );
    let all = clients * PORTS.len();
    story.report.check(
        faithful == all && unanswered == 0,
        &format!(
            "{faithful} of {all} times an address got the same server {TIMES} times of {TIMES} (persistence 50 s); \
             {unanswered} questions unanswered"
        ),
    );
    arp(story)?;
    story.look_at_foreign()
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

fn ask_all(story: &Story, to: SocketAddr) -> Spread {
    let mut spread = Spread::default();
    for &from in &story.stage.regulars {
        let answers: Vec<Option<String>> = (0..TIMES)
            .map(|_| story.stage.ask(Some(from), to, PATIENCE))
            .collect();
        spread.unanswered += answers.iter().filter(|answer| answer.is_none()).count();
        let mut names = answers.into_iter().flatten();
        if let Some(first) = names.next() {
            spread.faithful += usize::from(names.all(|name| name == first));
            *spread.per_server.entry(first).or_default() += 1;
        }
    }
    spread
}

/// Four hosts have the VIP; the client is to know of one.
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
    story.report.check(
        seen == own,
        &format!("for the client {VIP} is at {seen}; director1 is {own}: the real servers keep quiet about it"),
    );
    Ok(())
}
