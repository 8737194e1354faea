// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading one file again and again. Where only some services of it change, only these are read.

mod outline;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::check::refuse_virtual_sources;
use super::service::{Common, Services};
use super::tree::{Node, Value};
use super::virtual_router;
use super::yaml::{self, MAX_NODES};
use super::{MAX_BYTES, checked, read_text};
use crate::diagnostic::{Diagnostics, Findings};
use crate::model::{Config, ServiceKey};
use outline::Difference;
pub(super) use outline::Outline;

/// Reads one file again and again. The result is always that of [`super::parse`].
///
/// It keeps the last text without errors. A service whose text is in both texts is taken over, not read again: a
/// reload costs what changed, not the size of the file.
#[derive(Debug, Default)]
pub struct Follower {
    last: Option<Reading>,
}

/// A text without errors, and all that is needed to read a part of it.
#[derive(Debug)]
struct Reading {
    text: Box<str>,
    config: Arc<Config>,
    /// `None` when no part of it can be read alone.
    parts: Option<Parts>,
}

/// What a service needs of the rest of its file.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) outline: Outline,
    pub(super) common: Common,
    /// How many values the file has at most.
    pub(super) nodes: usize,
    /// Whether a check of the file has a source.
    pub(super) sources: bool,
}

impl Follower {
    /// Reads the file as it is now: its configuration with all defaults filled in, or all errors of the file. What is
    /// the same as before is in the memory once.
    ///
    /// `name` is the file's name in diagnostics.
    pub fn read(&mut self, name: &str, bytes: Vec<u8>) -> Result<Arc<Config>, Diagnostics> {
        let last = self.last.as_ref();
        let (config, parts) =
            if let Some((config, parts)) = last.and_then(|last| last.changed_to(&bytes)) {
                (config, Some(parts))
            } else {
                let running = last.map(|last| &*last.config);
                let (whole, _) = checked(name, &bytes, |text, out| read_text(running, text, out))?;
                (Arc::new(whole.config), whole.parts)
            };
        let text = text_of(bytes);
        self.last = Some(Reading {
            text,
            config: Arc::clone(&config),
            parts,
        });
        Ok(config)
    }
}

/// The text of bytes that were read as text before.
fn text_of(bytes: Vec<u8>) -> Box<str> {
    String::from_utf8(bytes).unwrap_or_default().into()
}

impl Reading {
    /// What this text becomes with these bytes in its place. `None` when the whole text must be read, also to tell what
    /// is wrong in it.
    fn changed_to(&self, bytes: &[u8]) -> Option<(Arc<Config>, Parts)> {
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let text = str::from_utf8(bytes).ok()?;
        let parts = self.parts.as_ref()?;
        if *text == *self.text {
            return Some((Arc::clone(&self.config), parts.clone()));
        }
        let difference = parts.outline.difference(&self.text, text)?;
        let part = text.get(difference.text.clone())?;
        let mut out = Findings::default();
        let document = yaml::compose(part, &mut out).ok()?;
        let nodes = match &document.root {
            None => &[][..],
            Some(root) => match &root.value {
                Value::List(nodes) => nodes,
                Value::Map(_) | Value::Scalar { .. } => return None,
            },
        };
        let (config, keys) = self.with(parts, &difference, nodes, &mut out)?;
        let vips = config.services.keys().filter_map(ServiceKey::address);
        let vips = vips.collect();
        let root = document.root.as_ref();
        let sources = root.is_some_and(|root| refuse_virtual_sources(root, &vips, &mut out));
        let total = parts.nodes + document.nodes;
        let outline = parts.outline.after(&difference, part, nodes, &keys)?;
        let parts = Parts {
            outline,
            nodes: total,
            sources: parts.sources || sources,
            ..parts.clone()
        };
        (!out.has_errors() && total <= MAX_NODES).then(|| (Arc::new(config), parts))
    }

    /// The configuration with these services in place of some, and who they are.
    fn with(
        &self,
        parts: &Parts,
        difference: &Difference,
        nodes: &[Node<'_>],
        out: &mut Findings,
    ) -> Option<(Config, Vec<ServiceKey>)> {
        let mut services = Services::beside(Some(&self.config));
        services.keep(&self.config);
        let gone = parts.outline.keys().get(difference.services.clone())?;
        for key in gone {
            services.remove(key);
        }
        let stay = services.all.len();
        let keys = nodes
            .iter()
            .map(|node| services.take(node, &parts.common, out));
        let keys: Vec<ServiceKey> = keys.collect::<Result<_, _>>().ok()?;
        let twice = services.all.len() != stay + keys.len();
        let none = services.all.is_empty();
        let tracked = virtual_router::misses(&self.config.routers, &services.all);
        if twice || none || tracked || (parts.sources && self.has_new_address(&services)) {
            return None;
        }
        let config = Config {
            services: services.all,
            ipvs: self.config.ipvs,
            director: self.config.director.clone(),
            routers: self.config.routers.clone(),
            connection_sync: self.config.connection_sync.clone(),
            peer: self.config.peer.clone(),
            web: self.config.web.clone(),
        };
        Some((config, keys))
    }

    /// Whether a virtual address is new: a source that was right may be wrong now.
    fn has_new_address(&self, services: &Services<'_>) -> bool {
        let addresses = |it: &mut dyn Iterator<Item = &ServiceKey>| -> BTreeSet<_> {
            it.filter_map(ServiceKey::address).collect()
        };
        let new = addresses(&mut services.all.keys());
        let old = addresses(&mut self.config.services.keys());
        !new.is_subset(&old)
    }
}

#[cfg(test)]
mod tests;
