// SPDX-License-Identifier: MIT OR Apache-2.0
//! `checks`: checks that are written once and named where they are wanted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kind::Kind;
use super::{CheckLayer, NONE};
use crate::config::setting::Setting;
use crate::config::tree::{Entry, Node, Value};
use crate::config::value::kind;
use crate::diagnostic::{Finding, Findings, Shown, nearest};

/// Among so many names a near one is looked for.
const MOST_COMPARED: usize = 1000;

/// The named checks of a file.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct NamedChecks {
    all: BTreeMap<Box<str>, Arc<CheckLayer>>,
    /// Whether a check is read that has a name itself: it names no other one.
    inside: bool,
}

impl NamedChecks {
    /// Those that a named check can name: none.
    const INSIDE: Self = Self {
        all: BTreeMap::new(),
        inside: true,
    };

    /// Reads the map of checks; nothing is no check.
    pub(in crate::config) fn read(node: &Node<'_>, out: &mut Findings) -> Self {
        let mut named = Self::default();
        match &node.value {
            Value::Map(entries) => {
                for entry in entries.iter() {
                    let check = Arc::new(named_check(entry, out));
                    named.all.insert((*entry.key).into(), check);
                }
            }
            Value::Scalar { .. } if node.is_null() => {}
            Value::Scalar { .. } | Value::List(_) => {
                let message = format!("checks must be a map, got {}", kind(node));
                let help = "write names, each with a check: web: {http: {path: /health}}";
                out.push(Finding::new(node.span, message).help(help));
            }
        }
        named
    }

    /// The check of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<CheckLayer>> {
        self.all.get(name)
    }

    /// Reports a word that is neither a type nor a name. `other` is our word for it, if it is one of another program.
    pub(super) fn unknown(
        &self,
        name: &str,
        node: &Node<'_>,
        other: Option<&str>,
        out: &mut Findings,
    ) {
        let text = node.text().unwrap_or_default();
        let types = Kind::ALL.map(|(word, _)| word);
        let names = || self.all.keys().map(|it| &**it);
        let known = [NONE].into_iter().chain(types).chain(names());
        let near = other.or_else(|| nearest(text, known.take(MOST_COMPARED)));
        let message = format!(
            "{name} must be none, a type of check or a name in checks, got {}",
            Shown(text)
        );
        let help = match near {
            Some(near) => format!("write {}", Shown(near)),
            None if self.inside => format!(
                "a named check names no other one; the types are {}",
                Kind::words()
            ),
            None if self.all.is_empty() => {
                format!("the types are {}; checks names none", Kind::words())
            }
            None => {
                let names: Vec<_> = names().take(10).map(|it| Shown(it).to_string()).collect();
                let types = Kind::words();
                format!("the types are {types}; the names are {}", names.join(", "))
            }
        };
        out.push(Finding::new(node.span, message).help(help));
    }
}

/// One check, which has a type. It names no other one.
fn named_check(entry: &Entry<'_>, out: &mut Findings) -> CheckLayer {
    let name = &*entry.key;
    if name == NONE || Kind::of(name).is_some() {
        let message = format!("{name} is a word for checks already");
        out.push(Finding::new(entry.span, message).help("give this check another name"));
    }
    let of = format!("check {}", Shown(name));
    let mut layer = CheckLayer::new(&of, &entry.value, &NamedChecks::INSIDE, out);
    if layer.chosen == Setting::Unset {
        let finding = Finding::new(entry.value.span, format!("{of} needs a type"));
        out.push(finding.help(format!("the types are {}", Kind::words())));
        layer.chosen = Setting::Wrong;
    }
    layer
}
