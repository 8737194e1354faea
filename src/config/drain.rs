// SPDX-License-Identifier: MIT OR Apache-2.0
//! `drain`: what becomes of the connections of a real server that leaves the file.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::section::DRAIN;
use super::setting::{Setting, innermost_or};
use super::tree::{Node, Value};
use super::value::{boolean, duration, kind, map};
use crate::diagnostic::{Finding, Findings, Wrong};
use crate::model::DrainTerms;

/// From a second to thirty days.
const DEADLINE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(720);

/// The drain settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct DrainLayer {
    on: Setting<bool>,
    deadline: Setting<Duration>,
    templates: Setting<bool>,
}

impl DrainLayer {
    /// `none`, a duration, or a map.
    pub(super) fn read(name: &str, node: &Node<'_>, out: &mut Findings) -> Self {
        let mut layer = Self {
            on: Setting::Set(true, node.span),
            ..Self::default()
        };
        match &node.value {
            Value::Map(_) => layer.read_map(node, out),
            Value::Scalar { text, .. } if &**text == "none" => {
                layer.on = Setting::Set(false, node.span);
            }
            Value::Scalar { .. } if !node.is_null() => {
                layer.deadline = Setting::read(node, duration(name, node, DEADLINE, out));
            }
            Value::Scalar { .. } | Value::List(_) => {
                let got = kind(node);
                let message = format!("{name} must be none, a duration or a map, got {got}");
                out.push(Finding::new(node.span, message).help("write 1h"));
                layer.on = Setting::Wrong;
            }
        }
        layer
    }

    fn read_map(&mut self, node: &Node<'_>, out: &mut Findings) {
        let Ok(entries) = map(&DRAIN, node, out) else {
            self.on = Setting::Wrong;
            return;
        };
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "deadline" => {
                    self.deadline = Setting::read(node, duration(name, node, DEADLINE, out));
                }
                "templates" => self.templates = Setting::read(node, boolean(name, node, out)),
                _ => DRAIN.unknown_key(entry, entries, out),
            }
        }
    }

    /// The terms, from all layers, the innermost first; `None` when a server is removed at once.
    pub(super) fn resolve(layers: &[&Self]) -> Result<Option<DrainTerms>, Wrong> {
        if !innermost_or(layers, |layer| &layer.on, true)? {
            return Ok(None);
        }
        let usual = DrainTerms::LEAVING;
        let longest = usual.deadline.unwrap_or(*DEADLINE.end());
        Ok(Some(DrainTerms {
            deadline: Some(innermost_or(layers, |layer| &layer.deadline, longest)?),
            templates: innermost_or(layers, |layer| &layer.templates, usual.templates)?,
        }))
    }
}
