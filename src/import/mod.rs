// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other programs' files -> an annotated file of ours, and what is to be said about each of their lines.
//!
//! A [`Kind`] is a format. Its reader makes [`statement::Statement`]s of a text, where the format has such, and a
//! [`Document`] of these: our configuration as a tree with comments. Every word of the text is either in the document, or in a
//! finding that says why it is not. What surrounds a text (files that it includes, the environment) is asked of
//! [`Surroundings`].

mod document;
mod haproxy;
mod ipvsadm;
mod keepalived;
mod kind;
mod ldirectord;
mod pasted;
mod realserver_sh;
mod service;
mod statement;
mod surroundings;
mod text;

#[cfg(test)]
mod properties;

pub use self::document::{Conflict, Document, Entry, Item, Value};
pub use self::kind::{Kind, recognise};
pub use self::surroundings::{Alone, Included, Surroundings};

use self::text::decode;
use crate::config;
use crate::diagnostic::{
    Applied, Diagnostics, FileId, Finding, Findings, Fix, SourceMap, Span, apply,
};

/// The longest file that is read: as our own.
pub const MAX_BYTES: usize = config::MAX_BYTES;

/// What became of a file.
#[derive(Debug)]
pub struct Imported {
    /// Its format; `None` when it is none of those that are known.
    pub kind: Option<Kind>,
    /// What it means in our words; empty when nothing could be read.
    pub output: Output,
    /// What is to be said about it.
    pub diagnostics: Diagnostics,
    sources: SourceMap,
}

/// What a file means in our words.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A configuration of the director.
    Director(Document),
    /// The text of a file of another kind: how `realserver` is started.
    Text(String),
}

impl Imported {
    /// The texts with the corrections made that findings suggest. What is named nowhere may be there when words are right: nothing
    /// is taken out before that.
    #[must_use]
    pub fn corrected(&self) -> Applied<'_> {
        let all = self.diagnostics.fixes();
        let writes = |fix: &&Fix| fix.replacements.iter().any(|it| !it.text.is_empty());
        if all.iter().any(|fix| writes(&fix)) {
            apply(&self.sources, all.iter().filter(writes))
        } else {
            apply(&self.sources, all)
        }
    }

    /// The name of a text of [`corrected`](Self::corrected).
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        self.sources.name(file)
    }
}

/// Everything that a reader uses and fills.
pub(crate) struct Reading<'a> {
    /// The texts, the included ones as well.
    pub(crate) sources: &'a mut SourceMap,
    /// What is to be said.
    pub(crate) out: &'a mut Findings,
    /// What is around the text.
    pub(crate) around: &'a dyn Surroundings,
}

/// Reads a file of another program. `name` is its name in diagnostics; without a `kind` it is recognised by its content.
#[must_use]
pub fn import(kind: Option<Kind>, name: &str, bytes: &[u8], around: &dyn Surroundings) -> Imported {
    let (mut sources, mut out) = (SourceMap::default(), Findings::default());
    let mut output = Output::Director(Document::default());
    let text = decode(bytes);
    let kind = kind.or_else(|| recognise(&text.text));
    let file = sources.add(name, text.text.as_str());
    text.tell(&sources, file, &mut out);
    match kind {
        _ if out.has_errors() => {}
        None => out.push(unknown(sources.span(file, 0..0))),
        Some(kind) => {
            let mut reading = Reading {
                sources: &mut sources,
                out: &mut out,
                around,
            };
            output = kind.read(file, &mut reading);
        }
    }
    if let (Output::Director(document), false) = (&output, out.has_errors()) {
        refuse(document, sources.span(file, 0..0), &mut out);
    }
    Imported {
        kind,
        output,
        diagnostics: Diagnostics::whole(&sources, out, is_secret),
        sources,
    }
}

/// Says what our own reader finds wrong in what was made: a reader of another program has overlooked it.
fn refuse(document: &Document, span: Span, out: &mut Findings) {
    let Err(wrong) = config::parse("made", document.to_string().as_bytes()) else {
        return;
    };
    for one in &wrong {
        let finding = Finding::new(span, format!("{REFUSED}: {}", one.message()));
        let help = one.help().map(str::to_owned);
        out.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
}

/// How a message begins about what was made of a file, and is no configuration.
const REFUSED: &str = "what this file becomes is no configuration of the director";

/// Whether a line may hold a password or a key: by how people call such, also misspelt.
fn is_secret(line: &str) -> bool {
    const NAMES: [&str; 9] = [
        "pass",
        "pasw",
        "secr",
        "auth",
        " ath",
        "token",
        "key", // What a check says may be a login.
        "tcp-check send",
        "hdr cookie",
    ];
    // These only begin a block.
    let line = line.to_ascii_lowercase().replace("authentication", "");
    let line = line.replace("auth_hmac", "");
    NAMES.iter().any(|name| line.contains(name))
}

fn unknown(span: Span) -> Finding {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    Finding::new(span, "this is no file of a program that is known")
        .help(format!("name its kind by --from: {}", kinds.join(", ")))
}
