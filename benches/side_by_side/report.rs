// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures, side by side, and whether they meet the goals.

use std::fmt;
use std::time::Duration;

use crate::MANY_SERVICES;
use crate::daemon::Daemon;
use crate::inputs::Scale;
use crate::measure::Apply;
use crate::versions::Versions;

/// How many times as long as an empty process and the kernel's own part `lvsadm -R` may take.
pub(crate) const MOST_OF_FLOOR: f64 = 1.5;
/// The goal for the time from a verdict to the kernel.
const VERDICT: Duration = Duration::from_millis(5);

/// Everything that was measured.
pub(crate) struct Report {
    pub(crate) versions: Versions,
    /// The first is the table that the directors were measured with.
    pub(crate) tables: Vec<Tables>,
    pub(crate) directors: Option<Directors>,
}

/// lvsadm beside ipvsadm.
pub(crate) struct Tables {
    scale: Scale,
    pub(crate) restore: Vec<Duration>,
    /// The kernel's part of it.
    pub(crate) exchange: Vec<Duration>,
    /// A process that does nothing.
    pub(crate) nothing: Vec<Duration>,
    pub(crate) ipvsadm_restore: Vec<Duration>,
    /// Ours and theirs.
    pub(crate) listings: Vec<[Duration; 2]>,
}

/// The director compared with ipvsadm and keepalived.
pub(crate) struct Directors {
    pub(crate) apply: Vec<Apply>,
    pub(crate) restore: Vec<Duration>,
    pub(crate) second_plan_is_empty: bool,
    /// From probe to kernel.
    pub(crate) verdicts: Vec<Duration>,
    pub(crate) director: Daemon,
    pub(crate) keepalived: Daemon,
}

/// One comparison.
struct Ratio {
    what: &'static str,
    ours: String,
    theirs: String,
    times: f64,
    goal: Goal,
}

/// The goal for a ratio.
#[derive(Clone, Copy)]
enum Goal {
    /// Anything.
    None,
    /// Ours is this many times better. If not, we print that, but it is not a failure: it depends on the machine.
    Told(f64),
    /// Ours is this many times better.
    AtLeast(f64),
    /// Ours is at most this many times worse.
    AtMost(f64),
}

impl Ratio {
    fn is_met(&self) -> bool {
        match self.goal {
            Goal::None => true,
            Goal::Told(goal) | Goal::AtLeast(goal) => self.times >= goal,
            Goal::AtMost(goal) => self.times <= goal,
        }
    }

    /// Whether the bench may succeed.
    fn holds(&self) -> bool {
        self.is_met() || matches!(self.goal, Goal::Told(_))
    }
}

impl Report {
    pub(crate) fn holds(&self) -> bool {
        let tables = self.tables.iter().flat_map(Tables::ratios);
        tables.into_iter().all(|ratio| ratio.holds())
            && self.directors.as_ref().is_none_or(Directors::holds)
    }
}

impl Tables {
    pub(crate) const fn new(scale: Scale) -> Self {
        Self {
            scale,
            restore: Vec::new(),
            exchange: Vec::new(),
            nothing: Vec::new(),
            ipvsadm_restore: Vec::new(),
            listings: Vec::new(),
        }
    }

    /// Whether only the floor was measured.
    const fn is_floor(&self) -> bool {
        self.ipvsadm_restore.is_empty()
    }

    fn ratios(&self) -> Vec<Ratio> {
        if self.is_floor() {
            return vec![self.of_floor()];
        }
        self.beside_ipvsadm().into()
    }

    /// What the bench fails by. The fastest run of each side is taken: what else the machine has to do can only add.
    fn of_floor(&self) -> Ratio {
        let restore = fastest(&self.restore);
        let floor = fastest(&self.exchange) + fastest(&self.nothing);
        Ratio {
            times: restore.as_secs_f64() / floor.as_secs_f64(),
            ..time(
                "lvsadm -R, as a multiple of an empty process and the kernel's part",
                restore,
                floor,
                Goal::AtMost(MOST_OF_FLOOR),
            )
        }
    }

    fn beside_ipvsadm(&self) -> [Ratio; 4] {
        let (restore, exchange) = (median(&self.restore), median(&self.exchange));
        let floor = exchange + median(&self.nothing);
        let theirs = median(&self.ipvsadm_restore);
        [
            time(
                "lvsadm -R, beside ipvsadm-restore",
                restore,
                theirs,
                Goal::Told(100.0),
            ),
            time(
                "  the kernel's part of it, beside all of ipvsadm-restore",
                exchange,
                theirs,
                Goal::Told(100.0),
            ),
            time(
                "  that and an empty process: no program can be faster",
                floor,
                theirs,
                Goal::None,
            ),
            time(
                "lvsadm -Ln, beside ipvsadm -Ln",
                median(self.listings.iter().map(|[ours, _]| ours)),
                median(self.listings.iter().map(|[_, theirs]| theirs)),
                Goal::Told(5.0),
            ),
        ]
    }
}

impl Directors {
    fn holds(&self) -> bool {
        self.second_plan_is_empty && self.one_message() && self.ratios().iter().all(Ratio::holds)
    }

    fn one_message(&self) -> bool {
        self.director.reload_line.as_deref() == Some("1 step")
    }

    fn ratios(&self) -> [Ratio; 7] {
        let applying = median(self.apply.iter().map(|run| &run.applying));
        let whole = median(self.apply.iter().map(|run| &run.whole));
        let restore = median(&self.restore);
        let (director, keepalived) = (&self.director, &self.keepalived);
        [
            time(
                "applying the table, beside all of ipvsadm-restore",
                applying,
                restore,
                Goal::Told(100.0),
            ),
            time(
                "applying the table, beside keepalived's start",
                applying,
                keepalived.start,
                Goal::Told(50.0),
            ),
            time(
                "all of director apply, beside all of ipvsadm-restore",
                whole,
                restore,
                Goal::None,
            ),
            time(
                "all of director apply, beside keepalived's start",
                whole,
                keepalived.start,
                Goal::None,
            ),
            time(
                "director run, all servers checked, beside keepalived's start, none",
                director.start,
                keepalived.start,
                Goal::None,
            ),
            time(
                "reload with one changed weight, beside keepalived's",
                director.reload,
                keepalived.reload,
                Goal::Told(5.0),
            ),
            memory(director.peak_memory_kib, keepalived.peak_memory_kib),
        ]
    }
}

fn time(what: &'static str, ours: Duration, theirs: Duration, goal: Goal) -> Ratio {
    Ratio {
        what,
        ours: milliseconds(ours),
        theirs: milliseconds(theirs),
        times: theirs.as_secs_f64() / ours.as_secs_f64(),
        goal,
    }
}

fn memory(ours_kib: u64, theirs_kib: u64) -> Ratio {
    let text = |kib: u64| format!("{:.1} MiB", mebibytes(kib));
    Ratio {
        what: "peak memory, beside keepalived's processes together",
        ours: text(ours_kib),
        theirs: text(theirs_kib),
        times: mebibytes(theirs_kib) / mebibytes(ours_kib),
        goal: Goal::AtLeast(1.0),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a memory size in KiB is far below 2^52"
)]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn fastest(all: &[Duration]) -> Duration {
    all.iter().min().copied().unwrap_or_default()
}

fn median<'a>(all: impl IntoIterator<Item = &'a Duration>) -> Duration {
    let mut all: Vec<Duration> = all.into_iter().copied().collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.versions.fmt(f)?;
        let title = if self.directors.is_none() && self.tables.iter().all(Tables::is_floor) {
            "one boot of one kernel, processors kept awake, fastest runs"
        } else {
            "one boot of one kernel, medians"
        };
        writeln!(
            f,
            "{title:<68} {:>12} {:>12} {:>8} {:>8}",
            "ours", "theirs", "ratio", "goal"
        )?;
        for (index, tables) in self.tables.iter().enumerate() {
            let Scale { services, servers } = tables.scale;
            let rules = tables.scale.rules();
            writeln!(
                f,
                "{services} virtual services x {servers} real servers, {rules} rules"
            )?;
            tables.ratios().iter().try_for_each(|it| it.fmt(f))?;
            if let (0, Some(directors)) = (index, &self.directors) {
                directors.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goal = match self.goal {
            Goal::None => "-".to_owned(),
            Goal::Told(goal) | Goal::AtLeast(goal) => format!("{goal:.0}x"),
            Goal::AtMost(goal) => format!("<= {goal}x"),
        };
        let mark = match (self.goal, self.is_met()) {
            (Goal::None, _) => "",
            (_, true) => "  met",
            (Goal::Told(_), false) => "  not met",
            (Goal::AtLeast(_) | Goal::AtMost(_), false) => "  MISSED",
        };
        let ratio = match self.goal {
            Goal::AtMost(_) => format!("{:.2}x", self.times),
            _ => format!("{:.1}x", self.times),
        };
        writeln!(
            f,
            "{:<68} {:>12} {:>12} {ratio:>8} {goal:>8}{mark}",
            self.what, self.ours, self.theirs
        )
    }
}

impl fmt::Display for Directors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ratios().iter().try_for_each(|it| it.fmt(f))?;
        let word = |holds| if holds { "yes" } else { "NO" };
        writeln!(
            f,
            "a second plan over the table is empty: {}",
            word(self.second_plan_is_empty)
        )?;
        writeln!(
            f,
            "the changed weight was one message: {}",
            word(self.one_message())
        )?;
        let worst = self.verdicts.iter().max().copied().unwrap_or_default();
        writeln!(
            f,
            "verdict in the kernel after its probe, {} servers: median {}, worst {} of {} (goal {}: {})",
            MANY_SERVICES.all_servers(),
            milliseconds(median(&self.verdicts)),
            milliseconds(worst),
            self.verdicts.len(),
            milliseconds(VERDICT),
            if worst <= VERDICT { "met" } else { "not met" }
        )?;
        writeln!(
            f,
            "processes: {} beside {}",
            self.director.processes, self.keepalived.processes
        )
    }
}
