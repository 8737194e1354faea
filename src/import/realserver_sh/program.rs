// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of a script that do nothing to the host, and what is said of all others.

use std::collections::HashSet;

use crate::diagnostic::{Finding, Fix, Shown, Span, nearest};

/// Programs that a script sets a real server up with.
pub(super) const KNOWN: [&str; 11] = [
    "ifconfig",
    "ip",
    "sysctl",
    "echo",
    "printf",
    "route",
    "modprobe",
    "arptables",
    "iptables",
    "ip6tables",
    "ipvsadm",
];

/// Programs and words of the shell that change nothing of the host's network.
const IDLE: [&str; 76] = [
    "[",
    "[[",
    "((",
    ":",
    ".",
    "source",
    "test",
    "true",
    "false",
    "exit",
    "return",
    "set",
    "unset",
    "shift",
    "break",
    "continue",
    "wait",
    "sleep",
    "cd",
    "umask",
    "trap",
    "let",
    "expr",
    "eval",
    "read",
    "declare",
    "typeset",
    "date",
    "basename",
    "dirname",
    "id",
    "whoami",
    "hostname",
    "uname",
    "grep",
    "egrep",
    "fgrep",
    "awk",
    "gawk",
    "sed",
    "cut",
    "head",
    "tail",
    "wc",
    "cat",
    "tr",
    "sort",
    "uniq",
    "ps",
    "pgrep",
    "pidof",
    "netstat",
    "ss",
    "which",
    "type",
    "logger",
    "touch",
    "rm",
    "mkdir",
    "clear",
    "usage",
    "success",
    "failure",
    "passed",
    "warning",
    "action",
    "status",
    "log_daemon_msg",
    "log_end_msg",
    "log_success_msg",
    "log_failure_msg",
    "log_action_msg",
    "log_warning_msg",
    "seq",
    "bc",
    "functions",
];

/// Programs that do something else, and are no misspelt ones.
const OTHERS: [&str; 12] = [
    "systemctl",
    "service",
    "arping",
    "ping",
    "tee",
    "ethtool",
    "ipset",
    "ifup",
    "ifdown",
    "brctl",
    "initctl",
    "chkconfig",
];

/// The program that was meant.
fn meant(name: &str) -> Option<&'static str> {
    if OTHERS.contains(&name) {
        return None;
    }
    // Nearly every short word is near "ip".
    nearest(name, KNOWN.into_iter().filter(|known| known.len() > 3))
}

/// What is to be said of a program that is none of these; `None` when it does nothing.
pub(super) fn unknown(name: &str, functions: &HashSet<String>, place: Span) -> Option<Finding> {
    if IDLE.contains(&name) || functions.contains(name) {
        return None;
    }
    if name.is_empty() {
        let message = "not carried over: the name of this program is known to a running shell only";
        let finding = Finding::warning(place, message);
        return Some(finding.help("look what it does, and do that beside realserver"));
    }
    if let Some(near) = meant(name) {
        let finding = Finding::new(place, format!("unknown program {}", Shown(name)));
        return Some(finding.help(format!("did you mean {near}?")));
    }
    let message = format!("not carried over: {}", Shown(name));
    let finding = Finding::warning(place, message);
    Some(finding.help("realserver does nothing of the kind: look whether this host needs it"))
}

/// The right word in the place of a misspelt one, which stands once in its line.
pub(super) fn corrected(finding: Finding, line: &str, place: Span, name: &str) -> Finding {
    let Some(near) = meant(name) else {
        return finding;
    };
    let mut found = line.match_indices(name);
    let (Some((at, _)), None) = (found.next(), found.next()) else {
        return finding;
    };
    let start = place.start() + at;
    finding.fix(Fix::replace(Span::new(start, start + name.len()), near))
}
