// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which services are ours: written to the state file before we make them, and removed from it after they are gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::Action;
use super::machine::Engine;
use crate::model::{Condition, Effect, Object, ServiceKey, Timestamp, Transition};

impl Engine {
    /// Notes that these services are ours, or may become ours.
    pub(super) fn own(&mut self, keys: &BTreeSet<ServiceKey>, out: &mut Vec<Action>) {
        if !keys.is_subset(&self.owned) {
            Arc::make_mut(&mut self.owned).extend(keys);
            self.write_owned(out);
        }
    }

    /// Removes from the list what is neither configured nor in the kernel.
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

    /// The answer to [`Action::WriteOwned`]. A full disk must not stop the removal of a server: the services matter
    /// more than their list. The engine tries again every round.
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
