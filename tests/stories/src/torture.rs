// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director is killed without warning, again and again, while it starts and while it works; clients must not
//! notice, and the next start must end with the right table.
//!
//! Half of the configurations have many more services: a kill should find the table half filled or half emptied.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::config::derive;
use super::director::{FOREIGN, HOST, Table, full_table};
use super::report::{Figure, seconds};
use super::stage::{LONG, PORTS, SERVERS, Stage, VIP, run, wait_for};
use super::story::Story;
use lab::load::Kind;
use lab::machines::reexec_inside;

/// How many more services the large configuration has.
const MANY: u16 = 1000;
/// The first of their ports.
const FIRST_PORT: u16 = 20_000;
/// The latest that a director is killed after its launch: by then it has made the table.
const LATEST_STARTING: u64 = 600;
/// The latest that one is killed that is at work.
const LATEST_WORKING: u64 = 500;

/// Runs this many rounds in a lab of its own.
#[must_use]
pub(super) fn main(rounds: u32, seed: u64) -> ExitCode {
    if let Some(code) = reexec_inside(&super::demo::options()) {
        return code;
    }
    let mut story = match Stage::enter() {
        Ok(stage) => Story::new(stage),
        Err(error) => return lab::kernel::exit_code(Err(error)),
    };
    let outcome = torture(&mut story, rounds, seed);
    story.end(outcome)
}

/// A configuration: its file, and the table it leads to.
#[derive(Debug)]
struct Goal {
    file: &'static str,
    table: Table,
    services: usize,
}

fn torture(story: &mut Story, rounds: u32, seed: u64) -> Result<()> {
    let title = format!("The director is killed {} times (seed {seed})", rounds * 2);
    story.report.step(&title);
    let goals = [goal("small.yaml", 0)?, goal("large.yaml", MANY)?];
    set_up(story)?;
    let mut random = Random(seed);
    let [small, _] = &goals;
    start(story, small)?;
    // The first verdicts add the servers.
    story
        .stage
        .director
        .wait_for_table("the first table", LONG, &small.table)?;
    let mut traffic = story.start_traffic();
    thread::sleep(Duration::from_secs(1));
    let begun = traffic.now();
    let mut halves = 0;
    for round in 1..=rounds {
        kill(story)?;
        if random.below(2) == 0 {
            stray_edit(story, &mut random)?;
        }
        let before = story.stage.director.table()?;
        // Usually the one with more work.
        let other = goals.iter().find(|goal| goal.table.len() != before.len());
        let first = match other {
            Some(other) if random.below(4) > 0 => other,
            Some(_) | None => random.pick(&goals)?,
        };
        let second = random.pick(&goals)?;
        let moment = Moment::choose(&mut random, first.table != before);
        launch_and_kill(story, first, moment)?;
        let after = story.stage.director.table()?;
        let half_done = after != first.table && after != before;
        halves += u32::from(half_done);
        start(story, second)?;
        let what = format!("the right table in round {round}");
        story
            .stage
            .director
            .wait_for_table(&what, LONG, &second.table)?;
        story.report.quote(&format!(
            "{round:>2}: {:>4} services, killed {}: {:>4} lines{}; then {:>4}: right",
            first.services,
            moment.tell(),
            after.len(),
            if half_done { ", half done" } else { "" },
            second.services,
        ));
        thread::sleep(Duration::from_millis(random.below(LATEST_WORKING)));
        story.look_at_foreign()?;
    }
    let end = traffic.settle();
    let text = format!(
        "{rounds} of {rounds} times the start after a kill ended with the right table ({halves} kills found it half done)"
    );
    story.report.check(true, &text);
    let count = traffic.count(begun..end);
    let broken = traffic.unanswered(Kind::Held, begun..end).len();
    let held = traffic.held(begun..end).len();
    let text = format!("{broken} of {held} held connections were lost");
    let figure = Figure::lost("held connections lost", broken, held);
    story.report.figures(&text, [figure]);
    let text = format!("{} requests, {} not answered", count.asked, count.failed);
    let figure = Figure::lost("requests lost", count.failed, count.asked);
    story.report.figures(&text, [figure]);
    story.add_up(traffic);
    Ok(())
}

fn goal(file: &'static str, more: u16) -> Result<Goal> {
    let text = derive(|yaml| {
        for index in 0..more {
            let port = FIRST_PORT + index;
            yaml.push_str(&format!(
                "  - address: {VIP}:{port}\n    pool: rabbitmq\n    check: none\n"
            ));
        }
    })?;
    std::fs::write(file, text).with_context(|| format!("write {file}"))?;
    let mut table = full_table()?;
    for index in 0..more {
        let port = FIRST_PORT + index;
        table.insert(format!("-A -t {VIP}:{port} -s wrr -p 50"));
        table.extend(SERVERS.map(|server| {
            let (address, weight) = (server.address, server.weight);
            format!("-a -t {VIP}:{port} -r {address}:{port} -g -w {weight}")
        }));
    }
    Ok(Goal {
        file,
        table,
        services: PORTS.len() + usize::from(more),
    })
}

fn set_up(story: &Story) -> Result<()> {
    for server in SERVERS {
        let lab = &story.stage.lab;
        run(lab, server.name, &format!("realserver start --vip {VIP}"))?;
        story.stage.serve(server)?;
    }
    let director = &story.stage.director;
    director.run(&format!("ip address add {VIP}/32 dev eth0"))?;
    for line in FOREIGN {
        director.run(&format!("ipvsadm {line}"))?;
    }
    Ok(())
}

/// Starts the director, and waits until it answers: its first plan has been carried out then.
fn start(story: &Story, goal: &Goal) -> Result<()> {
    story.stage.director.launch(goal.file)?;
    let status = ["director", "status", goal.file];
    wait_for("the director's status", LONG, || {
        let answer = story.stage.lab.on(HOST, &status)?;
        Ok(answer.success().then_some(()))
    })
}

/// When a director that starts is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its launch.
    After(Duration),
    /// As soon as the table is seen to change.
    AtChange,
}

impl Moment {
    fn choose(random: &mut Random, it_will_change: bool) -> Self {
        if it_will_change && random.below(2) == 0 {
            Self::AtChange
        } else {
            Self::After(Duration::from_millis(random.below(LATEST_STARTING)))
        }
    }

    fn tell(self) -> String {
        match self {
            Self::After(time) => format!("after {}", seconds(time)),
            Self::AtChange => "in the act".to_owned(),
        }
    }

    /// The shell's way of waiting for it.
    fn script(self) -> String {
        match self {
            Self::After(time) => format!("busybox usleep {}", time.as_micros()),
            // It gives up where nothing changes.
            Self::AtChange => "i=0; while [ $i -lt 500 ] && [ \"$(busybox wc -l </proc/net/ip_vs)\" = \"$old\" ]; \
                 do i=$((i + 1)); done"
                .to_owned(),
        }
    }
}

/// Starts the director and kills it at that moment, in one command: two commands would take longer than filling the
/// table.
fn launch_and_kill(story: &Story, goal: &Goal, moment: Moment) -> Result<()> {
    let script = format!(
        "old=$(busybox wc -l </proc/net/ip_vs); director run {} 2>>{HOST}.log & {}; kill -9 $!",
        goal.file,
        moment.script()
    );
    let output = story.stage.lab.on(HOST, &["sh", "-c", &script])?;
    ensure!(output.success(), "{script}: {}", output.error_text());
    Ok(())
}

/// Kills the director, if it runs, and waits until it is gone.
fn kill(story: &Story) -> Result<()> {
    wait_for("the end of the director", LONG, || {
        // It fails when there is nothing left to kill.
        let killed = story
            .stage
            .lab
            .on(HOST, &["busybox", "killall", "-9", "director"])?;
        Ok((!killed.success()).then_some(()))
    })
}

/// Somebody changes a weight while no director runs.
fn stray_edit(story: &Story, random: &mut Random) -> Result<()> {
    let (server, port) = (random.pick(&SERVERS)?, random.pick(&PORTS)?);
    let (address, weight) = (server.address, 10 + random.below(90));
    let edit = format!("ipvsadm -e -t {VIP}:{port} -r {address}:{port} -g -w {weight}");
    story.stage.director.run(&edit).map(drop)
}

/// Numbers from a seed: `SplitMix64`.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Result<&'a T> {
        let index = self.below(u64::try_from(all.len())?);
        all.get(usize::try_from(index)?)
            .context("nothing to choose from")
    }
}
