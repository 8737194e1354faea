// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ten thousand TCP checks every five seconds: whether the director keeps up, and what it uses beside keepalived.
//!
//! The director runs twice: once as it always does, for what it uses, and once with a recording, which tells when each
//! probe was due and when it started.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

mod failing;
mod recording;
mod subject;

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use recording::Recording;
use subject::{Subject, Used};

use crate::MANY_SERVICES;
use crate::figure::{Figure, quantile, seconds};
use crate::measure::Bench;

/// The interval of every check, in seconds.
const INTERVAL: u32 = 5;
/// The share of the interval that the lateness may reach.
const LATE: Duration = Duration::from_millis(500);
/// How long is measured: six intervals.
const WINDOW: Duration = Duration::from_secs(30);
/// Starts are counted in slices of this length.
const SLICE: Duration = Duration::from_millis(100);
/// The goal for the time from the verdicts to the kernel.
const VERDICTS: Duration = Duration::from_millis(50);
/// Descriptors that the director has besides those of probes, at most.
const OTHER_DESCRIPTORS: i64 = 128;

/// Everything, line by line.
pub(crate) fn run(directory: &Path) -> Result<Vec<Figure>> {
    let bench = Bench::prepare(MANY_SERVICES, directory)?;
    let director = bench.used_by(Subject::Director)?;
    let keepalived = bench.used_by(Subject::Keepalived)?;
    let mut recorded = bench.recorded()?;
    let failures = recorded.failures();
    let mut figures = vec![Figure::new(
        format!(
            "{} TCP checks every {INTERVAL} s, {} s measured",
            MANY_SERVICES.all_servers(),
            WINDOW.as_secs()
        ),
        &[&"director", &"keepalived"],
    )];
    figures.extend(pace(&mut recorded.recording, recorded.window));
    figures.extend(usage(
        &director,
        &keepalived,
        recorded.recording.most_in_flight(),
    ));
    figures.extend(failures);
    Ok(figures)
}

/// Whether probes start when they are due, and evenly.
fn pace(recording: &mut Recording, (begin, end): subject::Window) -> [Figure; 3] {
    recording.between(begin, end);
    let mut late: Vec<Duration> = recording.runs.iter().map(|run| run.late).collect();
    let ninety_nine = quantile(&mut late, 99);
    let worst = late.last().copied().unwrap_or_default();
    let starts = recording.starts(begin, end, SLICE);
    let most = starts.iter().max().copied().unwrap_or_default();
    let mean = ratio(starts.iter().sum::<usize>(), starts.len());
    [
        line(
            "probes started each second",
            &[&format!("{:.0}", mean * 10.0)],
        ),
        line(
            "  after they were due: 99 % within (worst)",
            &[&format!("{} ({})", seconds(ninety_nine), seconds(worst))],
        )
        .goal(format!("<= {}", seconds(LATE)), ninety_nine <= LATE),
        line(
            "  in 100 ms: the most, as a multiple of the mean",
            &[&format!("{:.2}x", to_float(most) / mean)],
        )
        .goal("<= 2x", to_float(most) <= 2.0 * mean),
    ]
}

/// What the two use.
fn usage(director: &Used, keepalived: &Used, in_flight: i64) -> [Figure; 5] {
    let per_thousand = |used: &Used| used.processor.as_secs_f64() * 1e6 / to_float(used.checks);
    let (ours, theirs) = (per_thousand(director), per_thousand(keepalived));
    let memory = |used: &Used| format!("{:.1} MiB", ratio(used.peak_memory_kib, 1024));
    let milliseconds = |figure: f64| format!("{figure:.1} ms");
    let checks = |used: &Used| format!("{:.0}", to_float(used.checks) / used.time.as_secs_f64());
    let bound = in_flight + OTHER_DESCRIPTORS;
    let open = i64::try_from(director.descriptors).unwrap_or(i64::MAX);
    [
        line(
            "checks that the servers saw each second",
            &[&checks(director), &checks(keepalived)],
        ),
        line(
            "processor time for 1,000 checks",
            &[&milliseconds(ours), &milliseconds(theirs)],
        )
        .goal("<= 0.5x keepalived's", ours * 2.0 <= theirs),
        line(
            "peak memory, all processes",
            &[&memory(director), &memory(keepalived)],
        )
        .goal(
            "<= keepalived's",
            director.peak_memory_kib <= keepalived.peak_memory_kib,
        ),
        line("probes at a time, most", &[&in_flight]),
        line(
            "open descriptors, most",
            &[&director.descriptors, &keepalived.descriptors],
        )
        .goal(
            format!("<= probes at a time + {OTHER_DESCRIPTORS}"),
            open <= bound,
        ),
    ]
}

fn line(what: &str, cells: &[&dyn Display]) -> Figure {
    Figure::new(what, cells)
}

fn ratio(of: impl TryInto<u32>, to: impl TryInto<u32>) -> f64 {
    to_float(of) / to_float(to)
}

/// Counts and sizes here are far below 2^32.
fn to_float(number: impl TryInto<u32>) -> f64 {
    number.try_into().map_or(f64::NAN, f64::from)
}
