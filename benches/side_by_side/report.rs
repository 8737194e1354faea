// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was measured, side by side, and whether it is what is promised.

use std::fmt;
use std::time::Duration;

use crate::inputs::Scale;
use crate::measure::{Apply, Daemon};

/// Everything that was measured.
pub(crate) struct Report {
    scale: Scale,
    pub(crate) apply: Vec<Apply>,
    pub(crate) restore: Vec<Duration>,
    pub(crate) lvsadm_restore: Vec<Duration>,
    /// Ours and theirs.
    pub(crate) listings: Vec<[Duration; 2]>,
    pub(crate) second_plan_is_empty: bool,
    pub(crate) director: Option<Daemon>,
    pub(crate) keepalived: Option<Daemon>,
}

/// One comparison: the goal is that ours is at least so many times better.
struct Ratio {
    what: &'static str,
    ours: String,
    theirs: String,
    times: f64,
    goal: Option<f64>,
}

impl Ratio {
    fn holds(&self) -> bool {
        self.goal.is_none_or(|goal| self.times >= goal)
    }
}

impl Report {
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            scale,
            apply: Vec::new(),
            restore: Vec::new(),
            lvsadm_restore: Vec::new(),
            listings: Vec::new(),
            second_plan_is_empty: false,
            director: None,
            keepalived: None,
        }
    }

    pub(crate) fn holds(&self) -> bool {
        self.second_plan_is_empty && self.one_message() && self.ratios().iter().all(Ratio::holds)
    }

    fn one_message(&self) -> bool {
        self.director
            .as_ref()
            .and_then(|it| it.reload_line.as_deref())
            == Some("1 step")
    }

    fn ratios(&self) -> Vec<Ratio> {
        let (Some(director), Some(keepalived)) = (&self.director, &self.keepalived) else {
            return Vec::new();
        };
        let mut all = self.tables(keepalived.start);
        all.push(time(
            "director run, all servers checked, beside keepalived's start, none",
            director.start,
            keepalived.start,
            None,
        ));
        all.push(time(
            "reload with one changed weight, beside keepalived's",
            director.reload,
            keepalived.reload,
            Some(20.0),
        ));
        let kib = |kib: u64| format!("{:.1} MiB", mebibytes(kib));
        all.push(Ratio {
            what: "peak memory, beside keepalived's processes together",
            ours: kib(director.peak_memory_kib),
            theirs: kib(keepalived.peak_memory_kib),
            times: mebibytes(keepalived.peak_memory_kib) / mebibytes(director.peak_memory_kib),
            goal: Some(1.0),
        });
        all
    }

    /// Programs that fill, or list, a table and end.
    fn tables(&self, keepalived: Duration) -> Vec<Ratio> {
        let applying = median(self.apply.iter().map(|run| run.applying).collect());
        let whole = median(self.apply.iter().map(|run| run.whole).collect());
        let lvsadm = median(self.lvsadm_restore.clone());
        let restore = median(self.restore.clone());
        let listing = median(self.listings.iter().map(|[ours, _]| *ours).collect());
        let theirs = median(self.listings.iter().map(|[_, theirs]| *theirs).collect());
        [
            (
                "applying the table, beside all of ipvsadm-restore",
                applying,
                restore,
                Some(100.0),
            ),
            (
                "applying the table, beside keepalived's start",
                applying,
                keepalived,
                Some(50.0),
            ),
            (
                "all of director apply, beside all of ipvsadm-restore",
                whole,
                restore,
                None,
            ),
            (
                "all of director apply, beside keepalived's start",
                whole,
                keepalived,
                None,
            ),
            (
                "all of lvsadm -R, beside all of ipvsadm-restore",
                lvsadm,
                restore,
                None,
            ),
            (
                "lvsadm -Ln of the table, beside ipvsadm -Ln",
                listing,
                theirs,
                None,
            ),
        ]
        .into_iter()
        .map(|(what, ours, theirs, goal)| time(what, ours, theirs, goal))
        .collect()
    }
}

fn time(what: &'static str, ours: Duration, theirs: Duration, goal: Option<f64>) -> Ratio {
    Ratio {
        what,
        ours: milliseconds(ours),
        theirs: milliseconds(theirs),
        times: theirs.as_secs_f64() / ours.as_secs_f64(),
        goal,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a memory size in KiB is far below 2^52"
)]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scale { services, servers } = self.scale;
        writeln!(
            f,
            "{services} virtual services x {servers} real servers ({} rules), one boot of one kernel, medians of {}",
            self.scale.rules(),
            self.apply.len()
        )?;
        writeln!(
            f,
            "{:<66} {:>12} {:>12} {:>8} {:>8}",
            "", "ours", "theirs", "ratio", "goal"
        )?;
        for it in self.ratios() {
            let goal = it
                .goal
                .map_or_else(|| "-".to_owned(), |goal| format!("{goal:.0}x"));
            let mark = if it.holds() { "" } else { "  MISSED" };
            let ratio = format!("{:.1}x", it.times);
            writeln!(
                f,
                "{:<66} {:>12} {:>12} {ratio:>8} {goal:>8}{mark}",
                it.what, it.ours, it.theirs
            )?;
        }
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
        if let (Some(ours), Some(theirs)) = (&self.director, &self.keepalived) {
            writeln!(
                f,
                "processes: {} beside {}",
                ours.processes, theirs.processes
            )?;
        }
        Ok(())
    }
}
