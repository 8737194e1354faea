// SPDX-License-Identifier: MIT OR Apache-2.0
//! The power of the active one of two directors is cut while clients hold connections, which live on at the other one;
//! and they live on when that one gives the address back.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use lab::held::Held;
use lab::resets::Resets;

use super::director::Director;
use super::pair::{NAMES, play};
use super::report::{Figure, Report, seconds};
use super::stage::{CONFIG, LONG, SERVERS, Stage, VIP, service, wait_for};

/// The backup's wait: three intervals of a second, and the skew time of priority 100.
const MASTER_DOWN: Duration = Duration::from_millis(3610);
/// How much later all connections are answered.
const AFTERWARDS: Duration = Duration::from_secs(1);
/// How long a connection may be silent before it counts as broken. TCP repeats what was lost ever more seldom.
const PATIENCE: Duration = Duration::from_mins(1);

/// Cut the power of the active director while clients hold connections, and check that none breaks
///
/// Two directors with a kernel each have one virtual address, and a service with failover: keep_connections. There is no
/// connection synchronisation. The exit status is not 0 if a connection broke, or a reset came from the virtual address.
#[derive(Args, Debug)]
pub(super) struct FailoverArgs {
    /// How many connections are held
    #[arg(long, value_name = "N", default_value_t = 200)]
    held: usize,
}

/// Plays it, in a lab of its own.
#[must_use]
pub(super) fn main(args: &FailoverArgs) -> ExitCode {
    play(|stage, report| tell(stage, report, args.held))
}

fn tell(stage: &Stage, report: &mut Report, count: usize) -> Result<()> {
    let [first, second] = set_up(stage, report)?;
    let resets = Resets::from(VIP, &stage.client).context("hear TCP at the client")?;
    report.step(&format!("{count} connections are held"));
    let open = |count| stage.client.run(|| Held::open(count, service(), LONG));
    let mut speaking = open(count / 2).context("open a connection")?;
    let mut silent = open(count - count / 2).context("open a connection")?;
    let spread = speaking.servers().len() == SERVERS.len();
    report.check(
        spread,
        &format!("each of {} servers has some", SERVERS.len()),
    );

    cut(stage, report, &second, [&mut speaking, &mut silent])?;
    give_back(
        stage,
        report,
        [&first, &second],
        [&mut speaking, &mut silent],
    )?;
    let resets = resets.count();
    let text = format!("{resets} resets came from {VIP} in all that time");
    let figure = Figure::new(
        "resets from the virtual address",
        resets.to_string(),
        "0",
        resets == 0,
    );
    report.figures(&text, [figure]);
    Ok(())
}

/// The real servers, and two directors; the first one has the address.
fn set_up(stage: &Stage, report: &mut Report) -> Result<[Director; 2]> {
    report.step("Two directors have one virtual address");
    let servers = SERVERS.map(|server| server.address.to_string()).join(", ");
    let text = format!(
        "virtual_routers:\n  - {{interface: eth0, vrid: 51, interval: 1s, hold: 0s, addresses: [{VIP}/24]}}\n\
         virtual_services:\n  - {{address: '{}', failover: keep_connections, check: {{tcp: {{}}, interval: 1s, rise: 1}}, \
         servers: [{servers}]}}\n",
        service()
    );
    let path = stage.lab.share().join(CONFIG);
    fs::write(&path, &text).with_context(|| format!("write {}", path.display()))?;
    report.quote(&text);
    for server in SERVERS {
        stage.start_server(server)?;
    }
    let directors = NAMES.map(|name| Director::on(&stage.lab, name));
    let [first, second] = &directors;
    start(first, "backup -> master")?;
    start(second, "initialize -> backup")?;
    wait_for("the second one hears the first", LONG, || {
        let status = second.run(&format!("director status --json {CONFIG}"))?;
        let status: serde_json::Value = serde_json::from_str(&status).context("read a status")?;
        let heard = status.pointer("/routers/0/heard");
        let heard = heard.and_then(serde_json::Value::as_u64);
        Ok((heard > Some(1)).then_some(()))
    })?;
    report.check(
        true,
        &format!("{} has {VIP}, {} follows", NAMES[0], NAMES[1]),
    );
    Ok(directors)
}

/// Starts a director, and waits until its virtual router has made this step and its servers are up.
fn start(director: &Director, step: &str) -> Result<()> {
    let (mark, _) = director.start()?;
    director.wait_for_lines(mark, SERVERS.len(), LONG, |line| {
        line.contains(": unknown -> up")
    })?;
    director.wait_for_lines(mark, 1, LONG, |line| line.contains(step))?;
    Ok(())
}

/// Half of the connections say something while nobody has the address, and TCP has to repeat it. The others are silent
/// until somebody has it again.
fn cut(
    stage: &Stage,
    report: &mut Report,
    second: &Director,
    [speaking, silent]: [&mut Held; 2],
) -> Result<()> {
    let [name, other] = NAMES;
    report.step(&format!("The power of {name} is cut"));
    report.command("", &format!("lab kill {name}"));
    let mark = second.mark()?;
    let begun = Instant::now();
    stage.lab.kill(name)?;
    speaking.say(PATIENCE);
    let lines = second.wait_for_lines(mark, 1, LONG, |line| line.contains("backup -> master"))?;
    let taken = begun.elapsed();
    report.quote(&lines.concat());
    silent.say(PATIENCE);
    let mut broken = silent.broken(PATIENCE);
    let flowing = begun.elapsed();
    broken += speaking.broken(PATIENCE);
    let repeated = begun.elapsed();
    let text = format!(
        "{other} had the address {} after the cut; all {} connections that had been silent were answered after {}, the {} \
         whose words had been lost after {}",
        seconds(taken),
        silent.count(),
        seconds(flowing),
        speaking.count(),
        seconds(repeated)
    );
    let all = silent.count() + speaking.count();
    report.figures(
        &text,
        [
            Figure::lost("power cut: connections broken", broken, all),
            Figure::time(
                "power cut: silent connections answered after",
                flowing,
                MASTER_DOWN + AFTERWARDS,
            ),
        ],
    );
    Ok(())
}

/// The first director comes back with nothing in its kernel, and gets the address.
fn give_back(
    stage: &Stage,
    report: &mut Report,
    [first, second]: [&Director; 2],
    held: [&mut Held; 2],
) -> Result<()> {
    let [name, other] = NAMES;
    report.step(&format!("{name} comes back, and takes the address again"));
    stage.lab.start(name)?;
    start(first, "initialize -> backup")?;
    let mark = first.mark()?;
    let hand_over = format!("director failover {CONFIG}");
    report.command(other, &hand_over);
    report.quote(&second.run(&hand_over)?);
    first.wait_for_lines(mark, 1, LONG, |line| line.contains("backup -> master"))?;
    let (mut broken, mut all) = (0, 0);
    for held in held {
        broken += held.broken_when_asked(PATIENCE);
        all += held.count();
    }
    let text = format!("of {all} connections {broken} broke");
    report.figures(
        &text,
        [Figure::lost("given back: connections broken", broken, all)],
    );
    Ok(())
}
