// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text to [`Config`], checked whole: either a configuration with nothing wrong in it, or everything that is wrong.
//!
//! `yaml` makes a tree with places, `section` knows the keys, `value` reads single values. Each setting is first read
//! into its own layer (`scheduling`, `server`, `persistence`, `tunnel`, `check`). Then the layers are merged for each
//! real server. So a default is checked only where something uses it.

mod address;
mod check;
mod connection_sync;
mod director;
mod drain;
mod duration;
mod emit;
mod failover;
mod follower;
mod peer;
mod persistence;
mod pool;
mod pool_rules;
mod scheduling;
mod section;
mod server;
mod service;
mod setting;
mod slow_start;
mod tree;
mod tunnel;
mod value;
mod virtual_router;
mod web;
mod yaml;

use std::borrow::Cow;
use std::sync::Arc;

pub use director::default_director;
pub(crate) use duration::write as written_duration;
pub use emit::to_yaml;
pub(crate) use emit::write_in_quotes;
pub use follower::Follower;
pub use section::{SECTIONS, Section};

use crate::diagnostic::{Diagnostics, Finding, Findings, SourceMap, Span, Wrong};
use crate::model::{Config, ServiceKey};
use check::NamedChecks;
use follower::{Outline, Parts};
use pool::Pools;
use section::FILE;
use service::{Common, Defaults, Services};
use tree::{Entry, Value};

/// The longest file that is read: 16 MiB.
pub const MAX_BYTES: usize = 16 << 20;

/// An empty list must be meant: it takes every service away.
const NO_SERVICES: &str = "write virtual_services: [] if you want none";

/// Reads a file's bytes: the configuration with all defaults filled in, or all errors of the file.
///
/// `name` is the file's name in diagnostics.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Config, Diagnostics> {
    parse_warning(name, bytes).map(|(config, _)| config)
}

/// As [`parse`], with what is usable but probably not meant, if there is such.
pub fn parse_warning(
    name: &str,
    bytes: &[u8],
) -> Result<(Config, Option<Diagnostics>), Diagnostics> {
    let (whole, warnings) = checked(name, bytes, |text, out| read_text(None, text, out))?;
    Ok((whole.config, warnings))
}

/// What `read` makes of the text, and the warnings; or all errors and warnings, when there is an error.
fn checked<T>(
    name: &str,
    bytes: &[u8],
    read: impl FnOnce(&str, &mut Findings) -> Result<T, Wrong>,
) -> Result<(T, Option<Diagnostics>), Diagnostics> {
    let mut out = Findings::default();
    let (text, result) = if bytes.len() > MAX_BYTES {
        out.error(
            Span::default(),
            format!("longer than 16 MiB: {} bytes", bytes.len()),
        );
        (Cow::Borrowed(""), Err(Wrong))
    } else {
        match str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), read(text, &mut out)),
            Err(error) => {
                out.push(not_utf8(bytes, error.valid_up_to()));
                (String::from_utf8_lossy(bytes), Err(Wrong))
            }
        }
    };
    match result {
        Ok(result) if out.is_empty() => Ok((result, None)),
        Ok(result) if !out.has_errors() => {
            let warnings = Diagnostics::new(&SourceMap::of(name, text), out);
            Ok((result, Some(warnings)))
        }
        Ok(_) | Err(Wrong) => Err(Diagnostics::new(&SourceMap::of(name, text), out)),
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> Finding {
    let byte = bytes.get(at).copied().unwrap_or_default();
    let finding = Finding::new(
        Span::new(at, at + 1),
        format!("not UTF-8: byte 0x{byte:02x}"),
    );
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    finding.help(if utf16 {
        "this is UTF-16: save it as UTF-8"
    } else {
        "save it as UTF-8"
    })
}

/// A whole file.
struct Whole {
    config: Config,
    /// What is needed to read a part of it later.
    parts: Option<Parts>,
}

/// What is the same in `running` is in the memory once.
fn read_text(running: Option<&Config>, text: &str, out: &mut Findings) -> Result<Whole, Wrong> {
    let document = yaml::compose(text, out)?;
    let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) else {
        let finding = Finding::new(Span::new(0, 0), "the file is empty");
        out.push(finding.help(NO_SERVICES));
        return Err(Wrong);
    };
    let entries = value::map(&FILE, root, out)?;
    let section = |name| entries.iter().find(|entry| &*entry.key == name);
    let known: Vec<_> = FILE.keys().collect();
    for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
        FILE.unknown_key(entry, entries, out);
    }
    let director = section("director").map(|entry| director::read_director(&entry.value, out));
    let ipvs = section("ipvs").map(|entry| director::read_ipvs(&entry.value, out));
    let routers = section("virtual_routers").map(|entry| virtual_router::read(&entry.value, out));
    let has_routers = routers
        .as_ref()
        .is_some_and(|routers| !routers.routers.is_empty());
    let sync = section("connection_sync");
    let sync = sync.map(|entry| connection_sync::read(entry, has_routers, out));
    let peer = section("peer").map(|entry| peer::read(entry, out));
    let web = section("web").map(|entry| web::read(entry, out));
    let checks = section("checks").map(|entry| NamedChecks::read(&entry.value, out));
    let checks = checks.unwrap_or_default();
    let defaults = section("defaults").map(|entry| Defaults::read(&entry.value, &checks, out));
    let pools = section("pools").map(|entry| Pools::read(&entry.value, &checks, out));
    let common = Common {
        checks: Arc::new(checks),
        defaults: Arc::new(defaults.unwrap_or_default()),
        pools: Arc::new(pools.unwrap_or_default()),
    };
    let mut services = Services::beside(running);
    let keys = if let Some(entry) = section("virtual_services") {
        read_services(entry, &mut services, &common, out)?
    } else {
        let at = entries.first().map_or(root.span, |entry| entry.span);
        out.push(Finding::new(at, "the file has no virtual_services").help(NO_SERVICES));
        Vec::new()
    };
    let routers = routers.unwrap_or_default();
    routers.require(&services.all, out);
    routers.require_exchange(sync.is_some() && peer.is_some(), out);
    let vips = services.all.keys().filter_map(ServiceKey::address);
    let sources = check::refuse_virtual_sources(root, &vips.collect(), out);
    let outline = outline(text, entries, keys).filter(|_| !document.anchors);
    Ok(Whole {
        config: Config {
            services: services.all,
            ipvs: ipvs.unwrap_or(director::DEFAULT_IPVS),
            director: director.unwrap_or_else(director::default_director),
            routers: routers.routers,
            // What is wrong with it is noted.
            connection_sync: sync.and_then(Result::ok),
            peer: peer.and_then(Result::ok),
            web: web.and_then(Result::ok).unwrap_or_default(),
        },
        parts: outline.map(|outline| Parts {
            outline,
            common,
            nodes: document.nodes,
            sources,
        }),
    })
}

/// Reads the list of services, and tells who they are.
fn read_services(
    entry: &Entry<'_>,
    services: &mut Services<'_>,
    common: &Common,
    out: &mut Findings,
) -> Result<Vec<ServiceKey>, Wrong> {
    let nodes = value::list("virtual_services", &entry.value, NO_SERVICES, out)?;
    let mut keys = Vec::with_capacity(nodes.len());
    for node in nodes {
        // The errors of one are noted already; the others are still read.
        keys.extend(services.take(node, common, out));
        if services.is_full() {
            break;
        }
    }
    Ok(keys)
}

/// Where the services of a text are: they end where the next section begins.
fn outline(text: &str, entries: &[Entry<'_>], keys: Vec<ServiceKey>) -> Option<Outline> {
    let at = entries
        .iter()
        .position(|entry| &*entry.key == "virtual_services")?;
    let Value::List(nodes) = &entries.get(at)?.value.value else {
        return None;
    };
    let end = match entries.get(at + 1) {
        None => text.len(),
        Some(next) => {
            let before = text.get(..next.span.start())?;
            let start = before.rfind('\n')? + 1;
            let own = text.get(..entries.get(at)?.span.start())?;
            let own_start = own.rfind('\n').map_or(0, |at| at + 1);
            if before.get(start..)? != own.get(own_start..)? {
                return None;
            }
            start
        }
    };
    Outline::of(text, nodes, keys, end)
}

#[cfg(test)]
pub(crate) mod properties;
#[cfg(test)]
mod router_strategy;
#[cfg(test)]
mod tests;
