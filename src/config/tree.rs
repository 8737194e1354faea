// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file as a tree of values. Each value knows its place.

use crate::diagnostic::Span;
use std::rc::Rc;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    /// Its place. For an omitted value the key's place; for a list or map from its start to the end of its last value.
    pub(super) span: Span,
    /// What.
    pub(super) value: Value<'a>,
}

/// The kinds of nodes.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// Text, a number, nothing at all.
    Scalar {
        /// Without quotes and escapes.
        text: Text<'a>,
        /// Neither quoted nor a block.
        plain: bool,
    },
    /// `[a, b]`, or lines starting with `-`.
    List(Rc<[Node<'a>]>),
    /// `{a: b}`, or lines of `a: b`. No key is there twice.
    Map(Rc<[Entry<'a>]>),
}

/// A key of a map and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    /// Where the key is.
    pub(super) span: Span,
    /// The key.
    pub(super) key: Text<'a>,
    /// Its value.
    pub(super) value: Node<'a>,
}

/// The text of a scalar.
#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    /// As written in the file.
    Source(&'a str),
    /// After escapes or joined lines, or repeated by an alias.
    Own(Rc<str>),
}

impl Text<'_> {
    /// The same, without a place.
    pub(super) fn repeated(&self) -> Self {
        match self {
            Self::Source(text) => Self::Own((*text).into()),
            Self::Own(text) => Self::Own(Rc::clone(text)),
        }
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Source(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl Node<'_> {
    /// The text of a scalar; `None` for lists, maps and nothing.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether there is nothing: no value, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain } => {
                *plain && matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
            }
            Value::List(_) | Value::Map(_) => false,
        }
    }
}
