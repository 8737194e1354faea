// SPDX-License-Identifier: MIT OR Apache-2.0
//! `FILE_CHECK`: the number in the file is a weight here, and something added to it there.

use super::{Around, Check, Draft};
use crate::diagnostic::{Finding, Findings, Severity, Shown};
use crate::import::document::Value;
use crate::import::keepalived::keywords::{Block, look, not_carried_over};
use crate::import::keepalived::value::only;
use crate::import::statement::Statement;

pub(super) fn read(
    statement: &Statement,
    around: &Around<'_>,
    out: &mut Findings,
) -> Option<Check> {
    let mut draft = Draft::new("file", statement, around);
    let mut path = None;
    for line in statement.block.iter().flatten() {
        let Some(keyword) = look(line, Block::FileCheck, out) else {
            continue;
        };
        match keyword.name {
            "track_file" => {
                let word = only(line, out)?;
                path = around.files.get(&word.text);
                if path.is_none() {
                    let what = format!("there is no track_file {}", Shown(&word.text));
                    out.error(word.span, what);
                    return None;
                }
            }
            "weight" | "dynamic" => {
                let why = "the number in the file is the weight itself here, and not added to it";
                out.push(not_carried_over(line, Severity::Warning, why));
            }
            _ => {
                draft.common.take(keyword, line, out);
            }
        }
    }
    let Some(path) = path else {
        out.error(draft.span, "FILE_CHECK without a track_file");
        return None;
    };
    let finding = Finding::warning(draft.span, "a file means something else here");
    out.push(finding.help(
        "keepalived adds its number to the weight; here it holds a weight, up, down, drain or maint",
    ));
    draft.key("path", Value::text(path));
    let mut check = draft.without_port();
    // There are no failures of a file that must be counted.
    check
        .beside
        .retain(|entry| matches!(&*entry.key, "interval" | "interval_from" | "initial"));
    Some(check)
}
