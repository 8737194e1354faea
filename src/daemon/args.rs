// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of `director`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

use super::ask::{self, Whom};
use super::export::Language;
use super::import::Import;
use super::order::{self, Asked, Wish};
use super::say::{complain, heard, printable};
use super::why::{self, Whose};
use super::{export, forecast, oneshot, replay, run};
use crate::model::{self, DrainTerms, Order, ServiceKey};

/// The configuration file when the command line names none.
pub(super) const DEFAULT_FILE: &str = "/etc/lvs-director/director.yaml";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something failed, or the kernel or the director refused
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
    /// Play a recording again without a kernel, and print what the director logged then. Exit with 1 when this director
    /// acts differently
    Replay {
        /// A file that director run --record wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Ask the running director for the state of all services and servers
    Status {
        #[command(flatten)]
        whom: Director,
        /// Only this virtual service, as ipvsadm lists it: "TCP 192.0.2.10:80". May be repeated
        #[arg(long, value_name = "SERVICE")]
        service: Vec<ServiceKey>,
        /// Print it again after every change, until interrupted; with --json one line each time
        #[arg(long)]
        watch: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask the running director why a real server is where it is: its standing, its checks, what happened to it
    Why {
        /// The real server: 10.0.0.5, or 10.0.0.5:5672
        #[arg(value_name = "SERVER")]
        server: Whose,
        #[command(flatten)]
        whom: Director,
        /// Only in this virtual service, as ipvsadm lists it: "TCP 192.0.2.10:80". May be repeated
        #[arg(long, value_name = "SERVICE")]
        service: Vec<ServiceKey>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Order that real servers get no new connections. They leave the table when their present ones have ended. The order
    /// lasts until director enable
    Drain(Draining),
    /// Order that real servers leave the kernel's table, with their connections. The order lasts until director enable
    Disable {
        #[command(flatten)]
        whom: Servers,
        /// Also when a service is left without a server for new connections
        #[arg(long)]
        force: bool,
    },
    /// Take back what was ordered for real servers: they are again as the configuration and their checks say
    #[command(visible_alias = "undrain")]
    Enable {
        #[command(flatten)]
        whom: Servers,
    },
    /// Order a weight for a real server in place of the configured one. The order lasts until director enable
    Weight {
        /// The weight: 0 to 2147483647
        #[arg(value_name = "WEIGHT", value_parser = weight)]
        weight: model::Weight,
        #[command(flatten)]
        whom: Servers,
        /// Also when a service is left without a server for new connections
        #[arg(long)]
        force: bool,
    },
    /// Ask the running director what happened: the last 1000 events, each with its number and time
    Events {
        #[command(flatten)]
        whom: Director,
        /// Print only events after the one with this number
        #[arg(long, value_name = "NUMBER", value_parser = event_number)]
        since_number: Option<u64>,
        /// Print new events as they come, until interrupted
        #[arg(long)]
        follow: bool,
        /// Print JSON, one line for each event
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
    /// Ask the running director to read its configuration again, as SIGHUP does
    Reload {
        #[command(flatten)]
        whom: Director,
        /// Wait until the new configuration is in force; exit with 1 when it is refused, and say why
        #[arg(long)]
        wait: bool,
    },
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
    /// Write every event and its result to this new file, for director replay
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl Run {
    fn carry_out(self) -> Result<ExitCode, Failure> {
        let options = run::Options {
            release: self.release,
            level: self.log_level.into(),
            record: self.record,
        };
        run::run(self.file.path(), &options)
    }
}

/// Which servers are meant, and which director is asked.
#[derive(Debug, Args)]
struct Servers {
    /// The real servers: 10.0.0.5 in all its services, or 10.0.0.5:5672
    #[arg(value_name = "SERVER", required = true)]
    server: Vec<Whose>,
    /// Only in this virtual service, as ipvsadm lists it: "TCP 192.0.2.10:80". May be repeated
    #[arg(long, value_name = "SERVICE")]
    service: Vec<ServiceKey>,
    /// The director's control socket, in place of the one in the usual configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Servers {
    /// Orders this for them.
    fn order(self, asked: Asked) -> Result<ExitCode, Failure> {
        let Self {
            server: servers,
            service: services,
            socket,
        } = self;
        let wish = Wish {
            servers,
            services,
            asked,
        };
        order::order(Whom { socket, file: None }, &wish)
    }
}

/// Which servers drain, until when, and who waits for it.
#[derive(Debug, Args)]
struct Draining {
    #[command(flatten)]
    whom: Servers,
    /// Take them out of the table after so many seconds, also when connections are left: these break
    #[arg(long, value_name = "SECONDS", value_parser = deadline)]
    deadline: Option<u64>,
    /// Wait also until persistence binds no client to them any more
    #[arg(long)]
    templates: bool,
    /// Also when a service is left without a server for new connections
    #[arg(long)]
    force: bool,
    /// Wait until the servers have left the table, and say what they wait for; exit with 1 when one is left after the
    /// timeout
    #[arg(long)]
    wait: bool,
    /// How long to wait, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = seconds,
        default_value_t = 3600,
        requires = "wait"
    )]
    timeout: u64,
}

impl Draining {
    fn order(self) -> Result<ExitCode, Failure> {
        let Self {
            whom,
            deadline,
            templates,
            force,
            wait,
            timeout,
        } = self;
        let deadline = deadline.map(Duration::from_secs);
        whom.order(Asked {
            order: Some(Order::Drain),
            terms: DrainTerms {
                deadline,
                templates,
            },
            force,
            wait: wait.then(|| Duration::from_secs(timeout)),
        })
    }
}

/// Which addresses another director gets, or would get.
#[derive(Debug, Args)]
struct HandOver {
    #[command(flatten)]
    whom: Director,
    /// Only this virtual router, as director status names it: eth0/51
    #[arg(long, value_name = "NAME")]
    router: Option<String>,
    /// Change nothing: print how many open connections would break, and why. The other director is taken to have the same
    /// configuration, and no connection sync
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run, print JSON with all these connections
    #[arg(long, requires = "dry_run")]
    json: bool,
}

impl HandOver {
    fn carry_out(self) -> Result<ExitCode, Failure> {
        let whom = self.whom.into();
        if self.dry_run {
            forecast::forecast(whom, self.router.as_deref(), self.json)
        } else {
            ask::failover(whom, self.router)
        }
    }
}

/// The longest deadline of a drain, in seconds: 30 days.
const LONGEST_DEADLINE: u64 = 2_592_000;

fn deadline(text: &str) -> Result<u64, String> {
    let number = text.parse().ok();
    let number = number.filter(|it| (1..=LONGEST_DEADLINE).contains(it));
    number.ok_or_else(|| {
        format!("write a number of seconds, 1 to {LONGEST_DEADLINE}: 3600 is an hour")
    })
}

fn seconds(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "write a number of seconds: 3600 is an hour".to_owned())
}

fn event_number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "write the number of an event, as director events prints it: 12".to_owned())
}

fn weight(text: &str) -> Result<model::Weight, String> {
    let number = text.parse().ok().and_then(model::Weight::new);
    number.ok_or_else(|| format!("write 0 to {}", model::Weight::MAX))
}

/// Which director is asked.
#[derive(Debug, Args)]
struct Director {
    /// A configuration file that names the director's control socket. When it is not readable, the command uses the
    /// usual socket
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The director's control socket, in place of the configured one
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl From<Director> for Whom {
    fn from(Director { file, socket }: Director) -> Self {
        Self { socket, file }
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
        Command::Replay { file } => replay::replay(&file),
        Command::Status {
            whom,
            service,
            watch,
            json,
        } => ask::status(whom.into(), service, watch, json),
        Command::Why {
            server,
            whom,
            service,
            json,
        } => why::why(whom.into(), server, service, json),
        Command::Drain(asked) => asked.order(),
        Command::Disable { whom, force } => whom.order(Asked::of(Some(Order::Disable), force)),
        Command::Enable { whom } => whom.order(Asked::of(None, true)),
        Command::Weight {
            weight,
            whom,
            force,
        } => whom.order(Asked::of(Some(Order::Weight(weight)), force)),
        Command::Events {
            whom,
            since_number,
            follow,
            json,
        } => ask::events(whom.into(), since_number, follow, json),
        Command::Failover(asked) => asked.carry_out(),
        Command::Sync { whom } => ask::sync(whom.into()),
        Command::Reload { whom, wait } => ask::reload(whom.into(), wait),
    }
}

/// Why a command ended early: what to print, and what to exit with.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) code: ExitCode,
}

impl Failure {
    /// Something failed: exit code 1.
    pub(super) fn failed(message: impl Into<Reason>) -> Self {
        Self {
            message: format!("director: {}", message.into().0),
            code: ExitCode::from(1),
        }
    }

    /// The configuration is wrong: exit code 3, and the message without a prefix. It may have colours.
    pub(super) fn config(message: &str) -> Self {
        Self {
            message: message.trim_end().to_owned(),
            code: ExitCode::from(3),
        }
    }

    /// Not permitted: exit code 4.
    pub(super) fn permission(message: impl Into<Reason>) -> Self {
        Self {
            message: format!("director: {}", message.into().0),
            code: ExitCode::from(4),
        }
    }
}

/// Anything that can be printed as the reason of a [`Failure`]. File names may have control sequences in them: they
/// reach neither a terminal, nor the log, nor the status.
pub(super) struct Reason(String);

impl<T: std::fmt::Display> From<T> for Reason {
    fn from(reason: T) -> Self {
        Self(printable(&reason.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_no_control_sequence_to_the_log_or_the_status() {
        for failure in [
            Failure::failed("read /tmp/\u{1b}[31m: no"),
            Failure::permission("read /tmp/\u{1b}[31m: no"),
        ] {
            assert_eq!(failure.message, "director: read /tmp/\u{fffd}[31m: no");
        }
    }
}
