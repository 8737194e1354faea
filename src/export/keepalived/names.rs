// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of things that keepalived defines in one place and uses in another.

use std::collections::BTreeMap;

use super::text::word;
use crate::model::{Config, ConfiguredRouter, TrackedObject};

/// The names of one configuration.
pub(super) struct Names<'a> {
    routers: BTreeMap<&'a str, String>,
    objects: BTreeMap<&'a TrackedObject, String>,
}

impl<'a> Names<'a> {
    pub(super) fn of(config: &'a Config) -> Self {
        let routers = config.routers.keys().enumerate().map(|(index, name)| {
            let said = word(name).unwrap_or_else(|| format!("virtual_router_{index}"));
            (&**name, said)
        });
        let mut objects = BTreeMap::new();
        for object in config.routers.values().flat_map(ConfiguredRouter::tracked) {
            if let Some(kind) = kind(object) {
                let number = objects.len() + 1;
                objects
                    .entry(object)
                    .or_insert_with(|| format!("{kind}_{number}"));
            }
        }
        Self {
            routers: routers.collect(),
            objects,
        }
    }

    /// A virtual router, as a word.
    pub(super) fn router(&self, name: &str) -> &str {
        self.routers.get(name).map_or("", String::as_str)
    }

    /// A tracked object, if it has a name.
    pub(super) fn object(&self, object: &TrackedObject) -> Option<&str> {
        self.objects.get(object).map(String::as_str)
    }

    /// Those that have to be defined.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&TrackedObject, &str)> {
        let objects = self.objects.iter();
        objects.map(|(object, name)| (*object, name.as_str()))
    }
}

/// What keepalived defines by a name.
const fn kind(object: &TrackedObject) -> Option<&'static str> {
    match object {
        TrackedObject::Script(_) => Some("script"),
        TrackedObject::File(_) => Some("file"),
        TrackedObject::Process(_) => Some("process"),
        TrackedObject::Interface(_) | TrackedObject::Route { .. } | TrackedObject::Service(_) => {
            None
        }
    }
}
