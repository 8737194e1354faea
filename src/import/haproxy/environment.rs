// SPDX-License-Identifier: MIT OR Apache-2.0
//! The variables that words in double quotes name: those of the host, and those that `global` sets itself.

use std::collections::HashMap;

use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::Surroundings;
use crate::import::statement::Word;

/// All values of a file together are not longer than this.
const MOST: usize = 1 << 20;

/// The variables, as far as they were asked for or set.
pub(super) struct Environment<'a> {
    around: &'a dyn Surroundings,
    known: HashMap<String, Option<String>>,
    used: usize,
}

impl<'a> Environment<'a> {
    pub(super) fn new(around: &'a dyn Surroundings) -> Self {
        Self {
            around,
            known: HashMap::new(),
            used: 0,
        }
    }

    fn get(&mut self, name: &str) -> Option<String> {
        let around = self.around;
        let known = self.known.entry(name.to_owned());
        known.or_insert_with(|| around.variable(name)).clone()
    }

    /// The value of `NAME`, `NAME-default` or `NAME[*]`; empty with a warning for one that is not set.
    pub(super) fn value(&mut self, inner: &str, span: Span, out: &mut Findings) -> String {
        if self.used > MOST {
            return String::new();
        }
        let (name, default) = match inner.split_once('-') {
            Some((name, default)) => (name, Some(default)),
            None => (inner.trim_end_matches("[*]"), None),
        };
        let value = self.get(name).or_else(|| default.map(str::to_owned));
        let Some(value) = value else {
            let message = format!("the environment variable {} is not set here", Shown(name));
            let finding = Finding::warning(span, message);
            out.push(finding.help("HAProxy takes it as empty; set it as it is for HAProxy"));
            return String::new();
        };
        self.used = self.used.saturating_add(value.len());
        if self.used > MOST {
            out.error(span, "the environment variables are longer than 1 MiB");
            return String::new();
        }
        value
    }

    /// What a statement of `global` does to the variables: `setenv`, `presetenv`, `unsetenv`, `resetenv`.
    pub(super) fn obey(&mut self, words: &[Word]) {
        let text = |index: usize| words.get(index).map(|word| &*word.text);
        match (text(0), text(1), text(2)) {
            (Some("setenv"), Some(name), Some(value)) => self.set(name, value),
            (Some("presetenv"), Some(name), Some(value)) if self.get(name).is_none() => {
                self.set(name, value);
            }
            (Some("unsetenv"), ..) => {
                for name in words.iter().skip(1) {
                    self.known.insert(name.text.to_string(), None);
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.known.insert(name.to_owned(), Some(value.to_owned()));
    }
}
