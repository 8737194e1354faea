// SPDX-License-Identifier: MIT OR Apache-2.0
//! `HTTP_GET` and `SSL_GET`: each url is a check.

use std::time::Duration;

use super::{Around, Check, Common, Draft};
use crate::diagnostic::{Finding, Findings, Severity, Shown, Span};
use crate::import::document::{Entry, Value};
use crate::import::keepalived::keywords::{Block, look, not_carried_over};
use crate::import::keepalived::lvs::timing::Usual;
use crate::import::keepalived::value::{first, number, only};
use crate::import::statement::{Statement, Word};

/// What is asked for, and what must come.
#[derive(Debug, Default)]
struct Url {
    path: Option<Box<str>>,
    host: Option<Box<str>>,
    status: Vec<Value>,
    contains: Option<Box<str>>,
}

/// What all urls of a checker share.
#[derive(Debug, Default)]
struct Shared {
    common: Common,
    host: Option<Box<str>>,
    server_name: Option<Box<str>>,
}

/// keepalived waits longer here before it asks again.
const USUAL: Usual = Usual {
    delay_before_retry: Some(Duration::from_secs(3)),
    ..Usual::MOST
};

pub(super) fn read(
    kind: &'static str,
    block: Block,
    statement: &Statement,
    around: &Around<'_>,
    out: &mut Findings,
) -> Vec<Check> {
    let (mut shared, mut urls) = (Shared::default(), Vec::new());
    for line in statement.block.iter().flatten() {
        let Some(keyword) = look(line, block, out) else {
            continue;
        };
        match keyword.today() {
            "url" => urls.push(Url::read(line, out)),
            "virtualhost" => shared.host = only(line, out).map(|word| word.text.clone()),
            "sni_name" => shared.server_name = only(line, out).map(|word| word.text.clone()),
            "http_protocol" => {
                let why = "the director asks by HTTP/1.1";
                out.push(not_carried_over(line, Severity::Note, why));
            }
            "fast_recovery" => {
                let why =
                    "one success brings a server up here, too, but each url has its own results";
                out.push(not_carried_over(line, Severity::Note, why));
            }
            _ => {
                shared.common.take(keyword, line, out);
            }
        }
    }
    tell_of_urls(&urls, statement.keyword.span, out);
    let check = |url: Url| {
        let mut draft = Draft::new(kind, statement, around);
        draft.usual = USUAL;
        draft.common = shared.common.clone();
        draft.keys = url.entries(&shared, around, kind == "https");
        draft.over_port(out)
    };
    urls.into_iter().filter_map(check).collect()
}

fn tell_of_urls(urls: &[Url], span: Span, out: &mut Findings) {
    match urls.len() {
        0 => out.push(Finding::new(span, "no url to ask for").help("url { path / }")),
        1 => {}
        count => {
            let what = format!("{count} urls become {count} checks that must all pass");
            out.push(Finding::note(span, what).help(
                "keepalived asks for one of them in each delay_loop; here all are asked for",
            ));
        }
    }
}

impl Url {
    fn read(statement: &Statement, out: &mut Findings) -> Self {
        let mut url = Self::default();
        for line in statement.block.iter().flatten() {
            let Some(keyword) = look(line, Block::Url, out) else {
                continue;
            };
            match keyword.name {
                "path" => url.path = path(line, out),
                "virtualhost" => url.host = only(line, out).map(|word| word.text.clone()),
                // Each line adds to those before.
                "status_code" => url.status.extend(status(line, out)),
                "digest" => {
                    let why = "digests are not compared: write contains with words of the page";
                    out.push(not_carried_over(line, Severity::Warning, why));
                }
                "regex" => url.contains = regex(line, out),
                _ => {
                    let why = "regular expressions are not read: write contains, or json";
                    out.push(not_carried_over(line, Severity::Warning, why));
                }
            }
        }
        if url.path.is_none() {
            let span = statement.keyword.span;
            out.push(Finding::new(span, "url without a path").help("write path /"));
        }
        url
    }

    fn entries(&self, shared: &Shared, around: &Around<'_>, is_tls: bool) -> Vec<Entry> {
        let mut keys = Vec::new();
        let mut put = |key: &str, value: Value| keys.push(Entry::new(key, value));
        if let Some(path) = self.path.as_deref().filter(|path| *path != "/") {
            put("path", Value::text(path));
        }
        let host = self
            .host
            .as_deref()
            .or(shared.host.as_deref())
            .or(around.host);
        if let Some(host) = host {
            put("host", Value::text(host));
        }
        match self.status.as_slice() {
            [] => {}
            [one] => put("status", one.clone()),
            several => put("status", Value::list(several.iter().cloned())),
        }
        if let Some(contains) = &self.contains {
            put("contains", Value::text(contains));
        }
        if is_tls {
            if let Some(name) = &shared.server_name {
                put("server_name", Value::text(name));
            }
            put("verify", Value::word(false));
            let ssl = around.ssl;
            if let (Some(certificate), Some(key)) = (&ssl.certificate, &ssl.key) {
                put("client_certificate", Value::text(certificate));
                put("client_key", Value::text(key));
            }
        }
        keys
    }
}

fn path(line: &Statement, out: &mut Findings) -> Option<Box<str>> {
    let word = only(line, out)?;
    if word.text.starts_with('/') {
        return Some(word.text.clone());
    }
    let what = format!("{} is no path", Shown(&word.text));
    out.push(Finding::new(word.span, what).help("a path begins with /"));
    None
}

/// Numbers and ranges.
fn status(line: &Statement, out: &mut Findings) -> Vec<Value> {
    if first(line, out).is_none() {
        return Vec::new();
    }
    line.words
        .iter()
        .filter_map(|word| range(word, out))
        .collect()
}

fn range(word: &Word, out: &mut Findings) -> Option<Value> {
    let part = |text: &str| Word {
        text: text.into(),
        ..word.clone()
    };
    match word.text.split_once('-') {
        None => number(word, 200..=599_u16, out).map(Value::word),
        Some((least, most)) => {
            let least = number(&part(least), 100..=599_u16, out)?;
            let most = number(&part(most), 200..=599_u16, out)?;
            let least = least.max(200);
            Some(Value::Word(format!("{least}-{most}")))
        }
    }
}

/// A regular expression that is only words is something that the body contains.
fn regex(line: &Statement, out: &mut Findings) -> Option<Box<str>> {
    let word = only(line, out)?;
    let is_plain = |c: char| !r"\^$.|?*+()[]{}".contains(c);
    if !word.text.is_empty() && word.text.chars().all(is_plain) {
        return Some(word.text.clone());
    }
    let why = "regular expressions are not read: write contains, or json";
    out.push(not_carried_over(line, Severity::Warning, why));
    None
}
