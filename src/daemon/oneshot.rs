// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that look or act once: check, plan, apply.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use super::args::Failure;
use super::clock::Clock;
use super::describe::{count, steps};
use super::kernel::Kernel;
use super::say::say;
use super::state::StateFile;
use super::verdicts::Verdicts;
use crate::config;
use crate::control::ControlSocket;
use crate::kernel::{FileCause, Ipvs, OpenError, read_limited};
use crate::model::{Config, IpvsTable, ServiceKey};
use crate::plan::{Outcome, Plan, Target, diff, execute};

/// Reads and checks a configuration file.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let limit = u64::try_from(config::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = read_limited(path, limit).map_err(|error| match error.cause {
        FileCause::NotPermitted => Failure::permission(error),
        _ => Failure {
            code: ExitCode::from(3),
            ..Failure::failed(error)
        },
    })?;
    let color = std::io::stderr().is_terminal();
    config::parse(&path.display().to_string(), &bytes)
        .map_err(|diagnostics| Failure::config(diagnostics.render(color)))
}

/// Connects to the kernel.
pub(super) fn open() -> Result<Ipvs, Failure> {
    Ipvs::open().map_err(|error| match error {
        OpenError::NotPermitted => Failure::permission(error),
        OpenError::NoIpvs | OpenError::Netlink(_) => Failure::failed(error),
    })
}

/// `director check`.
pub(super) fn check(path: &Path, print: bool) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    if print {
        say(&config::to_yaml(&config))?;
    } else {
        say(&format!("{}: ok: {}\n", path.display(), counts(&config)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn counts(config: &Config) -> String {
    let servers: usize = config
        .services
        .values()
        .map(|service| service.servers.len())
        .sum();
    let different: BTreeSet<_> = config
        .services
        .values()
        .flat_map(|service| service.servers.keys().map(|server| server.address))
        .collect();
    let addresses = different.len();
    format!(
        "{}, {} on {addresses} address{}",
        count(config.services.len(), "virtual service"),
        count(servers, "real server"),
        if addresses == 1 { "" } else { "es" }
    )
}

/// `director plan`. Beside a running director, servers that it holds for down are left out as it leaves them out.
pub(super) fn plan(path: &Path, detailed_exitcode: bool) -> Result<ExitCode, Failure> {
    let config = load(path)?;
    let held = Verdicts::ask(&config.director.socket);
    let mut ipvs = open()?;
    let owned = StateFile::at(config.director.state_file.clone())
        .read()
        .map_err(Failure::failed)?;
    let (_, plan) = read_and_plan(&mut ipvs, &config, &owned, &held)?;
    let mut lines = String::new();
    for step in plan.steps() {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{step}");
    }
    say(&lines)?;
    let code = if detailed_exitcode && !plan.is_empty() {
        2
    } else {
        0
    };
    Ok(ExitCode::from(code))
}

/// `director apply`.
pub(super) fn apply(path: &Path) -> Result<ExitCode, Failure> {
    let clock = Clock::start();
    let config = load(path)?;
    let parsed = clock.milliseconds();
    // Whoever holds the socket checks the servers, and would put back what it finds changed.
    let _alone = ControlSocket::open(&config.director.socket).map_err(Failure::failed)?;
    let mut ipvs = open()?;
    let mut state = StateFile::at(config.director.state_file.clone());
    let owned = state.read().map_err(Failure::failed)?;
    let (before, plan) = read_and_plan(&mut ipvs, &config, &owned, &Verdicts::default())?;
    let planned = clock.milliseconds();
    let configured: BTreeSet<ServiceKey> = config.services.keys().copied().collect();
    state
        .write(&owned.union(&configured).copied().collect())
        .map_err(Failure::failed)?;
    let noted = clock.milliseconds();

    let outcome = execute(&mut ipvs, &plan).map_err(Failure::failed)?;
    let applied = clock.milliseconds();
    if !outcome.is_complete() {
        undo(&mut ipvs, &before, &plan)?;
        // What was never made must not be taken for ours later.
        state.write(&owned).map_err(Failure::failed)?;
        return Err(refused(&outcome));
    }
    verify(&mut ipvs, &config, &owned)?;
    let verified = clock.milliseconds();
    state.write(&configured).map_err(Failure::failed)?;
    // Last, because a configuration the kernel refuses a part of changes nothing.
    for result in ipvs.settle(&config.ipvs) {
        say(&match result {
            Ok(changed) => format!("{changed}\n"),
            Err(error) => return Err(Failure::failed(error)),
        })?;
    }
    say(&format!(
        "applied {}: {} (configuration {parsed:.1} ms, reading and planning {:.1} ms, applying {:.1} ms, \
         reading back {:.1} ms)\n",
        steps(outcome.done),
        counts(&config),
        planned - parsed,
        applied - noted,
        verified - applied,
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The table as it is, and what to do about it.
fn read_and_plan(
    ipvs: &mut Ipvs,
    config: &Config,
    owned: &BTreeSet<ServiceKey>,
    held: &Verdicts,
) -> Result<(IpvsTable, Plan), Failure> {
    let observed = ipvs.read().map_err(Failure::failed)?;
    let plan = diff(&held.table(config, &observed), &observed, owned);
    Ok((observed, plan))
}

/// Puts back what the plan touched: a configuration the kernel refuses a part of changes nothing.
fn undo(ipvs: &mut Ipvs, before: &IpvsTable, plan: &Plan) -> Result<(), Failure> {
    let touched: BTreeSet<ServiceKey> = plan.steps().map(|step| *step.service()).collect();
    let mut was = before.clone();
    was.services.retain(|key, _| touched.contains(key));
    let now = ipvs.read().map_err(Failure::failed)?;
    let back = diff(&was, &now, &touched);
    execute(ipvs, &back).map_err(Failure::failed).map(drop)
}

fn refused(outcome: &Outcome) -> Failure {
    let reasons: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
    Failure::failed(format!(
        "{}\ndirector: nothing was changed",
        reasons.join("\ndirector: ")
    ))
}

fn verify(ipvs: &mut Ipvs, config: &Config, owned: &BTreeSet<ServiceKey>) -> Result<(), Failure> {
    let observed = ipvs.read().map_err(Failure::failed)?;
    let rest = diff(&config.table(), &observed, owned);
    match rest.steps().next() {
        None => Ok(()),
        Some(step) => Err(Failure::failed(format!(
            "the kernel's table is not what was just written: {} left, the first: {step}; somebody else \
             changes it at the same time: run apply again",
            steps(rest.len())
        ))),
    }
}
