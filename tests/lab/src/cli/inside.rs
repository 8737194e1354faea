// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands for use inside a lab of several machines.

use std::ffi::OsString;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::say;
use crate::kernel::LAB_FAILED;
use crate::machines::{Input, Kind, Lab, Power, Raw, Stream, request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    On(OnArgs),
    /// Cut a host's power: its programs end at once, and it forgets everything
    Kill(HostArgs),
    /// Switch a host on again, as it was when the lab started
    Start(HostArgs),
    /// Pause a host, as if it hung
    Pause(HostArgs),
    /// Let a paused host go on
    Resume(HostArgs),
    /// Pull a host's cable out of the LAN
    Unplug(HostArgs),
    /// Put a host's cable back
    Plug(HostArgs),
    /// Show the end of a director's console
    Console(HostArgs),
    /// Show the hosts, their addresses, and whether they are on
    List,
}

/// Run a command on a host; its output and exit status are passed on.
///
/// It has this command's environment, directory and standard input. If this command ends first, the lab ends it (SIGTERM,
/// SIGKILL 3 s later).
#[derive(Args, Debug)]
pub(super) struct OnArgs {
    /// Start it and return; its output is appended to $LAB_DIR/HOST.log
    #[arg(short = 'd', long)]
    detach: bool,
    /// Give it this terminal, for programs such as lvsadm watch; a namespace has it anyway
    #[arg(short = 't', long, conflicts_with = "detach")]
    terminal: bool,
    /// Where
    host: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct HostArgs {
    /// Which
    host: String,
}

impl Command {
    pub(super) fn run(self) -> Result<u8> {
        let lab = Lab::from_env()?;
        match self {
            Self::On(args) => return on(&lab, &args),
            Self::Kill(args) => lab.kill(&args.host)?,
            Self::Start(args) => lab.start(&args.host)?,
            Self::Pause(args) => lab.pause(&args.host)?,
            Self::Resume(args) => lab.resume(&args.host)?,
            Self::Unplug(args) => lab.plug(&args.host, false)?,
            Self::Plug(args) => lab.plug(&args.host, true)?,
            Self::Console(args) => say(&lab.console(&args.host)?)?,
            Self::List => list(&lab)?,
        }
        Ok(0)
    }
}

fn on(lab: &Lab, args: &OnArgs) -> Result<u8> {
    let name = &args.host;
    if !args.detach && lab.host(name)?.kind == Kind::Namespace {
        lab.become_command(name, &args.command)?;
    }
    let words: Vec<String> = args
        .command
        .iter()
        .map(|word| {
            word.to_str()
                .map(str::to_owned)
                .with_context(|| format!("{} is not UTF-8", word.display()))
        })
        .collect::<Result<_>>()?;
    if args.detach {
        lab.start_detached(name, &words)?;
        return Ok(0);
    }
    let cancel = AtomicBool::new(false);
    let mut request = request(&words)?;
    request.input = Input::Frames;
    let mut raw = None;
    if args.terminal {
        let (terminal, size) = Raw::begin()?;
        request.input = Input::Terminal(size);
        raw = Some(terminal);
    }
    let outcome = lab.execute(name, request, &cancel, &mut |stream, bytes| {
        let written = match stream {
            Stream::Stdout => write_through(&mut std::io::stdout(), bytes),
            Stream::Stderr => write_through(&mut std::io::stderr(), bytes),
        };
        if written.is_err() {
            cancel.store(true, Ordering::Relaxed);
        }
    });
    drop(raw);
    let status = outcome?;
    Ok(u8::try_from(status).unwrap_or(LAB_FAILED))
}

fn write_through(to: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

fn list(lab: &Lab) -> Result<()> {
    let mut text = String::new();
    for host in lab.hosts() {
        let power = match lab.power(&host.name)? {
            Power::On => "on",
            Power::Paused => "paused",
            Power::Off => "off",
            Power::Dead => "dead",
        };
        let kind = match host.kind {
            Kind::Director => "kernel",
            Kind::Namespace => "namespace",
        };
        let addresses: Vec<&str> = host.addresses.iter().take(2).map(String::as_str).collect();
        let addresses = addresses.join(" ");
        text.push_str(&format!(
            "{:<10} {kind:<9} {power:<6} {addresses}",
            host.name
        ));
        let more = host.addresses.len().saturating_sub(2);
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text.push('\n');
    }
    say(&text)
}
