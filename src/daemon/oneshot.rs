// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that look or act once: check, plan, apply.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tracing::{info, warn};

use super::args::Failure;
use super::beside::Beside;
use super::clock::Clock;
use super::files;
use super::import::{Ours, ours};
use super::pair::KeyFile;
use super::say::{complain, printable, say};
use super::state::{OwnedFile, read_owned};
use super::vrrp::{Secrets, readable_by_all};
use crate::config::{self, Follower};
use crate::control::ControlSocket;
use crate::diagnostic::{Diagnostics, Severity};
use crate::engine::{count, steps};
use crate::kernel::{Ipvs, OpenError};
use crate::model::{AllUp, Config, IpvsTable, Orders, Role, ServiceKey, WebListener};
use crate::plan::{
    Change, HostTarget, Outcome, Rule, Target, carry_out, desired, desired_host, diff, diff_host,
    empty_service,
};
use crate::system::{FileCause, is_readable_by_all, read_limited};
use crate::web::{Certificate, read_users};

/// Reads and checks a configuration file. Diagnostics for a terminal may have colours.
pub(super) fn load(path: &Path, color: bool) -> Result<Config, Failure> {
    let Loaded { config, said } = follow(&mut Follower::default(), path, color)?;
    if let Some(said) = said.filter(|said| said.count() > 0) {
        let color = color && std::io::stderr().is_terminal();
        complain(said.render(color).trim_end());
    }
    Ok(Arc::unwrap_or_clone(config))
}

/// A configuration that was read.
pub(super) struct Loaded {
    pub(super) config: Arc<Config>,
    /// What is to be said about the file of another program that it was made of; `None` for a file of ours.
    pub(super) said: Option<Diagnostics>,
}

impl Loaded {
    /// Logs what is to be said about the file, a line for each.
    pub(super) fn log(&self) {
        for one in self.said.iter().flat_map(Diagnostics::iter) {
            let help = one.help().map(|help| format!(" ({help})"));
            let line = format!(
                "{}: {}{}",
                one.place(),
                one.message(),
                help.unwrap_or_default()
            );
            match one.severity() {
                Severity::Error | Severity::Warning => warn!("{line}"),
                Severity::Note => info!("{line}"),
            }
        }
    }
}

/// As [`load`], by one who reads the file again and again.
pub(super) fn follow(follower: &mut Follower, path: &Path, color: bool) -> Result<Loaded, Failure> {
    let color = color && std::io::stderr().is_terminal();
    let Ours { name, bytes, said } = ours(path, read(path)?, color)?;
    let config = follower
        .read(&name, bytes)
        .map_err(|diagnostics| Failure::config(&diagnostics.render(color)))?;
    match files::is_the_configuration(path, &config.director) {
        Some(why) => Err(Failure::config(&printable(&why))),
        None => Ok(Loaded { config, said }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(config::MAX_BYTES).unwrap_or(u64::MAX);
    read_limited(path, limit).map_err(|error| match error.cause {
        FileCause::NotPermitted => Failure::permission(error),
        _ => Failure {
            code: ExitCode::from(3),
            ..Failure::failed(error)
        },
    })
}

/// Shows what is usable in this file, but probably not meant.
fn show_warnings(path: &Path) -> Result<(), Failure> {
    let Ours { name, bytes, .. } = ours(path, read(path)?, false)?;
    if let Ok((_, Some(warnings))) = config::parse_warning(&name, &bytes) {
        complain(warnings.render(std::io::stderr().is_terminal()).trim_end());
    }
    Ok(())
}

/// Warns of a service that nobody serves with this configuration.
fn warn_of_empty(config: &Config, orders: &Orders) {
    if let Some(warning) = empty_service(config, orders) {
        complain(&format!("director: warning: {warning}"));
    }
}

/// Connects to the kernel.
pub(super) fn open() -> Result<Ipvs, Failure> {
    Ipvs::open().map_err(not_open)
}

/// Why IPVS is needed and not there.
pub(super) fn not_open(error: OpenError) -> Failure {
    match error {
        OpenError::NotPermitted => Failure::permission(error),
        OpenError::NoIpvs | OpenError::Netlink(_) => Failure::failed(error),
    }
}

/// `director check`.
pub(super) fn check(path: &Path, print: bool) -> Result<ExitCode, Failure> {
    let config = load(path, true)?;
    let refused = files::refused(&config.director);
    if !refused.is_empty() {
        return Err(Failure::config(&printable(&refused.join("\n"))));
    }
    show_warnings(path)?;
    warn_of_empty(&config, &Orders::default());
    for file in files::missing_from_checks(&config) {
        complain(&printable(&format!(
            "director: note: there is no file {}; the checks that read it cannot run",
            file.display()
        )));
    }
    warn_of_secrets(&config);
    for user in files::unknown_users(&config) {
        complain(&printable(&format!(
            "director: warning: this host has no user {user}; what is run as this user cannot run"
        )));
    }
    for wrong in files::wrong_groups(&config.director) {
        complain(&printable(&format!("director: warning: director: {wrong}")));
    }
    if print {
        say(&config::to_yaml(&config))?;
    } else {
        let name = path.display();
        say(&printable(&format!("{name}: ok: {}\n", counts(&config))))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Warns of the files with secrets of virtual routers and of the pair.
fn warn_of_secrets(config: &Config) {
    for file in readable_by_all(&config.routers) {
        let file = file.display();
        complain(&printable(&format!(
            "director: warning: everybody on this host can read {file}; it has a secret of virtual routers: chmod o-r"
        )));
    }
    if let Some(why) = Secrets::read(&config.routers).problem(&config.routers) {
        complain(&printable(&format!(
            "director: note: {why}; a virtual router without its secret takes no part"
        )));
    }
    warn_of_web(&config.web);
    let Some(peer) = &config.peer else {
        return;
    };
    if is_readable_by_all(&peer.key_file) {
        let file = peer.key_file.display();
        complain(&printable(&format!(
            "director: warning: everybody on this host can read {file}; it has the key of the pair: chmod o-r"
        )));
    }
    if let Err(why) = KeyFile::read(peer).key {
        complain(&printable(&format!(
            "director: note: peer: {why}; without it each director serves alone"
        )));
    }
}

/// Warns of the files of status pages.
fn warn_of_web(listeners: &[WebListener]) {
    let note = |text: &str| complain(&printable(&format!("director: {text}")));
    for listener in listeners {
        let at = listener.listen;
        let keys = listener.tls.iter().map(|it| &*it.key);
        for file in keys.chain(listener.users_file.as_deref()) {
            if is_readable_by_all(file) {
                let file = file.display();
                note(&format!(
                    "warning: everybody on this host can read {file}; it has a secret of the status page: chmod o-r"
                ));
            }
        }
        if let Some(Err(why)) = listener.users_file.as_deref().map(read_users) {
            note(&format!(
                "note: web: {why}; nobody can log in at {at} until director password has made it"
            ));
        }
        if let Some(Err(why)) = listener.tls.as_ref().map(Certificate::read) {
            note(&format!(
                "note: web: {why}; there is no page at {at} without its certificate"
            ));
        }
    }
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

/// `director plan`: the steps of a running director's reload, otherwise those of `director apply`.
pub(super) fn plan(path: &Path, detailed_exitcode: bool) -> Result<ExitCode, Failure> {
    let lines = steps_of(path, Beside::ask)?;
    say(&lines)?;
    let code = if detailed_exitcode && !lines.is_empty() {
        2
    } else {
        0
    };
    Ok(ExitCode::from(code))
}

/// These steps, a line for each, beside the director that `ask` finds. Warns of what is probably not meant.
pub(super) fn steps_of(
    path: &Path,
    ask: impl FnOnce(&Path) -> Result<Beside, Failure>,
) -> Result<String, Failure> {
    let config = load(path, true)?;
    let beside = ask(&config.director.socket)?;
    let mut ipvs = open()?;
    let owned = read_owned(&config.director.state_file).map_err(Failure::failed)?;
    let ours = beside.ours(owned);
    let observed = ipvs.read().map_err(Failure::failed)?;
    let desired = beside.desired(&config, &observed);
    let plan = diff(&desired, &observed, &ours)
        .with_full_weights_first(&config)
        .with_servers_in_order(&config, &observed);
    let mut lines = String::new();
    for step in plan.steps() {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{step}");
    }
    warn_of_empty(&config, &beside.orders(&config));
    Ok(lines)
}

/// `director apply`.
pub(super) fn apply(path: &Path) -> Result<ExitCode, Failure> {
    let clock = Clock::start();
    let config = load(path, true)?;
    let parsed = clock.milliseconds();
    // A running director has the socket. It checks the servers, and would undo our changes.
    let _alone = ControlSocket::open(&config.director.socket).map_err(Failure::failed)?;
    let mut state = OwnedFile::open(&config.director.state_file).map_err(Failure::failed)?;
    let mut ipvs = open()?;
    let owned = state.read().map_err(Failure::failed)?;
    let before = ipvs.read().map_err(Failure::failed)?;
    let desired = desired(&config, &AllUp, Role::Serving, &before);
    let plan = diff(&desired, &before, &owned)
        .with_full_weights_first(&config)
        .with_servers_in_order(&config, &before);
    let planned = clock.milliseconds();
    let configured: BTreeSet<ServiceKey> = config.services.keys().copied().collect();
    let both = owned.union(&configured).copied().collect();
    state.write(&both).map_err(Failure::failed)?;
    let noted = clock.milliseconds();

    let rule = Rule::AllOrNothing {
        excused: BTreeSet::new(),
    };
    let change = Change::new(plan, rule, &before);
    let outcome = carry_out(&mut ipvs, change).map_err(Failure::failed)?;
    let applied = clock.milliseconds();
    if !outcome.is_complete() {
        // A service that was never made must not count as ours later.
        let kept = if outcome.undone { &owned } else { &both };
        state.write(kept).map_err(Failure::failed)?;
        return Err(refused(&outcome));
    }
    verify(&mut ipvs, &desired, &owned)?;
    let verified = clock.milliseconds();
    state.write(&configured).map_err(Failure::failed)?;
    // Last, because a configuration the kernel refuses a part of changes nothing.
    settle(&mut ipvs, &config)?;
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

/// Changes the host's settings that the configuration names.
fn settle(ipvs: &mut Ipvs, config: &Config) -> Result<(), Failure> {
    let desired = desired_host(&config.ipvs);
    let reading = ipvs.read_host(&desired.scope());
    let plan = diff_host(&desired, &reading.host);
    let failed = ipvs.apply_host(&plan.steps);
    for (index, step) in plan.steps.iter().enumerate() {
        if failed.iter().all(|failure| failure.index != index) {
            say(&format!("{}\n", step.in_short()))?;
        }
    }
    let unread = reading.failures.iter().map(ToString::to_string);
    let undone = failed.iter().map(ToString::to_string);
    match unread.chain(undone).next() {
        Some(why) => Err(Failure::failed(why)),
        None => Ok(()),
    }
}

fn refused(outcome: &Outcome) -> Failure {
    let reasons: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
    let reasons = reasons.join("\ndirector: ");
    Failure::failed(if outcome.undone {
        format!("{reasons}\ndirector: nothing was changed")
    } else {
        format!(
            "{reasons}\ndirector: the rest was changed; somebody else changes the table at the same time: run apply again"
        )
    })
}

fn verify(
    ipvs: &mut Ipvs,
    desired: &IpvsTable,
    owned: &BTreeSet<ServiceKey>,
) -> Result<(), Failure> {
    let observed = ipvs.read().map_err(Failure::failed)?;
    let rest = diff(desired, &observed, owned);
    match rest.steps().next() {
        None => Ok(()),
        Some(step) => Err(Failure::failed(format!(
            "the kernel's table is not what was just written: {} left, the first: {step}; somebody else \
             changes it at the same time: run apply again",
            steps(rest.len())
        ))),
    }
}
