// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director beside ipvsadm and keepalived: same table, same kernel, same boot, turn and turn about.
//!
//! `make bench` (or `cargo bench --bench side_by_side`) prints what was measured and the ratios, and fails when one is
//! below its goal. Times in the lab's kernel mean nothing by themselves: a system call costs ten times what it costs
//! on hardware, and there is one processor. Each run gets a fresh network namespace, because what the kernel keeps of
//! deleted servers slows the next load down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is wrong"
)]

mod inputs;
mod measure;
mod report;

use std::path::Path;
use std::process::ExitCode;

use inputs::Scale;
use measure::Bench;
use report::Report;

/// 1,000 virtual services with 10 real servers each.
const SCALE: Scale = Scale {
    services: 1000,
    servers: 10,
};
/// How often each side of a comparison is run, turn and turn about.
const ROUNDS: usize = 3;
/// The same of listings, which take a moment.
const LISTINGS: usize = 9;

fn main() -> ExitCode {
    let inside = std::env::var_os(lab::kernel::INSIDE).is_some();
    if !inside && !lab::kernel::ipvs_here() {
        return lab::kernel::rerun_inside(std::env::args_os().skip(1));
    }
    let directory = tempfile::tempdir().expect("make a directory for the inputs");
    match run(directory.path()) {
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

fn run(directory: &Path) -> anyhow::Result<Report> {
    let bench = Bench::prepare(SCALE, directory)?;
    let mut report = Report::new(SCALE);
    for round in 0..ROUNDS {
        // A B C, C B A, A B C: what slows the machine down slows all.
        if round % 2 == 0 {
            report.apply.push(bench.director_apply()?);
            report.restore.push(bench.ipvsadm_restore()?);
            report.lvsadm_restore.push(bench.lvsadm_restore()?);
        } else {
            report.lvsadm_restore.push(bench.lvsadm_restore()?);
            report.restore.push(bench.ipvsadm_restore()?);
            report.apply.push(bench.director_apply()?);
        }
    }
    report.listings = bench.listings(LISTINGS)?;
    report.second_plan_is_empty = bench.second_plan_is_empty()?;
    report.director = Some(bench.director_run()?);
    report.keepalived = Some(bench.keepalived_run()?);
    Ok(report)
}
