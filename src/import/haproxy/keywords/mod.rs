// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keywords of HAProxy's sections: where each belongs, and what becomes of it (section 4.1 of HAProxy 2.6's
//! configuration manual, with those that came later, and with old ones that published files still have).

mod global;

use super::aside::Reason;
use super::sections::Kind;

/// What becomes of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Another part of the importer reads it.
    Read,
    /// It is named, and not carried over as such.
    Aside(Reason),
    /// HAProxy 2.1 and later want another word for it.
    Old(&'static str),
}

/// Where a keyword may stand: bits for `defaults`, `frontend`, `listen`, `backend`, and `global`.
const D: u8 = 1;
const F: u8 = 2;
const L: u8 = 4;
const B: u8 = 8;
const G: u8 = 16;

/// First words that say nothing without the second one.
const GROUPS: [&str; 4] = ["option", "timeout", "stats", "stick"];

/// Keywords of the same places with the same fate.
type Row = (u8, Fate, &'static [&'static str]);

/// What is said of the status page.
const STATS: &[&str] = &[
    "stats enable",
    "stats uri",
    "stats refresh",
    "stats auth",
    "stats admin",
    "stats realm",
    "stats hide-version",
    "stats show-node",
    "stats show-legends",
    "stats show-desc",
    "stats show-modules",
    "stats scope",
    "stats http-request",
];

/// What may stand in `defaults` and in proxies (section 4.1).
const PROXIES: &[Row] = &[
    (L | F, Fate::Read, &["bind"]),
    (D | F | L | B, Fate::Read, &["mode", "disabled", "enabled"]),
    (
        D | L | B,
        Fate::Read,
        &["balance", "hash-type", "default-server"],
    ),
    (D | F | L, Fate::Read, &["default_backend"]),
    (F | L, Fate::Read, &["use_backend"]),
    (
        L | B,
        Fate::Read,
        &["server", "server-template", "dispatch"],
    ),
    (
        D | L | B,
        Fate::Read,
        &["source", "http-check", "tcp-check"],
    ),
    (
        D | L | B,
        Fate::Read,
        &["external-check command", "external-check"],
    ),
    (
        D | L | B,
        Fate::Read,
        &[
            "option tcp-check",
            "option httpchk",
            "option mysql-check",
            "option pgsql-check",
            "option redis-check",
            "option smtpchk",
            "option ldap-check",
            "option ssl-hello-chk",
            "option spop-check",
            "option external-check",
            "option allbackups",
        ],
    ),
    (D | F | L | B, Fate::Read, &["timeout check"]),
    (
        D | F | L | B,
        Fate::Aside(Reason::Timeout),
        &["timeout connect"],
    ),
    (
        D | F | L | B,
        Fate::Aside(Reason::Idle),
        &["timeout client", "timeout server", "timeout tunnel"],
    ),
    (F | L | B, Fate::Read, &["stick-table"]),
    (
        L | B,
        Fate::Read,
        &["stick on", "stick match", "stick store-request"],
    ),
    (
        L | B,
        Fate::Aside(Reason::Content),
        &["stick store-response"],
    ),
    (F | L, Fate::Read, STATS),
    (D | B, Fate::Aside(Reason::Page), STATS),
    (
        D | F | L | B,
        Fate::Aside(Reason::Log),
        &[
            "log",
            "log-format",
            "log-format-sd",
            "error-log-format",
            "log-tag",
            "log-steps",
            "unique-id-format",
            "unique-id-header",
            "option tcplog",
            "option httplog",
            "option httpslog",
            "option dontlognull",
            "option dontlog-normal",
            "option logasap",
            "option log-separate-errors",
            "option log-health-checks",
            "option socket-stats",
            "option contstats",
            "description",
            "id",
            "guid",
        ],
    ),
    (
        D | F | L | B,
        Fate::Aside(Reason::Process),
        &[
            "bind-process",
            "load-server-state-from-file",
            "server-state-file-name",
        ],
    ),
    (
        D | F | L | B,
        Fate::Aside(Reason::Limit),
        &[
            "maxconn",
            "backlog",
            "rate-limit sessions",
            "rate-limit",
            "fullconn",
        ],
    ),
    (
        D | F | L | B,
        Fate::Aside(Reason::Tcp),
        &[
            "option tcpka",
            "option clitcpka",
            "option srvtcpka",
            "clitcpka-cnt",
            "clitcpka-idle",
            "clitcpka-intvl",
            "srvtcpka-cnt",
            "srvtcpka-idle",
            "srvtcpka-intvl",
            "option splice-auto",
            "option splice-request",
            "option splice-response",
            "option tcp-smart-accept",
            "option tcp-smart-connect",
            "option nolinger",
            "option independent-streams",
            "option idle-close-on-response",
            "option transparent",
            "transparent",
        ],
    ),
    (
        D | L | B,
        Fate::Aside(Reason::Retry),
        &["retries", "retry-on", "option redispatch"],
    ),
    (
        D | F | L | B,
        Fate::Aside(Reason::Timeout),
        &[
            "timeout queue",
            "timeout client-fin",
            "timeout server-fin",
            "timeout http-request",
            "timeout http-keep-alive",
            "timeout tarpit",
            "timeout client-hs",
            "option abortonclose",
        ],
    ),
    (
        D | F | L | B,
        Fate::Aside(Reason::Http),
        &[
            "option forwardfor",
            "option forwarded",
            "option originalto",
            "option httpclose",
            "option forceclose",
            "option http-server-close",
            "option http-keep-alive",
            "option http-no-delay",
            "option http-pretend-keepalive",
            "option http-tunnel",
            "option http-use-htx",
            "option http-buffer-request",
            "option http-ignore-probes",
            "option http-use-proxy-header",
            "option http-restrict-req-hdr-names",
            "option http-drop-request-trailers",
            "option http-drop-response-trailers",
            "option accept-invalid-http-request",
            "option accept-invalid-http-response",
            "option accept-unsafe-violations-in-http-request",
            "option accept-unsafe-violations-in-http-response",
            "option h1-case-adjust-bogus-client",
            "option h1-case-adjust-bogus-server",
            "option disable-h2-upgrade",
            "option checkcache",
            "option prefer-last-server",
            "errorfile",
            "errorfiles",
            "errorloc",
            "errorloc302",
            "errorloc303",
            "http-error",
            "http-reuse",
            "http-send-name-header",
            "max-keep-alive-queue",
            "max-session-srv-conns",
            "monitor-uri",
            "monitor-net",
            "monitor",
            "compression",
            "filter",
        ],
    ),
    (
        D | F | L | B,
        Fate::Aside(Reason::Content),
        &[
            "acl",
            "cookie",
            "appsession",
            "option persist",
            "persist",
            "force-persist",
            "ignore-persist",
            "use-server",
            "use-fcgi-app",
            "http-request",
            "http-response",
            "http-after-response",
            "tcp-request",
            "tcp-response",
            "quic-initial",
            "redirect",
            "block",
            "capture",
            "declare",
            "reqadd",
            "reqallow",
            "reqdel",
            "reqdeny",
            "reqidel",
            "reqideny",
            "reqirep",
            "reqrep",
            "rspadd",
            "rspdel",
            "rspidel",
            "rspirep",
            "rsprep",
        ],
    ),
    (D | F | L | B, Fate::Aside(Reason::Mail), &["email-alert"]),
    (
        D | L | B,
        Fate::Aside(Reason::External),
        &["external-check path"],
    ),
    // What HAProxy 2.1 and later refuse, and older files have.
    (D | F | L, Fate::Old("timeout client"), &["clitimeout"]),
    (D | L | B, Fate::Old("timeout connect"), &["contimeout"]),
    (D | L | B, Fate::Old("timeout server"), &["srvtimeout"]),
    (D | L | B, Fate::Old("option redispatch"), &["redispatch"]),
    (D | F | L | B, Fate::Aside(Reason::Process), &["grace"]),
    (F | L, Fate::Aside(Reason::Tls), &["ssl-f-use"]),
];

/// All rows.
fn rows() -> impl Iterator<Item = &'static Row> {
    PROXIES.iter().chain(global::TABLE)
}

/// A keyword as it was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: &'static str,
    pub(super) fate: Fate,
}

/// Why a keyword is not one of this section's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotHere {
    /// It is none of HAProxy's.
    Unknown,
    /// It belongs to other sections.
    Misplaced(u8),
}

/// Looks a keyword up: by its first two words where one alone says nothing.
pub(super) fn find(kind: Kind, first: &str, second: Option<&str>) -> Result<Found, NotHere> {
    let here = place(kind);
    let both = second.map(|second| format!("{first} {second}"));
    let mut elsewhere = 0;
    for (places, fate, names) in rows() {
        for name in *names {
            if *name != first && Some(*name) != both.as_deref() {
                continue;
            }
            if places & here != 0 {
                return Ok(Found { name, fate: *fate });
            }
            elsewhere |= places;
        }
    }
    Err(match elsewhere {
        0 if here == G && (first.starts_with("tune.") || first.starts_with("ssl-")) => {
            return Ok(TUNING);
        }
        0 => NotHere::Unknown,
        places => NotHere::Misplaced(places),
    })
}

/// All of `tune.*`.
const TUNING: Found = Found {
    name: "tune.*",
    fate: Fate::Aside(Reason::Process),
};

/// Whether a word is a keyword of some section.
pub(super) fn is_known(word: &str) -> bool {
    let mut names = rows().flat_map(|(_, _, names)| names.iter());
    names.any(|name| name.split(' ').next() == Some(word))
}

/// Whether a first word says nothing alone.
pub(super) fn is_group(word: &str) -> bool {
    GROUPS.contains(&word)
}

/// The keywords that may stand in such a section; of a group, those that begin with its word.
pub(super) fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    let here = place(kind);
    let found = rows().filter(move |row| row.0 & here != 0);
    let groups = GROUPS.into_iter().filter(move |_| here != G);
    found
        .flat_map(|(_, _, names)| names.iter().copied())
        .chain(groups)
}

/// The sections in words.
pub(super) fn sections(places: u8) -> String {
    let kinds = [
        Kind::Global,
        Kind::Defaults,
        Kind::Frontend,
        Kind::Listen,
        Kind::Backend,
    ];
    let words = kinds
        .into_iter()
        .filter(|kind| place(*kind) & places != 0)
        .map(Kind::word);
    words.collect::<Vec<_>>().join(", ")
}

const fn place(kind: Kind) -> u8 {
    match kind {
        Kind::Global => G,
        Kind::Defaults => D,
        Kind::Frontend => F,
        Kind::Listen => L,
        Kind::Backend => B,
        Kind::Other(_) => 0,
    }
}
