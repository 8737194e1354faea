// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is tracked beside the peers, and what it makes of the priority.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Consequence, Priority, TrackedObject};

/// What this host is worth in an election.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effective {
    /// This priority.
    Priority(Priority),
    /// It does not take part; why, in words.
    Fault(Box<str>),
}

/// What was last seen of a tracked object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// The number in a file.
    Number(i32),
}

impl Reading {
    /// Of an object that is as it should be, or is not.
    #[must_use]
    pub const fn of(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Bad => f.write_str("bad"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// What a virtual router tracks.
///
/// An object of which nothing is known yet counts as good: a script that has not run has not failed. One that cannot be
/// read keeps its last reading, because that is this host's trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracker {
    base: Priority,
    objects: BTreeMap<TrackedObject, (Consequence, Reading)>,
}

impl Tracker {
    /// A tracker of these objects, for a router of this priority.
    pub fn new(
        base: Priority,
        objects: impl IntoIterator<Item = (TrackedObject, Consequence)>,
    ) -> Self {
        Self {
            base,
            objects: objects
                .into_iter()
                .map(|(object, consequence)| {
                    let unread = unread(&object);
                    (object, (consequence, unread))
                })
                .collect(),
        }
    }

    /// A new reading of an object. Gives what the host is worth now, if that has changed.
    pub fn read(&mut self, object: &TrackedObject, reading: Reading) -> Option<Effective> {
        let before = self.effective();
        if let Some((_, last)) = self.objects.get_mut(object) {
            *last = reading;
        }
        let after = self.effective();
        (after != before).then_some(after)
    }

    /// What is tracked, what follows from it, and how it is.
    pub fn objects(&self) -> impl Iterator<Item = (&TrackedObject, Consequence, Reading)> {
        let all = self.objects.iter();
        all.map(|(object, (consequence, reading))| (object, *consequence, *reading))
    }

    /// What the host is worth now: the sum of the weights and the priority, from 1 to 254. An owner's priority does
    /// not change (RFC 9568, section 5.2.4), but it can have a fault.
    #[must_use]
    pub fn effective(&self) -> Effective {
        let mut sum = i64::from(self.base.0);
        for (object, &(consequence, reading)) in &self.objects {
            match worth(consequence, reading) {
                Some(weight) => sum = sum.saturating_add(weight),
                None => return Effective::Fault(bad(object).into()),
            }
        }
        if self.base == Priority::OWNER {
            return Effective::Priority(Priority::OWNER);
        }
        let [lowest, highest] = [Priority::LOWEST, Priority::HIGHEST].map(|it| i64::from(it.0));
        let clamped = u8::try_from(sum.clamp(lowest, highest)).unwrap_or(Priority::LOWEST.0);
        Effective::Priority(Priority(clamped))
    }
}

/// What an object counts as before it has been read.
const fn unread(object: &TrackedObject) -> Reading {
    match object {
        TrackedObject::File(_) => Reading::Number(0),
        TrackedObject::Interface(_)
        | TrackedObject::Route { .. }
        | TrackedObject::Script(_)
        | TrackedObject::Process(_)
        | TrackedObject::Service(_) => Reading::Good,
    }
}

/// What a reading adds to the priority; `None` for a fault.
fn worth(consequence: Consequence, reading: Reading) -> Option<i64> {
    match (consequence, reading) {
        (Consequence::Fault, Reading::Good | Reading::Number(0)) => Some(0),
        (Consequence::Fault, Reading::Bad | Reading::Number(_)) => None,
        (Consequence::Weight(weight), Reading::Good) => Some(i64::from(weight.max(0))),
        (Consequence::Weight(weight), Reading::Bad) => Some(i64::from(weight.min(0))),
        (Consequence::Weight(weight), Reading::Number(number)) => {
            Some(i64::from(weight) * i64::from(number))
        }
    }
}

/// What is said of a bad object.
fn bad(object: &TrackedObject) -> String {
    match object {
        TrackedObject::Interface(name) => format!("interface {name} is down"),
        TrackedObject::Route { .. } => format!("{object} is gone"),
        TrackedObject::Script(_) => format!("{object} failed"),
        TrackedObject::File(name) => format!("file {name} says so"),
        TrackedObject::Process(name) => format!("process {name} does not run"),
        TrackedObject::Service(service) => format!("{service} has lost its quorum"),
    }
}
