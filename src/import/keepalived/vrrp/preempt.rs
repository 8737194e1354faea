// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a better host takes over: `state`, `nopreempt` and `preempt_delay` together, as keepalived understands them.

use std::time::Duration;

use super::instance::Instance;
use super::value::{duration, remarked};
use crate::diagnostic::{Finding, Findings, Fix};
use crate::import::statement::Statement;
use crate::import::{Entry, Value};

/// The priority of who has the addresses anyway.
const OWNER: u32 = 255;
/// The shortest wait of ours.
const SHORTEST: Duration = Duration::from_secs(1);

/// The entry of ours; `None` for an owner, who takes over in any case.
pub(super) fn entry(instance: &Instance<'_>, priority: u32, out: &mut Findings) -> Option<Entry> {
    let always = Entry::new("preempt", Value::word("always"));
    if priority == OWNER {
        owner(instance, out);
        return None;
    }
    if let Some(master) = instance.is_master {
        return Some(master_first(instance, master, priority, always, out));
    }
    if let Some(statement) = instance.nopreempt {
        if let Some(delay) = &instance.delay {
            let message = "preempt_delay is left out: nopreempt stands beside it";
            out.push(Finding::warning(delay.by.span(), message).label(statement.span(), "here"));
        }
        return Some(remarked(
            Entry::new("preempt", Value::word("never")),
            statement,
        ));
    }
    let Some(delay) = instance.delay.filter(|it| !it.value.is_zero()) else {
        return Some(always);
    };
    if instance.strict {
        let message = "preempt_delay is left out: with strict mode keepalived ignores it";
        out.push(Finding::warning(delay.by.span(), message));
        return Some(always);
    }
    let wait = delay.value.max(SHORTEST);
    if wait != delay.value {
        let message = "preempt_delay becomes 1 s, the shortest here";
        out.push(Finding::warning(delay.by.span(), message));
    }
    Some(delay.entry("preempt", duration(wait)))
}

fn owner(instance: &Instance<'_>, out: &mut Findings) {
    let delay = instance.delay.as_ref().map(|it| it.by);
    for statement in instance.nopreempt.into_iter().chain(delay) {
        let message = format!(
            "{} is left out: priority 255 takes over in any case",
            &statement.keyword.text
        );
        out.push(Finding::warning(statement.span(), message));
    }
}

/// `state MASTER` counts with priority 255 only. With another one it only takes back what the others say.
fn master_first(
    instance: &Instance<'_>,
    master: &Statement,
    priority: u32,
    always: Entry,
    out: &mut Findings,
) -> Entry {
    let delay = instance.delay.as_ref().map(|it| it.by);
    let lost: Vec<&Statement> = instance.nopreempt.into_iter().chain(delay).collect();
    for statement in &lost {
        let keyword = &statement.keyword.text;
        let message =
            format!("keepalived ignores {keyword}, because state MASTER stands beside it");
        let finding = Finding::warning(statement.span(), message);
        let finding = finding.label(master.span(), "here");
        let finding = finding.help(format!(
            "so this becomes preempt: always; for {keyword} write state BACKUP"
        ));
        out.push(
            finding.fix(
                master
                    .words
                    .first()
                    .map(|it| Fix::replace(it.span, "BACKUP")),
            ),
        );
    }
    if lost.is_empty() {
        let message = "state MASTER decides nothing: the highest priority does";
        let finding = Finding::note(master.span(), message);
        out.push(finding.help(format!(
            "it counts with priority 255 only, and this is {priority}"
        )));
    }
    always
}
