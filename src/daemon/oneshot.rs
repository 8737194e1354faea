// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that look or act once: check, plan, apply, status.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::Failure;
use super::clock::Clock;
use super::describe::{count, steps};
use super::files;
use super::kernel::Kernel;
use super::state::{OwnedFile, read_owned};
use super::verdicts::Verdicts;
use crate::config;
use crate::control::{self, ControlSocket, Reply, Request, Status};
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
    let config = config::parse(&path.display().to_string(), &bytes)
        .map_err(|diagnostics| Failure::config(diagnostics.render(color)))?;
    match files::is_the_configuration(path, &config.director) {
        Some(why) => Err(Failure::config(why)),
        None => Ok(config),
    }
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
    let refused = files::refused(&config.director);
    if !refused.is_empty() {
        return Err(Failure::config(refused.join("\n")));
    }
    if print {
        say(&config::to_yaml(&config));
    } else {
        say(&format!("{}: ok: {}\n", path.display(), counts(&config)));
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
    let owned = read_owned(&config.director.state_file).map_err(Failure::failed)?;
    let (_, plan) = read_and_plan(&mut ipvs, &config, &owned, &held)?;
    let mut lines = String::new();
    for step in plan.steps() {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{step}");
    }
    say(&lines);
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
    let mut state = OwnedFile::open(&config.director.state_file).map_err(Failure::failed)?;
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
        });
    }
    say(&format!(
        "applied {}: {} (configuration {parsed:.1} ms, reading and planning {:.1} ms, applying {:.1} ms, \
         reading back {:.1} ms)\n",
        steps(outcome.done),
        counts(&config),
        planned - parsed,
        applied - noted,
        verified - applied,
    ));
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

/// `director status`.
pub(super) fn status(
    path: &Path,
    socket: Option<PathBuf>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let socket = match socket {
        Some(socket) => socket,
        None => load(path)?.director.socket,
    };
    match control::ask(&socket, Request::Status).map_err(Failure::failed)? {
        Reply::Status(status) if json => {
            let text = serde_json::to_string_pretty(&status).map_err(Failure::failed)?;
            say(&format!("{text}\n"));
        }
        Reply::Status(status) => say(&render(&status)),
        Reply::Error(error) => return Err(Failure::failed(error)),
    }
    Ok(ExitCode::SUCCESS)
}

/// For people: a line for the director, a line for each service, a line for each server.
fn render(status: &Status) -> String {
    let mut text = format!(
        "director {} (pid {}), running for {} s; drift repaired {} times, {} checks could not run\n\
         verdicts in the kernel after {} us (the longest {} us)\n",
        status.version,
        status.pid,
        status.uptime_seconds,
        status.drift_repairs,
        status.probes_not_run,
        status.verdict_delay.latest_microseconds,
        status.verdict_delay.longest_microseconds,
    );
    if let Some(error) = &status.reload_error {
        let _ = writeln!(
            text,
            "reload refused, the running configuration stays: {error}"
        );
    }
    for service in &status.services {
        let _ = writeln!(text, "{} {}", service.service, service.scheduler);
        if let Some(error) = &service.error {
            let _ = writeln!(text, "  error: {error}");
        }
        for server in &service.servers {
            let weight = server
                .weight
                .map_or_else(|| "-".to_owned(), |weight| weight.to_string());
            let reason = match (&server.reason, server.health.as_str()) {
                (Some(reason), "down" | "unknown") => format!(": {reason}"),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "  -> {:<28} {} for {} s, weight {weight} of {}{reason}",
                server.server, server.health, server.since_seconds, server.configured_weight,
            );
        }
    }
    text
}

/// Standard output; when nobody reads it any more there is nothing to complain about.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
