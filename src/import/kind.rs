// SPDX-License-Identifier: MIT OR Apache-2.0
//! The formats that are known.

use super::{Output, Reading, haproxy, ipvsadm, keepalived, ldirectord, realserver_sh};
use crate::diagnostic::FileId;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `keepalived.conf`.
    Keepalived,
    /// `ldirectord.cf`.
    Ldirectord,
    /// What `ipvsadm -S` writes.
    Ipvsadm,
    /// `haproxy.cfg`.
    Haproxy,
    /// A script as `realserver.sh`, which sets a real server up.
    RealserverSh,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Keepalived,
        Self::Ldirectord,
        Self::Ipvsadm,
        Self::Haproxy,
        Self::RealserverSh,
    ];

    /// As `--from` has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keepalived => "keepalived",
            Self::Ldirectord => "ldirectord",
            Self::Ipvsadm => "ipvsadm",
            Self::Haproxy => "haproxy",
            Self::RealserverSh => "realserver.sh",
        }
    }

    /// What the text means.
    pub(super) fn read(self, file: FileId, reading: &mut Reading<'_>) -> Output {
        match self {
            Self::Keepalived => keepalived::read(file, reading),
            Self::Ldirectord => ldirectord::read(file, reading),
            Self::Ipvsadm => ipvsadm::read(file, reading),
            Self::Haproxy => haproxy::read(file, reading),
            Self::RealserverSh => realserver_sh::read(file, reading),
        }
    }
}

/// The format of a text, by the first line that only one of them has. `None` for our own, and for what is none of them.
#[must_use]
pub fn recognise(text: &str) -> Option<Kind> {
    if text.starts_with("#!") {
        return Some(Kind::RealserverSh);
    }
    text.lines().find_map(of_line)
}

/// The format that this line shows.
fn of_line(line: &str) -> Option<Kind> {
    let indented = line.starts_with(char::is_whitespace);
    let mut words = line.split(|c: char| c.is_whitespace() || c == '=' || c == '{');
    let word = words.find(|word| !word.is_empty())?;
    let keepalived = [
        "global_defs",
        "virtual_server",
        "virtual_server_group",
        "vrrp_instance",
        "vrrp_sync_group",
        "vrrp_script",
        "vrrp_track_process",
        "track_file",
        "static_ipaddress",
        "static_routes",
        "include",
    ];
    let haproxy = [
        "global", "defaults", "listen", "frontend", "backend", "peers",
    ];
    let ldirectord = [
        "virtual",
        "checktimeout",
        "checkinterval",
        "negotiatetimeout",
        "autoreload",
        "quiescent",
        "fallback",
        "logfile",
    ];
    match word {
        "-A" | "-a" | "ipvsadm" | "--add-service" | "--add-server" => Some(Kind::Ipvsadm),
        _ if indented => None,
        _ if keepalived.contains(&word) => Some(Kind::Keepalived),
        _ if haproxy.contains(&word) => Some(Kind::Haproxy),
        _ if ldirectord.contains(&word) && line.contains('=') => Some(Kind::Ldirectord),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_recognised_and_our_own_is_none_of_them() {
        for (text, kind) in [
            ("! a\n\nglobal_defs {\n", Some(Kind::Keepalived)),
            ("#\nvirtual_server 192.0.2.1 80 {\n", Some(Kind::Keepalived)),
            ("global\n  maxconn 1\n", Some(Kind::Haproxy)),
            ("checktimeout=3\n", Some(Kind::Ldirectord)),
            ("virtual = 192.0.2.1:80\n", Some(Kind::Ldirectord)),
            ("-A -t 192.0.2.1:80 -s rr\n", Some(Kind::Ipvsadm)),
            ("#!/bin/bash\nVIP=192.0.2.1\n", Some(Kind::RealserverSh)),
            (
                "virtual_services:\n  - {address: 192.0.2.1:80, servers: []}\n",
                None,
            ),
            ("defaults: {weight: 1}\nvirtual_services: []\n", None),
            ("", None),
        ] {
            assert_eq!(recognise(text), kind, "{text}");
        }
    }
}
