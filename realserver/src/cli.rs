// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use lvs_director::system::{Reader, print};
use serde::Serialize;

use crate::doctor;
use crate::failure::Failure;
use crate::host::read_state;
use crate::parts::Outcome;
use crate::placement::Placement;
use crate::plan::Leaving;
use crate::report::{FailureReport, Report};
use crate::run;
use crate::state::State;
use crate::vips::{Wanted, from_config, parse_vip};

/// The director's own configuration.
const CONFIG: &str = "/etc/lvs-director/director.yaml";
/// What `stop` needs to know, until the next boot. It is not in the director's directory: systemd removes that
/// directory when it stops a director on the same host.
const STATE: &str = "/run/lvs-realserver/realserver.json";

const EXIT_CODES: &str = "Exit codes:
  0  done; for status: running, every part is right
  1  failed, for example because the kernel refused
  2  wrong usage, or an unusable configuration file
  3  status: stopped, no part is set up
  4  status: half set up; start, stop: not permitted";

const DOCTOR_EXIT_CODES: &str = "Exit codes:
  0  nothing worse than a note
  1  warnings or errors, or the command failed
  2  wrong usage, or an unusable configuration file";

/// Makes this host a real server of a Linux Virtual Server
///
/// For direct routing the VIP goes on lo, and the host accepts packets for it. Settings of the kernel keep the host
/// from answering ARP for the VIP, and from naming it on the network. For tunneling the VIP goes on a tunnel
/// device. Masquerading (nat) needs nothing on a real server.
#[derive(Debug, Parser)]
#[command(name = "realserver", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Set up the VIPs, or complete a half set-up
    ///
    /// Without --vip and --config, the VIPs are those that were started before, and those of
    /// /etc/lvs-director/director.yaml.
    #[command(after_help = EXIT_CODES)]
    Start(Options),
    /// Remove the VIPs, and restore the settings that start found
    ///
    /// Without --vip and --config it removes everything that start added; if nothing is remembered, the VIPs of
    /// /etc/lvs-director/director.yaml. It removes a named VIP from lo and from the
    /// tunnel device even if somebody else added it, such as realserver.sh. Settings stay as long as another VIP
    /// needs them.
    #[command(after_help = EXIT_CODES)]
    Stop(Options),
    /// Check every part, and say how to mend the wrong ones
    ///
    /// Without --vip and --config it looks at what was started; if nothing was, at the VIPs of
    /// /etc/lvs-director/director.yaml.
    #[command(after_help = EXIT_CODES)]
    Status(Options),
    /// Look for what keeps this real server from serving, and print each thing with the command that mends it
    ///
    /// It changes nothing, and tells nobody on the network anything. Without --vip, --config and --nat it looks at what was
    /// started; if nothing was, at /etc/lvs-director/director.yaml.
    #[command(after_help = DOCTOR_EXIT_CODES)]
    Doctor(DoctorOptions),
}

#[derive(Debug, Args)]
struct DoctorOptions {
    #[command(flatten)]
    options: Options,
    /// The director masquerades: answers must leave through it
    #[arg(long, requires = "director")]
    nat: bool,
    /// The director's address on this network
    #[arg(long, value_name = "ADDR")]
    director: Option<IpAddr>,
    /// A TCP port that clients use at the VIP; may be given several times. With --config the services say it
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,
}

#[derive(Debug, Args)]
struct Options {
    /// A virtual address, IPv4 or IPv6; may be given several times
    #[arg(long, value_name = "ADDR", value_parser = parse_vip, conflicts_with = "config")]
    vip: Vec<IpAddr>,
    /// Take the VIPs from the director's configuration: the VIP of a service with dr servers goes on lo, of one with
    /// tun servers on the tunnel device
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The director tunnels packets for the VIPs (IP in IP): use tunl0 for IPv4, ip6tnl0 for IPv6
    #[arg(long, requires = "vip")]
    tun: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The file in which start writes the old values for stop
    #[arg(long, value_name = "FILE", default_value = STATE)]
    state: PathBuf,
}

/// The definition of the command line: manual page and completions come from it.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the program with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(explain(&error)),
    };
    let (name, options, result) = match cli.action {
        Action::Start(options) => ("start", options.json, start(&options)),
        Action::Stop(options) => ("stop", options.json, stop(&options)),
        Action::Status(options) => ("status", options.json, status(&options)),
        Action::Doctor(options) => return ExitCode::from(doctor(&options)),
    };
    ExitCode::from(finish(name, options, result))
}

fn start(options: &Options) -> Result<Report, Failure> {
    let wanted = match options.wanted()? {
        Some(wanted) => wanted,
        None => usual(&read_state(&options.state)?)?,
    };
    run::start(wanted, &options.state)
}

fn stop(options: &Options) -> Result<Report, Failure> {
    let leaving = match options.wanted()? {
        None if read_state(&options.state)?.is_empty() => forgotten()?,
        None => Leaving::Started,
        Some(wanted) => Leaving::Named(options.everywhere(&wanted)),
    };
    run::stop(&leaving, &options.state)
}

/// What to start when nothing is named: what was started before, so that it becomes complete, and what the director's
/// configuration says.
fn usual(state: &State) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::default();
    if Path::new(CONFIG).exists() {
        wanted = from_config(Path::new(CONFIG))?;
    }
    wanted.placements.extend(state.placements());
    if wanted.placements.is_empty() {
        return Err(Failure::Usage(format!(
            "start the real server: no VIP was named and there is no {CONFIG}; name one with: realserver start --vip \
             ADDR"
        )));
    }
    Ok(wanted)
}

/// What to stop when nothing is named or remembered: the VIPs that a status would look for. So a stop never says
/// stopped where a status says running.
fn forgotten() -> Result<Leaving, Failure> {
    if !Path::new(CONFIG).exists() {
        return Ok(Leaving::Started);
    }
    match from_config(Path::new(CONFIG)) {
        Ok(wanted) => Ok(Leaving::Named(wanted.placements)),
        // It is unreadable, or names no VIP for a real server.
        Err(Failure::Usage(_)) => Ok(Leaving::Started),
        Err(failure) => Err(failure),
    }
}

fn status(options: &Options) -> Result<Report, Failure> {
    let mut wanted = options.wanted()?;
    let (state, note) = match read_state(&options.state) {
        Ok(state) => (state, None),
        // Named VIPs can be looked at all the same.
        Err(Failure::State { path, why }) if wanted.is_some() => {
            let note = format!(
                "the state file {} is unreadable ({why}): what start found before is not known; delete it, then start \
                 or stop again, naming the VIPs",
                path.display()
            );
            (State::default(), Some(note))
        }
        Err(failure) => return Err(failure),
    };
    if wanted.is_none() && Path::new(CONFIG).exists() && state.is_empty() {
        wanted = Some(from_config(Path::new(CONFIG))?);
    }
    let mut report = run::status(wanted, &state)?;
    report.notes.extend(note);
    Ok(report)
}

/// Looks, prints what is wrong, and returns the exit code.
fn doctor(options: &DoctorOptions) -> u8 {
    let report = match look(options) {
        Ok(report) => report,
        Err(failure) => return complain(&failure),
    };
    let text = if options.options.json {
        to_json(&report)
    } else {
        report.to_string()
    };
    match print(&text) {
        Ok(_) => u8::from(report.is_bad()),
        Err(error) => complain(&Failure::Output(error)),
    }
}

fn look(options: &DoctorOptions) -> Result<doctor::Report, Failure> {
    let DoctorOptions {
        options,
        nat,
        director,
        port,
    } = options;
    // A configuration says itself what it wants of this host.
    let named = match options.config {
        Some(_) => Some(Wanted::default()),
        None => options.wanted()?,
    };
    let usual = Path::new(CONFIG);
    let started = match &named {
        Some(wanted) => wanted.placements.clone(),
        None => read_state(&options.state)?.placements(),
    };
    let falls_back = named.is_none() && started.is_empty() && !nat;
    let config = match &options.config {
        Some(file) => Some(file.as_path()),
        None if falls_back && usual.exists() => Some(usual),
        None if falls_back => {
            return Err(Failure::Usage(format!(
                "look at the real server: nothing was started here and there is no {CONFIG}; name a VIP with: realserver \
                 doctor --vip ADDR"
            )));
        }
        None => None,
    };
    let asked = doctor::Asked {
        placements: started,
        ports: port.clone(),
        masqueraded: *nat,
        director: *director,
    };
    doctor::look(asked, config)
}

impl Options {
    /// The named VIPs, or `None`.
    fn wanted(&self) -> Result<Option<Wanted>, Failure> {
        if let Some(path) = &self.config {
            return from_config(path).map(Some);
        }
        let place = if self.tun {
            Placement::tunneled
        } else {
            Placement::direct
        };
        let placements: BTreeSet<_> = self.vip.iter().copied().map(place).collect();
        let wanted = Wanted {
            placements,
            notes: Vec::new(),
        };
        Ok((!self.vip.is_empty()).then_some(wanted))
    }

    /// Every place from which a stop removes these VIPs. An earlier start may have used other places than one would
    /// now.
    fn everywhere(&self, wanted: &Wanted) -> BTreeSet<Placement> {
        if self.tun {
            return wanted.placements.clone();
        }
        let vips = wanted.placements.iter().map(|placement| placement.vip);
        vips.flat_map(|vip| [Placement::direct(vip), Placement::tunneled(vip)])
            .collect()
    }
}

/// Prints the result, and returns the exit code.
fn finish(action: &'static str, json: bool, result: Result<Report, Failure>) -> u8 {
    match result {
        Ok(report) => {
            let text = if json {
                to_json(&report)
            } else {
                report.text()
            };
            if let Err(error) = print(&text) {
                return complain(&Failure::Output(error));
            }
            match (action, report.outcome) {
                ("status", Outcome::Stopped) => 3,
                ("status", Outcome::HalfSetUp) => 4,
                (_, _) => 0,
            }
        }
        Err(failure) => {
            let exit_code = complain(&failure);
            if json {
                // It has failed already, and standard error says why.
                let _ = print(&to_json(&FailureReport {
                    action,
                    outcome: "failed",
                    error: failure.to_string(),
                    exit_code,
                }));
            }
            exit_code
        }
    }
}

fn to_json(report: &impl Serialize) -> String {
    // Only maps whose keys are not text can fail, and a report has none.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// Prints the help, or what is wrong with the command line, and returns the exit code.
fn explain(error: &clap::Error) -> u8 {
    let printed = error.print();
    if error.use_stderr() {
        // When standard error cannot be written there is nowhere left to say so.
        return 2;
    }
    match Reader::of(printed.and_then(|()| io::stdout().flush())) {
        Ok(_) => 0,
        Err(error) => complain(&Failure::Output(error)),
    }
}

/// Prints a failure, and returns its exit code. If standard error is closed there is nobody to tell.
fn complain(failure: &Failure) -> u8 {
    let _ = writeln!(io::stderr(), "realserver: {failure}");
    failure.exit_code()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
