// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director beside ipvsadm, keepalived and HAProxy: same table, same kernel, same boot, turn and turn about.
//!
//! `make bench` (or `cargo bench --bench side_by_side`) prints what was measured, the ratios, and whether each goal is
//! met; with `-- lvsadm` it leaves the daemons out, with `-- floor` all but the first of the following. It fails when
//! `lvsadm -R` takes more than [`report::MOST_OF_FLOOR`] times as long as an empty process and the kernel's own part
//! together: no program can be faster than these. That has a boot of its own, in which the processors do not sleep
//! ([`awake`]). The other goals of time are figures, because they depend on the machine: ipvsadm makes sixteen system
//! calls for each rule and we make few, and a system call of the lab's kernel costs a fifth where another program keeps
//! the processors awake.
//!
//! The checks have parts of their own, each in its own boot or natively: [`scale`], [`detection`], [`rate`]; `-- checks`
//! measures these three. [`failover`] is about two directors with one address.
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

mod answer;
mod awake;
mod daemon;
mod detection;
mod failover;
mod figure;
mod inputs;
mod measure;
mod rate;
mod report;
mod scale;
mod usage;
mod verdicts;
mod versions;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use awake::Awake;
use failover::rest;
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
    if let Err(error) = lab::limits::allow_many_descriptors() {
        return said(Err(error));
    }
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(awake::ARGUMENT) => return awake::keep(),
        Some(answer::ARGUMENT) => return said(answer::serve(arguments)),
        Some(rate::checker::ARGUMENT) => {
            let file = arguments.next().unwrap_or_default();
            return said(rate::checker::check(Path::new(&file)));
        }
        Some(rest::ARGUMENT) => {
            let subject = arguments.next().unwrap_or_default();
            if std::env::var_os(lab::kernel::INSIDE).is_some() || lab::kernel::ipvs_here() {
                return said(rest::be(&subject));
            }
            return lab::kernel::rerun_inside([rest::ARGUMENT, &subject]);
        }
        Some(rest::FLOOR) => {
            let [role, address] = [(); 2].map(|()| arguments.next().unwrap_or_default());
            return said(rest::advertise_only(&role, &address));
        }
        Some(_) | None => {}
    }
    let asked = |what: &str| std::env::args().any(|argument| argument == what);
    let extents = asked_for(asked);
    if std::env::var_os(lab::kernel::INSIDE).is_some() {
        return measure(extents.last().copied().unwrap_or(Extent::All));
    }
    // The others still run after one that failed.
    let ends: Vec<ExitCode> = extents.iter().map(|extent| boot(*extent)).collect();
    let failed = ends.into_iter().find(|end| *end != ExitCode::SUCCESS);
    failed.unwrap_or(ExitCode::SUCCESS)
}

/// What the arguments ask for.
fn asked_for(asked: impl Fn(&str) -> bool) -> Vec<Extent> {
    const CHECKS: [Extent; 3] = [Extent::Scale, Extent::Detection, Extent::Rate];
    let named = Extent::ALL.into_iter().find(|it| asked(it.word()));
    match named {
        Some(Extent::Lvsadm) => vec![Extent::Floor, Extent::Lvsadm],
        Some(
            one @ (Extent::Floor | Extent::Scale | Extent::Detection | Extent::Rate | Extent::Rest),
        ) => vec![one],
        Some(Extent::Failover) => vec![Extent::Failover, Extent::Rest],
        None if asked("checks") => CHECKS.into(),
        Some(Extent::All) | None => [
            &[Extent::Floor, Extent::All][..],
            &CHECKS,
            &[Extent::Failover, Extent::Rest],
        ]
        .concat(),
    }
}

/// Measures on the running kernel, or in a boot of the lab's.
fn boot(extent: Extent) -> ExitCode {
    let _awake = match extent.is_awake().then(Awake::begin).transpose() {
        Ok(awake) => awake,
        Err(error) => {
            eprintln!("bench: keep the processors awake: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    if matches!(extent, Extent::Rate | Extent::Rest) || lab::kernel::ipvs_here() {
        measure(extent)
    } else {
        lab::kernel::rerun_inside([extent.word()])
    }
}

fn measure(extent: Extent) -> ExitCode {
    let directory = tempfile::tempdir().expect("make a directory for the inputs");
    let figures = match extent {
        Extent::Floor | Extent::Lvsadm | Extent::All => return tables_of(directory.path(), extent),
        Extent::Scale => scale::run(directory.path()),
        Extent::Detection => detection::run(directory.path()),
        Extent::Rate => rate::run(directory.path()),
        Extent::Failover => failover::run(directory.path()),
        Extent::Rest => rest::run(),
    };
    said(figures.and_then(|figures| {
        print!("{}", Versions::read(extent)?);
        for figure in figures {
            print!("{figure}");
        }
        Ok(())
    }))
}

/// The tables, and those that run them.
fn tables_of(directory: &Path, extent: Extent) -> ExitCode {
    match run(directory, extent) {
        Ok(report) => {
            print!("{report}");
            if report.holds() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => said(Err(error)),
    }
}

/// Says why something failed.
fn said(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
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
    /// Ten thousand checks.
    Scale,
    /// How soon a server that fails is out.
    Detection,
    /// Checks each second, natively.
    Rate,
    /// Two directors with one address.
    Failover,
    /// What they use while nothing happens; each program in a boot of its own.
    Rest,
}

impl Extent {
    const ALL: [Self; 8] = [
        Self::Floor,
        Self::Lvsadm,
        Self::All,
        Self::Scale,
        Self::Detection,
        Self::Rate,
        Self::Failover,
        Self::Rest,
    ];

    /// The argument that asks for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Lvsadm => "lvsadm",
            Self::All => "all",
            Self::Scale => "scale",
            Self::Detection => "detection",
            Self::Rate => "rate",
            Self::Failover => "failover",
            Self::Rest => "rest",
        }
    }

    /// Whether the processors are kept awake.
    const fn is_awake(self) -> bool {
        match self {
            Self::Floor | Self::Scale | Self::Detection | Self::Failover | Self::Rest => true,
            Self::Lvsadm | Self::All | Self::Rate => false,
        }
    }
}

fn run(directory: &Path, extent: Extent) -> Result<Report> {
    let few = Bench::prepare(MANY_SERVERS, directory)?;
    let mut report = Report {
        versions: Versions::read(extent)?,
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
