// SPDX-License-Identifier: MIT OR Apache-2.0
//! `global_defs`.

use super::command::user;
use super::draft::Draft;
use super::keywords::{Block, Keyword, look, not_carried_over};
use super::value::number;
use crate::diagnostic::{Finding, Findings, Severity, Shown};
use crate::import::document::{Entry, Value};
use crate::import::statement::{Statement, Word};

/// The longest timeout that the kernel takes, in seconds: 31 days.
const LONGEST: u32 = 2_678_400;

/// Reads all `global_defs`; gives the statements in them that are of the VRRP side.
pub(super) fn read<'s>(blocks: &[&'s Statement], draft: &mut Draft<'_>) -> Vec<&'s Statement> {
    let mut routers = Vec::new();
    for block in blocks {
        draft.keep(&block.remarks);
        for statement in block.block.iter().flatten() {
            let keyword = look(statement, Block::GlobalDefs, draft.out);
            match keyword.map(Keyword::today) {
                Some("lvs_timeouts") => timeouts(statement, draft),
                Some(name) if is_lvs(name, statement, draft) => draft.keep(&statement.remarks),
                Some(_) => routers.push(statement),
                None => draft.keep(&statement.remarks),
            }
        }
    }
    routers
}

/// Takes a keyword of the LVS side or of both; `false` when it is of the VRRP side.
fn is_lvs(name: &str, statement: &Statement, draft: &mut Draft<'_>) -> bool {
    let mut say = |severity, why| draft.out.push(not_carried_over(statement, severity, why));
    match name {
        "script_user" => {
            draft.user = user(statement, draft.out).map(Box::from);
        }
        "enable_script_security" => say(
            Severity::Note,
            "a program never runs with more rights than its user has",
        ),
        "router_id" => say(
            Severity::Note,
            "it is only in mails and SNMP; the director needs no name",
        ),
        "lvs_flush" => say(
            Severity::Warning,
            "the director never removes services of others: ipvsadm -C does it once",
        ),
        "lvs_flush_on_stop" => say(
            Severity::Warning,
            "the director leaves its services to the next one: director run --release removes them",
        ),
        _ => return false,
    }
    true
}

/// `lvs_timeouts tcp N tcpfin N udp N`
fn timeouts(statement: &Statement, draft: &mut Draft<'_>) {
    let mut words = statement.words.iter();
    let mut entries = Vec::new();
    while let Some(word) = words.next() {
        entries.extend(timeout(word, words.next(), draft.out));
    }
    if let Some(entry) = entries.first_mut() {
        entry
            .before
            .extend(statement.remarks.before.iter().map(ToString::to_string));
        entry.remark = statement.remarks.behind.as_deref().map(str::to_owned);
    }
    if entries.is_empty() {
        return;
    }
    draft.origins.add("ipvs", statement.span());
    let ipvs = draft.document.map("ipvs");
    for entry in entries {
        ipvs.retain(|known| known.key != entry.key);
        ipvs.push(entry);
    }
}

fn timeout(name: &Word, value: Option<&Word>, out: &mut Findings) -> Option<Entry> {
    let key = match &*name.text {
        "tcp" => "tcp_timeout",
        "tcpfin" => "tcp_fin_timeout",
        "udp" => "udp_timeout",
        _ => {
            let what = format!("{} is not known here", Shown(&name.text));
            out.push(Finding::new(name.span, what).help("tcp, tcpfin, udp, each with seconds"));
            return None;
        }
    };
    let Some(value) = value else {
        out.error(name.span, format!("{} has no value", Shown(&name.text)));
        return None;
    };
    let seconds = number(value, 1..=LONGEST, out)?;
    Some(Entry::new(key, Value::Word(format!("{seconds}s"))))
}
