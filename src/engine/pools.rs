// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the servers of each service are together: noted and told after each change.

use std::mem;

use super::event::Action;
use super::machine::Engine;
use crate::model::{
    Condition, Effect, Object, Overruled, PoolState, ServiceKey, Timestamp, Transition, WithOrders,
};
use crate::plan::pool_state;

impl Engine {
    /// Looks at the services that were planned for, and tells what is new. Those that met a surprise still wait.
    pub(super) fn assess_pools(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        for key in mem::take(&mut self.unassessed) {
            if self.surprises.contains(&key) || self.dirty.contains(&key) {
                self.unassessed.insert(key);
                continue;
            }
            let observed = self.observed.services.get(&key);
            let state = pool_state(&self.config, &self.known(), self.role, &key, observed);
            self.note_own_quorum(key);
            let before = self.pools.set(key, state.clone());
            if before != state {
                self.stale.insert(key);
                self.tell_pool(now, key, &before, &state, out);
            }
        }
    }

    /// Told once when it begins and once when it ends, however it changes meanwhile.
    fn tell_pool(
        &mut self,
        now: Timestamp,
        key: ServiceKey,
        before: &PoolState,
        state: &PoolState,
        out: &mut Vec<Action>,
    ) {
        let shortage = match (&before.shortage, &state.shortage) {
            (None, Some(shortage)) => {
                Some((Condition::Right, Condition::Short, shortage.to_string()))
            }
            (Some(_), None) => Some((Condition::Short, Condition::Right, String::new())),
            (None, None) | (Some(_), Some(_)) => None,
        };
        let told = quorum(before, state).into_iter().chain(shortage);
        for (from, to, why) in told.chain(held(before, state)) {
            let told = Transition {
                at: now,
                object: Object::Pool(key),
                from,
                to,
                why: why.into(),
                effect: Effect::None,
            };
            self.tell(told, out);
        }
    }

    /// Whether the primaries of a service have their quorum by the checks of this director, as far as is known.
    #[must_use]
    pub fn has_quorum(&self, key: &ServiceKey) -> bool {
        if let Some(met) = self.own_quorums.get(key) {
            return *met;
        }
        self.pools.get(key).is_none_or(|state| !state.unmet)
    }

    /// Where servers count as the other director finds them, its trouble must not be that of this host: who is better placed
    /// to be master goes by the checks of each.
    fn note_own_quorum(&mut self, key: ServiceKey) {
        if self.overruled.of(&key).is_none() {
            self.own_quorums.remove(&key);
            return;
        }
        let own = WithOrders {
            overruled: &Overruled::NONE,
            ..self.known()
        };
        let observed = self.observed.services.get(&key);
        let state = pool_state(&self.config, &own, self.role, &key, observed);
        self.own_quorums.insert(key, !state.unmet);
    }

    /// Forgets services that the configuration does not have.
    pub(super) fn forget_pools(&mut self) {
        let services = &self.config.services;
        self.pools.retain(|key| services.contains_key(key));
        self.own_quorums.retain(|key, _| services.contains_key(key));
    }
}

/// Told when one serves, and when none does any more.
fn held(before: &PoolState, state: &PoolState) -> Option<(Condition, Condition, String)> {
    match (&*before.held, &*state.held) {
        ([], [first, ..]) => {
            let why = first.to_string();
            Some((Condition::Right, Condition::HeldServe, why))
        }
        ([_, ..], []) => Some((Condition::HeldServe, Condition::Right, String::new())),
        ([], []) | ([_, ..], [_, ..]) => None,
    }
}

/// Told when it is lost, when somebody else stands in, and when it is regained.
fn quorum(before: &PoolState, state: &PoolState) -> Option<(Condition, Condition, String)> {
    match (&before.lost, &state.lost) {
        (None, Some(lost)) => Some((Condition::Right, Condition::QuorumLost, lost.to_string())),
        (Some(before), Some(lost)) if before.stands_in != lost.stands_in => {
            let why = lost.to_string();
            Some((Condition::QuorumLost, Condition::QuorumLost, why))
        }
        (Some(_), None) => Some((Condition::QuorumLost, Condition::Right, String::new())),
        (None, None) | (Some(_), Some(_)) => None,
    }
}
