// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `stories`: it plays the demonstration, the torture, the failover and the loading of the director, in a lab of several
//! machines.
//!
//! The stories run the programs `director`, `realserver`, `lvsadm` and `lab` of their own directory, as a person would.
//! They measure their figures in the same run. When a check fails, the story says so, and its exit status is not 0.
#![allow(
    clippy::disallowed_methods,
    reason = "a test tool for real kernels reads real clocks and waits for real processes"
)]
#![allow(
    clippy::format_push_string,
    reason = "small texts, and writing to a String has an error that cannot happen"
)]
#![allow(
    clippy::doc_markdown,
    reason = "these comments are shown to people as they are"
)]

mod config;
mod demo;
mod director;
mod drift;
mod failover;
mod failure;
mod hosts;
mod load;
mod pair;
mod report;
mod restart;
mod spread;
mod stage;
mod story;
mod takeover;
mod torture;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::machines::{self, Options};

/// Stories of the director, told with real kernels and real traffic.
#[derive(Debug, Parser)]
#[command(
    name = "stories",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what the director does, with real kernels and real traffic, in about a minute
    ///
    /// The programs director, realserver, lvsadm and lab must be in the same directory as this one. The exit status is
    /// not 0 if a check failed.
    Demo {
        /// Check, too, that this file shows a run of the same demonstration
        #[arg(long, value_name = "FILE")]
        like: Option<PathBuf>,
    },
    Failover(failover::FailoverArgs),
    Load(load::LoadArgs),
    Torture(torture::TortureArgs),
}

fn main() -> ExitCode {
    // The lab starts this very program as the agent of its directors, without arguments.
    if machines::is_agent() {
        return machines::reexec_inside(&Options::default()).unwrap_or(ExitCode::FAILURE);
    }
    match Cli::parse().command {
        Command::Demo { like } => demo::main(like.as_deref()),
        Command::Failover(args) => failover::main(&args),
        Command::Load(args) => load::main(&args),
        Command::Torture(args) => torture::main(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
