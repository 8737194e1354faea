// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director beside ipvsadm and keepalived: same table, same kernel, same boot, turn and turn about.
//!
//! `make bench` (or `cargo bench --bench side_by_side`) prints what was measured, the ratios, and whether each goal is
//! met; with `-- lvsadm` it leaves the daemons out, with `-- floor` all but the first of the following. It fails when
//! `lvsadm -R` takes more than [`report::MOST_OF_FLOOR`] times as long as an empty process and the kernel's own part
//! together: no program can be faster than these. That has a boot of its own, in which the processors do not sleep
//! ([`awake`]). The other goals of time are figures, because they depend on the machine: ipvsadm makes sixteen system
//! calls for each rule and we make few, and a system call of the lab's kernel costs a fifth where another program keeps
//! the processors awake.
//!
//! Times in the lab's kernel mean nothing by themselves: a system call costs ten times what it costs on hardware, and
//! there is one processor. Measure on a machine with nothing else to do. Each run gets a fresh network namespace,
//! because what the kernel keeps of deleted servers slows the next load down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is wrong"
)]

mod awake;
mod daemon;
mod inputs;
mod measure;
mod report;
mod verdicts;
mod versions;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use awake::Awake;
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
/// How many runs of lvsadm, which take a moment, stand beside one that takes seconds.
const SHORT_RUNS: usize = 5;
/// How often both listings are run.
const LISTINGS: usize = 15;

fn main() -> ExitCode {
    let asked = |what: &str| std::env::args().any(|argument| argument == what);
    if asked(awake::ARGUMENT) {
        return awake::keep();
    }
    let only = Extent::ALL.into_iter().find(|extent| asked(extent.word()));
    if std::env::var_os(lab::kernel::INSIDE).is_some() {
        return measure(only.unwrap_or(Extent::All));
    }
    let floor = boot(Extent::Floor);
    let rest = match only.unwrap_or(Extent::All) {
        Extent::Floor => ExitCode::SUCCESS,
        extent => boot(extent),
    };
    if floor == ExitCode::SUCCESS {
        rest
    } else {
        floor
    }
}

/// Measures on the running kernel, or in a boot of the lab's.
fn boot(extent: Extent) -> ExitCode {
    let _awake = match (extent == Extent::Floor).then(Awake::begin).transpose() {
        Ok(awake) => awake,
        Err(error) => {
            eprintln!("bench: keep the processors awake: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    if lab::kernel::ipvs_here() {
        measure(extent)
    } else {
        lab::kernel::rerun_inside([extent.word()])
    }
}

fn measure(extent: Extent) -> ExitCode {
    let directory = tempfile::tempdir().expect("make a directory for the inputs");
    match run(directory.path(), extent) {
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

/// What is measured in one boot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// `lvsadm -R` and its floor: what the bench fails by, in half a minute.
    Floor,
    /// lvsadm beside ipvsadm.
    Lvsadm,
    /// That, and the director beside keepalived.
    All,
}

impl Extent {
    const ALL: [Self; 3] = [Self::Floor, Self::Lvsadm, Self::All];

    /// The argument that asks for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Lvsadm => "lvsadm",
            Self::All => "all",
        }
    }
}

fn run(directory: &Path, extent: Extent) -> Result<Report> {
    let few = Bench::prepare(MANY_SERVERS, directory)?;
    let mut report = Report {
        versions: Versions::read(extent == Extent::All)?,
        tables: vec![tables(&few, MANY_SERVERS, extent)?],
        directors: None,
    };
    let many = Bench::prepare(MANY_SERVICES, directory)?;
    let tables = tables(&many, MANY_SERVICES, extent)?;
    if extent == Extent::All {
        report.directors = Some(directors(&many, &tables)?);
    }
    report.tables.insert(0, tables);
    Ok(report)
}

fn tables(bench: &Bench, scale: Scale, extent: Extent) -> Result<Tables> {
    let mut tables = Tables::new(scale);
    for _ in 0..ROUNDS {
        // Ours before and after theirs: what slows the machine down slows both.
        for run in 0..SHORT_RUNS {
            tables.restore.push(bench.lvsadm_restore()?);
            tables.exchange.push(bench.exchange()?);
            tables.nothing.push(Bench::nothing()?);
            if run == SHORT_RUNS / 2 && extent != Extent::Floor {
                tables.ipvsadm_restore.push(bench.ipvsadm_restore()?);
            }
        }
    }
    if extent != Extent::Floor {
        tables.listings = bench.listings(LISTINGS)?;
    }
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
