// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the manual pages and the schema into the repository, or completions into a directory.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use clap_complete::{Shell, generate_to};

/// Writes what packages have beside the programs
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write docs/man and docs/director.schema.json again
    Pages,
    /// Write the completions of director and realserver for bash, zsh and fish into a directory
    Completions {
        /// The directory
        #[arg(value_name = "DIRECTORY")]
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Pages => write_pages(),
        What::Completions { directory } => write_completions(&directory),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("packaging: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_pages() -> io::Result<()> {
    let root = packaging::root();
    let configuration = std::fs::read_to_string(root.join("docs/configuration.md"))?;
    for (path, text) in packaging::pages(&configuration) {
        std::fs::write(root.join(path), text)?;
    }
    Ok(())
}

fn write_completions(directory: &std::path::Path) -> io::Result<()> {
    for mut command in packaging::commands() {
        let name = command.get_name().to_owned();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            generate_to(shell, &mut command, &name, directory)?;
        }
    }
    Ok(())
}
