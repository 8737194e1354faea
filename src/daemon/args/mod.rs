// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of `director`: its commands here, what each of them takes in the other files.

mod asked;
mod failure;
mod orders;
mod password;
mod whom;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

use self::asked::{Events, HandOver, Reload, Status, Why};
pub(super) use self::failure::Failure;
use self::orders::{Disabling, Draining, Enabling, Weighing};
use self::password::Password;
use self::whom::Director;
use super::export::Language;
use super::import::Import;
use super::log::LogFormat;
use super::say::{complain, heard, say};
use super::{ask, doctor, export, oneshot, replay, run};

/// The configuration file when the command line names none.
pub(super) const DEFAULT_FILE: &str = "/etc/lvs-director/director.yaml";

/// Made from `docs/configuration.md` by the crate `packaging`.
const SCHEMA: &str = include_str!("../../../docs/director.schema.json");

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something failed, the kernel or the director refused, a wait came to no end, or the answer was no
  2  the command line is wrong; or, with plan --detailed-exitcode, there are steps
  3  the configuration is wrong
  4  not permitted";

/// Programs the kernel's IPVS, checks the real servers, repairs what others change.
#[derive(Debug, Parser)]
#[command(name = "director", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration file, and print all its errors
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// Print the effective configuration, with all defaults
        #[arg(long)]
        print: bool,
    },
    /// Print the changes that the kernel's table needs, as ipvsadm lines, and change nothing. Beside a running director
    /// these are the steps of its reload, otherwise those of apply
    Plan {
        #[command(flatten)]
        file: ConfigFile,
        /// Exit with 2 when there are steps, and with 0 when there are none
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Print the configuration for another program. What that program has no equal for is named on standard error
    Export {
        #[command(flatten)]
        file: ConfigFile,
        /// The program
        #[arg(long, value_enum)]
        to: Language,
        /// Exit with 1 when something has no equal
        #[arg(long)]
        strict: bool,
    },
    /// Change the kernel's table once to what the configuration says. This considers every real server up
    Apply {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Keep the kernel's table as the configuration says: check the real servers, repair drift. SIGHUP reloads;
    /// SIGUSR2 ends it for the next one, which keeps the virtual addresses
    Run(Run),
    /// Print a file of keepalived, ldirectord, ipvsadm, HAProxy, or a script as realserver.sh, as a configuration file. What is to be
    /// said about its lines goes to standard error
    Import(Import),
    /// Print the JSON Schema of the configuration, for editors: keys, values, and what they mean
    Schema,
    /// Play a recording again without a kernel, and print what the director logged then. Exit with 1 when this director
    /// acts differently
    Replay {
        /// A file that director run --record wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Ask the running director for the state of all services and servers, or of some
    Status(Status),
    /// Ask the running director why a real server is where it is: its standing, its checks, what happened to it
    Why(Why),
    /// Order that real servers get no new connections. They leave the table when their present ones have ended. The order
    /// lasts until director enable
    Drain(Draining),
    /// Order that real servers leave the kernel's table, with their connections. The order lasts until director enable
    Disable(Disabling),
    /// Take back what was ordered for real servers: they are again as the configuration and their checks say
    #[command(visible_alias = "undrain")]
    Enable(Enabling),
    /// Order a weight for a real server in place of the configured one. The order lasts until director enable, or until
    /// the configuration gives the server another weight
    Weight(Weighing),
    /// Ask the running director what happened: the last 1000 events, each with its number and time
    Events(Events),
    /// Look for what is wrong with this host, and print each thing with the command that mends it. It changes nothing. It
    /// needs no running director, and knows more beside one. Exit with 1 when something is worse than a note
    Doctor {
        #[command(flatten)]
        whom: Director,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let the other director have the virtual addresses. This one takes them back when the other leaves, or when nobody
    /// takes them
    Failover(HandOver),
    /// Send all connections of this host to the other director's kernel now. The kernel never sends what was there before
    /// the other one came: do this when a director has come back, before it takes the virtual addresses back
    Sync {
        #[command(flatten)]
        whom: Director,
    },
    /// Set the password of a user of the status page: print the line for its file of users, or put it there
    Password(Password),
    /// Ask the running director to read its configuration again, as SIGHUP does. On a terminal it first prints the steps,
    /// and asks
    Reload(Reload),
    /// Show all services and servers on the terminal as they change, with keys to sort, filter and drain
    #[cfg(feature = "watch")]
    Top(asked::Top),
    /// Print what the running director logs, or change it until it ends
    LogLevel(asked::LogLevel),
}

/// How a director runs.
#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    file: ConfigFile,
    /// When stopped, remove the configured services from the kernel. Without this they stay
    #[arg(long)]
    release: bool,
    /// Log messages of this level and above (the environment variable `RUST_LOG` can choose by module)
    #[arg(long, value_enum, default_value_t = LogLevel::Info)]
    log_level: LogLevel,
    /// How the log is written
    #[arg(long, value_enum, default_value_t = LogFormat::Auto)]
    log_format: LogFormat,
    /// Write every event and its result to this new file, for director replay
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl Run {
    fn carry_out(self) -> Result<ExitCode, Failure> {
        let options = run::Options {
            release: self.release,
            level: self.log_level.into(),
            format: self.log_format,
            record: self.record,
        };
        run::run(self.file.path(), &options)
    }
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file. A file of keepalived, ldirectord, ipvsadm or HAProxy is carried over first
    #[arg(value_name = "FILE", default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// The same, as an option
    #[arg(short, long, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or(&self.file)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// The definition of the command line: manual page and completions come from it.
#[must_use]
pub fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// The program `director`, given its command line with its own name in front.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let done = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => carry_out(arguments.command),
        Err(error) => explain(&error),
    };
    done.unwrap_or_else(|failure| {
        complain(&failure.message);
        failure.code
    })
}

/// Prints the help, or what is wrong with the command line.
fn explain(error: &clap::Error) -> Result<ExitCode, Failure> {
    let printed = error.print();
    if error.use_stderr() {
        // When standard error cannot be written there is nowhere left to say so.
        return Ok(ExitCode::from(2));
    }
    heard(printed.and_then(|()| std::io::stdout().flush())).map(|_| ExitCode::SUCCESS)
}

fn carry_out(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check { file, print } => oneshot::check(file.path(), print),
        Command::Plan {
            file,
            detailed_exitcode,
        } => oneshot::plan(file.path(), detailed_exitcode),
        Command::Export { file, to, strict } => export::export(file.path(), to, strict),
        Command::Apply { file } => oneshot::apply(file.path()),
        Command::Run(run) => run.carry_out(),
        Command::Import(import) => import.carry_out(),
        Command::Schema => say(SCHEMA).map(|_| ExitCode::SUCCESS),
        Command::Replay { file } => replay::replay(&file),
        Command::Status(asked) => asked.carry_out(),
        Command::Why(asked) => asked.carry_out(),
        Command::Drain(asked) => asked.order(),
        Command::Disable(asked) => asked.order(),
        Command::Enable(asked) => asked.order(),
        Command::Weight(asked) => asked.order(),
        Command::Doctor { whom, json } => doctor::doctor(whom.into(), json),
        Command::Events(asked) => asked.carry_out(),
        Command::Failover(asked) => asked.carry_out(),
        Command::Sync { whom } => ask::sync(whom.into()),
        Command::Password(asked) => asked.carry_out(),
        Command::Reload(asked) => asked.carry_out(),
        #[cfg(feature = "watch")]
        Command::Top(asked) => asked.carry_out(),
        Command::LogLevel(asked) => asked.carry_out(),
    }
}
