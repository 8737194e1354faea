// SPDX-License-Identifier: MIT OR Apache-2.0
//! What our own reader refuses of what was made of a file, at the place that it comes from.

use std::collections::BTreeMap;

use super::document::{Document, Entry, Item};
use crate::config;
use crate::diagnostic::{Diagnostic, Finding, Findings, Severity, Span};
use crate::model::ServiceKey;

/// Where the elements of the lists of a document come from, by section, in their order.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    by_section: BTreeMap<&'static str, Vec<Span>>,
    services: BTreeMap<ServiceKey, Span>,
}

impl Origins {
    /// Adds the place of the next element of a section.
    pub(crate) fn add(&mut self, section: &'static str, span: Span) {
        self.by_section.entry(section).or_default().push(span);
    }

    /// Adds the place of the next virtual service.
    pub(crate) fn add_service(&mut self, key: ServiceKey, span: Span) {
        self.add("virtual_services", span);
        self.services.insert(key, span);
    }

    /// Where a virtual service comes from.
    pub(super) fn service(&self, key: &ServiceKey) -> Option<Span> {
        self.services.get(key).copied()
    }

    /// The place that a line of the document comes from, if its element has one.
    fn of_line(&self, text: &str, line: usize) -> Option<Span> {
        let (mut section, mut elements) = ("", 0_usize);
        for one in text.lines().take(line) {
            if one.starts_with("  - ") {
                elements += 1;
            } else if !one.starts_with([' ', '#']) && !one.is_empty() {
                (section, elements) = (one.trim_end_matches(':'), 0);
            }
        }
        let places = self.by_section.get(section)?;
        // A section that is a map has one place.
        places.get(elements.saturating_sub(1)).copied()
    }
}

/// How a message begins about what was made of a file, and is no configuration.
pub(super) const REFUSED: &str = "what this file becomes is no configuration of the director";

/// Says what our own reader finds wrong in what was made: a reader of another program has overlooked it. `whole` is the place of
/// what has no other.
pub(super) fn in_document(document: &Document, origins: &Origins, whole: Span, out: &mut Findings) {
    let text = document.to_string();
    for one in &errors(&text) {
        let span = origins.of_line(&text, one.line()).unwrap_or(whole);
        let message = format!("{REFUSED}: {}", one.message());
        out.push(finding(span, message, one));
    }
}

/// Says what our own reader would refuse of a service, at the place that it comes from: whatever was made passes that
/// reader.
pub(super) fn in_service(item: &Item, defaults: &[Entry], span: Span, out: &mut Findings) {
    let mut document = Document::default();
    if !defaults.is_empty() {
        document.map("defaults").extend_from_slice(defaults);
    }
    document.list("virtual_services").push(item.clone());
    for one in &errors(&document.to_string()) {
        out.push(finding(span, one.message().to_owned(), one));
    }
}

/// What our own reader says of a text that it does not take.
fn errors(text: &str) -> Vec<Diagnostic> {
    let Err(wrong) = config::parse("made", text.as_bytes()) else {
        return Vec::new();
    };
    let is_error = |it: &&Diagnostic| it.severity() == Severity::Error;
    wrong.iter().filter(is_error).cloned().collect()
}

fn finding(span: Span, message: String, of: &Diagnostic) -> Finding {
    let mut finding = Finding::new(span, message);
    finding.help = of.help().map(|help| help.to_owned().into());
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, SourceMap};
    use crate::import::Value;

    #[test]
    fn what_our_reader_refuses_is_named_where_it_comes_from() {
        let mut document = Document::default();
        let mut origins = Origins::default();
        document.head.push("a comment".to_owned());
        for (place, name) in [(10, "192.0.2.1:80"), (20, "192.0.2.2:banana")] {
            let entries = vec![
                Entry::new("address", Value::text(name)).before("- above".to_owned()),
                Entry::new("servers", Value::list([Value::text("10.0.0.1")])),
            ];
            let item = Item::new(Value::Map(entries));
            document.list("virtual_services").push(item);
            origins.add("virtual_services", Span::new(place, place + 1));
        }
        let mut out = Findings::default();
        in_document(&document, &origins, Span::default(), &mut out);
        let sources = SourceMap::of("theirs", "123456789\n".repeat(3));
        let said = Diagnostics::new(&sources, out);
        assert!(said.has_errors());
        assert!(said.iter().all(|it| it.line() == 3), "{said}");
    }
}
