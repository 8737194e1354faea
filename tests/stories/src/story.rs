// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread of the story: the stage, the report, and the conditions that must always be true.

use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::director::{FOREIGN, FOREIGN_SERVICE, HOST};
use super::report::{Figure, Report, seconds};
use super::stage::{SERVERS, Stage, service};
use super::traffic::{HELD, RATE, Traffic};
use lab::load::Kind;

/// The stage, and the report.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) stage: Stage,
    pub(super) report: Report,
    /// The periods when requests had to fail: a server was dead, and the director did not know it yet.
    excused: Vec<Range<Duration>>,
    /// How many times the foreign service was looked at.
    looks: u32,
    /// Its result, if it has ended.
    touched: Option<String>,
}

impl Story {
    pub(super) fn new(stage: Stage) -> Self {
        Self {
            stage,
            report: Report::new(),
            excused: Vec::new(),
            looks: 0,
            touched: None,
        }
    }

    pub(super) fn introduce(&self) {
        let report = &self.report;
        report.line("lvs-director, shown with real kernels and real traffic: every figure below was measured.");
        report.line("");
        let lan = |name: &str| {
            let host = self.stage.lab.host(name).ok();
            let first = host.and_then(|host| host.addresses.first());
            first
                .and_then(|cidr| cidr.split('/').next())
                .unwrap_or("?")
                .to_owned()
        };
        let row = |who: &str, at: &str, what: &str| {
            report.say(&format!("{who:<13}{at:<28}{what}"));
        };
        row(HOST, &lan(HOST), "a Linux kernel of its own, with IPVS");
        let names = SERVERS.map(|server| server.name).join(" ");
        let addresses = SERVERS.map(|server| server.address.to_string());
        let [first, .., last] = &addresses;
        row(&names, &format!("{first} to {last}"), "real-server hosts");
        let all = self.stage.lab.client_addresses(false);
        let all = all.map_or(0, |addresses| addresses.len());
        let more = format!("a client, with {} more addresses", all.saturating_sub(1));
        row("client", &lan("client"), &more);
        let state = std::fs::metadata(self.stage.lab.dir().join("lab.json"));
        let age = state
            .and_then(|file| file.modified())
            .ok()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        if let Some(age) = age {
            report.say(&format!(
                "all on one Ethernet, up after {:.1} s",
                age.as_secs_f64()
            ));
        }
    }

    /// Starts the continuous load.
    pub(super) fn start_traffic(&self) -> Traffic {
        let (count, to) = (self.stage.regulars.len(), service());
        self.report.say(&format!(
            "From here on {count} client addresses ask {to}: {RATE} new connections a second, and {HELD} connections that \
             are held open, each with 5 requests a second."
        ));
        self.stage.start_traffic()
    }

    /// Checks that other programs' services in the kernel are unchanged.
    pub(super) fn look_at_foreign(&mut self) -> Result<()> {
        let table = self.stage.director.table()?;
        let mut there: Vec<&str> = table
            .iter()
            .map(String::as_str)
            .filter(|line| line.contains("192.0.2."))
            .collect();
        there.sort_unstable();
        self.looks += 1;
        if there != FOREIGN && self.touched.is_none() {
            self.touched = Some(there.join("; "));
        }
        Ok(())
    }

    /// Notes a time in which requests could not but fail.
    pub(super) fn excuse(&mut self, window: Range<Duration>) {
        self.excused.push(window);
    }

    /// The totals of the load, and of the lasting conditions.
    pub(super) fn add_up(&mut self, traffic: Traffic) {
        let (samples, time) = traffic.stop();
        self.report.step("All in all");
        let (mut fresh, mut held, mut excused, mut lost) = (0_usize, 0_usize, 0_usize, 0_usize);
        for sample in &samples {
            match sample.kind {
                Kind::Short => fresh += 1,
                Kind::Held => held += 1,
            }
            if sample.outcome.is_err() {
                if self
                    .excused
                    .iter()
                    .any(|window| window.contains(&sample.at))
                {
                    excused += 1;
                } else {
                    lost += 1;
                }
            }
        }
        self.report.say(&format!(
            "In {}: {fresh} requests on new connections, {held} on held ones; {} not answered.",
            seconds(time),
            excused + lost
        ));
        let text = format!(
            "{excused} of these while a dead server was still in the table, {lost} at any other time"
        );
        let figure = Figure::lost(
            "all the rest of the time: requests lost",
            lost,
            fresh + held - excused,
        );
        self.report.figures(&text, [figure]);
        let (text, holds) = self.foreign();
        let measured = if holds { "untouched" } else { "changed" };
        let figure = Figure::new(
            "a service made by somebody else",
            measured,
            "untouched",
            holds,
        );
        self.report.figures(&text, [figure]);
    }

    /// What the looks at somebody else's service have shown, and whether it was left alone.
    pub(super) fn foreign(&self) -> (String, bool) {
        let looks = self.looks;
        let text = match &self.touched {
            None => format!(
                "{FOREIGN_SERVICE}, made by hand, was as it was made, at each of {looks} looks"
            ),
            Some(there) => format!("{FOREIGN_SERVICE}, made by hand, was changed: {there:?}"),
        };
        (text, self.touched.is_none() && looks > 0)
    }

    /// The end: the table of figures, or why the story ended early; and the logs if anything was wrong.
    pub(super) fn end(mut self, outcome: Result<()>) -> ExitCode {
        if let Err(error) = outcome {
            self.report.check(false, &format!("{error:#}"));
        }
        let well = self.report.finish();
        if well {
            return ExitCode::SUCCESS;
        }
        let tails = [
            (
                "the end of the director's log",
                self.stage.director.log_tail(60),
            ),
            (
                "the kernel's table",
                self.stage
                    .director
                    .run("ipvsadm -Ln")
                    .map_or_else(|error| format!("{error:#}"), |table| beginning(&table)),
            ),
            (
                "the end of the director's console",
                self.stage.lab.console(HOST).unwrap_or_default(),
            ),
        ];
        for (title, text) in tails {
            self.report
                .line(&format!("\n--- {title}\n{}", text.trim_end()));
        }
        ExitCode::FAILURE
    }
}

/// The first lines of a long table, and how many more there are.
fn beginning(table: &str) -> String {
    const LINES: usize = 40;
    let mut lines: Vec<&str> = table.lines().take(LINES).collect();
    let more = table.lines().count().saturating_sub(LINES);
    let rest = format!("... and {more} lines more");
    if more > 0 {
        lines.push(&rest);
    }
    lines.join("\n")
}
