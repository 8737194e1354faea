// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is made of a file, while it is read.

use crate::diagnostic::{Findings, SourceMap};
use crate::import::statement::Remarks;
use crate::import::{Document, Origins, Reading, Surroundings};

/// The document so far, and where findings go.
pub(super) struct Draft<'o> {
    pub(super) out: &'o mut Findings,
    pub(super) sources: &'o SourceMap,
    /// Where its services and virtual routers come from.
    pub(super) origins: &'o mut Origins,
    pub(super) around: &'o dyn Surroundings,
    pub(super) document: Document,
    /// Comments whose statement is not carried over: they stand at the end of those at the top.
    pub(super) homeless: Vec<Box<str>>,
    /// How the servers of each service would be called, if others share them.
    pub(super) names: Vec<Option<Box<str>>>,
    /// `script_user` of `global_defs`.
    pub(super) user: Option<Box<str>>,
}

impl<'o> Draft<'o> {
    pub(super) fn new(reading: &'o mut Reading<'_>) -> Self {
        Self {
            out: reading.out,
            sources: reading.sources,
            origins: reading.origins,
            around: reading.around,
            document: Document::default(),
            homeless: Vec::new(),
            names: Vec::new(),
            user: None,
        }
    }

    /// Keeps the comments of a statement that has no place in the document.
    pub(super) fn keep(&mut self, remarks: &Remarks) {
        let all = remarks.before.iter().chain(remarks.behind.as_ref());
        self.homeless.extend(all.cloned());
    }
}
