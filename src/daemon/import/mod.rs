// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director import`: another program's file as one of ours.

mod host;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use self::host::ThisHost;
use super::args::Failure;
use super::oneshot;
use super::say::{complain, printable, say};
use crate::config;
use crate::diagnostic::{Correction, Diagnostics};
use crate::import::{Document, Imported, Kind, MAX_BYTES, Output, import, recognise, translate};
use crate::model::{Config, IpvsTable, ServiceKey, Step};
use crate::plan::Target as _;
use crate::system::{FileCause, read_limited};

/// What is imported, and what is printed.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The files of other programs. Several become one
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What kind of files they are. Without this their content says so. `kernel` needs no file: it takes the kernel's table
    #[arg(long, value_enum, value_name = "KIND")]
    from: Option<From>,
    /// The virtual address of services that listen on every address; twice for IPv4 and IPv6
    #[arg(long, value_name = "ADDRESS")]
    vip: Vec<IpAddr>,
    /// Print only what is to be said about the file
    #[arg(long)]
    check: bool,
    /// Take what is clearly a mistake for what was meant, and list these corrections with their places. The file stays as it is
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    said: Said,
}

/// How it is said what is to be said about the file.
#[derive(Debug, Args)]
struct Said {
    /// Say it as JSON, on standard error; with --check on standard output. With --fix the corrections are in it
    #[arg(long)]
    json: bool,
    /// Exit with 1 when there is a warning
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    Keepalived,
    Ldirectord,
    Ipvsadm,
    Haproxy,
    #[value(name = "realserver.sh")]
    RealserverSh,
    Kernel,
}

impl std::convert::From<From> for Kind {
    fn from(from: From) -> Self {
        match from {
            From::Keepalived => Self::Keepalived,
            From::Ldirectord => Self::Ldirectord,
            // The kernel's table is read as the lines that make it.
            From::Ipvsadm | From::Kernel => Self::Ipvsadm,
            From::Haproxy => Self::Haproxy,
            From::RealserverSh => Self::RealserverSh,
        }
    }
}

/// Rounds of corrections: one may show another mistake.
const ROUNDS: usize = 8;

impl Import {
    /// Reads the files, and prints what they mean.
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        let mut host = ThisHost {
            virtual_addresses: self.vip.clone(),
            ..ThisHost::default()
        };
        let mut all = Vec::new();
        for (name, bytes) in self.texts()? {
            let (imported, corrections) = self.import(&name, bytes, &mut host);
            self.tell(&imported, &corrections)?;
            all.push((name, imported));
        }
        if all.iter().any(|(_, it)| it.diagnostics.has_errors()) {
            return Ok(ExitCode::from(3));
        }
        let is_clean = all.iter().all(|(_, it)| it.diagnostics.warnings() == 0);
        let output = together(all)?;
        if !self.check {
            say(&output)?;
        }
        Ok(ExitCode::from(u8::from(self.said.strict && !is_clean)))
    }

    /// What is read, with its name.
    fn texts(&self) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let from_kernel = matches!(self.from, Some(From::Kernel));
        match (from_kernel, self.files.as_slice()) {
            (true, []) => {
                let table = oneshot::open()?.read().map_err(Failure::failed)?;
                let text = lines(table).into_bytes();
                Ok(vec![("the kernel's table".to_owned(), text)])
            }
            (false, []) => Err(wrong_usage("name a FILE, or --from kernel")),
            (true, _) => Err(wrong_usage("--from kernel takes no FILE")),
            (false, files) => {
                let files = files.iter();
                files
                    .map(|file| Ok((file.display().to_string(), read(file)?)))
                    .collect()
            }
        }
    }

    /// Imports a text, with --fix again and again.
    fn import(
        &self,
        name: &str,
        mut bytes: Vec<u8>,
        host: &mut ThisHost,
    ) -> (Imported, Vec<Correction>) {
        let kind = self.from.map(Kind::from);
        let mut imported = import(kind, name, &bytes, host);
        let mut corrections = Vec::new();
        for _ in 0..ROUNDS {
            let made = if self.fix {
                correct(name, &imported, &mut bytes, host)
            } else {
                Vec::new()
            };
            if made.is_empty() {
                break;
            }
            corrections.extend(made);
            imported = import(kind, name, &bytes, host);
        }
        (imported, corrections)
    }

    fn tell(&self, imported: &Imported, corrections: &[Correction]) -> Result<(), Failure> {
        let said = &imported.diagnostics;
        if !self.said.json {
            for one in corrections {
                let place = one.place().map(|place| format!("{place}: "));
                let place = place.unwrap_or_default();
                complain(&printable(&format!("{place}corrected: {}", one.title())));
            }
        }
        if self.said.json {
            let json = serde_json::to_string_pretty(&Told {
                said,
                corrections: self.fix.then_some(corrections),
            });
            let json = json.map_err(|error| Failure::failed(error.to_string()))?;
            if self.check {
                return say(&format!("{json}\n")).map(drop);
            }
            complain(&json);
        } else if said.count() > 0 {
            let said = said.render(std::io::stderr().is_terminal());
            complain(said.trim_end());
        }
        Ok(())
    }
}

/// What is said as JSON.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    said: &'a Diagnostics,
    /// With `--fix`: what was corrected, in the order in which it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrections: Option<&'a [Correction]>,
}

/// A configuration file's bytes in our own words, and what is to be said about the file of another program that they were.
pub(super) struct Ours {
    /// The name of the text in what is said about it.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// `None` for a file of ours.
    pub(super) said: Option<Diagnostics>,
}

/// Takes a configuration file, of ours or of another program. The file of another program is refused when it has an error.
pub(super) fn ours(path: &Path, bytes: Vec<u8>, color: bool) -> Result<Ours, Failure> {
    let name = path.display().to_string();
    let kind = recognise(&String::from_utf8_lossy(&bytes));
    // A shell script is never carried over by accident: it has no configuration of a director in it.
    let Some(kind) = kind.filter(|kind| *kind != Kind::RealserverSh) else {
        let said = None;
        return Ok(Ours { name, bytes, said });
    };
    // Whoever gets it has our own reader read it.
    let imported = translate(Some(kind), &name, &bytes, &ThisHost::default());
    let said = imported.diagnostics;
    match imported.output {
        Output::Director(document) if !said.has_errors() => Ok(Ours {
            name: made_from(&name),
            bytes: document.to_string().into_bytes(),
            said: Some(said),
        }),
        Output::Director(_) | Output::Text(_) => Err(Failure::config(&said.render(color))),
    }
}

/// What our text is called that was made from a file of another program.
fn made_from(name: &str) -> String {
    format!("made from {name}")
}

fn wrong_usage(message: &str) -> Failure {
    Failure {
        code: ExitCode::from(2),
        ..Failure::failed(message)
    }
}

/// The lines of ipvsadm that make a table.
fn lines(table: IpvsTable) -> String {
    let mut lines = String::new();
    for (key, service) in table.services {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{}", Step::AddService(key, service.settings));
        for (at, server) in service.servers {
            let _ = writeln!(lines, "{}", Step::AddServer(key, at, server));
        }
    }
    lines
}

/// The text that is printed for all of the files, if our own reader takes it.
fn together(all: Vec<(String, Imported)>) -> Result<String, Failure> {
    if let [(_, one)] = all.as_slice() {
        // The import has looked at it already.
        return Ok(match &one.output {
            Output::Text(text) => text.clone(),
            Output::Director(document) => document.to_string(),
        });
    }
    let mut merged: Option<Document> = None;
    let mut seen: BTreeMap<ServiceKey, String> = BTreeMap::new();
    for (name, imported) in all {
        let place = |key: &ServiceKey| {
            let place = imported.place_of(key);
            place.map_or_else(|| name.clone(), |place| place.to_string())
        };
        let document = match &imported.output {
            Output::Text(_) => {
                let message = "becomes a file of another kind: import it by itself";
                return Err(wrong_usage(&format!("{name}: {message}")));
            }
            Output::Director(document) => document,
        };
        for key in usable(&name, document)?.services.into_keys() {
            let here = place(&key);
            if let Some(first) = seen.insert(key, here.clone()) {
                let message = format!("{here}: the virtual service {key} is at {first}, too");
                return Err(Failure::config(&printable(&message)));
            }
        }
        let document = document.clone();
        let Some(merged) = &mut merged else {
            merged = Some(document);
            continue;
        };
        merged.merge(document).map_err(|conflict| {
            let message = format!("{name}: another file says otherwise: {conflict}");
            Failure::config(&printable(&message))
        })?;
    }
    let merged = merged.unwrap_or_default();
    usable("several files", &merged)?;
    Ok(merged.to_string())
}

/// What our own reader makes of a document.
fn usable(name: &str, document: &Document) -> Result<Config, Failure> {
    let read = config::parse(&made_from(name), document.to_string().as_bytes());
    read.map_err(|wrong| Failure::config(&wrong.render(false)))
}

/// Makes the corrections that are clear, and gives them. Only what was read is changed, no file is.
fn correct(
    name: &str,
    imported: &Imported,
    bytes: &mut Vec<u8>,
    host: &mut ThisHost,
) -> Vec<Correction> {
    let corrected = imported.corrected();
    for (file, text) in &corrected.texts {
        match imported.name(*file) {
            own if own == name => *bytes = text.clone().into_bytes(),
            other => host.correct(other, text),
        }
    }
    let made = corrected.made.iter();
    made.filter_map(|fix| imported.correction(fix).cloned())
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    read_limited(path, limit).map_err(|error| match error.cause {
        FileCause::NotPermitted => Failure::permission(error),
        _ => Failure {
            code: ExitCode::from(3),
            ..Failure::failed(error)
        },
    })
}
