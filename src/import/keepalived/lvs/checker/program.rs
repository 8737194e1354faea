// SPDX-License-Identifier: MIT OR Apache-2.0
//! `MISC_CHECK`: a program, which here is `exec`.

use std::time::Duration;

use super::{Around, Check, Draft};
use crate::diagnostic::{Finding, Findings};
use crate::import::document::Value;
use crate::import::keepalived::command::{self, command};
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::lvs::timing::{Usual, possible_timeout, timeout};
use crate::import::keepalived::value::{flag, number, only};
use crate::import::statement::Statement;

/// Its interval begins with the start of the program, and its first failure is the last.
const USUAL: Usual = Usual {
    retry: 0,
    from_end: false,
    ..Usual::MOST
};

pub(super) fn read(
    statement: &Statement,
    around: &Around<'_>,
    out: &mut Findings,
) -> Option<Check> {
    let mut draft = Draft::new("exec", statement, around);
    draft.usual = USUAL;
    let (mut words, mut user, mut dynamic) = (None, around.user, false);
    for line in statement.block.iter().flatten() {
        let Some(keyword) = look(line, Block::MiscCheck, out) else {
            continue;
        };
        match keyword.name {
            "misc_path" => words = command(line, out),
            "misc_timeout" => draft.timeout = seconds(line, out),
            "misc_dynamic" => {
                flag(line, out);
                dynamic = true;
            }
            "user" => user = command::user(line, out),
            _ => {
                draft.common.take(keyword, line, out);
            }
        }
    }
    let Some(words) = words else {
        let finding = Finding::new(draft.span, "MISC_CHECK without a program");
        out.push(finding.help("misc_path /usr/lib/checks/foo"));
        return None;
    };
    if let Some(why) = words
        .first()
        .and_then(|it| around.surroundings.obstacle(it))
    {
        let finding = Finding::warning(draft.span, format!("the program cannot be run: {why}"));
        out.push(
            finding.help("keepalived removes such a check in silence: the server is always up"),
        );
    }
    draft.key("command", Value::list(words.into_iter().map(Value::Text)));
    let user = user.unwrap_or_else(|| command::usual_user(draft.span, out));
    draft.key("user", Value::text(user));
    if dynamic {
        draft.key("dynamic", Value::word(true));
    }
    let interval = draft.common.timing.within(around.timing).interval();
    let usual = possible_timeout(interval);
    draft.timeout = draft.timeout.or(Some(usual));
    Some(draft.without_port())
}

fn seconds(line: &Statement, out: &mut Findings) -> Option<Duration> {
    let word = only(line, out)?;
    let whole = number(word, 1..=u32::MAX, out)?;
    Some(timeout(word, Duration::from_secs(u64::from(whole)), out))
}
