// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a director is told, and the table that follows from it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use crate::config::derive;
use crate::director::{Table, full_table};
use crate::stage::{PORTS, SERVERS, VIP};

/// How many more services the large configuration has.
const MANY: u16 = 800;
/// The first of their ports.
const FIRST_PORT: u16 = 20_000;
/// The port of the service that no kernel makes.
const REFUSED_PORT: u16 = 30_000;
/// The file that the director reads, at its start and when it is told to read it again.
pub(super) const LIVE: &str = "live.yaml";

/// A configuration, and the table it leads to.
#[derive(Debug)]
pub(super) struct Goal {
    text: String,
    pub(super) table: Table,
    /// What the state file calls ours.
    pub(super) owned: BTreeSet<String>,
    /// Whether the kernel refuses a part of it.
    pub(super) is_refused: bool,
}

impl Goal {
    /// The example's services alone.
    pub(super) fn small() -> Result<Self> {
        Self::with(0, "")
    }

    /// Many more: a kill should find the table half filled or half emptied.
    pub(super) fn large() -> Result<Self> {
        Self::with(MANY, "")
    }

    /// As many, and one that no kernel makes: a reload to it changes nothing.
    pub(super) fn refused() -> Result<Self> {
        let service = format!(
            "  - address: {VIP}:{REFUSED_PORT}\n    pool: rabbitmq\n    check: none\n    persistence: {{engine: nosuch}}\n"
        );
        Self::with(MANY, &service)
    }

    fn with(more: u16, refused: &str) -> Result<Self> {
        let ports = || (0..more).map(|index| FIRST_PORT + index);
        let text = derive(|yaml| {
            for port in ports() {
                yaml.push_str(&format!(
                    "  - address: {VIP}:{port}\n    pool: rabbitmq\n    check: none\n"
                ));
            }
            yaml.push_str(refused);
        })?;
        let mut table = full_table()?;
        for port in ports() {
            table.insert(format!("-A -t {VIP}:{port} -s wrr -p 50"));
            table.extend(SERVERS.map(|server| {
                let (address, weight) = (server.address, server.weight);
                format!("-a -t {VIP}:{port} -r {address}:{port} -g -w {weight}")
            }));
        }
        let owned = PORTS.into_iter().chain(ports());
        Ok(Self {
            text,
            table,
            owned: owned.map(|port| format!("TCP {VIP}:{port}")).collect(),
            is_refused: !refused.is_empty(),
        })
    }

    /// Makes it what the director reads next. It never finds half of it.
    pub(super) fn put(&self) -> Result<()> {
        let new = format!("{LIVE}.new");
        fs::write(&new, &self.text).with_context(|| format!("write {new}"))?;
        fs::rename(&new, LIVE).with_context(|| format!("rename {new}"))
    }

    /// How many services the kernel is to have of it.
    pub(super) fn services(&self) -> usize {
        self.owned.len()
    }
}
