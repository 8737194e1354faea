// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.http` and `check.https`: what is asked, and which answers are successes.

use super::login::LoginLayer;
use super::target::TargetLayer;
use super::tls::{TlsLayer, name_of_host};
use crate::config::section::{CHECK_HTTP, CHECK_HTTPS};
use crate::config::setting::{Setting, Subject, innermost, innermost_or};
use crate::config::tree::{Node, Value};
use crate::config::value::{choice, decimal, kind, map, one_or_more, text_that};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::{HttpMethod, HttpProbe, JsonMatch, JsonScalar, StatusRange};

/// The longest path or host name, in bytes.
const LONGEST: usize = 1024;
/// A longer list has a code twice.
const MOST_STATUSES: usize = 400;
const METHODS: [(&str, HttpMethod); 3] = [
    (HttpMethod::Get.word(), HttpMethod::Get),
    (HttpMethod::Head.word(), HttpMethod::Head),
    (HttpMethod::Options.word(), HttpMethod::Options),
];

/// The longest pointer, in bytes: a key of YAML has at most 1024 characters, escapes included.
const LONGEST_POINTER: usize = 200;
/// The most places of a JSON answer that are looked at.
const MOST_POINTERS: usize = 32;
const POINTERS: &str =
    "write json: {/status: ok, /nodes/0/running: true}; in a name ~1 is a slash and ~0 a tilde";
const HEADERS: &str = "at most 1024 visible ASCII characters: headers: {Accept: application/json}";

/// The HTTP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpLayer {
    pub(super) target: TargetLayer,
    method: Setting<HttpMethod>,
    path: Setting<Box<str>>,
    host: Setting<Box<str>>,
    headers: Setting<Headers>,
    login: LoginLayer,
    statuses: Setting<Box<[StatusRange]>>,
    contains: Setting<Box<str>>,
    json: Setting<Box<[JsonMatch]>>,
    /// Only an `https` check has any.
    tls: TlsLayer,
}

/// Names and values of header lines.
type Headers = Box<[(Box<str>, Box<str>)]>;

impl HttpLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(secure: bool, node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let section = if secure { CHECK_HTTPS } else { CHECK_HTTP };
        let entries = map(&section, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "method" => {
                    layer.method = Setting::read(node, choice(name, node, &METHODS, &[], out));
                }
                "path" => layer.path = Setting::read(node, path(name, node, out)),
                "host" => layer.host = Setting::read(node, host(name, node, out)),
                "status" => layer.statuses = Setting::read(node, statuses(name, node, out)),
                "headers" => layer.headers = Setting::read(node, headers(name, node, out)),
                "contains" => layer.contains = Setting::read(node, contains(name, node, out)),
                "json" => layer.json = Setting::read(node, json(name, node, out)),
                _ if layer.login.take(entry, out) || layer.target.take(entry, out) => {}
                _ if secure && layer.tls.take(entry, out) => {}
                _ => section.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is asked, from all layers, the innermost first.
    pub(super) fn resolve(
        secure: bool,
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<HttpProbe, Wrong> {
        let path = innermost(layers, |layer| &layer.path)?;
        let host = innermost(layers, |layer| &layer.host)?;
        let statuses = innermost(layers, |layer| &layer.statuses)?;
        let headers = innermost(layers, |layer| &layer.headers)?;
        let logins: Vec<&LoginLayer> = layers.iter().map(|layer| &layer.login).collect();
        let login = LoginLayer::resolve(&logins, subject, out)?;
        if let Some(login) = &login
            && login.user.contains(':')
        {
            let user = logins.iter().find_map(|layer| layer.user_span());
            let message = "the user of an HTTP login cannot have a colon";
            out.push(subject.finding(user.unwrap_or(subject.span), message));
            return Err(Wrong);
        }
        let method = innermost_or(layers, |layer| &layer.method, HttpMethod::Get)?;
        let contains = innermost(layers, |layer| &layer.contains)?;
        let json = innermost(layers, |layer| &layer.json)?;
        let of_a_body = contains.map(|found| ("contains", found.span));
        let of_a_body = of_a_body.or(json.map(|found| ("json", found.span)));
        if let Some((what, span)) = of_a_body
            && method == HttpMethod::Head
        {
            let message = format!("{what}, but the answer to HEAD has no body");
            let finding = subject.finding(span, message);
            out.push(finding.help(format!("write method: GET, or remove {what}")));
            return Err(Wrong);
        }
        let tls = secure.then(|| {
            let layers: Vec<&TlsLayer> = layers.iter().map(|layer| &layer.tls).collect();
            let usual = host.and_then(|found| name_of_host(found.value));
            TlsLayer::resolve(&layers, usual, subject, out)
        });
        Ok(HttpProbe {
            method,
            path: path.map_or_else(|| "/".into(), |found| found.value.clone()),
            host: host.map(|found| found.value.clone()),
            headers: headers.map_or_else(Headers::default, |found| found.value.clone()),
            login,
            statuses: statuses.map_or_else(
                || [StatusRange::SUCCESS].into(),
                |found| found.value.clone(),
            ),
            contains: contains.map(|found| found.value.clone()),
            json: json.map_or_else(Box::default, |found| found.value.clone()),
            tls: tls.transpose()?,
        })
    }
}

/// A path with its query.
fn path(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| {
        let visible = text.bytes().all(|b| b.is_ascii_graphic());
        text.starts_with('/') && text.len() <= LONGEST && visible
    };
    let wanted = "a path that begins with /";
    let help = "at most 1024 visible ASCII characters: /health; write others as %20";
    text_that(possible, name, node, wanted, help, out)
}

/// What the `Host` header says.
fn host(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| {
        let mut bytes = text.bytes();
        (1..=LONGEST).contains(&text.len())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    };
    let help = "it becomes the Host header: app.example, or app.example:8080";
    text_that(possible, name, node, "a host name", help, out)
}

/// Header lines: a map of names and values.
fn headers(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Headers, Wrong> {
    const OURS: [&str; 6] = [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "authorization",
        "proxy-authorization",
    ];
    const INSTEAD: &str = "write host: for Host, user: and password_file: for Authorization";
    let Value::Map(entries) = &node.value else {
        let message = format!("{name} must be a map, got {}", kind(node));
        out.push(Finding::new(node.span, message).help(HEADERS));
        return Err(Wrong);
    };
    let read = entries.iter().map(|entry| {
        let key = &*entry.key;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if !(1..=LONGEST).contains(&key.len()) || !key.bytes().all(token) {
            let message = format!("{} cannot be the name of a header", Shown(key));
            out.push(Finding::new(entry.span, message).help(HEADERS));
            return Err(Wrong);
        }
        if OURS.iter().any(|ours| key.eq_ignore_ascii_case(ours)) {
            let message = format!("the check itself sets the header {}", Shown(key));
            out.push(Finding::new(entry.span, message).help(INSTEAD));
            return Err(Wrong);
        }
        let possible = |text: &str| {
            let visible = |b: u8| b.is_ascii_graphic() || b == b' ';
            text.len() <= LONGEST && text.bytes().all(visible)
        };
        let wanted = "the value of a header";
        let value = text_that(possible, key, &entry.value, wanted, HEADERS, out)?;
        Ok((key.into(), value))
    });
    // All errors of the map are told.
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// A part of the body.
fn contains(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| (1..=LONGEST).contains(&text.len());
    let help = "1 to 1024 bytes: '\"status\":\"ok\"'";
    text_that(possible, name, node, "a part of the answer", help, out)
}

/// Pointers into a JSON answer, each with the value that must be there.
fn json(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<[JsonMatch]>, Wrong> {
    let entries = match &node.value {
        Value::Map(entries) if (1..=MOST_POINTERS).contains(&entries.len()) => entries,
        Value::Map(_) | Value::List(_) | Value::Scalar { .. } => {
            let message = format!("{name} must be a map of 1 to {MOST_POINTERS} pointers");
            out.push(Finding::new(node.span, message).help(POINTERS));
            return Err(Wrong);
        }
    };
    let read = entries.iter().map(|entry| {
        let pointer = &*entry.key;
        let usual = pointer.len() <= LONGEST_POINTER && !pointer.chars().any(char::is_control);
        if !usual || !JsonMatch::is_pointer(pointer) {
            let message = format!("{} is not a JSON pointer", Shown(pointer));
            out.push(Finding::new(entry.span, message).help(POINTERS));
            return Err(Wrong);
        }
        let value = match &entry.value.value {
            Value::Scalar { .. } if entry.value.is_null() => JsonScalar::Null,
            Value::Scalar { text, .. } if text.len() > LONGEST => {
                let message = format!("the value of {pointer} has more than {LONGEST} bytes");
                out.error(entry.value.span, message);
                return Err(Wrong);
            }
            Value::Scalar { text, plain: true } => JsonScalar::plain(text),
            Value::Scalar { text, plain: false } => JsonScalar::Text((**text).into()),
            Value::List(_) | Value::Map(_) => {
                let got = kind(&entry.value);
                let message = format!(
                    "{} must be a text, a number, true, false or null, got {got}",
                    Shown(pointer)
                );
                out.push(Finding::new(entry.value.span, message).help(POINTERS));
                return Err(Wrong);
            }
        };
        Ok(JsonMatch {
            pointer: pointer.into(),
            value,
        })
    });
    // All errors of the map are told.
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// One status, a range, or a list of them.
fn statuses(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<[StatusRange]>, Wrong> {
    let nodes = one_or_more(name, node, "codes or ranges", MOST_STATUSES, out)?;
    // All errors of the list are told.
    let ranges: Vec<_> = nodes.iter().map(|node| range(name, node, out)).collect();
    ranges.into_iter().collect()
}

fn range(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<StatusRange, Wrong> {
    let text = node.text();
    let parsed = text.and_then(|text| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let status = |text| u16::try_from(decimal(text)?).ok();
        let (first, last) = (status(first)?, status(last)?);
        // An answer below 200 is never the last one.
        (200 <= first && first <= last && last <= 599).then_some(StatusRange { first, last })
    });
    parsed.ok_or_else(|| {
        let got = text.map_or_else(|| kind(node), |text| Shown(text).to_string());
        let message = format!("{name} must be 200 to 599 or a range of these, got {got}");
        out.push(Finding::new(node.span, message).help("write status: [200-299, 401]"));
        Wrong
    })
}
