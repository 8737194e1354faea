// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director password`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::failure::Failure;
use crate::daemon::password::password;

/// Whose password is set, and where it is put.
#[derive(Debug, Args)]
pub(super) struct Password {
    /// The name of the user
    #[arg(value_name = "NAME")]
    name: String,
    /// Put it into this file, in the place of the user's older one
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Read the password from the first line of standard input, in place of asking twice at the terminal
    #[arg(long)]
    stdin: bool,
}

impl Password {
    pub(super) fn carry_out(self) -> Result<ExitCode, Failure> {
        password(&self.name, self.file.as_deref(), self.stdin)
    }
}
