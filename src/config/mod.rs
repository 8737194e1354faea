// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text to [`Config`], checked whole: either a configuration with nothing wrong in it, or everything that is wrong.
//!
//! `yaml` makes a tree with places, `section` knows the keys, `value` reads single values. Each setting is first read
//! into its own layer (`scheduling`, `server`, `persistence`, `tunnel`, `check`). Then the layers are merged for each
//! real server. So a default is checked only where something uses it.

mod address;
mod check;
mod director;
mod duration;
mod emit;
mod http;
mod path;
mod persistence;
mod pool;
mod scheduling;
mod section;
mod server;
mod service;
mod setting;
mod tree;
mod tunnel;
mod value;
mod yaml;

use std::borrow::Cow;

pub use director::default_director;
pub use emit::to_yaml;
pub use section::{SECTIONS, Section};

use crate::diagnostic::{Diagnostics, Finding, Findings, SourceMap, Span, Wrong};
use crate::model::{Config, ServiceKey};
use section::FILE;
use tree::{Entry, Node};

/// The longest file that is read: 16 MiB.
pub const MAX_BYTES: usize = 16 << 20;

/// An empty list must be meant: it takes every service away.
const NO_SERVICES: &str = "write virtual_services: [] if you want none";

/// Reads a file's bytes: the configuration with all defaults filled in, or all errors of the file.
///
/// `name` is the file's name in diagnostics.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Config, Diagnostics> {
    parse_beside(None, name, bytes)
}

/// As [`parse`]. What is the same in `running` is in the memory once.
pub fn parse_beside(
    running: Option<&Config>,
    name: &str,
    bytes: &[u8],
) -> Result<Config, Diagnostics> {
    let mut out = Findings::default();
    let (text, config) = if bytes.len() > MAX_BYTES {
        out.error(
            Span::default(),
            format!("longer than 16 MiB: {} bytes", bytes.len()),
        );
        (Cow::Borrowed(""), Err(Wrong))
    } else {
        match str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), read_text(running, text, &mut out)),
            Err(error) => {
                out.push(not_utf8(bytes, error.valid_up_to()));
                (String::from_utf8_lossy(bytes), Err(Wrong))
            }
        }
    };
    match config {
        Ok(config) if out.is_empty() => Ok(config),
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

fn read_text(running: Option<&Config>, text: &str, out: &mut Findings) -> Result<Config, Wrong> {
    let Some(root) = yaml::compose(text, out)?.filter(|root| !root.is_null()) else {
        let finding = Finding::new(Span::new(0, 0), "the file is empty");
        out.push(finding.help(NO_SERVICES));
        return Err(Wrong);
    };
    let entries = value::map(&FILE, &root, out)?;
    read_file(running, &root, entries, out)
}

fn read_file(
    running: Option<&Config>,
    root: &Node<'_>,
    entries: &[Entry<'_>],
    out: &mut Findings,
) -> Result<Config, Wrong> {
    let section = |name| entries.iter().find(|entry| &*entry.key == name);
    let known: Vec<_> = FILE.keys().collect();
    for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
        FILE.unknown_key(entry, entries, out);
    }
    let director = section("director").map(|entry| director::read_director(&entry.value, out));
    let ipvs = section("ipvs").map(|entry| director::read_ipvs(&entry.value, out));
    let defaults = section("defaults").map(|entry| service::Defaults::read(&entry.value, out));
    let defaults = defaults.unwrap_or_default();
    let pools = section("pools").map(|entry| pool::Pools::read(&entry.value, out));
    let pools = pools.unwrap_or_default();
    let mut services = service::Services::beside(running);
    if let Some(entry) = section("virtual_services") {
        let nodes = value::list("virtual_services", &entry.value, NO_SERVICES, out)?;
        for node in nodes {
            // The errors of one are noted already; the others are still read.
            let _ = services.take(node, &defaults, &pools, out);
            if services.is_full() {
                break;
            }
        }
    } else {
        let at = entries.first().map_or(root.span, |entry| entry.span);
        out.push(Finding::new(at, "the file has no virtual_services").help(NO_SERVICES));
    }
    let vips = services.all.keys().filter_map(ServiceKey::address);
    path::refuse_virtual_sources(root, &vips.collect(), out);
    Ok(Config {
        services: services.all,
        ipvs: ipvs.unwrap_or(director::DEFAULT_IPVS),
        director: director.unwrap_or_else(director::default_director),
    })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
