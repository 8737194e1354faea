// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm`: looks at and edits the kernel's IPVS table. It takes ipvsadm's command line and prints what ipvsadm
//! prints, or JSON.
//!
//! [`crate::ipvsadm`] reads the command line. The kernel's table becomes a [`listing::Listing`], and then text
//! ([`render`]) or [`json`].

mod brief;
pub mod compare;
mod compat;
pub mod completion;
pub mod connections;
mod endpoint;
mod failure;
mod filter;
pub mod help;
pub mod json;
pub mod listing;
pub mod manual;
mod output;
pub mod own;
pub mod render;
pub mod restore;
mod run_own;
pub mod save;
pub mod top;
#[cfg(feature = "watch")]
mod watch;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use brief::{Brief, BriefError, Kernel};
use connections::{ConnectionFormat, ConnectionsError};
use listing::Listing;
use output::Output;

use crate::ipvsadm::address::Lookup;
use crate::ipvsadm::arguments::{self, Context, Invocation};
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::filter::Filter;
use crate::ipvsadm::list::{Columns, Format, List, Listed};
use crate::ipvsadm::restore::{line_by_line, read, refuse_nothing};
use crate::kernel::{
    CONNECTIONS, Ipvs, IpvsError, OpenError, connections as kernel_connections, load_module,
};
use crate::model::Protocol;
use crate::plan::Target as _;
use crate::system::{Names, Resolver, bring_memory_in, host_address, port_number};

/// How long a listing waits for names.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// The program: `arguments` begin with its own name.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.map(|word| word.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_else(|| "lvsadm".to_owned());
    let arguments: Vec<String> = arguments.collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&program, &arguments) {
        Ok(status) => status,
        Err(failure) => {
            tell(&failure);
            ExitCode::from(failure.status)
        }
    }
}

/// The reader may be gone.
fn tell(failure: &Failure) {
    let _ = writeln!(io::stderr().lock(), "{}", failure.message);
}

/// The program's behaviour by its name: a link to it may have the name of any of ipvsadm's three programs.
fn run(program: &str, arguments: &[&str]) -> Result<ExitCode, Failure> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let context = Context {
        program,
        lookup: &System::default(),
        compat: name.starts_with("ipvsadm"),
    };
    if !context.compat
        && let Some(asked) = own::parse(arguments)
    {
        return run_own::run(context, &asked?);
    }
    let invocation = match name {
        "ipvsadm-save" => saving(arguments)?,
        "ipvsadm-restore" => Invocation::Restore {
            replace: true,
            compat: false,
        },
        _ => arguments::parse(context, arguments)?,
    };
    let done = match invocation {
        Invocation::Help => print(|out| help::write_help(out, program, context.compat)),
        Invocation::Version => print(help::write_version),
        Invocation::Restore {
            compat: true,
            replace: false,
        } => {
            let mut ipvs = open()?;
            let context = Context {
                compat: true,
                ..context
            };
            let execute = |invocation: &Invocation| execute(&mut ipvs, invocation);
            line_by_line(context, io::stdin().lock(), execute, tell)
        }
        Invocation::Restore { replace, compat } => {
            bring_memory_in();
            let items = read(context, io::stdin().lock())?;
            // ipvsadm-restore empties the table when its input is empty.
            if replace && !compat && !context.compat {
                refuse_nothing(&items)?;
            }
            let mut ipvs = open()?;
            if replace {
                restore::replace(&mut ipvs, &items, execute)
            } else {
                restore::run(&mut ipvs, &items, execute)
            }
        }
        _ => execute(&mut open()?, &invocation),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The arguments of `ipvsadm-save`: `-n`, and words that mean nothing.
fn saving(arguments: &[&str]) -> Result<Invocation, Failure> {
    if let Some(word) = arguments
        .iter()
        .find(|word| word.starts_with('-') && **word != "-n")
    {
        let message = format!("ipvsadm-save: {word}: unknown option; -n saves by number");
        return Err(Failure::unlisted(message));
    }
    Ok(Invocation::Save {
        numeric: arguments.contains(&"-n"),
        compat: false,
    })
}

fn execute(ipvs: &mut Ipvs, invocation: &Invocation) -> Result<(), Failure> {
    let command = |error: IpvsError| Failure::command(&error);
    match invocation {
        Invocation::List(list) => run_list(ipvs, list),
        Invocation::Save { numeric, compat } => save(ipvs, *numeric, *compat),
        Invocation::Change(change) => {
            let step = change.step(|key| ipvs.read_service(key))?;
            let refused = ipvs.apply(&[step]).map_err(command)?;
            match refused.first() {
                Some(refusal) => Err(Failure::step(&refusal.step, refusal.errno)),
                None => Ok(()),
            }
        }
        Invocation::Clear => ipvs.flush().map_err(command),
        Invocation::Zero(None) => ipvs.zero().map_err(command),
        Invocation::Zero(Some(key)) => ipvs.zero_service(key).map_err(command),
        Invocation::SetTimeouts(timeouts) => ipvs.set_timeouts(*timeouts).map_err(command),
        Invocation::StartDaemon(daemon) => ipvs
            .start_sync_daemon(daemon)
            .map_err(|error| Failure::start_daemon(&error)),
        Invocation::StopDaemon(role) => ipvs
            .stop_sync_daemon(*role)
            .map_err(|error| Failure::stop_daemon(&error)),
        // These need no kernel, or contain other commands.
        Invocation::Help | Invocation::Version | Invocation::Restore { .. } => Ok(()),
    }
}

fn run_list(ipvs: &mut Ipvs, list: &List) -> Result<(), Failure> {
    let failed = |error: IpvsError| Failure::list(&error);
    let service = match &list.what {
        Listed::Table => None,
        Listed::Service(key) => Some(key),
        Listed::Connections => return list_connections(list),
        Listed::Timeouts => {
            let timeouts = ipvs.timeouts().map_err(failed)?;
            if list.json {
                return print_json(&json::TimeoutsDocument::from(timeouts));
            }
            return print(|out| render::render_timeouts(out, timeouts));
        }
        Listed::Daemons => {
            let daemons = ipvs.sync_daemons().map_err(failed)?;
            if list.json {
                return print_json(&json::DaemonsDocument::new(&daemons));
            }
            return print(|out| render::render_daemons(out, &daemons));
        }
    };
    let whole = service.is_none() && list.filter == Filter::NONE;
    let brief = list.format.columns == Columns::Settings && list.numeric && !list.json;
    if brief && whole && !list.format.compat {
        return run_brief(ipvs, list.format.sorted);
    }
    let listing = Listing::read(ipvs, service, &list.filter, list.format).map_err(failed)?;
    if list.json {
        return print_json(&json::Table::new(&listing));
    }
    let names = names(&listing, list.numeric);
    print(|out| render::render(out, &listing, list.format, &names))
}

fn run_brief(ipvs: &mut Ipvs, sorted: bool) -> Result<(), Failure> {
    let failed = |error: IpvsError| Failure::list(&error);
    let listing = Brief::read(ipvs, sorted).map_err(failed)?;
    let mut kernel = Kernel::new(ipvs, listing.services.len());
    let mut out = Output::new();
    let listed = render::render_brief(&mut out, &listing, &mut kernel);
    out.finish().map_err(|error| Failure::output(&error))?;
    match listed {
        Ok(()) | Err(BriefError::Write) => Ok(()),
        Err(BriefError::Read(error)) => Err(failed(error)),
    }
}

fn save(ipvs: &mut Ipvs, numeric: bool, compat: bool) -> Result<(), Failure> {
    let format = Format {
        compat,
        ..Format::DEFAULT
    };
    let mut listing =
        Listing::read(ipvs, None, &Filter::NONE, format).map_err(|error| Failure::list(&error))?;
    if compat {
        listing.keep_what_ipvsadm_saves();
    }
    let names = names(&listing, numeric);
    print(|out| save::render(out, &listing, compat, &names))
}

fn list_connections(list: &List) -> Result<(), Failure> {
    let input = connections_file()?;
    let format = match (list.json, list.format.columns) {
        (true, _) => ConnectionFormat::Json,
        (false, Columns::PersistentConnections) => ConnectionFormat::WithEngines,
        (false, _) => ConnectionFormat::Plain,
    };
    let mut resolver = Resolver::new(NAME_PATIENCE);
    let learn = |(addresses, ports)| resolver.learn(addresses, ports).clone();
    let learn = (!list.numeric && !list.json).then_some(learn);
    let mut out = Output::new();
    let listed = connections::render(&mut out, input, format, &list.filter, learn);
    out.finish().map_err(|error| Failure::output(&error))?;
    match listed {
        Ok(()) | Err(ConnectionsError::Write(_)) => Ok(()),
        Err(error) => Err(unexpected(&error)),
    }
}

fn connections_file() -> Result<BufReader<File>, Failure> {
    kernel_connections().map_err(|_| Failure::unlisted(format!("cannot open file {CONNECTIONS}")))
}

fn unexpected(error: &ConnectionsError) -> Failure {
    Failure::unlisted(format!("unexpected input from {CONNECTIONS}: {error}"))
}

fn names(listing: &Listing, numeric: bool) -> Names {
    if numeric {
        return Names::default();
    }
    let (addresses, ports) = listing.nameable();
    let mut resolver = Resolver::new(NAME_PATIENCE);
    resolver.learn(addresses, ports).clone()
}

/// Connects to IPVS, and loads it when the kernel does not do so by itself.
fn open() -> Result<Ipvs, Failure> {
    let opened = match Ipvs::open() {
        Err(OpenError::NoIpvs) if load_module("ip_vs").is_ok() => Ipvs::open(),
        other => other,
    };
    opened.map_err(|error| Failure::open(&error))
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = json::document(value).map_err(|error| Failure::output(&error))?;
    print(|out| out.write_str(&text))
}

fn print(write: impl FnOnce(&mut Output) -> std::fmt::Result) -> Result<(), Failure> {
    let mut out = Output::new();
    // The output keeps a write error, and reports it at its end.
    let _ = write(&mut out);
    out.finish().map_err(|error| Failure::output(&error))
}

/// Names as this machine knows them. It looks up a host once, even if many lines of a restore name it: looking up an
/// unknown host takes seconds.
#[derive(Default)]
struct System {
    hosts: RefCell<HashMap<String, Option<Ipv4Addr>>>,
}

impl Lookup for System {
    fn host(&self, name: &str) -> Option<Ipv4Addr> {
        let mut hosts = self.hosts.borrow_mut();
        match hosts.get(name) {
            Some(known) => *known,
            None => *hosts
                .entry(name.to_owned())
                .or_insert_with(|| host_address(name)),
        }
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        port_number(protocol, name)
    }
}
