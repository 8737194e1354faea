// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold at every moment of a night.

use std::collections::BTreeMap;

use lvs_director::model::Preempt;
use lvs_director::vrrp::State;

use super::super::host::Host;
use super::Night;

impl Night {
    /// Nobody is master beside another one, or missing, for too long.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let masters: Vec<_> = self.masters().collect();
        let mut both = BTreeMap::new();
        for (at, &one) in masters.iter().enumerate() {
            for &two in &masters[at + 1..] {
                if self.lan.connects(one, two) {
                    let since = *self.both.get(&(one, two)).unwrap_or(&self.now);
                    both.insert((one, two), since);
                    if self.now.since(since) > self.overlap {
                        return self
                            .fails(&format!("{one} and {two} are both masters for too long"));
                    }
                }
            }
        }
        self.both = both;
        if self.must_have_one && masters.is_empty() {
            return self.fails("the LAN has healed, and the only master left");
        }
        if self
            .settled
            .is_some_and(|before| before != self.transitions())
        {
            return self.fails("something moves at rest");
        }
        self.check_leaderless(&masters)
    }

    fn check_leaderless(&mut self, masters: &[usize]) -> Result<(), String> {
        for side in [0, 1] {
            let here = |number: &usize| self.lan.side[*number] == side;
            let able = (0..self.hosts.len()).any(|it| here(&it) && self.hosts[it].takes_part());
            if !able || masters.iter().any(here) {
                self.none.remove(&side);
                continue;
            }
            let since = *self.none.entry(side).or_insert(self.now);
            if self.now.since(since) > self.leaderless {
                return self.fails("nobody is master for too long");
            }
        }
        Ok(())
    }

    /// At rest there is one master; the best, where all preempt and nobody has handed over.
    pub(super) fn one_master(&self) -> Result<(), String> {
        let masters: Vec<_> = self.masters().collect();
        let [master] = masters[..] else {
            return self.fails(&format!("at rest these are masters: {masters:?}"));
        };
        let others = self
            .hosts
            .iter()
            .filter(|host| host.state() == State::Backup);
        if others.count() != self.hosts.len() - 1 {
            return self.fails("at rest somebody is neither master nor backup");
        }
        let preempts = |host: &Host| host.router.preempt != Preempt::Never;
        let best = self.hosts.iter().map(|host| host.router.priority).max();
        let is_best = Some(self.hosts[master].router.priority) == best;
        if self.hosts.iter().all(preempts) && !self.handed_over && !is_best {
            return self.fails(&format!("at rest {master} is master, and not the best"));
        }
        Ok(())
    }

    pub(super) fn fails(&self, what: &str) -> Result<(), String> {
        let at = self.now.since_start().as_secs_f64();
        Err(format!("seed {}, at {at:.6} s: {what}", self.seed))
    }
}
