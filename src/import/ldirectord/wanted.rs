// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a virtual service wants its servers checked.

use super::endpoint;
use super::line::{Block, Directive, last};
use super::timing::Times;
use crate::diagnostic::{Finding, Findings, Fix, Shown, Span, nearest};
use crate::model::Protocol;

/// `checktype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckType {
    Connect,
    Negotiate,
    Ping,
    /// No server ever serves.
    Off,
    /// Every server always serves.
    On,
    External,
    ExternalPerl,
    /// So many connections, and then one request.
    Combined(u32),
}

/// A text in the file, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) at: Span,
}

/// What the directives of a virtual service say about checks.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) checktype: CheckType,
    /// Where that stands, or the service itself.
    pub(super) at: Span,
    /// What is asked by a negotiating check: one of [`SERVICES`].
    pub(super) service: &'static str,
    /// Whether the file names it.
    pub(super) names_service: bool,
    /// `None` of a fwmark service.
    pub(super) protocol: Option<Protocol>,
    /// The address or the mark, and the port, as programs get them.
    pub(super) identity: (String, u16),
    pub(super) port: Option<u16>,
    pub(super) request: Option<Said>,
    pub(super) receive: Option<Said>,
    pub(super) virtualhost: Option<String>,
    pub(super) asks_head: bool,
    pub(super) command: Option<Said>,
    pub(super) times: Times,
}

/// What `service` may be.
const SERVICES: [&str; 21] = [
    "dns",
    "ftp",
    "http",
    "https",
    "http_proxy",
    "imap",
    "imaps",
    "ldap",
    "ldaps",
    "nntp",
    "mysql",
    "none",
    "oracle",
    "pop",
    "pops",
    "radius",
    "pgsql",
    "sip",
    "smtp",
    "submission",
    "simpletcp",
];

impl Wanted {
    pub(super) fn read(
        block: &Block,
        protocol: Option<Protocol>,
        identity: (String, u16),
        times: Times,
        out: &mut Findings,
    ) -> Self {
        let find = |name| last(&block.body, name);
        let mut said = |name| {
            let directive = find(name)?;
            let text = directive.text(true, out)?.to_owned();
            Some(Said {
                text,
                at: directive.at,
            })
        };
        let (request, receive) = (said("request"), said("receive"));
        let command = find("checkcommand");
        let command = command.and_then(|it| Some((it.text(false, out)?.to_owned(), it.at)));
        let named = find("service").and_then(|it| service(it, out));
        let usual = match protocol {
            None => "none",
            Some(_) => endpoint::service_of(identity.1),
        };
        let virtualhost = find("virtualhost").map(|it| it.value.trim_matches('"').to_owned());
        let checktype = find("checktype");
        Self {
            checktype: checktype.map_or(CheckType::Negotiate, |it| self::checktype(it, out)),
            at: checktype.map_or(block.head.whole, |it| it.whole),
            service: named.unwrap_or(usual),
            names_service: named.is_some(),
            protocol,
            identity,
            port: find("checkport").and_then(|it| checkport(it, out)),
            request,
            receive,
            virtualhost,
            asks_head: find("httpmethod").is_some_and(|it| is_head(it, out)),
            command: command.map(|(text, at)| Said { text, at }),
            times,
        }
    }
}

fn checktype(directive: &Directive, out: &mut Findings) -> CheckType {
    let value = directive.value.as_str();
    // ldirectord takes the first digits of whatever is there.
    if value.contains(|c: char| c.is_ascii_digit()) {
        return match directive.number(0, out) {
            Some(number) => CheckType::Combined(number),
            None => CheckType::Negotiate,
        };
    }
    let known = [
        ("connect", CheckType::Connect),
        ("negotiate", CheckType::Negotiate),
        ("ping", CheckType::Ping),
        ("off", CheckType::Off),
        ("on", CheckType::On),
        ("external", CheckType::External),
        ("external-perl", CheckType::ExternalPerl),
    ];
    if let Some((_, checktype)) = known.iter().find(|(name, _)| *name == value) {
        return *checktype;
    }
    let names = known.map(|(name, _)| name);
    out.push(unknown(directive, &names));
    CheckType::Negotiate
}

fn service(directive: &Directive, out: &mut Findings) -> Option<&'static str> {
    let found = SERVICES.iter().find(|name| **name == directive.value);
    if found.is_none() {
        out.push(unknown(directive, &SERVICES));
    }
    found.copied()
}

/// What is to be said of a word that is none of these.
pub(super) fn unknown(directive: &Directive, names: &[&str]) -> Finding {
    let (name, value) = (directive.keyword.name, Shown(&directive.value));
    let finding = Finding::new(directive.at, format!("\"{value}\" is no {name}"));
    match nearest(&directive.value, names.iter().copied()) {
        Some(near) => finding
            .help(format!("did you mean {near}?"))
            .fix(Fix::replace(directive.at, near)),
        None => finding.help(format!("it is one of {}", names.join(", "))),
    }
}

fn checkport(directive: &Directive, out: &mut Findings) -> Option<u16> {
    let number = directive.number(1, out)?;
    let port = u16::try_from(number).ok();
    if port.is_none() {
        out.error(directive.at, "checkport must be 1 to 65535");
    }
    port
}

fn is_head(directive: &Directive, out: &mut Findings) -> bool {
    let value = directive.value.trim_matches('"').to_ascii_uppercase();
    if !matches!(value.as_str(), "GET" | "HEAD") {
        out.push(unknown(directive, &["GET", "HEAD"]));
    }
    value == "HEAD"
}
