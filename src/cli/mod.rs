// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm`: looks at and edits the kernel's IPVS table. It takes ipvsadm's command line and prints what ipvsadm
//! prints, or JSON.
//!
//! A command line becomes words ([`words`]), words an [`arguments::Invocation`], by one table of [`options`]; what the
//! kernel holds becomes a [`listing::Listing`], and that text ([`render`]) or [`json`].

pub mod address;
pub mod arguments;
mod endpoint;
pub mod failure;
pub mod help;
pub mod json;
pub mod listing;
pub mod options;
mod output;
pub mod render;
pub mod words;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use address::Lookup;
use arguments::{Invocation, List};
use failure::Failure;
use listing::{Listed, Listing};
use output::Output;

use crate::kernel::{Ipvs, Names, OpenError, host_address, load_module, port_number};
use crate::model::Protocol;

/// How long a listing waits for names.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

/// The program: `arguments` begin with its own name.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.map(|word| word.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_else(|| "lvsadm".to_owned());
    let arguments: Vec<String> = arguments.collect();
    match run(&program, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            eprintln!("{message}");
            ExitCode::from(status)
        }
    }
}

fn run(program: &str, arguments: &[String]) -> Result<(), Failure> {
    match arguments::parse(program, arguments, &System)? {
        Invocation::Help => print(|out| help::write_help(out, program)),
        Invocation::Version => print(help::write_version),
        Invocation::List(list) => run_list(&list),
    }
}

fn run_list(list: &List) -> Result<(), Failure> {
    let mut ipvs = open()?;
    let service = match &list.what {
        Listed::Table => None,
        Listed::Service(key) => Some(key),
        Listed::Timeouts => {
            let timeouts = ipvs.timeouts().map_err(|error| Failure::list(&error))?;
            if list.json {
                return print_json(&json::TimeoutsDocument::from(timeouts));
            }
            return print(|out| render::render_timeouts(out, timeouts));
        }
        Listed::Daemons => {
            let daemons = ipvs.sync_daemons().map_err(|error| Failure::list(&error))?;
            if list.json {
                return print_json(&json::DaemonsDocument::new(&daemons));
            }
            return print(|out| render::render_daemons(out, &daemons));
        }
    };
    let listing = Listing::read(&mut ipvs, service, list.format.sorted)
        .map_err(|error| Failure::list(&error))?;
    if list.json {
        return print_json(&json::Table::new(&listing));
    }
    let names = if list.numeric {
        Names::default()
    } else {
        let (addresses, ports) = listing.nameable();
        Names::resolve(addresses, ports, NAME_PATIENCE)
    };
    print(|out| render::render(out, &listing, list.format, &names))
}

/// Connects to IPVS, loading it where the kernel does not do so by itself.
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
    // A failure to write is kept by the output, and told at its end.
    let _ = write(&mut out);
    out.finish().map_err(|error| Failure::output(&error))
}

/// Names as this machine knows them.
struct System;

impl Lookup for System {
    fn host(&self, name: &str) -> Option<Ipv4Addr> {
        host_address(name)
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        port_number(protocol, name)
    }
}
