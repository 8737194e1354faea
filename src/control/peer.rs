// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which user asks, and what this user may ask.

use nix::unistd::geteuid;

use super::request::Request;

/// The process at the other end, as the kernel knew it when it connected (`SO_PEERCRED`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its process number, where this host can see it.
    pub pid: Option<i32>,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Everything,
    /// Requests that change nothing.
    Reading,
    /// Nothing.
    Nothing,
}

impl Access {
    /// root, and the user that the director runs as, may ask everything. Others may ask nothing.
    #[must_use]
    pub fn of(peer: Peer) -> Self {
        if peer.uid == 0 || peer.uid == geteuid().as_raw() {
            Self::Everything
        } else {
            Self::Nothing
        }
    }

    /// Whether this request is permitted.
    #[must_use]
    pub const fn permits(self, request: &Request) -> bool {
        match self {
            Self::Everything => true,
            Self::Reading => !request.changes(),
            Self::Nothing => false,
        }
    }
}
