// SPDX-License-Identifier: MIT OR Apache-2.0
//! `balance`, `hash-type`, `backup` and `stick`: which server a connection goes to.

use std::time::Duration;

use super::aside::{Aside, Reason};
use super::proxy::{Proxies, Proxy};
use super::server::{self, Server};
use crate::diagnostic::{Finding, Findings, Fix, Shown, Span};
use crate::import::statement::{Statement, Word};

/// How a service spreads connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scheduling {
    pub(super) scheduler: &'static str,
    pub(super) flag: Option<&'static str>,
    pub(super) remark: Option<&'static str>,
    /// Whether the first server gets all, then the next one: the weights say so.
    pub(super) in_order: bool,
    pub(super) persistence: Option<Duration>,
}

impl Scheduling {
    const fn of(scheduler: &'static str) -> Self {
        Self {
            scheduler,
            flag: None,
            remark: None,
            in_order: false,
            persistence: None,
        }
    }

    /// The first server that is up gets all.
    const fn first(remark: &'static str) -> Self {
        Self {
            remark: Some(remark),
            in_order: true,
            ..Self::of("fo")
        }
    }

    /// Whether a server can get its weight step by step.
    pub(super) fn shares_by_weight(&self) -> bool {
        matches!(self.scheduler, "wrr" | "wlc" | "twos")
    }
}

/// Names of `balance`.
const ALGORITHMS: [&str; 12] = [
    "roundrobin",
    "static-rr",
    "leastconn",
    "first",
    "source",
    "random",
    "hash",
    "uri",
    "url_param",
    "hdr",
    "rdp-cookie",
    "log-hash",
];

/// How this proxy's servers get connections.
pub(super) fn of(
    proxy: &Proxy<'_>,
    proxies: &Proxies<'_>,
    servers: &[Server<'_>],
    aside: &mut Aside,
    out: &mut Findings,
) -> Scheduling {
    let stuck = stick(proxy, proxies, aside, out);
    let backups = servers.iter().filter(|it| it.settings.backup).count();
    let primaries = servers.len() - backups;
    let one_by_one = backups == 1 || !proxy.has("allbackups");
    let ends_backups = servers.iter().find_map(|it| it.settings.ends_backups);
    let mut scheduling = if stuck == Stuck::Together {
        Scheduling::first("all clients at one server, as by stick on dst")
    } else if primaries <= 1 && backups > 0 && one_by_one && ends_backups.is_none() {
        Scheduling::first("as HAProxy's backup: the first that is up gets all")
    } else {
        by_balance(proxy, aside, out)
    };
    if let Some(span) = ends_backups {
        out.push(marked_up(span, backups));
    } else if backups > 0 && !scheduling.in_order {
        let message = "connections of the backup servers end when a primary is back";
        let finding = Finding::warning(proxy.section.head.span(), message);
        out.push(
            finding.help("HAProxy lets them live, without on-marked-up shutdown-backup-sessions"),
        );
    }
    if backups > 1 && one_by_one && primaries > 1 {
        let finding = Finding::warning(
            proxy.section.head.span(),
            "all backup servers serve together",
        );
        out.push(finding.help(
            "HAProxy uses the first one of them only, without option allbackups; keep one backup",
        ));
    }
    if let Stuck::Alone(time) = stuck {
        scheduling.persistence = Some(time);
    }
    scheduling
}

/// What becomes of `on-marked-up shutdown-backup-sessions`.
fn marked_up(span: Span, backups: usize) -> Finding {
    if backups == 0 {
        return Finding::note(
            span,
            "not carried over: on-marked-up: no server is a backup",
        );
    }
    let message = "connections of the backup servers end when a primary is back, as in HAProxy";
    Finding::note(span, message).help("backup: true does it")
}

fn by_balance(proxy: &Proxy<'_>, aside: &mut Aside, out: &mut Findings) -> Scheduling {
    let Some((statement, word)) = proxy
        .last("balance")
        .and_then(|it| Some((it, it.words.first()?)))
    else {
        return Scheduling::of("wrr");
    };
    let (name, inner) = word.text.split_once('(').unwrap_or((&word.text, ""));
    match name {
        "roundrobin" | "static-rr" => Scheduling::of("wrr"),
        "leastconn" => Scheduling::of("wlc"),
        "first" => Scheduling::first("as balance first: the first with room gets all"),
        "source" => by_address(proxy),
        "hash" if statement.words.get(1).is_some_and(|it| &*it.text == "src") => by_address(proxy),
        "random" => {
            if !matches!(inner, "" | "2)") {
                let finding = Finding::note(word.span, "twos draws two servers");
                out.push(
                    finding.help("the one with fewer connections for its weight gets the client"),
                );
            }
            Scheduling::of("twos")
        }
        known if ALGORITHMS.contains(&known) => {
            let message = format!("balance {} looks into requests", Shown(&word.text));
            let finding = Finding::warning(statement.span(), message);
            out.push(finding.help("layer 4 does not: the client's address decides in its place"));
            by_address(proxy)
        }
        other => {
            let message = format!("unknown algorithm {}", Shown(other));
            let finding = Finding::new(word.span, message);
            out.push(match aside.near(other, ALGORITHMS.into_iter()) {
                Some(near) => finding
                    .help(format!("did you mean {near}?"))
                    .fix(Fix::replace(word.span, near)),
                None => finding
                    .help("HAProxy knows roundrobin, leastconn, source, first, random and others"),
            });
            Scheduling::of("wrr")
        }
    }
}

/// The address of a client decides: those of a server that is down go to others.
fn by_address(proxy: &Proxy<'_>) -> Scheduling {
    let hash = proxy.last("hash-type").and_then(|it| it.words.first());
    let (scheduler, flag) = match hash.map(|word| &*word.text) {
        Some("consistent") => ("mh", "mh-fallback"),
        _ => ("sh", "sh-fallback"),
    };
    Scheduling {
        flag: Some(flag),
        ..Scheduling::of(scheduler)
    }
}

/// What `stick` binds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stuck {
    Nothing,
    /// Each client to its server, for so long.
    Alone(Duration),
    /// All clients to one server.
    Together,
}

/// The longest time of our persistence.
const LONGEST: Duration = Duration::from_hours(31 * 24);

/// What is said of a table that binds nobody to a server.
pub(super) fn lonely(table: &Statement) -> Finding {
    let message = "not carried over: a stick-table without stick on";
    Finding::note(table.span(), message).help("counters of HAProxy have no use here")
}

/// The rule that binds clients: HAProxy goes through them in their order. The others are told.
fn rule<'a>(proxy: &Proxy<'a>, out: &mut Findings) -> Option<&'a Statement> {
    let rules = ["stick on", "stick match", "stick store-request"];
    let rules = rules.iter().flat_map(|it| proxy.section.all_of(it).take(2));
    let mut rules: Vec<&Statement> = rules.collect();
    rules.sort_by_key(|it| it.keyword.span);
    let (first, others) = rules.split_first()?;
    let first_match = || first.words.first().map(|it| &*it.text);
    for other in others {
        // These two together are one "stick on".
        let stores = matches!(
            other.words.first().map(|it| &*it.text),
            Some("store-request")
        );
        if stores && first_match() == Some("match") {
            continue;
        }
        let message = "not carried over: another rule of stick";
        let finding = Finding::warning(other.span(), message).first(first.keyword.span);
        out.push(finding.help("the first one binds the clients"));
    }
    Some(first)
}

fn stick(proxy: &Proxy<'_>, proxies: &Proxies<'_>, aside: &mut Aside, out: &mut Findings) -> Stuck {
    let Some(rule) = rule(proxy, out) else {
        if let Some(table) = proxy.section.last_of("stick-table") {
            out.push(lonely(table));
        }
        return Stuck::Nothing;
    };
    let by = rule.words.get(1).map_or("", |word| &*word.text);
    let (by, converters) = by.split_once(',').unwrap_or((by, ""));
    match by {
        "src" => {}
        "dst" | "dst_port" | "fe_id" | "always_true" => {
            let finding =
                Finding::warning(rule.span(), "all clients go to the first server that is up");
            out.push(finding.help("HAProxy leaves them at the server that they have; here they go back to the first one when it is up again"));
            return Stuck::Together;
        }
        _ => {
            aside.add(proxy.within(), rule.span(), "stick", Reason::Content);
            return Stuck::Nothing;
        }
    }
    if !converters.is_empty() {
        let message = format!("not carried over: {} of stick", Shown(converters));
        let finding = Finding::warning(rule.span(), message);
        out.push(finding.help("each address is bound for itself; for networks write persistence: {timeout: 30m, granularity: 255.255.255.0}"));
    }
    let conditions = |word: &&Word| matches!(&*word.text, "if" | "unless");
    if let Some(condition) = rule.words.iter().find(conditions) {
        let message = "not carried over: the condition of stick";
        let finding = Finding::warning(condition.span, message);
        out.push(finding.help("all clients are bound to the server that they have"));
    }
    let Some(table) = table(proxy, proxies, rule) else {
        let finding = Finding::new(rule.span(), "stick on without a stick-table");
        out.push(finding.help("write stick-table type ip size 100k expire 30m"));
        return Stuck::Nothing;
    };
    Stuck::Alone(expiry(table, proxy.within(), aside, out))
}

/// The table of a rule: the one that it names, or the proxy's own.
fn table<'a>(proxy: &Proxy<'a>, proxies: &Proxies<'a>, rule: &Statement) -> Option<&'a Statement> {
    let named = rule.words.iter().position(|word| &*word.text == "table");
    let named = named.and_then(|at| rule.words.get(at + 1));
    match named {
        Some(name) => proxies.named(&name.text)?.section.last_of("stick-table"),
        None => proxy.section.last_of("stick-table"),
    }
}

fn expiry(table: &Statement, within: Span, aside: &mut Aside, out: &mut Findings) -> Duration {
    let behind = |name: &str| {
        let at = table.words.iter().position(|word| &*word.text == name)?;
        table.words.get(at + 1)
    };
    if let Some(word) = behind("peers") {
        let finding = Finding::warning(word.span, "not carried over: peers of a stick-table");
        out.push(finding.help("connection_sync shares persistence with another director"));
    }
    if let Some(word) = behind("store") {
        aside.add(within, word.span, "store", Reason::Log);
    }
    let expire = behind("expire").and_then(|word| server::time(&word.text, word.span, out));
    let Some(expire) = expire else {
        let finding = Finding::warning(
            table.span(),
            "clients stay bound for 31 days after their last connection",
        );
        out.push(
            finding.help("HAProxy's table forgets nobody without expire; write a shorter time"),
        );
        return LONGEST;
    };
    let seconds = expire.as_millis().div_ceil(1_000).max(1);
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
    whole.min(LONGEST)
}
