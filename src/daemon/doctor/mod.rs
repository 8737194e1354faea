// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director doctor`: collects facts, and prints what is wrong. It decides nothing and changes nothing.

mod host;
mod network;
mod wire;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{DEFAULT_FILE, Failure};
use super::ask::{Whom, to_json};
use super::oneshot::load;
use super::say::{printable, say};
use super::state::read_owned;
use crate::control::{Client, ClientError, Item, Request, Status};
use crate::doctor::{CHECKS, Fact, Facts, Report, RouterState, Running, Unread, examine};
use crate::model::Config;

/// Looks at this host and says what is wrong.
pub(super) fn doctor(whom: Whom, json: bool) -> Result<ExitCode, Failure> {
    let report = Report::of(examine(CHECKS, &facts(whom)));
    let text = if json {
        to_json(serde_json::to_string_pretty(&report))?
    } else {
        printable(&report.to_string())
    };
    say(&text)?;
    Ok(ExitCode::from(u8::from(report.is_bad())))
}

/// All facts of this host.
fn facts(whom: Whom) -> Facts {
    let named = whom.file.clone();
    let status = ask(&whom.find());
    let file = file(named, status.as_ref().ok().and_then(Option::as_ref));
    let mut facts = Facts::unknown();
    facts.config = load(&file, false).map_err(|why| wrong(&file, &why));
    facts.running = status.map(|status| status.as_ref().map(running));
    network::collect(&mut facts);
    host::collect(&mut facts);
    if let Ok(config) = facts.config.clone() {
        facts.owned = owned(&config);
        facts.caretakers = host::caretakers(facts.links.as_deref().unwrap_or_default());
        wire::listen(&mut facts, &config);
    }
    facts
}

/// The file that was named, otherwise that of the running director, otherwise the usual one.
fn file(named: Option<PathBuf>, status: Option<&Status>) -> PathBuf {
    let theirs = status.map(|status| PathBuf::from(&status.configuration));
    let absolute = theirs.filter(|path| path.is_absolute());
    named.or(absolute).unwrap_or_else(|| DEFAULT_FILE.into())
}

fn wrong(file: &Path, why: &Failure) -> Unread {
    let message = why.message.strip_prefix("director: ");
    // The errors of a file are many lines, which director check prints.
    match message.filter(|message| !message.contains('\n')) {
        Some(message) => Unread(message.to_owned()),
        None => Unread(format!("{} is wrong", file.display())),
    }
}

/// What the director on this socket says; `None` when none runs.
fn ask(socket: &Path) -> Fact<Option<Status>> {
    let mut client = match Client::connect(socket) {
        Err(ClientError::NotRunning(_)) => return Ok(None),
        connected => connected.map_err(Unread::because)?,
    };
    let request = Request::Status {
        services: Vec::new(),
        watch: false,
    };
    for item in client.ask(request).map_err(Unread::because)? {
        if let Item::Status(status) = item.map_err(Unread::because)? {
            return Ok(Some(*status));
        }
    }
    Err(Unread("the running director has no status".to_owned()))
}

fn running(status: &Status) -> Running {
    let state = |state: &str| match state {
        "master" => RouterState::Master,
        _ => RouterState::Other,
    };
    let routers = status.routers.iter();
    Running {
        pid: status.pid,
        routers: routers
            .map(|router| (router.name.as_str().into(), state(&router.state)))
            .collect(),
    }
}

fn owned(config: &Config) -> Fact<BTreeSet<crate::model::ServiceKey>> {
    read_owned(&config.director.state_file).map_err(Unread::because)
}
