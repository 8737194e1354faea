// SPDX-License-Identifier: MIT OR Apache-2.0
//! Problems in a text that people write: where they are, how bad, what to do, and how to mend them.
//!
//! A reader of such a text adds the text to a [`SourceMap`] and collects [`Findings`]. A text may include others: each
//! has its place in the map, and a [`Span`] is a range of one of them. At the end [`Diagnostics`] compute file, line
//! and column, and print them with the line and a caret, or serialise. [`apply`] carries out the [`Fix`]es of findings.
//!
//! ```
//! use lvs_director::diagnostic::{Diagnostics, Finding, Findings, Fix, SourceMap, apply};
//!
//! let mut sources = SourceMap::default();
//! let file = sources.add("director.yaml", "wieght: 3\n");
//! let key = sources.span(file, 0..6);
//! let mut findings = Findings::default();
//! findings.push(Finding::new(key, "unknown key \"wieght\"").fix(Fix::replace(key, "weight")));
//! let diagnostics = Diagnostics::new(&sources, findings);
//! assert!(diagnostics.to_string().starts_with("director.yaml:1:1: unknown key \"wieght\""));
//! assert_eq!(apply(&sources, diagnostics.fixes()).text(file), Some("weight: 3\n"));
//! ```

mod excerpt;
mod finding;
mod findings;
mod fix;
mod nearest;
mod place;
mod render;
mod report;
mod secret;
mod source;

pub use finding::{Finding, Severity, Shown, Wrong};
pub use findings::Findings;
pub use fix::{Applied, Fix, Replacement, apply};
pub use nearest::nearest;
pub use place::Place;
pub use report::{Correction, Diagnostic, Diagnostics, Note};
pub use secret::IsSecret;
pub use source::{FileId, Position, SourceMap, Span, line, position};
