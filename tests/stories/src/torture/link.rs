// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attack: the director's link is down, or leads nowhere, and comes back.
//!
//! Nobody can reach anything meanwhile. That is no server's fault: no verdict moves, and connections that waited go on.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::question::{Conversation, connect};

use super::round::Torture;
use crate::director::HOST;
use crate::stage::{LONG, service};
use crate::traffic::PATIENCE;

/// How many connections wait patiently.
const PATIENT: usize = 6;
/// The shortest and the longest time without a link, in milliseconds: `fall` checks and more.
const SHORTEST: u64 = 4000;
const LONGEST: u64 = 6000;

/// No server leaves the table, and no connection that waits is lost.
pub(super) fn down(torture: &mut Torture<'_>) -> Result<String> {
    let mut patient = patient(torture)?;
    let mark = torture.story.stage.director.mark()?;
    let from = torture.traffic.now();
    let (what, cut, mend) = ways(torture)?;
    cut_or_mend(torture, &cut)?;
    let time = Duration::from_millis(SHORTEST + torture.random.below(LONGEST - SHORTEST));
    thread::sleep(time);
    cut_or_mend(torture, &mend)?;
    let deadline = Instant::now() + LONG;
    for conversation in &mut patient {
        let answer = conversation.ask("still here", deadline);
        answer.context("a connection that waited was lost")?;
    }
    torture.excuse(from, None);
    torture.wait_for_table("the table afterwards", &torture.goal().table)?;
    torture.no_verdict_since(mark)?;
    Ok(format!("{what} for {} ms", time.as_millis()))
}

/// A command on the director's host, or one in the LAN.
enum Command {
    There(&'static str),
    Lan(String),
}

fn ways(torture: &mut Torture<'_>) -> Result<(&'static str, Command, Command)> {
    let port = torture.story.stage.lab.host(HOST)?.port();
    Ok(if torture.random.below(2) == 0 {
        (
            "card down",
            Command::There("ip link set eth0 down"),
            Command::There("ip link set eth0 up"),
        )
    } else {
        (
            "cable in another network",
            Command::Lan(format!("link set {port} nomaster\n")),
            Command::Lan(format!("link set {port} master lan\n")),
        )
    })
}

fn cut_or_mend(torture: &Torture<'_>, command: &Command) -> Result<()> {
    match command {
        Command::There(command) => torture.there(command).map(drop),
        Command::Lan(lines) => torture.story.stage.lab.own_namespace().ip(lines),
    }
}

/// Connections that ask once, and then only when the link is back.
fn patient(torture: &Torture<'_>) -> Result<Vec<Conversation>> {
    let stage = &torture.story.stage;
    let sources = stage.regulars.iter().take(PATIENT);
    let open = sources.map(|source| {
        let stream = stage
            .client
            .run(|| connect(Some(*source), service(), PATIENCE))?;
        let mut conversation = Conversation::new(stream)?;
        conversation.ask("here", Instant::now() + LONG)?;
        anyhow::Ok(conversation)
    });
    open.collect::<Result<_>>().context("open connections")
}
