// SPDX-License-Identifier: MIT OR Apache-2.0
//! The standings of all checked servers at one moment, in little memory: a director may have ten thousand.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, Recalled, ServerKey, ServiceKey, Standing, Timestamp};

/// The standing of every server by each of its checks, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beliefs {
    /// The moment.
    pub at: Timestamp,
    /// By service, in the order of their keys.
    pub services: Vec<(ServiceKey, Box<[Belief]>)>,
}

/// The standing of one server by one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// The real server.
    pub server: ServerKey,
    /// The check.
    pub check: Arc<Check>,
    /// The standing.
    pub standing: Standing,
    /// Whether it is down only because it is held down.
    pub only_held_down: bool,
    /// Since when the standing is so.
    pub since: Timestamp,
    /// How long ago a director knew it by itself for the last time.
    pub unconfirmed: Duration,
}

impl Beliefs {
    /// Each of them, with its age at that moment.
    pub fn recalled(&self) -> impl Iterator<Item = Recalled> {
        let services = self.services.iter();
        services.flat_map(|(service, beliefs)| {
            beliefs.iter().map(|belief| Recalled {
                service: *service,
                server: belief.server,
                probe: belief.check.probe.clone(),
                standing: belief.standing,
                age: self.at.since(belief.since),
                unconfirmed: belief.unconfirmed,
                only_held_down: belief.only_held_down,
            })
        })
    }
}

#[cfg(test)]
impl Beliefs {
    /// All of [`Self::recalled`], to be compared.
    pub(crate) fn all(&self) -> Vec<Recalled> {
        self.recalled().collect()
    }
}

#[cfg(test)]
impl From<Vec<Recalled>> for Beliefs {
    /// As at a moment when all of them are old enough.
    fn from(all: Vec<Recalled>) -> Self {
        let at = Timestamp::ZERO + all.iter().map(|it| it.age).max().unwrap_or_default();
        let service = |it: Recalled| {
            let belief = Belief {
                server: it.server,
                check: Arc::new(Check {
                    probe: it.probe,
                    schedule: Arc::new(super::CheckSchedule::DEFAULT),
                }),
                standing: it.standing,
                only_held_down: it.only_held_down,
                since: Timestamp::ZERO + (at.since(Timestamp::ZERO).saturating_sub(it.age)),
                unconfirmed: it.unconfirmed,
            };
            (it.service, [belief].into())
        };
        Self {
            at,
            services: all.into_iter().map(service).collect(),
        }
    }
}
