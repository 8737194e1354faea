// SPDX-License-Identifier: MIT OR Apache-2.0
//! One round: a lab, a director with clients, some attacks one after the other, and what must be true after each.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::load::Kind;
use lab::machines::reexec_inside;

use super::attack::Attack;
use super::files::{self, Ages};
use super::goal::{Goal, LIVE};
use super::losses::{Excuse, Span, clients, judge};
use super::moment::Random;
use super::{checks, disks, hands, kills, link, orders, reloads};
use crate::director::{FOREIGN, HOST, Mark, Table};
use crate::stage::{LONG, SERVERS, Server, Stage, VIP, run, wait_for};
use crate::story::Story;
use crate::traffic::{HELD, Traffic};

/// The longest pause before an attack, in milliseconds.
const LATEST: u64 = 700;
/// The time from one look at the table to the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// What no director says whose files are whole, and whose table is its own.
const STRANGE: [&str; 4] = ["read the ", "moved to", "a defect", TAKEN_OVER];
/// The beginning of the line about a service that somebody else made.
pub(super) const TAKEN_OVER: &str = "taken over";

/// Plays the round of this seed, in a lab of its own.
#[must_use]
pub(super) fn main(seed: u64, only: &[Attack]) -> ExitCode {
    if let Some(code) = reexec_inside(&crate::demo::options()) {
        return code;
    }
    let mut story = match Stage::enter() {
        Ok(stage) => Story::new(stage),
        Err(error) => return lab::kernel::exit_code(Err(error)),
    };
    let outcome = play(&mut story, seed, only);
    story.end(outcome)
}

fn play(story: &mut Story, seed: u64, only: &[Attack]) -> Result<()> {
    let attacks = Attack::choose(seed, only)?;
    let names: Vec<String> = attacks.iter().map(|it| it.name()).collect();
    story
        .report
        .step(&format!("Seed {seed}: {}", names.join(", ")));
    let goals = [Goal::small()?, Goal::large()?];
    let [small, _] = &goals;
    set_up(story)?;
    small.put()?;
    story.stage.director.launch(LIVE)?;
    files::wait_until_answered(&story.stage)?;
    // The first verdicts add the servers.
    let director = &story.stage.director;
    director.wait_for_table("the first table", LONG, &small.table)?;
    let traffic = story.stage.start_traffic();
    // By then every client has a server.
    thread::sleep(Duration::from_secs(1));
    let mut torture = Torture {
        story,
        traffic,
        goals,
        is_large: false,
        random: Random(seed),
        alive: SERVERS.to_vec(),
        ages: None,
        settled: Duration::ZERO,
        spans: Vec::new(),
        excuses: Vec::new(),
    };
    for attack in attacks {
        let told = torture.attack(attack);
        let told = told.with_context(|| attack.name())?;
        torture.story.report.quote(&told);
    }
    torture.end()
}

/// The VIP, the real servers, somebody else's service, and a small disk for the director's files.
fn set_up(story: &Story) -> Result<()> {
    for server in SERVERS {
        let lab = &story.stage.lab;
        run(lab, server.name, &format!("realserver start --vip {VIP}"))?;
        story.stage.serve(server)?;
    }
    let director = &story.stage.director;
    director.run(&format!("ip address add {VIP}/32 dev eth0"))?;
    director.run(&format!("busybox mkdir -p {}", files::DIRECTORY))?;
    disks::mount_small(&story.stage, files::DIRECTORY)?;
    make_foreign(story)
}

/// Somebody else makes a service.
pub(super) fn make_foreign(story: &Story) -> Result<()> {
    let make = |line: &&str| story.stage.director.run(&format!("ipvsadm {line}"));
    FOREIGN.iter().try_for_each(|line| make(line).map(drop))
}

/// A director that is attacked, and what is known of it.
pub(super) struct Torture<'a> {
    pub(super) story: &'a mut Story,
    pub(super) traffic: Traffic,
    goals: [Goal; 2],
    /// Which of them is in force.
    is_large: bool,
    pub(super) random: Random,
    /// The servers that have not died yet: they have clients.
    pub(super) alive: Vec<Server>,
    /// Since when the servers are up, once a kill wanted to know.
    pub(super) ages: Option<Ages>,
    /// The end of the last attack.
    settled: Duration,
    spans: Vec<Span>,
    excuses: Vec<Excuse>,
}

impl Torture<'_> {
    /// One attack at a random moment, and all that must be true afterwards. Returns what was done.
    fn attack(&mut self, attack: Attack) -> Result<String> {
        let pause = self.pause(LATEST);
        thread::sleep(pause);
        let begun = self.traffic.now();
        let mark = self.story.stage.director.mark()?;
        let told = match attack {
            Attack::KilledAtWork => kills::at_work(self),
            Attack::Restarted => kills::restarted(self),
            Attack::KilledStarting => kills::starting(self),
            Attack::KilledReloading => kills::reloading(self),
            Attack::Suspended => hands::suspended(self),
            Attack::EditedByHand => hands::edited(self),
            Attack::Ordered => orders::given(self),
            Attack::Wiped => hands::wiped(self),
            Attack::IpvsUnloaded => hands::unloaded(self),
            Attack::RefusedReload => reloads::refused(self),
            Attack::MistakenReload => reloads::mistaken(self),
            Attack::ForeignKey => reloads::foreign_key(self),
            Attack::LogDiskFull => disks::log_full(self),
            Attack::StateDiskFull => disks::state_full(self),
            Attack::ChecksNotRun => checks::not_run(self),
            Attack::LinkDown => link::down(self),
        }?;
        self.settle().context("afterwards")?;
        let takes_over = matches!(attack, Attack::ForeignKey | Attack::StateDiskFull);
        self.nothing_strange(mark, takes_over)?;
        let now = self.traffic.now();
        let window = self.settled..now;
        self.settled = now;
        self.spans.push(Span { attack, window });
        let took = now.saturating_sub(begun).as_secs_f64();
        Ok(format!("{}: {told} ({took:.1} s)", attack.name()))
    }

    /// The configuration in force.
    pub(super) fn goal(&self) -> &Goal {
        let [small, large] = &self.goals;
        if self.is_large { large } else { small }
    }

    /// The other one.
    pub(super) fn other(&self) -> &Goal {
        let [small, large] = &self.goals;
        if self.is_large { small } else { large }
    }

    /// From now on the other one is to be in force; it is what the director reads next.
    pub(super) fn switch(&mut self) -> Result<()> {
        self.is_large = !self.is_large;
        self.goal().put()
    }

    /// The same for either, by chance.
    pub(super) fn choose_goal(&mut self) -> Result<()> {
        self.is_large = self.random.below(3) == 0;
        self.goal().put()
    }

    /// Up to so many milliseconds.
    pub(super) fn pause(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.random.below(limit))
    }

    /// Starts a director, and waits until it answers: its first plan has been carried out then.
    pub(super) fn start(&mut self) -> Result<()> {
        self.story.stage.director.launch(LIVE)?;
        if let Some(ages) = &mut self.ages {
            ages.note_start();
        }
        files::wait_until_answered(&self.story.stage)
    }

    /// Runs a command on the director's host.
    pub(super) fn there(&self, command: &str) -> Result<String> {
        self.story.stage.director.run(command)
    }

    /// Runs a script there.
    pub(super) fn script(&self, script: &str) -> Result<String> {
        let output = self.story.stage.lab.on(HOST, &["sh", "-c", script])?;
        ensure!(output.success(), "{script}: {}", output.error_text());
        Ok(output.text())
    }

    /// Waits until the kernel's table is this one.
    pub(super) fn wait_for_table(&self, what: &str, table: &Table) -> Result<()> {
        let director = &self.story.stage.director;
        let mut looks = 0;
        wait_for(what, LONG, || {
            // Its kernel has one processor, and a look at a large table needs much of it.
            if looks > 0 {
                thread::sleep(BETWEEN_LOOKS);
            }
            looks += 1;
            Ok((director.table()? == *table).then_some(()))
        })
    }

    /// Waits for a line of the log that begins so.
    pub(super) fn wait_for_line(&self, mark: Mark, beginning: &str) -> Result<()> {
        let director = &self.story.stage.director;
        let lines = director.wait_for_lines(mark, 1, LONG, |line| line.starts_with(beginning));
        lines
            .map(drop)
            .with_context(|| format!("a line {beginning:?}"))
    }

    /// No server was considered down since then.
    pub(super) fn no_verdict_since(&self, mark: Mark) -> Result<()> {
        let mut said = self.story.stage.director.lines_since(mark)?;
        said.retain(|line| line.contains(" -> down "));
        ensure!(said.is_empty(), "a verdict moved: {said:?}");
        Ok(())
    }

    /// From this moment until now requests had to fail: all, or those of one server's clients.
    pub(super) fn excuse(&mut self, from: Duration, server: Option<&'static str>) {
        let window = from..self.traffic.now();
        self.excuses.push(Excuse { window, server });
    }

    /// The kernel's table is what the director wants, and what it would plan. The state file and the status say so,
    /// every server is up, and somebody else's service is as it was made.
    fn settle(&mut self) -> Result<()> {
        let stage = &self.story.stage;
        self.wait_for_table("the right table", &self.goal().table)?;
        files::wait_until_right(stage, &self.goal().owned)?;
        files::wait_until_all_up(stage)?;
        wait_for("an empty plan", LONG, || {
            let plan = ["director", "plan", "--detailed-exitcode", LIVE];
            Ok(stage.lab.on(HOST, &plan)?.success().then_some(()))
        })?;
        if let Some(ages) = &self.ages {
            ages.wait_until_kept(stage)?;
        }
        self.story.look_at_foreign()
    }

    fn nothing_strange(&self, mark: Mark, takes_over: bool) -> Result<()> {
        let is_strange = |line: &String| {
            let mut strange = STRANGE
                .iter()
                .filter(|it| !takes_over || **it != TAKEN_OVER);
            strange.any(|words| line.contains(words))
        };
        let mut said = self.story.stage.director.lines_since(mark)?;
        said.retain(is_strange);
        ensure!(said.is_empty(), "the director says {said:?}");
        Ok(())
    }

    /// What the attacks cost the clients.
    fn end(self) -> Result<()> {
        let (samples, _) = self.traffic.stop();
        let report = &mut self.story.report;
        let counts = judge(&self.spans, &self.excuses, &samples);
        for (span, count) in self.spans.iter().zip(counts) {
            let text = format!("{}: {count}", span.attack.name());
            report.check(count.lost.is_empty() && count.asked > 0, &text);
        }
        let held = clients(&samples, Kind::Held);
        ensure!(held == usize::try_from(HELD)?, "only {held} were held");
        let (text, holds) = self.story.foreign();
        self.story.report.check(holds, &text);
        Ok(())
    }
}
