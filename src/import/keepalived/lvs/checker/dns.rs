// SPDX-License-Identifier: MIT OR Apache-2.0
//! `DNS_CHECK`: any answer without an error will do, as here.

use super::{Around, Check, Draft};
use crate::diagnostic::Findings;
use crate::import::document::Value;
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::lvs::method;
use crate::import::keepalived::lvs::timing::Usual;
use crate::import::keepalived::value::only;
use crate::import::statement::Statement;

pub(super) fn read(
    statement: &Statement,
    around: &Around<'_>,
    out: &mut Findings,
) -> Option<Check> {
    let mut draft = Draft::new("dns", statement, around);
    draft.usual = Usual {
        retry: 3,
        delay_before_retry: None,
        ..Usual::MOST
    };
    let (mut name, mut kind) = (None, Value::word("soa"));
    for line in statement.block.iter().flatten() {
        let Some(keyword) = look(line, Block::DnsCheck, out) else {
            continue;
        };
        match keyword.name {
            "name" => {
                let word = only(line, out)?;
                name = name.or_else(|| Some(Value::text(&word.text)));
            }
            "type" => kind = dns_type(line, out)?,
            _ => {
                draft.common.take(keyword, line, out);
            }
        }
    }
    draft.key("name", name.unwrap_or_else(|| Value::text(".")));
    draft.key("type", kind);
    draft.over_port(out)
}

fn dns_type(line: &Statement, out: &mut Findings) -> Option<Value> {
    let word = only(line, out)?;
    let lower = word.text.to_ascii_lowercase();
    // RFC 4034.
    let numbers = [("rrsig", 46), ("dnskey", 48)];
    if let Some((_, number)) = numbers.iter().find(|(name, _)| *name == lower) {
        return Some(Value::word(number));
    }
    let known = ["a", "ns", "cname", "soa", "mx", "txt", "aaaa"];
    if known.contains(&&*lower) {
        return Some(Value::Word(lower));
    }
    method::unknown(word, &["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"], out)
}
