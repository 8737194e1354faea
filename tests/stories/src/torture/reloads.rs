// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attacks: reloads that the kernel refuses in part, files with a mistake, services that somebody else made before us.

use anyhow::{Context, Result, ensure};

use super::goal::{Goal, LIVE};
use super::kills::kill;
use super::round::{TAKEN_OVER, Torture};
use crate::director::{HOST, Table};
use crate::stage::{VIP, service};

/// The port of the service that somebody else makes, and we are told to make.
const CONTESTED_PORT: u16 = 31_000;
/// How that is made.
const CONTESTED: [&str; 2] = [
    "-A -t 192.168.0.10:31000 -s rr",
    "-a -t 192.168.0.10:31000 -r 192.168.0.3:31000 -g -w 7",
];

/// The running configuration stays, the table is what it was, no counter begins anew.
pub(super) fn refused(torture: &mut Torture<'_>) -> Result<String> {
    let (now, counted) = (torture.goal().clone(), connections(torture)?);
    let from = if torture.random.below(2) == 0 {
        torture.other().clone()
    } else {
        now.clone()
    };
    let to = from.refused()?;
    to.put()?;
    ask_and_be_refused(torture, &now.table)?;
    ensure!(
        connections(torture)? >= counted,
        "the service that clients ask was made again: its counter is less than {counted}"
    );
    now.put()?;
    let (running, asked) = (now.services(), to.services());
    Ok(format!(
        "from {running} services to {asked} and one refused"
    ))
}

/// Each of these files is refused, and changes nothing.
pub(super) fn mistaken(torture: &mut Torture<'_>) -> Result<String> {
    let now = torture.goal().clone();
    let counted = connections(torture)?;
    let mut told = Vec::new();
    for _ in 0..=torture.random.below(3) {
        let (what, change) = *torture.random.pick(&MISTAKES)?;
        let goal = if torture.random.below(2) == 0 {
            torture.other()
        } else {
            torture.goal()
        };
        goal.put_changed(change)?;
        let reload = ["director", "reload", "--wait", LIVE];
        let output = torture.story.stage.lab.on(HOST, &reload)?;
        ensure!(
            output.status == 1,
            "{what}: director reload --wait exits with {}: {}{}",
            output.status,
            output.text(),
            output.error_text()
        );
        let table = torture.story.stage.director.table()?;
        ensure!(
            table == now.table,
            "{what}: the refused reload changed the table"
        );
        told.push(what);
    }
    ensure!(connections(torture)? >= counted, "a service was made again");
    now.put()?;
    Ok(told.join("; "))
}

/// What is done to the text of a good file.
type Change = fn(&str) -> String;

/// The mistakes.
const MISTAKES: [(&str, Change); 5] = [
    ("an unknown key", |text| {
        text.replacen("scheduler:", "schedular:", 1)
    }),
    ("an unknown scheduler", |text| {
        text.replacen("scheduler: wrr", "scheduler: best", 1)
    }),
    ("an empty file", |_| String::new()),
    ("half a file", |text| {
        let (half, _) = text.split_once("pool: rabbitmq").unwrap_or_default();
        format!("{half}pool: [")
    }),
    ("a service given twice", |text| {
        let service = format!("  - address: {}\n    pool: rabbitmq\n", service());
        text.replacen(&service, &service.repeat(2), 1)
    }),
];

/// Somebody else has a service of a key that the next configuration has. It stays as it is when that is refused; it
/// becomes ours, which is told, when that is accepted.
pub(super) fn foreign_key(torture: &mut Torture<'_>) -> Result<String> {
    let now = torture.goal().clone();
    let next = now.and(CONTESTED_PORT)?;
    let mark = torture.story.stage.director.mark()?;
    let how = torture.random.below(3);
    if how == 2 {
        kill(&torture.story.stage)?;
    }
    for line in CONTESTED {
        torture.there(&format!("ipvsadm {line}"))?;
    }
    if how == 0 {
        return stays_foreign(torture, &now, &next);
    }
    next.put()?;
    if how == 2 {
        torture.start()?;
    } else {
        torture.there("busybox killall -HUP director")?;
    }
    torture.wait_for_table("the table with the service", &next.table)?;
    torture.wait_for_line(mark, TAKEN_OVER)?;
    now.put()?;
    torture.there("busybox killall -HUP director")?;
    torture.wait_for_table("the table without the service", &now.table)?;
    let when = if how == 2 { "a start" } else { "a reload" };
    Ok(format!("taken over by {when}, then removed"))
}

fn stays_foreign(torture: &mut Torture<'_>, now: &Goal, next: &Goal) -> Result<String> {
    next.refused()?.put()?;
    let mut table = now.table.clone();
    table.extend(CONTESTED.map(str::to_owned));
    ask_and_be_refused(torture, &table)?;
    torture.there(&format!("ipvsadm -D -t {VIP}:{CONTESTED_PORT}"))?;
    now.put()?;
    Ok("stays as it is in a refused reload".to_owned())
}

/// Tells the director to reload. It refuses, and the table is what it was.
pub(super) fn ask_and_be_refused(torture: &Torture<'_>, table: &Table) -> Result<()> {
    let mark = torture.story.stage.director.mark()?;
    torture.there("busybox killall -HUP director")?;
    torture.wait_for_line(mark, "reload refused, the running configuration stays: ")?;
    torture.wait_for_table("the table that was", table)
}

/// How many connections the service that clients ask has had since it was made.
fn connections(torture: &Torture<'_>) -> Result<u64> {
    let asked = service();
    let listed = torture.there(&format!("ipvsadm -Ln --stats --exact -t {asked}"))?;
    let row = listed.lines().find(|line| line.starts_with("TCP "));
    let count = row.and_then(|row| row.split_whitespace().nth(2));
    count
        .and_then(|it| it.parse().ok())
        .with_context(|| format!("no connections of {asked} in {listed:?}"))
}

#[cfg(test)]
mod tests {
    use super::MISTAKES;
    use crate::config::derive;

    #[test]
    fn every_mistake_changes_the_file() {
        let text = derive(|_| ()).unwrap();
        for (what, change) in MISTAKES {
            assert_ne!(change(&text), text, "{what}");
        }
    }
}
