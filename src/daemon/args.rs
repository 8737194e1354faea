// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of `director`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

use super::{oneshot, run};

/// Where the configuration is looked for when none is named.
const DEFAULT_FILE: &str = "/etc/lvs-director/director.yaml";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something failed, or was refused by the kernel
  2  the command line is wrong; or, with plan --detailed-exitcode, there are steps
  3  the configuration is wrong
  4  not permitted";

/// Programs the kernel's IPVS, checks the real servers, keeps the kernel right.
#[derive(Debug, Parser)]
#[command(name = "director", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration file, and say everything that is wrong with it
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// Print the effective configuration, with every default spelled out
        #[arg(long)]
        print: bool,
    },
    /// Print what would be changed in the kernel, as ipvsadm lines, and change nothing. Servers that a running
    /// director holds for down are left out, as it leaves them out
    Plan {
        #[command(flatten)]
        file: ConfigFile,
        /// Exit with 2 when there are steps, and with 0 when there are none
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Make the kernel what the configuration says, once, taking every real server for up
    Apply {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Keep the kernel what the configuration says: check the real servers, repair drift. SIGHUP reloads
    Run {
        #[command(flatten)]
        file: ConfigFile,
        /// Remove the configured services from the kernel when stopped, instead of leaving them as they are
        #[arg(long)]
        release: bool,
        /// Least important messages to log (the environment variable `RUST_LOG` says more)
        #[arg(long, value_enum, default_value_t = LogLevel::Info)]
        log_level: LogLevel,
    },
    /// Ask the running director how everything is
    Status {
        #[command(flatten)]
        file: ConfigFile,
        /// Its control socket, instead of the one the configuration names
        #[arg(long, value_name = "PATH")]
        socket: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(value_name = "FILE", default_value = DEFAULT_FILE)]
    file: PathBuf,
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
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed standard output is no reason to complain.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match arguments.command {
        Command::Check { file, print } => oneshot::check(&file.file, print),
        Command::Plan {
            file,
            detailed_exitcode,
        } => oneshot::plan(&file.file, detailed_exitcode),
        Command::Apply { file } => oneshot::apply(&file.file),
        Command::Run {
            file,
            release,
            log_level,
        } => run::run(&file.file, release, log_level.into()),
        Command::Status { file, socket, json } => oneshot::status(&file.file, socket, json),
    };
    done.unwrap_or_else(|failure| {
        // A standard error that cannot be written is no reason for another exit code.
        let _ = writeln!(std::io::stderr(), "{}", failure.message);
        failure.code
    })
}

/// Why a command ended early: what to print, and what to exit with.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) code: ExitCode,
}

impl Failure {
    /// Something failed.
    pub(super) fn failed(message: impl Into<Reason>) -> Self {
        Self {
            message: format!("director: {}", message.into().0),
            code: ExitCode::from(1),
        }
    }

    /// The configuration is wrong: the message stands as it is.
    pub(super) fn config(message: impl Into<Reason>) -> Self {
        Self {
            message: message.into().0.trim_end().to_owned(),
            code: ExitCode::from(3),
        }
    }

    /// Not permitted.
    pub(super) fn permission(message: impl Into<Reason>) -> Self {
        Self {
            message: format!("director: {}", message.into().0),
            code: ExitCode::from(4),
        }
    }
}

/// Anything that can be printed as the reason of a [`Failure`].
pub(super) struct Reason(String);

impl<T: std::fmt::Display> From<T> for Reason {
    fn from(reason: T) -> Self {
        Self(reason.to_string())
    }
}
