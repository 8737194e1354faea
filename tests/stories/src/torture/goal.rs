// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a director is told, and the table that follows from it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::config::derive;
use crate::director::{Table, full_table};
use crate::stage::{PORTS, SERVERS, VIP};

/// How many more services the large configuration has.
const MANY: u16 = 400;
/// The first of their ports.
const FIRST_PORT: u16 = 20_000;
/// The port of the service that no kernel makes.
const REFUSED_PORT: u16 = 30_000;
/// The file that the director reads, at its start and when it is told to read it again.
pub(super) const LIVE: &str = "live.yaml";

/// What the torture changes in the demonstration's configuration: servers come and go sooner, and a machine that is busy
/// with us answers a probe in time.
const CHANGES: [(&str, &str); 3] = [
    (" interval: 1s", " interval: 400ms"),
    (" timeout: 500ms", " timeout: 1500ms"),
    ("repair_interval: 2s", "repair_interval: 1s"),
];

/// A configuration, and the table it leads to.
#[derive(Clone, Debug)]
pub(super) struct Goal {
    text: String,
    /// The ports of the services that it has besides the example's.
    more: Vec<u16>,
    pub(super) table: Table,
    /// What the state file calls ours.
    pub(super) owned: BTreeSet<String>,
    /// Whether the kernel refuses a part of it.
    pub(super) is_refused: bool,
}

impl Goal {
    /// The example's services alone.
    pub(super) fn small() -> Result<Self> {
        Self::with(Vec::new(), false)
    }

    /// Many more: a kill should find the table half filled or half emptied.
    pub(super) fn large() -> Result<Self> {
        Self::with((0..MANY).map(|index| FIRST_PORT + index).collect(), false)
    }

    /// This one, and a service that no kernel makes: a reload to it changes nothing.
    pub(super) fn refused(&self) -> Result<Self> {
        Self::with(self.more.clone(), true)
    }

    /// This one, and a service of this port.
    pub(super) fn and(&self, port: u16) -> Result<Self> {
        let more = self.more.iter().copied().chain([port]).collect();
        Self::with(more, self.is_refused)
    }

    fn with(more: Vec<u16>, is_refused: bool) -> Result<Self> {
        let mut text = derive(|yaml| {
            for port in &more {
                yaml.push_str(&format!(
                    "  - address: {VIP}:{port}\n    pool: rabbitmq\n    check: none\n"
                ));
            }
            if is_refused {
                yaml.push_str(&format!(
                    "  - address: {VIP}:{REFUSED_PORT}\n    pool: rabbitmq\n    check: none\n    \
                     persistence: {{engine: nosuch}}\n"
                ));
            }
        })?;
        for (from, to) in CHANGES {
            ensure!(text.matches(from).count() == 1, "expected {from:?} once");
            text = text.replace(from, to);
        }
        let mut table = full_table()?;
        for port in &more {
            table.insert(format!("-A -t {VIP}:{port} -s wrr -p 50"));
            table.extend(SERVERS.map(|server| {
                let (address, weight) = (server.address, server.weight);
                format!("-a -t {VIP}:{port} -r {address}:{port} -g -w {weight}")
            }));
        }
        let owned = PORTS.iter().chain(&more);
        let owned = owned.map(|port| format!("TCP {VIP}:{port}")).collect();
        Ok(Self {
            text,
            more,
            table,
            owned,
            is_refused,
        })
    }

    /// Makes it what the director reads next.
    pub(super) fn put(&self) -> Result<()> {
        put(&self.text)
    }

    /// The same for its text with a mistake in it.
    pub(super) fn put_changed(&self, change: impl FnOnce(&str) -> String) -> Result<()> {
        put(&change(&self.text))
    }

    /// How many services the kernel is to have of it.
    pub(super) fn services(&self) -> usize {
        self.owned.len()
    }
}

/// Makes a text what the director reads next. It never finds half of it.
fn put(text: &str) -> Result<()> {
    let new = format!("{LIVE}.new");
    fs::write(&new, text).with_context(|| format!("write {new}"))?;
    fs::rename(&new, LIVE).with_context(|| format!("rename {new}"))
}
