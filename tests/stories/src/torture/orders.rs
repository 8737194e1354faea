// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attacks: somebody orders a server out and in again, while the director is killed, reloads, or repairs.

use anyhow::Result;

use super::kills::kill;
use super::round::Torture;
use crate::director::Table;
use crate::stage::{LONG, PORTS, SERVERS, Server, VIP, wait_for};

/// What is ordered for a server.
#[derive(Clone, Copy, Debug)]
enum Order {
    Weight(u64),
    Drain,
    Disable,
}

/// Orders for one server, one after the other. Each holds over a kill, a reload and an edit, and only the last one costs
/// something: a disabled server's connections end.
pub(super) fn given(torture: &mut Torture<'_>) -> Result<String> {
    let server = *torture.random.pick(&SERVERS)?;
    let mut told = Vec::new();
    for _ in 0..=torture.random.below(3) {
        let order = match torture.random.below(4) {
            0 => Order::Weight(10 + torture.random.below(90)),
            1 => Order::Weight(0),
            2 => Order::Drain,
            _ => Order::Disable,
        };
        let (words, from) = (order.words(), torture.traffic.now());
        torture.there(&format!("director {words} {}", server.address))?;
        wait_until_kept(torture, server, order)?;
        if let Order::Disable = order {
            torture.excuse(from, Some(server.name));
        }
        let meanwhile = disturb(torture, server)?;
        wait_until_kept(torture, server, order)?;
        told.push(format!("{words}, {meanwhile}"));
    }
    torture.there(&format!("director enable {}", server.address))?;
    Ok(format!("{}: {}", server.name, told.join("; ")))
}

/// Something else happens.
fn disturb(torture: &mut Torture<'_>, ordered: Server) -> Result<&'static str> {
    match torture.random.below(4) {
        0 => {
            kill(&torture.story.stage)?;
            torture.start()?;
            Ok("killed")
        }
        1 => {
            let mark = torture.story.stage.director.mark()?;
            torture.there("busybox killall -HUP director")?;
            torture.wait_for_line(mark, "reloaded: ")?;
            Ok("reloaded")
        }
        2 => {
            let mark = torture.story.stage.director.mark()?;
            let others = SERVERS.iter().filter(|it| it.address != ordered.address);
            let others: Vec<&Server> = others.collect();
            let (address, port) = (torture.random.pick(&others)?.address, PORTS[0]);
            torture.there(&format!(
                "ipvsadm -e -t {VIP}:{port} -r {address}:{port} -g -w 200"
            ))?;
            torture.wait_for_line(mark, "drift: ")?;
            Ok("edited")
        }
        _ => Ok("left alone"),
    }
}

impl Order {
    /// The command of `director`.
    fn words(self) -> String {
        match self {
            Self::Weight(weight) => format!("weight {weight}"),
            Self::Drain => "drain".to_owned(),
            Self::Disable => "disable".to_owned(),
        }
    }

    /// The table while it is in force. One that drains leaves the table when its connections have ended.
    fn of(self, server: Server, table: &Table) -> Table {
        let whole = table.iter().filter_map(|line| {
            let Some(rule) = rule_of(server, line) else {
                return Some(line.clone());
            };
            match self {
                Self::Weight(weight) => Some(format!("{rule} -w {weight}")),
                Self::Drain | Self::Disable => None,
            }
        });
        whole.collect()
    }
}

/// The line without its weight, when it is one of this server of ours.
fn rule_of(server: Server, line: &str) -> Option<&str> {
    let (rule, _) = line.split_once(" -w ")?;
    let is_its = rule.starts_with(&format!("-a -t {VIP}:"))
        && rule.contains(&format!(" -r {}:", server.address));
    is_its.then_some(rule)
}

fn wait_until_kept(torture: &Torture<'_>, server: Server, order: Order) -> Result<()> {
    let right = order.of(server, &torture.goal().table);
    wait_for("the table as it was ordered", LONG, || {
        let drains = |line: &String| {
            matches!(order, Order::Drain)
                && rule_of(server, line).is_some()
                && line.ends_with(" -w 0")
        };
        let mut found = torture.story.stage.director.table()?;
        found.retain(|line| !drains(line));
        Ok((found == right).then_some(()))
    })
}
