// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose verdicts count: those of the director that leads, while it says so, and its last ones until they are confirmed or
//! proved wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Digest;
use super::message::{ServiceNews, Verdict};
use crate::model::{PeerStanding, ServerKey, ServiceKey, Standing, Timestamp};

type Whose = (ServiceKey, ServerKey);

/// Services of the other director that this one does not have are noted by name as far as this.
const MOST_STRANGERS: usize = 16;

/// What the two directors are for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PairRole {
    /// The other one does not answer.
    #[default]
    Alone,
    /// Neither is master of a virtual router: each goes by its own checks.
    NobodyLeads,
    /// This one leads.
    Leads,
    /// The other one leads, and this one counts servers as the other one does.
    Follows,
    /// Both are master of a virtual router: each goes by its own checks.
    BothLead,
}

/// What this director believes of the other one.
#[derive(Debug, Clone, Default)]
pub struct Belief {
    /// Since when the channel is there.
    linked: Option<Timestamp>,
    /// Whether this director leads.
    leads: bool,
    /// Whether the other one does.
    peer_leads: bool,
    /// Numbers the connections: what only an earlier one said does not count for ever.
    generation: u64,
    verdicts: BTreeMap<Whose, Said>,
    services: BTreeMap<ServiceKey, Digest>,
    strangers: BTreeSet<ServiceKey>,
    /// The last word of a director that does not lead any more.
    kept: BTreeMap<Whose, Kept>,
}

/// What the other director says of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The checks that say so.
    pub checks: Digest,
    /// What they say.
    pub own: Option<Standing>,
    /// How the server counts there.
    pub counts: Option<PeerStanding>,
    generation: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    standing: PeerStanding,
    /// So many results of the server's checks are missing until what they say is confirmed.
    missing: u32,
    /// Not before this, also when it is confirmed.
    until: Option<Timestamp>,
}

impl Belief {
    /// What the two are for each other.
    #[must_use]
    pub const fn role(&self) -> PairRole {
        match (self.linked, self.leads, self.peer_leads) {
            (None, ..) => PairRole::Alone,
            (Some(_), false, false) => PairRole::NobodyLeads,
            (Some(_), true, false) => PairRole::Leads,
            (Some(_), false, true) => PairRole::Follows,
            (Some(_), true, true) => PairRole::BothLead,
        }
    }

    /// Whether servers count as the other director finds them.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.role() == PairRole::Follows
    }

    /// Since when the channel is there.
    #[must_use]
    pub const fn linked(&self) -> Option<Timestamp> {
        self.linked
    }

    /// The channel is there, or is there anew. What was known stays until the other one has said everything.
    pub const fn came(&mut self, now: Timestamp) {
        self.linked = Some(now);
        self.generation += 1;
    }

    /// The channel is gone.
    pub fn gone(&mut self) {
        self.linked = None;
        self.peer_leads = false;
        self.verdicts.clear();
        self.services.clear();
        self.strangers.clear();
    }

    /// Whether this director leads.
    pub const fn lead(&mut self, leads: bool) {
        self.leads = leads;
    }

    /// Whether the other one does. After a connection has come it has said everything by then.
    pub fn peer_leads(&mut self, leads: bool) {
        self.peer_leads = leads;
        let generation = self.generation;
        self.verdicts.retain(|_, it| it.generation == generation);
    }

    /// How the other one finds a server that this one has, too.
    pub fn hear(&mut self, now: Timestamp, verdict: &Verdict) {
        // A server of which nobody knows anything is judged here.
        let counts = verdict.counts.filter(|it| *it != Standing::Unknown);
        let counts = counts.map(|standing| PeerStanding {
            standing,
            since: now.before(verdict.age),
            only_held_down: verdict.only_held_down,
        });
        let said = Said {
            checks: verdict.checks,
            own: verdict.own,
            counts,
            generation: self.generation,
        };
        self.verdicts
            .insert((verdict.service, verdict.server), said);
    }

    /// The services of the other one. `has` says which of them this one has.
    pub fn hear_services(
        &mut self,
        first: bool,
        of: &[ServiceNews],
        has: impl Fn(&ServiceKey) -> bool,
    ) {
        if first {
            self.services.clear();
            self.strangers.clear();
        }
        for it in of {
            if has(&it.service) {
                self.services.insert(it.service, it.digest);
            } else if self.strangers.len() < MOST_STRANGERS {
                self.strangers.insert(it.service);
            }
        }
    }

    /// What the other one says of a server, whoever leads.
    #[must_use]
    pub fn said(&self, service: &ServiceKey, server: &ServerKey) -> Option<&Said> {
        self.verdicts.get(&(*service, *server))
    }

    /// The digest of a service at the other one.
    #[must_use]
    pub fn service(&self, service: &ServiceKey) -> Option<Digest> {
        self.services.get(service).copied()
    }

    /// The services that only the other one has: the first of them.
    pub fn strangers(&self) -> impl Iterator<Item = &ServiceKey> {
        self.strangers.iter()
    }

    /// How a server with these checks counts by the word of the other one, whoever's checks say something else.
    #[must_use]
    pub fn counts(
        &self,
        service: &ServiceKey,
        server: &ServerKey,
        checks: Digest,
    ) -> Option<PeerStanding> {
        if !self.follows() {
            let kept = self.kept.get(&(*service, *server));
            return kept.map(|kept| kept.standing);
        }
        let said = self.said(service, server)?;
        said.counts.filter(|_| said.checks == checks)
    }

    /// Keeps the last word on a server until so many results of its checks have come, and not before `until`.
    pub fn keep(
        &mut self,
        whose: Whose,
        standing: PeerStanding,
        missing: u32,
        until: Option<Timestamp>,
    ) {
        let kept = Kept {
            standing,
            missing,
            until,
        };
        self.kept.insert(whose, kept);
    }

    /// The last words do not count any more. Returns the services that they were about.
    pub fn keep_nothing(&mut self) -> BTreeSet<ServiceKey> {
        let kept = std::mem::take(&mut self.kept);
        kept.into_keys().map(|(service, _)| service).collect()
    }

    /// Whether there are last words that count.
    #[must_use]
    pub fn keeps(&self) -> usize {
        self.kept.len()
    }

    /// A check of this server has a result which confirms its standing. Returns whether the last word does not count any
    /// more.
    pub fn confirm(&mut self, now: Timestamp, service: &ServiceKey, server: &ServerKey) -> bool {
        let whose = (*service, *server);
        let Some(kept) = self.kept.get_mut(&whose) else {
            return false;
        };
        kept.missing = kept.missing.saturating_sub(1);
        let over = kept.is_over(now);
        if over {
            self.kept.remove(&whose);
        }
        over
    }

    /// The checks of this server have come to another verdict. Returns whether a last word does not count any more.
    pub fn decide(&mut self, service: &ServiceKey, server: &ServerKey) -> bool {
        self.kept.remove(&(*service, *server)).is_some()
    }

    /// When a last word ends that is disproved already.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let disproved = self.kept.values().filter(|it| it.missing == 0);
        disproved.filter_map(|it| it.until).min()
    }

    /// Ends those whose time has come. Returns the services that they were about.
    pub fn end_due(&mut self, now: Timestamp) -> BTreeSet<ServiceKey> {
        if self.deadline().is_none_or(|at| at > now) {
            return BTreeSet::new();
        }
        let over = self.kept.extract_if(.., |_, it| it.is_over(now));
        over.map(|((service, _), _)| service).collect()
    }

    /// Forgets what concerns other servers than these.
    pub fn retain(&mut self, has: impl Fn(&ServiceKey, &ServerKey) -> bool) {
        self.verdicts
            .retain(|(service, server), _| has(service, server));
        self.kept
            .retain(|(service, server), _| has(service, server));
    }
}

impl Kept {
    fn is_over(&self, now: Timestamp) -> bool {
        self.missing == 0 && self.until.is_none_or(|at| at <= now)
    }
}
