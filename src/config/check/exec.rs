// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.exec`: which program, and as whom.

use super::login::short;
use crate::config::section::CHECK_EXEC;
use crate::config::setting::{Setting, Subject, innermost, innermost_or};
use crate::config::tree::Node;
use crate::config::value::{boolean, list, map, text_that};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::ExecProbe;

/// The most words of a command.
const MOST_WORDS: usize = 64;
/// The longest word, in bytes.
const LONGEST: usize = 1024;
pub(in crate::config) const COMMAND: &str =
    "write command: [/usr/lib/checks/foo, --port, \"5672\"]";

/// The program's settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct ExecLayer {
    command: Setting<Box<[Box<str>]>>,
    user: Setting<Box<str>>,
    dynamic: Setting<bool>,
}

impl ExecLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_EXEC, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "command" => layer.command = Setting::read(node, command(name, node, out)),
                "user" => layer.user = Setting::read(node, short(name, node, out)),
                "dynamic" => layer.dynamic = Setting::read(node, boolean(name, node, out)),
                _ => CHECK_EXEC.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is run, from all layers, the innermost first. `written` is where the type is named.
    pub(super) fn resolve(
        layers: &[&Self],
        written: Span,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<ExecProbe, Wrong> {
        let Some(command) = innermost(layers, |layer| &layer.command)? else {
            let finding = subject.finding(written, "a check by a program needs its command");
            out.push(finding.help(COMMAND));
            return Err(Wrong);
        };
        let user = innermost(layers, |layer| &layer.user)?;
        Ok(ExecProbe {
            command: command.value.clone(),
            user: user.map(|found| found.value.clone()),
            dynamic: innermost_or(layers, |layer| &layer.dynamic, false)?,
        })
    }
}

/// A program and its arguments.
pub(in crate::config) fn command(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Box<[Box<str>]>, Wrong> {
    let nodes = list(name, node, COMMAND, out)?;
    if nodes.is_empty() || nodes.len() > MOST_WORDS {
        let message = format!(
            "{name} must have 1 to {MOST_WORDS} words, got {}",
            nodes.len()
        );
        out.push(Finding::new(node.span, message).help(COMMAND));
        return Err(Wrong);
    }
    let possible = |text: &str| text.len() <= LONGEST && !text.chars().any(char::is_control);
    let help = "at most 1024 bytes without control characters";
    let words = nodes
        .iter()
        .map(|node| text_that(possible, "a word of the command", node, "text", help, out));
    // All errors of the list are told.
    let words: Vec<_> = words.collect();
    let words: Box<[Box<str>]> = words.into_iter().collect::<Result<_, _>>()?;
    if let (Some(program), Some(node)) = (words.first(), nodes.first())
        && (!program.starts_with('/') || program.ends_with('/'))
    {
        let message = format!(
            "the program must be an absolute path, got {}",
            Shown(program)
        );
        out.push(Finding::new(node.span, message).help(COMMAND));
        return Err(Wrong);
    }
    Ok(words)
}
