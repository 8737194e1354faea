// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of the program `lab`.
#![allow(
    clippy::doc_markdown,
    reason = "these comments are shown to people as they are"
)]

mod inside;
mod traffic;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::kernel;
use crate::machines::{self, Shape};

/// The help on one screen.
const HELP: &str = include_str!("help.txt");

/// A real Linux kernel with IPVS, and a small network around it.
#[derive(Debug, Parser)]
#[command(
    name = "lab",
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
    Kernel(KernelArgs),
    Machines(MachinesArgs),
    #[command(flatten)]
    Inside(inside::Command),
    #[command(flatten)]
    Traffic(traffic::Command),
    /// Show the commands inside a lab, on one screen
    Help,
}

/// Run a command inside one kernel that has IPVS.
///
/// The command sees this machine's files, and runs in the current directory with the current environment. It may change
/// anything: all changes are gone afterwards, except in the directory named by $LAB_OUT. It is root there, even if you
/// are not. The lab passes on its input, its output and its exit status (128 + n if signal n ended it). Status 125 means that the
/// lab itself failed.
#[derive(Args, Debug)]
struct KernelArgs {
    /// Memory of the kernel; files written inside are in it, too
    #[arg(long, value_name = "SIZE", default_value = "1024M", value_parser = megabytes)]
    mem: u32,
    /// The longest that the whole may take, in seconds; 0 for no limit
    #[arg(long, value_name = "SECS", default_value_t = 900)]
    timeout: u64,
    /// The directory of this machine that is $LAB_OUT inside [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Run a command in a lab of several machines: a client, real-server hosts, and directors with kernels of their own.
///
/// The command runs on this machine, with this machine's files, in a network of the lab's own, and works with the hosts
/// by `lab on HOST ...` and the like (see `lab help`). The lab always ends with the command.
///
/// It needs root, or user namespaces and the permission to open /dev/net/tun.
#[derive(Args, Debug)]
struct MachinesArgs {
    /// Directors, each a kernel of its own: 0 to 2
    #[arg(long, value_name = "N", default_value_t = Shape::default().directors)]
    directors: u8,
    /// Real-server hosts: 0 to 8
    #[arg(long, value_name = "N", default_value_t = Shape::default().servers)]
    servers: u8,
    /// Addresses of the client besides its first: 0 to 149
    #[arg(long, value_name = "M", default_value_t = Shape::default().client_addresses)]
    client_addresses: u8,
    /// Memory of each director
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = megabytes)]
    mem: u32,
    /// A directory for $LAB_DIR that is kept afterwards [default: one in memory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Do not print when the lab is up
    #[arg(long, short)]
    quiet: bool,
    /// The command and its arguments [default: a shell]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs the program `lab` with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    if machines::is_agent() {
        return machines::reexec_inside(&machines::Options::default()).unwrap_or(ExitCode::FAILURE);
    }
    match Cli::parse().command {
        Command::Kernel(args) => {
            let options = kernel::Options {
                memory: args.mem,
                timeout: (args.timeout > 0).then(|| Duration::from_secs(args.timeout)),
                out: args.out,
                input: true,
            };
            kernel::exit_code(kernel::run(&options, &args.command))
        }
        Command::Machines(args) => run_machines(args),
        Command::Inside(command) => kernel::exit_code(command.run()),
        Command::Traffic(command) => kernel::exit_code(command.run()),
        Command::Help => kernel::exit_code(say(HELP).map(|()| 0)),
    }
}

fn run_machines(args: MachinesArgs) -> ExitCode {
    let shape = Shape {
        directors: args.directors,
        servers: args.servers,
        client_addresses: args.client_addresses,
        memory: args.mem,
    };
    let options = machines::Options {
        shape,
        dir: args.dir,
        quiet: args.quiet,
    };
    machines::reexec_inside(&options)
        .unwrap_or_else(|| kernel::exit_code(become_command(&args.command)))
}

/// Inside the lab: becomes the command, or a shell.
fn become_command(command: &[OsString]) -> Result<u8> {
    let mut words = command.iter();
    let program = words.next().cloned().unwrap_or_else(|| {
        std::env::var_os("SHELL")
            .filter(|shell| !shell.is_empty())
            .unwrap_or_else(|| "/bin/sh".into())
    });
    if command.is_empty() {
        say(HELP)?;
    }
    let error = std::process::Command::new(&program).args(words).exec();
    eprintln!("lab: run {}: {error}", program.display());
    // As shells have it.
    Ok(if error.kind() == std::io::ErrorKind::NotFound {
        127
    } else {
        126
    })
}

/// Writes to standard output; its reader may be gone.
fn say(text: &str) -> Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("write to standard output")
}

/// A size such as `512M` or `2G`, in MiB; a bare number is MiB.
fn megabytes(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.strip_suffix(['M', 'm']) {
        Some(digits) => (digits, 1),
        None => text
            .strip_suffix(['G', 'g'])
            .map_or((text, 1), |digits| (digits, 1024)),
    };
    let size: Option<u32> = digits
        .parse()
        .ok()
        .and_then(|number: u32| number.checked_mul(unit));
    size.filter(|&size| size >= 64)
        .ok_or_else(|| "expected a size of 64M or more, such as 512M or 2G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Cli, megabytes};
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(megabytes("512M"), Ok(512));
        assert_eq!(megabytes("2G"), Ok(2048));
        assert_eq!(megabytes("256"), Ok(256));
        assert!(megabytes("1M").is_err());
        assert!(megabytes("much").is_err());
    }
}
