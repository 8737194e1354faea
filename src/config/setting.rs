// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings in layers: a real server's own, its virtual service's, the defaults.

use super::tree::Node;
use crate::diagnostic::{Finding, Severity, Span, Wrong};
use crate::model::ServiceKey;

/// One setting in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Setting<T> {
    /// Nothing.
    #[default]
    Unset,
    /// Something that is wrong, and already reported.
    Wrong,
    /// A value, and its place.
    Set(T, Span),
}

impl<T> Setting<T> {
    /// The result of reading `node`.
    pub(super) fn read(node: &Node<'_>, result: Result<T, Wrong>) -> Self {
        match result {
            Ok(value) => Self::Set(value, node.span),
            Err(Wrong) => Self::Wrong,
        }
    }
}

/// One setting, from all layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<T> {
    /// The value.
    pub(super) value: T,
    /// Its place.
    pub(super) span: Span,
    /// In which layer; 0 is the innermost.
    pub(super) layer: usize,
}

/// The value of the innermost layer that has one. `layers` start with the innermost.
pub(super) fn innermost<'l, L, T>(
    layers: &[&'l L],
    setting: impl Fn(&'l L) -> &'l Setting<T>,
) -> Result<Option<Found<&'l T>>, Wrong> {
    for (layer, settings) in layers.iter().enumerate() {
        match setting(settings) {
            Setting::Unset => {}
            Setting::Wrong => return Err(Wrong),
            Setting::Set(value, span) => {
                let span = *span;
                return Ok(Some(Found { value, span, layer }));
            }
        }
    }
    Ok(None)
}

/// The value of the innermost layer that has one, or `default`.
pub(super) fn innermost_or<L, T: Copy>(
    layers: &[&L],
    setting: impl Fn(&L) -> &Setting<T>,
    default: T,
) -> Result<T, Wrong> {
    for settings in layers {
        match setting(settings) {
            Setting::Unset => {}
            Setting::Wrong => return Err(Wrong),
            Setting::Set(value, _) => return Ok(*value),
        }
    }
    Ok(default)
}

/// The virtual service whose settings are merged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    /// Which.
    pub(super) key: ServiceKey,
    /// Its item in the file.
    pub(super) span: Span,
}

impl Subject {
    /// A finding that names the service when the place does not show it: in a pool, in the defaults.
    pub(super) fn finding(&self, span: Span, message: impl Into<String>) -> Finding {
        let finding = Finding::new(span, message);
        if self.span.contains(span) {
            finding
        } else {
            finding.reading(format!("virtual service {}", self.key))
        }
    }

    /// The same as a warning.
    pub(super) fn warning(&self, span: Span, message: impl Into<String>) -> Finding {
        let mut finding = self.finding(span, message);
        finding.severity = Severity::Warning;
        finding
    }
}
