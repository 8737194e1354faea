// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.file`: which file, and what it means that it is missing.

use std::path::Path;

use super::login::file;
use crate::config::section::CHECK_FILE;
use crate::config::setting::{Setting, Subject, innermost, innermost_or};
use crate::config::tree::Node;
use crate::config::value::{choice, map};
use crate::diagnostic::{Findings, Span, Wrong};
use crate::model::{FileProbe, MissingFile};

const MISSING: [(&str, MissingFile); 3] = [
    (MissingFile::Up.word(), MissingFile::Up),
    (MissingFile::Down.word(), MissingFile::Down),
    (MissingFile::Ignore.word(), MissingFile::Ignore),
];

/// The file's settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct FileLayer {
    path: Setting<Box<Path>>,
    missing: Setting<MissingFile>,
}

impl FileLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_FILE, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "path" => layer.path = Setting::read(node, file(name, node, out)),
                "missing" => {
                    layer.missing = Setting::read(node, choice(name, node, &MISSING, &[], out));
                }
                _ => CHECK_FILE.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is read, from all layers, the innermost first. `written` is where the type is named.
    pub(super) fn resolve(
        layers: &[&Self],
        written: Span,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<FileProbe, Wrong> {
        let Some(path) = innermost(layers, |layer| &layer.path)? else {
            let finding = subject.finding(written, "a check by a file needs its path");
            out.push(finding.help("write check: {file: {path: /run/lvs/web1}}"));
            return Err(Wrong);
        };
        Ok(FileProbe {
            path: path.value.clone(),
            missing: innermost_or(layers, |layer| &layer.missing, MissingFile::Ignore)?,
        })
    }
}
