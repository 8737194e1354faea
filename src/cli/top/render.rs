// SPDX-License-Identifier: MIT OR Apache-2.0
//! The counts as text and as JSON.

use std::fmt::{self, Display, Write};
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use super::{Counted, Counts, ROOM, Summary};
use crate::model::ServiceKey;

/// Writes the requested tables with this many rows each, and the number of templates.
pub fn render(out: &mut impl Write, counted: &Counted, rows: usize) -> fmt::Result {
    let total = counted.connections;
    if let Some(clients) = &counted.clients {
        write_table(out, ("Client", "client"), clients, total, rows)?;
        out.write_char('\n')?;
    }
    if let Some(servers) = &counted.servers {
        write_table(out, ("Server", "server"), servers, total, rows)?;
        out.write_char('\n')?;
    }
    if let Some(services) = &counted.services {
        write_table(out, ("Service", "service"), services, total, rows)?;
        out.write_char('\n')?;
    }
    let templates = plural(counted.templates, "persistence template");
    writeln!(out, "not counted: {templates}")
}

fn write_table<K: Copy + Ord + Hash + Display>(
    out: &mut impl Write,
    (title, noun): (&str, &str),
    summary: &Summary<K>,
    total: Counts,
    rows: usize,
) -> fmt::Result {
    let top = summary.top(rows);
    let all = match summary.keys() {
        Some(keys) => plural(keys as u64, noun),
        None => format!("more than {ROOM} {noun}s"),
    };
    let mut lines: Vec<(String, Counts)> = top
        .iter()
        .map(|(key, entry)| (key.to_string(), entry.counts))
        .collect();
    lines.push((all, total));
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    writeln!(
        out,
        "{title:<width$}      Conns   Share  Established    Opening    Closing      Other"
    )?;
    for (name, counts) in &lines {
        writeln!(
            out,
            "{name:<width$} {:>10} {:>7}   {:>10} {:>10} {:>10} {:>10}",
            counts.total(),
            share(counts.total(), total.total()),
            counts.established,
            counts.opening,
            counts.closing,
            counts.other,
        )?;
    }
    match summary.error() {
        0 => Ok(()),
        error => writeln!(
            out,
            "too many to count each: a {noun} with more than {error} is not missed, and no count is more than {error} \
             too low"
        ),
    }
}

/// `1 client`, `0 clients`.
fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// `40.1%` of all, `-` of nothing.
fn share(part: u32, all: u32) -> String {
    if all == 0 {
        return "-".to_owned();
    }
    let (part, all) = (u64::from(part), u64::from(all));
    let permille = (part * 1000 + all / 2) / all;
    format!("{}.{}%", permille / 10, permille % 10)
}

/// `top-connections --json`.
#[derive(Debug, Serialize)]
pub struct Document {
    connections: CountsJson,
    persistence_templates: u64,
    clients: Option<Table<Client>>,
    servers: Option<Table<Server>>,
    services: Option<Table<Service>>,
}

#[derive(Debug, Serialize)]
struct Table<K> {
    count: Option<usize>,
    error: u32,
    rows: Vec<Row<K>>,
}

#[derive(Debug, Serialize)]
struct Row<K> {
    #[serde(flatten)]
    key: K,
    connections: CountsJson,
    uncounted: u32,
}

#[derive(Debug, Serialize)]
struct CountsJson {
    total: u32,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Debug, Serialize)]
struct Client {
    address: IpAddr,
}

#[derive(Debug, Serialize)]
struct Server {
    address: IpAddr,
    port: u16,
}

#[derive(Debug, Serialize)]
struct Service {
    protocol: Option<String>,
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl Document {
    /// With this many rows a table.
    #[must_use]
    pub fn new(counted: &Counted, rows: usize) -> Self {
        Self {
            connections: counted.connections.into(),
            persistence_templates: counted.templates,
            clients: counted.clients.as_ref().map(|it| Table::new(it, rows)),
            servers: counted.servers.as_ref().map(|it| Table::new(it, rows)),
            services: counted.services.as_ref().map(|it| Table::new(it, rows)),
        }
    }
}

impl<J> Table<J> {
    fn new<K: Copy + Ord + Hash>(summary: &Summary<K>, rows: usize) -> Self
    where
        J: From<K>,
    {
        let rows = summary.top(rows).into_iter().map(|(key, entry)| Row {
            key: key.into(),
            connections: entry.counts.into(),
            uncounted: entry.uncounted,
        });
        Self {
            count: summary.keys(),
            error: summary.error(),
            rows: rows.collect(),
        }
    }
}

impl From<Counts> for CountsJson {
    fn from(counts: Counts) -> Self {
        let total = counts.total();
        Self { total, counts }
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Self { address }
    }
}

impl From<SocketAddr> for Server {
    fn from(at: SocketAddr) -> Self {
        let (address, port) = (at.ip(), at.port());
        Self { address, port }
    }
}

impl From<ServiceKey> for Service {
    fn from(key: ServiceKey) -> Self {
        let protocol = match key {
            ServiceKey::Address { protocol, .. } => Some(protocol.to_string().to_lowercase()),
            ServiceKey::Fwmark { .. } => None,
        };
        Self {
            protocol,
            address: key.address(),
            port: key.port(),
        }
    }
}
