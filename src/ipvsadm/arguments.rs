// SPDX-License-Identifier: MIT OR Apache-2.0
//! The meaning of a command line, or the message for its first error, as ipvsadm finds it.

use super::address::Lookup;
use super::change::{Change, wanted};
use super::draft::{Draft, timeout};
use super::failure::Failure;
use super::list::{Columns, Format, List, Listed};
use super::options::{Command, Meaning};
use super::settings::scheduler_flags;
use super::topic::Topic;
use super::words::Words;
use crate::model::{Scheduler, ServiceKey, SyncDaemon, SyncRole, Timeouts};

/// The command of `lvsadm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Explain the command line.
    Help,
    /// Print the version.
    Version,
    /// List something.
    List(List),
    /// Print the table as command lines, by number or by name.
    Save {
        /// Addresses and ports as numbers.
        numeric: bool,
        /// Without thresholds, as ipvsadm does.
        compat: bool,
    },
    /// Carry out command lines.
    Restore {
        /// Make the table equal to the one that the lines make of an empty table.
        replace: bool,
        /// Carry out one after the other, as ipvsadm does.
        compat: bool,
    },
    /// Change the table.
    Change(Change),
    /// Remove all services.
    Clear,
    /// Zero counters: a service's or all.
    Zero(Option<ServiceKey>),
    /// Set the connection timeouts.
    SetTimeouts(Timeouts),
    /// Start a sync daemon.
    StartDaemon(SyncDaemon),
    /// Stop a sync daemon.
    StopDaemon(SyncRole),
}

/// How the program was called, and where to look up names.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The program's name, for messages.
    pub program: &'a str,
    /// The source for the meaning of names.
    pub lookup: &'a dyn Lookup,
    /// As ipvsadm does, quirks included.
    pub compat: bool,
}

/// Reads the arguments after the program's name.
pub fn parse(context: Context<'_>, arguments: &[&str]) -> Result<Invocation, Failure> {
    let program = context.program;
    if arguments.is_empty() {
        return Ok(Invocation::List(List::everything(context.compat)));
    }
    let mut words = Words::new(arguments);
    if context.compat {
        words.hide_own();
    }
    let (command, value) = match words.next_option() {
        Some(Ok((definition, value))) => match definition.meaning {
            Meaning::Command(command) => (command, value.unwrap_or_default()),
            Meaning::Option(_) => return Err(Failure::try_help(program)),
        },
        Some(Err(_)) | None => return Err(Failure::try_help(program)),
    };
    match command {
        Command::Help => return Ok(Invocation::Help),
        Command::Version => return Ok(Invocation::Version),
        _ => {}
    }
    let mut draft = Draft::new(context.lookup, context.compat);
    draft.daemon.role = role(command, value)?;
    draft.read(&mut words)?;
    let others = words.others();
    let timeouts = match command {
        Command::SetTimeouts => Some(timeouts(others)?),
        _ => None,
    };
    let used = if timeouts.is_some() { 3 } else { 0 };
    if let Some(word) = others.get(used) {
        return Err(Failure::usage(format!("unexpected argument {word}")));
    }
    check_flags(command, &draft)?;
    command.rules().check(draft.topics())?;
    Ok(match command {
        Command::List => Invocation::List(list(draft)?),
        Command::Save => Invocation::Save {
            numeric: draft.has(Topic::Numeric),
            compat: draft.compat,
        },
        Command::Restore => Invocation::Restore {
            replace: draft.has(Topic::AtomicReplace),
            compat: draft.compat,
        },
        Command::Clear => Invocation::Clear,
        Command::Zero => Invocation::Zero(draft.service()),
        Command::SetTimeouts => match timeouts {
            Some(timeouts) => Invocation::SetTimeouts(timeouts),
            None => return Err(Failure::try_help(program)),
        },
        Command::StartDaemon => Invocation::StartDaemon(draft.sync_daemon()),
        Command::StopDaemon => Invocation::StopDaemon(draft.daemon.role),
        Command::AddService
        | Command::EditService
        | Command::DeleteService
        | Command::AddServer
        | Command::EditServer
        | Command::DeleteServer => match wanted(command, draft)? {
            Some(change) => Invocation::Change(change),
            None => return Err(Failure::try_help(program)),
        },
        Command::Help => Invocation::Help,
        Command::Version => Invocation::Version,
    })
}

/// The role of `--start-daemon` and `--stop-daemon`; the master's for all other commands, which do not use it.
fn role(command: Command, value: &str) -> Result<SyncRole, Failure> {
    let wrong = match command {
        Command::StartDaemon => "illegal start-daemon parameter specified",
        Command::StopDaemon => "illegal start_daemon specified",
        _ => return Ok(SyncRole::Master),
    };
    match value {
        "master" => Ok(SyncRole::Master),
        "backup" => Ok(SyncRole::Backup),
        _ => Err(Failure::usage(wrong)),
    }
}

fn timeouts(words: &[&str]) -> Result<Timeouts, Failure> {
    let [tcp, tcp_fin, udp, ..] = words else {
        return Err(Failure::usage("--set option requires 3 timeout values"));
    };
    Ok(Timeouts {
        tcp: timeout(tcp, 0)?,
        tcp_fin: timeout(tcp_fin, 0)?,
        udp: timeout(udp, 0)?,
    })
}

/// Every command refuses unknown flags. A scheduler's flags must belong to the service's scheduler, unless only the
/// kernel knows that scheduler.
fn check_flags(command: Command, draft: &Draft<'_>) -> Result<(), Failure> {
    let options = &draft.service_options;
    let Some(names) = &options.flags else {
        return Ok(());
    };
    let scheduler = match (&options.scheduler, command) {
        (Some(scheduler), _) => scheduler,
        (None, Command::EditService) if !draft.compat => return Ok(()),
        (None, _) => &Scheduler::WLC,
    };
    scheduler_flags(names, scheduler).map(drop)
}

fn list(draft: Draft<'_>) -> Result<List, Failure> {
    check_filter(&draft)?;
    let columns = [
        (Topic::Stats, Columns::Counters),
        (Topic::Rate, Columns::Rates),
        (Topic::Thresholds, Columns::Thresholds),
        (Topic::PersistentConn, Columns::PersistentConnections),
        (Topic::TunInfo, Columns::Tunnels),
    ];
    let column = columns.iter().find(|(topic, _)| draft.has(*topic));
    let conflict = column.is_some_and(|(topic, _)| match topic {
        Topic::TunInfo => false,
        Topic::PersistentConn => draft.has(Topic::Timeout) || draft.has(Topic::Daemon),
        _ => [Topic::Connection, Topic::Timeout, Topic::Daemon]
            .iter()
            .any(|topic| draft.has(*topic)),
    });
    if conflict {
        return Err(Failure::usage("options conflicts in the list command"));
    }
    let what = match draft.service() {
        Some(key) => Listed::Service(key),
        None if draft.has(Topic::Connection) => Listed::Connections,
        None if draft.has(Topic::Timeout) => Listed::Timeouts,
        None if draft.has(Topic::Daemon) => Listed::Daemons,
        None => Listed::Table,
    };
    Ok(List {
        what,
        format: Format {
            columns: column.map_or(Columns::Settings, |(_, columns)| *columns),
            exact: draft.has(Topic::Exact),
            sorted: !draft.has(Topic::NoSort),
            compat: draft.compat,
        },
        numeric: draft.has(Topic::Numeric),
        json: draft.has(Topic::Json),
        filter: draft.filter,
    })
}

/// Only connections have a state and a client. Only the table and connections have a service and servers.
fn check_filter(draft: &Draft<'_>) -> Result<(), Failure> {
    const FILTERS: [Topic; 4] = [
        Topic::FilterService,
        Topic::FilterServer,
        Topic::FilterState,
        Topic::FilterClient,
    ];
    for topic in FILTERS.into_iter().filter(|topic| draft.has(*topic)) {
        let name = topic.name();
        let of_connections = matches!(topic, Topic::FilterState | Topic::FilterClient);
        if of_connections && !draft.has(Topic::Connection) {
            return Err(Failure::usage(format!(
                "You need to supply the 'connection' option for the '{name}' option"
            )));
        }
        let mut against = vec![Topic::Timeout, Topic::Daemon];
        if topic == Topic::FilterService {
            against.push(Topic::Service);
        }
        if let Some(other) = against.into_iter().find(|other| draft.has(*other)) {
            let other = other.name();
            return Err(Failure::usage(format!(
                "The option '{name}' conflicts with the '{other}' option in the 'list' command"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
