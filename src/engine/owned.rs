// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is ours: written down before it is made, and struck out after it is gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::Action;
use super::machine::Engine;
use crate::model::{Condition, Effect, Object, ServiceKey, Timestamp, Transition};

impl Engine {
    /// Writes down that these services are, or may be about to become, ours.
    pub(super) fn own(&mut self, keys: &BTreeSet<ServiceKey>, out: &mut Vec<Action>) {
        if !keys.is_subset(&self.owned) {
            Arc::make_mut(&mut self.owned).extend(keys);
            self.write_owned(out);
        }
    }

    /// Strikes out what is neither configured nor in the kernel any more.
    pub(super) fn disown_removed(&mut self, out: &mut Vec<Action>) {
        let (config, observed) = (&self.config.services, &self.observed.services);
        let lasts = |key: &ServiceKey| config.contains_key(key) || observed.contains_key(key);
        if !self.owned.iter().all(lasts) {
            Arc::make_mut(&mut self.owned).retain(lasts);
            self.write_owned(out);
        }
    }

    pub(super) fn write_owned(&self, out: &mut Vec<Action>) {
        out.push(Action::WriteOwned(Arc::clone(&self.owned)));
    }

    /// To [`Action::WriteOwned`]. A disk that is full keeps no server from being removed: the services matter more than
    /// the note of them. It is tried again every round.
    pub(super) fn owned_written(
        &mut self,
        now: Timestamp,
        written: Result<(), Box<str>>,
        out: &mut Vec<Action>,
    ) {
        let before = self.owned_written;
        self.owned_written = written.is_ok();
        let (to, why) = match written {
            Ok(()) => (Condition::Right, "".into()),
            Err(why) => (Condition::Refused, why),
        };
        if self.owned_written == before {
            return;
        }
        let told = Transition {
            at: now,
            object: Object::StateFile,
            from: if before {
                Condition::Right
            } else {
                Condition::Refused
            },
            to,
            why,
            effect: Effect::None,
        };
        self.tell(told, out);
    }
}
