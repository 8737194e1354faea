// SPDX-License-Identifier: MIT OR Apache-2.0
//! The block `SSL`.

use crate::diagnostic::{Finding, Findings, Severity, Span};
use crate::import::keepalived::keywords::{Block, look, not_carried_over};
use crate::import::keepalived::value::only;
use crate::import::statement::Statement;

/// The certificate that `SSL_GET` shows.
#[derive(Debug, Default)]
pub(in super::super) struct Ssl {
    pub(super) certificate: Option<Box<str>>,
    pub(super) key: Option<Box<str>>,
    at: Option<Span>,
}

impl Ssl {
    /// Takes a block `SSL`.
    pub(in super::super) fn take(&mut self, statement: &Statement, out: &mut Findings) {
        if let Some(first) = self.at.replace(statement.keyword.span) {
            let what = "SSL is there twice: only what the last one says counts";
            let finding = Finding::warning(statement.keyword.span, what);
            out.push(finding.label(first, "the first one"));
            (self.certificate, self.key) = (None, None);
        }
        for line in statement.block.iter().flatten() {
            let Some(keyword) = look(line, Block::Ssl, out) else {
                continue;
            };
            let value = only(line, out).map(|word| word.text.clone());
            match keyword.name {
                "certificate" => self.certificate = value,
                "key" => self.key = value,
                "ca" => {
                    let why =
                        "keepalived never verifies a certificate: write verify: true and ca_file";
                    out.push(not_carried_over(line, Severity::Note, why));
                }
                _ => {
                    let why = "the key file must be without a passphrase";
                    out.push(not_carried_over(line, Severity::Warning, why));
                }
            }
        }
    }
}
