// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director import`: another program's file as one of ours.

use std::fs;
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::args::Failure;
use super::say::{complain, printable, say};
use crate::config;
use crate::import::{Imported, Included, Kind, MAX_BYTES, Output, Surroundings, import};
use crate::system::{FileCause, read_limited};

/// What is imported, and what is printed.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file of another program
    #[arg(value_name = "FILE", required = true)]
    file: PathBuf,
    /// What kind of file it is. Without this its content says so
    #[arg(long, value_enum, value_name = "KIND")]
    from: Option<From>,
    /// The virtual address of services that listen on every address; twice for IPv4 and IPv6
    #[arg(long, value_name = "ADDRESS")]
    vip: Vec<IpAddr>,
    /// Print only what is to be said about the file
    #[arg(long)]
    check: bool,
    /// Take what is clearly a mistake for what was meant, and list these corrections. The file stays as it is
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    said: Said,
}

/// How it is said what is to be said about the file.
#[derive(Debug, Args)]
struct Said {
    /// Say it as JSON, on standard error; with --check on standard output
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
}

impl std::convert::From<From> for Kind {
    fn from(from: From) -> Self {
        match from {
            From::Keepalived => Self::Keepalived,
            From::Ldirectord => Self::Ldirectord,
            From::Ipvsadm => Self::Ipvsadm,
            From::Haproxy => Self::Haproxy,
            From::RealserverSh => Self::RealserverSh,
        }
    }
}

/// Rounds of corrections: one may show another mistake.
const ROUNDS: usize = 8;

impl Import {
    /// Reads the file, and prints what it means.
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        let mut host = ThisHost {
            virtual_addresses: self.vip.clone(),
            ..ThisHost::default()
        };
        let name = self.file.display().to_string();
        let mut bytes = read(&self.file)?;
        let kind = self.from.map(Kind::from);
        let mut imported = import(kind, &name, &bytes, &host);
        for _ in 0..ROUNDS {
            if !self.fix || !correct(&name, &imported, &mut bytes, &mut host) {
                break;
            }
            imported = import(kind, &name, &bytes, &host);
        }
        self.tell(&imported)?;
        let usable = usable(&name, &imported.output);
        if imported.diagnostics.has_errors() {
            return Ok(ExitCode::from(3));
        }
        let output = usable?;
        if !self.check {
            say(&output)?;
        }
        let is_clean = imported.diagnostics.warnings() == 0;
        Ok(ExitCode::from(u8::from(self.said.strict && !is_clean)))
    }

    fn tell(&self, imported: &Imported) -> Result<(), Failure> {
        let said = &imported.diagnostics;
        if self.said.json {
            let json = serde_json::to_string_pretty(said);
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

/// The text that is printed, if our own reader takes it.
fn usable(name: &str, output: &Output) -> Result<String, Failure> {
    match output {
        Output::Text(text) => Ok(text.clone()),
        Output::Director(document) => {
            let text = document.to_string();
            let read = config::parse(&format!("made from {name}"), text.as_bytes());
            read.map(|_| text)
                .map_err(|wrong| Failure::config(&wrong.render(false)))
        }
    }
}

/// Makes the corrections that are clear; `false` when there is none. Only what was read is changed, no file is.
fn correct(name: &str, imported: &Imported, bytes: &mut Vec<u8>, host: &mut ThisHost) -> bool {
    let corrected = imported.corrected();
    for fix in &corrected.made {
        complain(&printable(&format!(
            "director: {name}: corrected: {}",
            fix.title
        )));
    }
    for (file, text) in &corrected.texts {
        match imported.name(*file) {
            own if own == name => *bytes = text.clone().into_bytes(),
            other => host.correct(other, text),
        }
    }
    !corrected.made.is_empty()
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

/// The files and the environment of this host, with corrections of files that were included.
#[derive(Debug, Default)]
pub(super) struct ThisHost {
    corrected: Vec<(String, String)>,
    virtual_addresses: Vec<IpAddr>,
}

impl ThisHost {
    fn correct(&mut self, name: &str, text: &str) {
        self.corrected.retain(|(known, _)| known != name);
        self.corrected.push((name.to_owned(), text.to_owned()));
    }

    fn included(&self, path: &Path) -> Included {
        let name = path.display().to_string();
        let corrected = self.corrected.iter().find(|(known, _)| *known == name);
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let bytes = match corrected {
            Some((_, text)) => Ok(text.clone().into_bytes()),
            None => read_limited(path, limit).map_err(|error| error.to_string()),
        };
        Included { name, bytes }
    }
}

impl Surroundings for ThisHost {
    fn include(&self, from: &str, pattern: &str) -> Vec<Included> {
        let beside = Path::new(from).parent().unwrap_or_else(|| Path::new(""));
        let pattern = beside.join(pattern);
        let Some(pattern) = pattern.to_str() else {
            return Vec::new();
        };
        let Ok(paths) = glob::glob(pattern) else {
            return Vec::new();
        };
        let paths = paths.flatten().take(MOST_INCLUDED);
        paths.map(|path| self.included(&path)).collect()
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn host_name(&self) -> String {
        let name = fs::read_to_string("/proc/sys/kernel/hostname");
        name.map(|name| name.trim_end().to_owned())
            .unwrap_or_default()
    }

    fn virtual_addresses(&self) -> Vec<IpAddr> {
        self.virtual_addresses.clone()
    }
}

/// One pattern names at most so many files.
const MOST_INCLUDED: usize = 1_000;
