// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words of commands, with the values of their variables.

use std::collections::HashMap;

pub(super) const MOST_VALUES: usize = 64;
const LONGEST_VALUE: usize = 4_096;

/// What each variable can stand for; nothing for one that only a running shell knows.
pub(super) type Variables = HashMap<String, Vec<String>>;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Word {
    /// What it can stand for; several within a loop.
    pub(in super::super) values: Vec<String>,
    /// Whether a part of it is known to a running shell only.
    pub(in super::super) is_open: bool,
}

impl Word {
    /// Its only value; empty for several, and for one that nobody knows.
    pub(in super::super) fn text(&self) -> &str {
        match self.values.as_slice() {
            [value] if !self.is_open => value,
            _ => "",
        }
    }
}

/// The word without quotes, with the values of its variables.
pub(super) fn expand(raw: &str, variables: &Variables) -> Word {
    let mut word = Word {
        values: vec![String::new()],
        is_open: false,
    };
    let mut rest = raw;
    let mut is_literal = false;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '\'' => is_literal = !is_literal,
            '"' if !is_literal => {}
            '`' if !is_literal => word.is_open = true,
            '$' if !is_literal => {
                let (name, behind) = variable(rest);
                rest = behind;
                match variables.get(name) {
                    Some(values) if !values.is_empty() => word.append(values),
                    _ => word.is_open = true,
                }
            }
            other => word.append(&[other.to_string()]),
        }
    }
    word
}

impl Word {
    /// Each of its values with each of these behind it.
    fn append(&mut self, more: &[String]) {
        if let [only] = more {
            for value in &mut self.values {
                value.push_str(only);
            }
        } else {
            let both = |value: &String| -> Vec<String> {
                more.iter().map(|more| format!("{value}{more}")).collect()
            };
            let values = self.values.iter().flat_map(both);
            self.values = values.take(MOST_VALUES).collect();
        }
        self.is_open |= self.values.iter().any(|value| value.len() > LONGEST_VALUE);
        if self.is_open {
            self.values.truncate(1);
            self.values.iter_mut().for_each(|value| value.truncate(0));
        }
    }
}

/// The name behind a `$`, and what follows it. An empty name is one that only a running shell knows.
fn variable(text: &str) -> (&str, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(inner) = text.strip_prefix('{') {
        let (name, behind) = inner.split_once('}').unwrap_or((inner, ""));
        let is_plain = name.chars().all(is_name);
        return (if is_plain { name } else { "" }, behind);
    }
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// `NAME=VALUE`.
pub(super) fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (begins && is_name).then_some((name, value))
}

pub(super) fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
