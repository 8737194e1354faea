// SPDX-License-Identifier: MIT OR Apache-2.0
//! A question by TLS.

use super::{Asked, Kind, Question};
use crate::diagnostic::{Finding, Findings, Span};
use crate::import::haproxy::server::Tls;
use crate::import::{Entry, Value};

/// The question to a server that is asked by TLS; `target` says where.
pub(super) fn asked(
    question: &Question,
    target: Vec<Entry>,
    tls: &Tls,
    span: Span,
    out: &mut Findings,
) -> Asked {
    let keys = keys(question, tls, span, out);
    let mut settings = target;
    let kind = match question.kind {
        Kind::Tcp => {
            if !question.settings.is_empty() {
                let finding =
                    Finding::warning(span, "nothing is said or expected in a check by TLS");
                out.push(
                    finding.help("the check is a handshake; write an exec check for the rest"),
                );
            }
            settings.extend(keys);
            "tls"
        }
        Kind::Http => {
            settings.extend(question.settings.iter().cloned());
            settings.extend(keys);
            "https"
        }
        Kind::Smtp => {
            settings.extend(question.settings.iter().cloned());
            settings.push(Entry::new("tls", Value::Map(keys)));
            "smtp"
        }
    };
    Asked { kind, settings }
}

fn keys(question: &Question, tls: &Tls, span: Span, out: &mut Findings) -> Vec<Entry> {
    let mut entries = Vec::new();
    let name = question.name.as_deref();
    let name = name
        .or(tls.check_name.as_deref())
        .or(tls.verify_host.as_deref());
    let is_name = |name: &&str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        !name.is_empty() && name.len() <= 253 && name.chars().all(allowed)
    };
    match name {
        Some(text) if is_name(&text) => entries.push(Entry::new("server_name", Value::text(text))),
        Some(_) => out.push(Finding::warning(span, "the name for TLS is no host name")),
        None => {}
    }
    // The check is of a server that nobody names a CA for: HAProxy would not start with it.
    let verified = tls.verify != Some(false) && tls.ca_file.is_some();
    if !verified {
        entries.push(Entry::new("verify", Value::word("false")));
    } else if name.is_none() {
        let finding = Finding::warning(
            span,
            "the director also verifies for whom the certificate is",
        );
        out.push(
            finding
                .help("HAProxy verifies only who signed it, without verifyhost; write server_name"),
        );
    }
    let certificates = [
        ("ca_file", &tls.ca_file),
        ("client_certificate", &tls.certificate),
        ("client_key", &tls.certificate),
    ];
    for (key, file) in certificates {
        match file.as_deref() {
            None | Some("@system-ca") => {}
            Some(_) if key == "ca_file" && !verified => {}
            Some(path) if path.starts_with('/') => entries.push(Entry::new(key, Value::text(path))),
            Some(_) => {
                let finding = Finding::warning(span, format!("{key} is not carried over"));
                out.push(finding.help("write the file's absolute path"));
            }
        }
    }
    entries
}
