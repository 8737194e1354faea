// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director is killed without warning, again and again: while it starts, while it reloads, while it writes its files,
//! while it works. Clients must not notice, and the next start must end with the right table and with whole files.
//!
//! One of the configurations has many more services: a kill should find the table half filled or half emptied. One has a
//! service that the kernel refuses.

mod files;
mod goal;
mod moment;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::director::{FOREIGN, HOST};
use super::report::Figure;
use super::stage::{LONG, PORTS, SERVERS, Stage, VIP, run, wait_for};
use super::story::Story;
use super::traffic::Traffic;
use files::Ages;
use goal::{Goal, LIVE};
use lab::load::Kind;
use lab::machines::reexec_inside;
use moment::{Moment, Random};

/// The latest that a director is ended that is at work.
const LATEST_WORKING: u64 = 500;

/// Runs so many rounds in a lab of its own.
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

fn torture(story: &mut Story, rounds: u32, seed: u64) -> Result<()> {
    let title = format!("The director is ended {} times (seed {seed})", rounds * 3);
    story.report.step(&title);
    let goals = [Goal::small()?, Goal::large()?];
    let [small, _] = &goals;
    set_up(story)?;
    small.put()?;
    start(story)?;
    // The first verdicts add the servers.
    let director = &story.stage.director;
    director.wait_for_table("the first table", LONG, &small.table)?;
    let ages = Ages::begin(&story.stage)?;
    let traffic = story.start_traffic();
    thread::sleep(Duration::from_secs(1));
    let begun = traffic.now();
    let mut torture = Torture {
        story,
        goals,
        refused: Goal::refused()?,
        random: Random(seed),
        ages,
        half_done: 0,
        unfinished: 0,
    };
    for round in 1..=rounds {
        let told = torture.round().with_context(|| format!("round {round}"))?;
        torture.story.report.quote(&format!("{round:>2}: {told}"));
    }
    let (half_done, unfinished) = (torture.half_done, torture.unfinished);
    let text = format!(
        "{0} of {0} times the start after a kill ended with the right table and whole files ({half_done} kills found \
         the table half done, {unfinished} a file half written)",
        rounds * 2
    );
    story.report.check(true, &text);
    tell_traffic(story, traffic, begun);
    Ok(())
}

fn tell_traffic(story: &mut Story, mut traffic: Traffic, begun: Duration) {
    let end = traffic.settle();
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
}

struct Torture<'a> {
    story: &'a mut Story,
    goals: [Goal; 2],
    refused: Goal,
    random: Random,
    ages: Ages,
    /// How many kills found the table neither as it was nor as it was to be.
    half_done: u32,
    /// How many left a file that was to replace another.
    unfinished: usize,
}

impl Torture<'_> {
    /// A director at work is ended; one that starts is killed; one that reloads is killed. Returns what was done.
    fn round(&mut self) -> Result<String> {
        let ended = self.end_at_work()?;
        if self.random.below(2) == 0 {
            self.stray_edit()?;
        }
        let starting = self.kill_starting()?;
        let goal = self.random.below(2);
        let second = self.start(goal)?;
        let reloading = self.kill_reloading(goal)?;
        let goal = self.random.below(2);
        let fourth = self.start(goal)?;
        self.ages.wait_until_kept(&self.story.stage)?;
        self.story.look_at_foreign()?;
        Ok(format!(
            "{ended}; start {starting}; {second}: right; reload {reloading}; {fourth}: right"
        ))
    }

    /// Mostly without warning.
    fn end_at_work(&mut self) -> Result<&'static str> {
        thread::sleep(Duration::from_millis(self.random.below(LATEST_WORKING)));
        if self.random.below(3) > 0 {
            kill(self.story)?;
            return Ok("killed");
        }
        there(self.story, "busybox killall -TERM director")?;
        wait_for("the end of the director", LONG, || {
            let there = self
                .story
                .stage
                .lab
                .on(HOST, &["busybox", "pidof", "director"])?;
            Ok((!there.success()).then_some(()))
        })?;
        Ok("stopped")
    }

    /// Somebody changes a weight while no director runs.
    fn stray_edit(&mut self) -> Result<()> {
        let (server, port) = (self.random.pick(&SERVERS)?, self.random.pick(&PORTS)?);
        let (address, weight) = (server.address, 10 + self.random.below(90));
        let edit = format!("ipvsadm -e -t {VIP}:{port} -r {address}:{port} -g -w {weight}");
        there(self.story, &edit)
    }

    /// Usually on the way to the configuration with more work.
    fn kill_starting(&mut self) -> Result<String> {
        let before = self.story.stage.director.table()?;
        let other = self
            .goals
            .iter()
            .find(|goal| goal.table.len() != before.len());
        let goal = match other {
            Some(other) if self.random.below(4) > 0 => other,
            Some(_) | None => self.random.pick(&self.goals)?,
        };
        let moment = Moment::choose(&mut self.random, goal.table != before)?;
        goal.put()?;
        let launch = match moment.longest_file() {
            None => format!("director run {LIVE} 2>>{HOST}.log & pid=$!"),
            // The log is longer than that.
            Some(bytes) => format!(
                "ulimit -f {}; director run {LIVE} 2>/dev/null & pid=$!",
                bytes / 512
            ),
        };
        act_and_kill(self.story, &launch, moment)?;
        let after = self.story.stage.director.table()?;
        let half_done = after != goal.table && after != before;
        let what = format!("{}, killed {}", goal.services(), moment.tell());
        self.count(&what, half_done)
    }

    /// A reload to the other configuration, or to one that the kernel refuses in part.
    fn kill_reloading(&mut self, running: u64) -> Result<String> {
        let [small, large] = &self.goals;
        let (now, other) = if running == 0 {
            (small, large)
        } else {
            (large, small)
        };
        let goal = if self.random.below(3) == 0 {
            &self.refused
        } else {
            other
        };
        goal.put()?;
        let to = if goal.is_refused {
            "refused".to_owned()
        } else {
            goal.services().to_string()
        };
        if goal.is_refused && self.random.below(2) == 0 {
            refuse(self.story, now)?;
            kill(self.story)?;
            return self.count(&format!("{to}, killed afterwards"), false);
        }
        let moment = Moment::choose(&mut self.random, true)?;
        let limit = match moment.longest_file() {
            None => String::new(),
            Some(bytes) => format!("prlimit --pid $pid --fsize={bytes}; "),
        };
        let reload = format!("pid=$(busybox pidof director); {limit}kill -HUP $pid");
        act_and_kill(self.story, &reload, moment)?;
        kill(self.story)?;
        let after = self.story.stage.director.table()?;
        // What is added for a configuration that is refused is taken away again.
        let half_done = after != now.table && (goal.is_refused || after != goal.table);
        self.count(&format!("{to}, killed {}", moment.tell()), half_done)
    }

    fn count(&mut self, what: &str, half_done: bool) -> Result<String> {
        let stage = &self.story.stage;
        files::ensure_whole(stage)?;
        self.unfinished += files::unfinished(stage)?;
        self.half_done += u32::from(half_done);
        let half = if half_done { ", half done" } else { "" };
        Ok(format!("{what}{half}"))
    }

    /// Starts a director, and waits until all is as it should be.
    fn start(&mut self, goal: u64) -> Result<usize> {
        let [small, large] = &self.goals;
        let goal = if goal == 0 { small } else { large };
        goal.put()?;
        let director = &self.story.stage.director;
        let mark = director.mark()?;
        start(self.story)?;
        self.ages.note_start();
        director.wait_for_table("the right table", LONG, &goal.table)?;
        files::wait_until_right(&self.story.stage, &goal.owned)?;
        let mut said = director.lines_since(mark)?;
        said.retain(|line| STRANGE.iter().any(|words| line.contains(words)));
        ensure!(said.is_empty(), "the director that started says {said:?}");
        Ok(goal.services())
    }
}

/// What no director says whose files are whole, and whose table is its own.
const STRANGE: [&str; 4] = ["read the ", "moved to", "a defect", "taken over"];

/// The kernel refuses a part of a reload, and nothing is changed.
fn refuse(story: &Story, now: &Goal) -> Result<()> {
    let director = &story.stage.director;
    let mark = director.mark()?;
    there(story, "busybox killall -HUP director")?;
    let said = |line: &str| line.starts_with("reload refused, the running configuration stays: ");
    director.wait_for_lines(mark, 1, LONG, said)?;
    director.wait_for_table("the table that was", LONG, &now.table)?;
    files::wait_until_right(&story.stage, &now.owned)
}

/// Runs a command on the director's host.
fn there(story: &Story, command: &str) -> Result<()> {
    story.stage.director.run(command).map(drop)
}

fn set_up(story: &Story) -> Result<()> {
    for server in SERVERS {
        let lab = &story.stage.lab;
        run(lab, server.name, &format!("realserver start --vip {VIP}"))?;
        story.stage.serve(server)?;
    }
    there(story, &format!("ip address add {VIP}/32 dev eth0"))?;
    FOREIGN
        .iter()
        .try_for_each(|line| there(story, &format!("ipvsadm {line}")))
}

/// Starts the director, and waits until it answers: its first plan has been carried out then.
fn start(story: &Story) -> Result<()> {
    story.stage.director.launch(LIVE)?;
    let status = ["director", "status", LIVE];
    wait_for("the director's status", LONG, || {
        let answer = story.stage.lab.on(HOST, &status)?;
        Ok(answer.success().then_some(()))
    })
}

/// Does something that notes the director as `$pid`, and kills it at that moment, in one command: two commands would take
/// longer than filling the table.
fn act_and_kill(story: &Story, act: &str, moment: Moment) -> Result<()> {
    let (note, wait) = (moment.note(), moment.wait());
    // The kernel was faster where it is written more than may be.
    let unless = match moment.longest_file() {
        None => "",
        Some(_) => " 2>/dev/null || :",
    };
    let script = format!("{note}; {act}; {wait}; kill -9 $pid{unless}");
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
