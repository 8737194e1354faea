// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director export`: the configuration for another program.

use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;

use super::args::Failure;
use super::oneshot::load;
use super::say::{complain, printable, say};
use crate::export::{Exported, to_ipvsadm, to_keepalived};

/// For which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// A keepalived.conf
    Keepalived,
    /// The lines that ipvsadm -R reads
    Ipvsadm,
}

/// Prints the configuration in this language, and on standard error what it cannot say. With `strict` that is a failure.
pub(super) fn export(path: &Path, to: Language, strict: bool) -> Result<ExitCode, Failure> {
    let config = load(path, true)?;
    let Exported { text, omissions } = match to {
        Language::Keepalived => to_keepalived(&config),
        Language::Ipvsadm => to_ipvsadm(&config),
    };
    say(&text)?;
    for omission in &omissions {
        // One line each, whatever is in a name.
        let told = omission.to_string().replace('\n', " ");
        complain(&printable(&format!("director: not exported: {told}")));
    }
    if strict && !omissions.is_empty() {
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}
