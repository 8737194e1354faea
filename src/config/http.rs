// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.http`: what is asked, and which answers are successes.

use super::check::TargetLayer;
use super::section::CHECK_HTTP;
use super::setting::{Setting, innermost, innermost_or};
use super::tree::{Node, Value};
use super::value::{choice, decimal, kind, map, text_that};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::{HttpMethod, HttpProbe, StatusRange};

/// The longest path or host name, in bytes.
const LONGEST: usize = 1024;
const METHODS: [(&str, HttpMethod); 3] = [
    (HttpMethod::Get.word(), HttpMethod::Get),
    (HttpMethod::Head.word(), HttpMethod::Head),
    (HttpMethod::Options.word(), HttpMethod::Options),
];

/// The HTTP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpLayer {
    pub(super) target: TargetLayer,
    method: Setting<HttpMethod>,
    path: Setting<Box<str>>,
    host: Setting<Box<str>>,
    statuses: Setting<Box<[StatusRange]>>,
}

impl HttpLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(&mut self, node: &Node<'_>, out: &mut Findings) -> Result<(), Wrong> {
        let entries = map(&CHECK_HTTP, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "method" => {
                    self.method = Setting::read(node, choice(name, node, &METHODS, &[], out));
                }
                "path" => self.path = Setting::read(node, path(name, node, out)),
                "host" => self.host = Setting::read(node, host(name, node, out)),
                "status" => self.statuses = Setting::read(node, statuses(name, node, out)),
                _ if self.target.take(entry, out) => {}
                _ => CHECK_HTTP.unknown_key(entry, entries, out),
            }
        }
        Ok(())
    }

    /// What is asked, from all layers, the innermost first.
    pub(super) fn resolve(layers: &[&Self]) -> Result<HttpProbe, Wrong> {
        let path = innermost(layers, |layer| &layer.path)?;
        let host = innermost(layers, |layer| &layer.host)?;
        let statuses = innermost(layers, |layer| &layer.statuses)?;
        Ok(HttpProbe {
            method: innermost_or(layers, |layer| &layer.method, HttpMethod::Get)?,
            path: path.map_or_else(|| "/".into(), |found| found.value.clone()),
            host: host.map(|found| found.value.clone()),
            statuses: statuses.map_or_else(
                || [StatusRange::SUCCESS].into(),
                |found| found.value.clone(),
            ),
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

/// One status, a range, or a list of them.
fn statuses(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<[StatusRange]>, Wrong> {
    let nodes = match &node.value {
        Value::List(nodes) if nodes.is_empty() => {
            out.error(node.span, format!("{name} has no status"));
            return Err(Wrong);
        }
        Value::List(nodes) => nodes,
        Value::Scalar { .. } | Value::Map(_) => std::slice::from_ref(node),
    };
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
