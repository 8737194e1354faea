// SPDX-License-Identifier: MIT OR Apache-2.0
//! `SMTP_CHECK`: each `host` is a check.

use super::{Around, Check, Common, Draft, plain};
use crate::diagnostic::Findings;
use crate::import::document::Value;
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::value::only;
use crate::import::statement::Statement;

pub(super) fn read(statement: &Statement, around: &Around<'_>, out: &mut Findings) -> Vec<Check> {
    let mut helo = None;
    let mut common = Common::default();
    let mut hosts = Vec::new();
    for line in statement.block.iter().flatten() {
        let Some(keyword) = look(line, Block::SmtpCheck, out) else {
            continue;
        };
        match keyword.name {
            "helo_name" => helo = only(line, out).map(|word| word.text.clone()),
            "host" => hosts.push(plain("smtp", Block::SmtpHost, line, around, out).common),
            _ => {
                common.take(keyword, line, out);
            }
        }
    }
    if hosts.is_empty() {
        hosts.push(Common::default());
    }
    let check = |host: Common| {
        let mut draft = Draft::new("smtp", statement, around);
        draft.common = host.within(&common);
        if let Some(helo) = &helo {
            draft.key("helo", Value::text(helo));
        }
        draft.over_port(out)
    };
    hosts.into_iter().filter_map(check).collect()
}
