// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director compared with ipvsadm and keepalived: same table, same kernel, same boot, by turns.
//!
//! `make bench` (or `cargo bench --bench side_by_side`) prints the figures, the ratios, and whether each goal is met;
//! with `-- lvsadm` it leaves out the daemons. It fails when `lvsadm -R` takes more than [`report::MOST_OF_FLOOR`]
//! times as long as an empty process and the kernel's own part together: no program can be faster than these. The other
//! goals of time cannot fail, because they depend on the machine. ipvsadm makes sixteen system calls for each rule and
//! we make few. A system call in the lab's kernel takes only a fifth of the time when another program keeps the
//! processors awake.
//!
//! Absolute times in the lab's kernel mean nothing: a system call costs ten times as much as on hardware, and there is
//! one processor. Measure on an idle machine. Each run gets a fresh network namespace, because the kernel's remains of
//! deleted servers slow the next load down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is wrong"
)]

mod daemon;
mod inputs;
mod measure;
mod report;
mod verdicts;
mod versions;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use inputs::Scale;
use measure::Bench;
use report::{Directors, Report, Tables};
use versions::Versions;

/// 1,000 virtual services with 10 real servers each: 11,000 rules.
const MANY_SERVICES: Scale = Scale {
    services: 1000,
    servers: 10,
};
/// 200 virtual services with 100 real servers each: 20,200 rules.
const MANY_SERVERS: Scale = Scale {
    services: 200,
    servers: 100,
};
/// How often each side of a comparison is run, turn and turn about.
const ROUNDS: usize = 3;
/// How many short runs of lvsadm we compare with one run that takes seconds.
const SHORT_RUNS: usize = 5;
/// How often both listings are run.
const LISTINGS: usize = 15;

fn main() -> ExitCode {
    let inside = std::env::var_os(lab::kernel::INSIDE).is_some();
    if !inside && !lab::kernel::ipvs_here() {
        return lab::kernel::rerun_inside(std::env::args_os().skip(1));
    }
    let lvsadm_alone = std::env::args().any(|argument| argument == "lvsadm");
    let directory = tempfile::tempdir().expect("make a directory for the inputs");
    match run(directory.path(), lvsadm_alone) {
        Ok(report) => {
            print!("{report}");
            if report.holds() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &Path, lvsadm_alone: bool) -> Result<Report> {
    let few = Bench::prepare(MANY_SERVERS, directory)?;
    let mut report = Report {
        versions: Versions::read(!lvsadm_alone)?,
        tables: vec![tables(&few, MANY_SERVERS)?],
        directors: None,
    };
    let many = Bench::prepare(MANY_SERVICES, directory)?;
    let tables = tables(&many, MANY_SERVICES)?;
    if !lvsadm_alone {
        report.directors = Some(directors(&many, &tables)?);
    }
    report.tables.insert(0, tables);
    Ok(report)
}

fn tables(bench: &Bench, scale: Scale) -> Result<Tables> {
    let mut tables = Tables::new(scale);
    for _ in 0..ROUNDS {
        // Our runs come before and after theirs: what slows the machine down slows both.
        for run in 0..SHORT_RUNS {
            tables.restore.push(bench.lvsadm_restore()?);
            tables.exchange.push(bench.exchange()?);
            tables.nothing.push(Bench::nothing()?);
            if run == SHORT_RUNS / 2 {
                tables.ipvsadm_restore.push(bench.ipvsadm_restore()?);
            }
        }
    }
    tables.listings = bench.listings(LISTINGS)?;
    Ok(tables)
}

fn directors(bench: &Bench, tables: &Tables) -> Result<Directors> {
    let mut apply = Vec::new();
    let mut restore = tables.ipvsadm_restore.clone();
    for _ in 0..ROUNDS {
        apply.push(bench.director_apply()?);
        restore.push(bench.ipvsadm_restore()?);
    }
    Ok(Directors {
        apply,
        restore,
        second_plan_is_empty: bench.second_plan_is_empty()?,
        verdicts: bench.verdicts()?,
        director: bench.director_run()?,
        keepalived: bench.keepalived_run()?,
    })
}
