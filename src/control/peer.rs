// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which user asks, and what this user may ask.

use std::fmt;

use nix::unistd::geteuid;

use super::request::Request;

/// What a refusal for lack of permission begins with. A client tells it by these words from other refusals.
pub(super) const DENIED: &str = "not permitted: ";

/// The process at the other end, as the kernel knew it when it connected (`SO_PEERCRED`, `SO_PEERGROUPS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its process number, where this host can see it.
    pub pid: Option<i32>,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its other groups.
    pub groups: Vec<u32>,
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

/// A group of users of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: Box<str>,
    /// Its number.
    pub gid: u32,
}

/// Who may ask what, beside root and the user that the director runs as, who may ask everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Its members may ask everything.
    pub all: Option<Group>,
    /// Its members may ask what changes nothing.
    pub readers: Option<Group>,
}

impl Rules {
    /// What this process may ask.
    #[must_use]
    pub fn access(&self, peer: &Peer) -> Access {
        let is_in = |group: &Option<Group>| {
            let gid = group.as_ref().map(|group| group.gid);
            gid.is_some_and(|gid| peer.gid == gid || peer.groups.contains(&gid))
        };
        if peer.uid == 0 || peer.uid == geteuid().as_raw() || is_in(&self.all) {
            Access::Everything
        } else if is_in(&self.readers) {
            Access::Reading
        } else {
            Access::Nothing
        }
    }

    /// Why this user may not ask anything.
    pub(super) fn against(&self, uid: u32) -> String {
        let groups = [&self.all, &self.readers];
        format!("{DENIED}user {uid} may not ask; {}", Remedy(&groups))
    }

    /// Why this user may not change anything.
    pub(super) fn against_change(&self, uid: u32) -> String {
        let remedy = Remedy(&[&self.all]);
        format!("{DENIED}user {uid} may look, and may not change anything; {remedy}")
    }
}

/// What to run as, by the groups that may.
struct Remedy<'a>(&'a [&'a Option<Group>]);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .0
            .iter()
            .filter_map(|it| it.as_ref())
            .map(|it| &*it.name)
            .collect();
        write_remedy(&names.join(" or "), f)
    }
}

/// `run as root, as the director's own user, or as a member of the group lvs`
pub(super) fn write_remedy(groups: &str, f: &mut impl fmt::Write) -> fmt::Result {
    if groups.is_empty() {
        return f.write_str(
            "run as root, or as the director's own user (director: socket_group and socket_readers let others in)",
        );
    }
    write!(
        f,
        "run as root, as the director's own user, or as a member of the group {groups}"
    )
}
