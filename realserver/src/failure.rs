// SPDX-License-Identifier: MIT OR Apache-2.0
//! The errors that end the program.

use std::path::PathBuf;

use lvs_director::diagnostic::Diagnostics;
use lvs_director::kernel::{HostError, RouteError, SysctlCause};
use lvs_director::system::{FileCause, FileError, errno_name};

use crate::parts::Part;

/// Why an action failed. The exit codes are those of an LSB init script.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line or the configuration is unusable.
    #[error("{0}")]
    Usage(String),
    /// The configuration file is wrong.
    #[error("{}", .0.render(false).trim_end())]
    Config(Diagnostics),
    /// No privilege; nothing was changed.
    #[error(
        "{0} the real server: not permitted (EPERM); run as root or with CAP_NET_ADMIN; nothing was changed"
    )]
    NotPermitted(&'static str),
    /// The VIP is in a place where it must not be; nothing was changed.
    #[error("start the real server: {}; nothing was changed", .0.join("; "))]
    Conflict(Vec<String>),
    /// The state file is unreadable.
    #[error(
        "read {path}: {why}; look at what is there with: realserver status --vip VIP; then delete the file (the \
         values it held cannot be restored) and start or stop again, naming the VIPs"
    )]
    State {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A part is not there although every change went well.
    #[error("start the real server: {} is not as it should be after start{}", .0.part, why(.0))]
    Incomplete(Box<Part>),
    /// An address, a link, a route or a setting.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The lock or its directory.
    #[error("{operation} {path}: {error}")]
    Lock {
        /// What was tried.
        operation: &'static str,
        /// The object.
        path: PathBuf,
        /// Why it failed.
        error: std::io::Error,
    },
    /// Standard output.
    #[error("write to standard output: {0}")]
    Output(std::io::Error),
    /// Half of the work is done.
    #[error("{0}; earlier changes stay; undo them with: realserver stop")]
    Partly(Box<Failure>),
}

impl Failure {
    /// The exit code: 1 failed, 2 usage or configuration, 4 not permitted.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Config(_) => 2,
            Self::NotPermitted(_) => 4,
            Self::Host(HostError::Sysctl(error)) if error.cause == SysctlCause::NotPermitted => 4,
            Self::File(error) if error.cause == FileCause::NotPermitted => 4,
            Self::Lock { error, .. } if error.kind() == std::io::ErrorKind::PermissionDenied => 4,
            Self::Host(HostError::Route(error)) => match error.errno().map(errno_name).as_deref() {
                Some("EPERM") => 4,
                Some(_) | None => 1,
            },
            Self::Partly(failure) => failure.exit_code(),
            Self::Conflict(_)
            | Self::State { .. }
            | Self::Incomplete(_)
            | Self::Host(_)
            | Self::File(_)
            | Self::Output(_)
            | Self::Lock { .. } => 1,
        }
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        Self::Host(error.into())
    }
}

fn why(part: &Part) -> String {
    let detail = part.detail.iter().map(|detail| format!(": {detail}"));
    let mend = part
        .mend
        .iter()
        .map(|mend| format!("; mend it with: {mend}"));
    detail.chain(mend).collect()
}
