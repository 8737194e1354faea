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
mod refuse;
mod secret;
mod service;
mod statement;
mod surroundings;
mod text;

#[cfg(test)]
mod properties;

pub use self::document::{Conflict, Document, Entry, Item, Value};
pub use self::kind::{Kind, recognise};
pub use self::surroundings::{Alone, Included, Room, Surroundings};

pub(crate) use self::refuse::Origins;
use self::secret::is_secret;
use self::text::decode;
use crate::config;
use crate::diagnostic::{
    Applied, Correction, Diagnostics, FileId, Finding, Findings, Fix, Place, SourceMap, Span, apply,
};
use crate::model::ServiceKey;

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
    origins: Origins,
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

    /// Where a virtual service comes from, if its reader has said so.
    #[must_use]
    pub fn place_of(&self, key: &ServiceKey) -> Option<Place> {
        let span = self.origins.service(key)?;
        Some(Place::new(&self.sources, span))
    }

    /// A correction of [`corrected`](Self::corrected), with its place, and without what nobody may read.
    #[must_use]
    pub fn correction(&self, fix: &Fix) -> Option<&Correction> {
        self.diagnostics.correction(fix)
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
    /// Where what is made comes from.
    pub(crate) origins: &'a mut Origins,
}

/// Reads a file of another program. `name` is its name in diagnostics; without a `kind` it is recognised by its content. Our own
/// reader takes what is made, or what it refuses is said.
#[must_use]
pub fn import(kind: Option<Kind>, name: &str, bytes: &[u8], around: &dyn Surroundings) -> Imported {
    translated(kind, name, bytes, around, refuse::in_document)
}

/// As [`import`], for one who has our own reader read what is made.
#[must_use]
pub fn translate(
    kind: Option<Kind>,
    name: &str,
    bytes: &[u8],
    around: &dyn Surroundings,
) -> Imported {
    translated(kind, name, bytes, around, |_, _, _, _| {})
}

/// Looks at what was made: for where it comes from, and else for this place.
type Guard = fn(&Document, &Origins, Span, &mut Findings);

fn translated(
    kind: Option<Kind>,
    name: &str,
    bytes: &[u8],
    around: &dyn Surroundings,
    guard: Guard,
) -> Imported {
    let (mut sources, mut out) = (SourceMap::default(), Findings::default());
    let mut origins = Origins::default();
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
                origins: &mut origins,
            };
            output = kind.read(file, &mut reading);
        }
    }
    if let (Output::Director(document), false) = (&output, out.has_errors()) {
        guard(document, &origins, sources.span(file, 0..0), &mut out);
    }
    Imported {
        kind,
        output,
        diagnostics: Diagnostics::whole(&sources, out, is_secret),
        sources,
        origins,
    }
}

fn unknown(span: Span) -> Finding {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    Finding::new(span, "this is no file of a program that is known")
        .help(format!("name its kind by --from: {}", kinds.join(", ")))
}
