// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our configuration as a tree with comments, as a person would write it.

mod merge;
mod shorten;
mod write;

use std::fmt::Display;

pub use self::merge::Conflict;

/// The sections in the order in which they are written.
const ORDER: [&str; 10] = [
    "director",
    "ipvs",
    "virtual_routers",
    "connection_sync",
    "peer",
    "web",
    "checks",
    "defaults",
    "pools",
    "virtual_services",
];

/// A file. Its `Display` is the file's text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// Comments above everything, one for each line.
    pub head: Vec<String>,
    sections: Vec<Entry>,
}

/// A key with its value, and comments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// In lines above it.
    pub before: Vec<String>,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Behind it in the same line.
    pub remark: Option<String>,
}

/// An element of a list, and comments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item {
    /// In lines above it.
    pub before: Vec<String>,
    /// The element.
    pub value: Value,
    /// Behind it in the same line.
    pub remark: Option<String>,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Written as it is: a number, a switch, a duration, a word of ours.
    Word(String),
    /// Any text: written in quotes where YAML needs them.
    Text(String),
    /// A list.
    List(Vec<Item>),
    /// A map.
    Map(Vec<Entry>),
}

impl Value {
    /// A number, a switch, a duration, a word of ours.
    pub fn word(word: impl Display) -> Self {
        Self::Word(word.to_string())
    }

    /// Any text.
    pub fn text(text: impl Display) -> Self {
        Self::Text(text.to_string())
    }

    /// A list of values without comments.
    pub fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(values.into_iter().map(Item::new).collect())
    }
}

impl Entry {
    /// Without comments.
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        Self {
            before: Vec::new(),
            key: key.into(),
            value,
            remark: None,
        }
    }

    /// With a comment behind it.
    #[must_use]
    pub fn remark(self, remark: impl Into<String>) -> Self {
        Self {
            remark: Some(remark.into()),
            ..self
        }
    }

    /// With another comment line above it.
    #[must_use]
    pub fn before(mut self, line: impl Into<String>) -> Self {
        self.before.push(line.into());
        self
    }
}

impl Item {
    /// Without comments.
    #[must_use]
    pub const fn new(value: Value) -> Self {
        Self {
            before: Vec::new(),
            value,
            remark: None,
        }
    }
}

impl Document {
    /// The entries of a section that is a map: `ipvs`, `defaults`, `pools`.
    pub fn map(&mut self, section: &str) -> &mut Vec<Entry> {
        match self.section(section, Value::Map(Vec::new())) {
            Value::Map(entries) => entries,
            // A section is what it was made as.
            Value::Word(_) | Value::Text(_) | Value::List(_) => unreachable!("{section} is a map"),
        }
    }

    /// The elements of a section that is a list: `virtual_services`, `virtual_routers`.
    pub fn list(&mut self, section: &str) -> &mut Vec<Item> {
        match self.section(section, Value::List(Vec::new())) {
            Value::List(items) => items,
            // A section is what it was made as.
            Value::Word(_) | Value::Text(_) | Value::Map(_) => unreachable!("{section} is a list"),
        }
    }

    /// A section, made if it is not there.
    #[allow(clippy::indexing_slicing, reason = "the place was found just before")]
    fn section(&mut self, section: &str, empty: Value) -> &mut Value {
        let place = |key: &str| ORDER.iter().position(|it| *it == key);
        let behind = |it: &Entry| place(&it.key) >= place(section);
        let at = self.sections.iter().position(behind);
        let at = at.unwrap_or(self.sections.len());
        if self.sections.get(at).is_none_or(|it| it.key != section) {
            self.sections.insert(at, Entry::new(section, empty));
        }
        // It is there now.
        &mut self.sections[at].value
    }

    /// Whether nothing stands in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }
}
