// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports that nobody answered: they wait until the links and ways have been looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::IpAddr;

use super::checker::CheckerEvent;
use super::doubt::{Blame, Company, Doubt, Heard, Voices, blame};
use super::event::HealthAction;
use super::links::Side;
use super::monitor::Health;
use crate::model::{Probe, ProbeOutcome, Sighting, Standing, Timestamp, Way};

/// So many looks may fail in a row before silence counts as the server's failure.
const FAILED_LOOKS: u32 = 3;

impl Health {
    /// Whether the links and ways must be looked at, although no report waits for it: addresses have changed.
    #[must_use]
    pub fn wants_look(&self) -> bool {
        self.sources.wants_look()
    }

    /// The probes whose ways to look at: each was not answered, and a verdict may depend on it; or all, when their source
    /// addresses must be chosen.
    #[must_use]
    pub fn questions(&self) -> Vec<Probe> {
        if self.sources.wants_ways() {
            let checkers = self.roster.checkers.iter();
            let probes = checkers.map(|slot| &slot.checker.check().probe);
            let probes = probes.filter(|probe| probe.uses_network()).cloned();
            return probes.collect::<BTreeSet<_>>().into_iter().collect();
        }
        let doubts = self.doubts.iter();
        let checkers = doubts.filter_map(|doubt| self.roster.checker(doubt.run.check));
        let probes = checkers.map(|checker| checker.check().probe.clone());
        probes.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The links, and the ways of the probes in question.
    pub(super) fn seen(&mut self, now: Timestamp, sighting: Sighting, out: &mut Vec<HealthAction>) {
        self.failed_looks = 0;
        self.links.seen(now, &sighting);
        self.signal_shut_links(now, out);
        let moved = self.sources.seen(&sighting);
        let ways = sighting.ways.into_iter().collect();
        self.blame_the_firewall(now, &sighting.denied, out);
        self.settle_doubts(now, &ways, &moved, out);
    }

    /// The probes of which this host's own firewall is to be asked whether it denies them: once for each that was not
    /// answered, or refused.
    #[must_use]
    pub fn suspects(&self) -> Vec<Probe> {
        let doubts = self.doubts.iter().filter(|doubt| doubt.may_be_denied());
        let checkers = doubts.filter_map(|doubt| self.roster.checker(doubt.run.check));
        let probes = checkers.map(|checker| &checker.check().probe);
        let probes = probes.filter(|probe| probe.connects()).cloned();
        probes.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What this host's own firewall denies says nothing of the server.
    fn blame_the_firewall(
        &mut self,
        now: Timestamp,
        denied: &[Probe],
        out: &mut Vec<HealthAction>,
    ) {
        let denied: BTreeSet<&Probe> = denied.iter().collect();
        for mut doubt in mem::take(&mut self.doubts) {
            let checker = self.roster.checker(doubt.run.check);
            let probe = checker.map(|checker| &checker.check().probe);
            let is_denied = |probe: &&Probe| doubt.may_be_denied() && denied.contains(*probe);
            if let Some(Probe { target, .. }) = probe.filter(is_denied) {
                let why = format!(
                    "this host's own firewall drops it (EPERM on a SYN to {target}); allow it in the output chain"
                );
                self.settle(now, &doubt, Blame::Host(why.into()), out);
            } else {
                doubt.sifted = true;
                self.doubts.push(doubt);
            }
        }
    }

    /// The links and ways could not be looked at. That is this host's trouble; but who can never look must believe what
    /// the probes say.
    pub(super) fn not_seen(&mut self, now: Timestamp, out: &mut Vec<HealthAction>) {
        self.sources.not_seen();
        self.failed_looks = self.failed_looks.saturating_add(1);
        let blame = if self.failed_looks > FAILED_LOOKS {
            Blame::Server
        } else {
            Blame::Host("nobody answers, and this host could not look at its links".into())
        };
        for doubt in mem::take(&mut self.doubts) {
            self.settle(now, &doubt, doubt.unseen(&blame), out);
        }
    }

    /// A report that changes nothing for a server that is down, or up, need not wait.
    pub(super) fn reported(
        &mut self,
        now: Timestamp,
        position: usize,
        came: Doubt,
        out: &mut Vec<HealthAction>,
    ) {
        let Some(slot) = self.roster.checkers.get_mut(position) else {
            return;
        };
        if !slot.checker.awaits(came.run.run) {
            return;
        }
        slot.change().hear(&came.report);
        if let Some(at) = slot.checker.heard().and_then(Heard::answered) {
            let host = slot.checker.check().probe.target.ip();
            self.links.answered(at, host);
        }
        let outcome = came.report.outcome;
        let standing = slot.checker.standing();
        let doubtful = match outcome {
            // Only this host's own firewall can have a part in it: it is asked before it would cost a server.
            ProbeOutcome::Refused => slot.checker.would_fall(now, came.run.run, &came.report),
            ProbeOutcome::Silent | ProbeOutcome::Stalled | ProbeOutcome::CutOff => {
                standing != Standing::Down
            }
            ProbeOutcome::Quiet => !standing.is_up(),
            ProbeOutcome::Up(_)
            | ProbeOutcome::Down
            | ProbeOutcome::Drain
            | ProbeOutcome::Maintenance
            | ProbeOutcome::Told(_)
            | ProbeOutcome::Abstained
            | ProbeOutcome::Unsupported
            | ProbeOutcome::CouldNotRun => false,
        };
        if doubtful {
            self.doubts.push(came);
            return;
        }
        let event = CheckerEvent::Reported(came.run.run, came.report);
        self.feed(now, position, event, out);
    }

    /// Hands the reports over of which it is now known whose failure they are.
    fn settle_doubts(
        &mut self,
        now: Timestamp,
        ways: &BTreeMap<Probe, Way>,
        moved: &BTreeMap<Probe, IpAddr>,
        out: &mut Vec<HealthAction>,
    ) {
        let (mut heard, mut companies) = (BTreeMap::new(), BTreeSet::new());
        let mut unasked: BTreeMap<Side, Timestamp> = BTreeMap::new();
        let mut blames = Vec::new();
        for doubt in mem::take(&mut self.doubts) {
            let Some(checker) = self.roster.checker(doubt.run.check) else {
                continue;
            };
            let (probe, timeout) = (&checker.check().probe, checker.check().schedule.timeout);
            if !checker.awaits(doubt.run.run) {
                continue;
            }
            let Some(way) = ways.get(probe) else {
                self.doubts.push(doubt);
                continue;
            };
            if let Some(vip) = moved.get(probe) {
                let why = format!("the probe left from the virtual address {vip}");
                blames.push((doubt, Blame::Host(why.into())));
                continue;
            }
            let blame = blame(&doubt, probe, *way, timeout, &self.links, |side, host| {
                let voices = heard.entry(side).or_insert_with(|| self.voices(side));
                let company = voices.company(host, &doubt);
                if company == Company::Unasked {
                    let since = unasked.entry(side).or_default();
                    *since = doubt.report.started.max(*since);
                }
                companies.insert((side, company));
                company
            });
            blames.push((doubt, blame));
        }
        for (doubt, blame) in blames {
            self.settle(now, &doubt, blame, out);
        }
        for (side, company) in companies {
            match company {
                Company::Silent(_) => self.links.nobody_answers(side),
                Company::Alone | Company::Answered | Company::Unasked => {}
            }
        }
        for (side, since) in unasked {
            self.ask_another(now, side, since);
        }
    }

    fn settle(&mut self, now: Timestamp, doubt: &Doubt, blame: Blame, out: &mut Vec<HealthAction>) {
        let Some(report) = doubt.judged(blame) else {
            self.doubts.push(doubt.clone());
            return;
        };
        if let Some(position) = self.roster.position(doubt.run.check) {
            let event = CheckerEvent::Reported(doubt.run.run, report);
            self.feed(now, position, event, out);
        }
    }

    /// What was heard on one side.
    fn voices(&self, side: Side) -> Voices {
        let mut voices = Voices::default();
        for slot in &self.roster.checkers {
            let host = slot.checker.check().probe.target.ip();
            if let Some(heard) = slot.checker.heard()
                && self.links.is_on(side, host)
            {
                voices.add(host, heard, slot.checker.standing() == Standing::Down);
            }
        }
        voices
    }

    /// Asks the server on this side that answered last; or one that was silent, and not since this moment.
    fn ask_another(&mut self, now: Timestamp, side: Side, since: Timestamp) {
        let checkers = self.roster.checkers.iter().enumerate();
        let waiting = checkers.filter_map(|(position, slot)| {
            let is_down = slot.checker.standing() == Standing::Down;
            let last = match slot.checker.heard()? {
                Heard::Answer(at) => Some(at),
                Heard::Silence(silent) | Heard::CutOff { silent, .. } => {
                    if is_down || silent >= since {
                        return None;
                    }
                    None
                }
            };
            let on = self
                .links
                .is_on(side, slot.checker.check().probe.target.ip());
            (on && slot.checker.is_waiting()).then_some((last, position))
        });
        let Some((_, position)) = waiting.max() else {
            return;
        };
        if let Some(slot) = self.roster.checkers.get_mut(position) {
            self.due.remove(&(slot.checker.deadline(), position));
            slot.change().hasten(now);
            self.due.insert((slot.checker.deadline(), position));
        }
    }
}
