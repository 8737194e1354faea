// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which director is asked.

use std::path::PathBuf;

use clap::Args;

use crate::daemon::ask::Whom;

/// Where the director is that is asked. Without these options it is the one of the usual configuration.
#[derive(Debug, Args)]
pub(super) struct Socket {
    /// A configuration file that names the director's control socket. When it is not readable, the command uses the
    /// usual socket
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The director's control socket, in place of the configured one
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Socket {
    /// The director of these options, or of a file that was named elsewhere on the command line.
    pub(super) fn or_of(self, file: Option<PathBuf>) -> Whom {
        let Self { config, socket } = self;
        let file = config.or(file);
        Whom { socket, file }
    }
}

impl From<Socket> for Whom {
    fn from(socket: Socket) -> Self {
        socket.or_of(None)
    }
}

/// The same, and a place for the file that older versions of the commands have.
#[derive(Debug, Args)]
pub(super) struct Director {
    /// The same as --config FILE
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    #[command(flatten)]
    socket: Socket,
}

impl From<Director> for Whom {
    fn from(Director { file, socket }: Director) -> Self {
        socket.or_of(file)
    }
}
