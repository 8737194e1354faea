// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the reports of probes to the services they change.

use super::event::{Action, Questions};
use super::machine::{Engine, Work};
use super::tell::Untold;
use crate::health::{CheckId, HealthAction, HealthEvent, Probed, WireId};
use crate::model::{
    Condition, Effect, HostEvent, NoResult, Object, ServerKey, ServiceKey, Sighting, Timestamp,
    Transition, Weight, WireNews,
};

impl Engine {
    /// Handles all waiting reports: their changes go to the kernel in one batch.
    pub(super) fn probed(&mut self, now: Timestamp, reports: Vec<Probed>, out: &mut Vec<Action>) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        let first = reports.iter().map(|probed| probed.at).min();
        self.reported = first.unwrap_or(now);
        for Probed { run, report, at } in reports {
            self.show_anew(run.check);
            let outcome = report.outcome;
            let actions = self.hand_to_health(now, HealthEvent::Reported(run, report));
            self.confirm(now, run.check, outcome);
            if actions.iter().any(decides) {
                let first = self.decided.map_or(at, |first| first.min(at));
                self.decided = Some(first);
            }
            self.take_health(now, actions, out);
        }
        self.look(out);
    }

    /// A held connection tells something. When it has ended, the next probe comes at once, or the server is down.
    pub(super) fn wire_told(
        &mut self,
        now: Timestamp,
        wire: WireId,
        news: WireNews,
        out: &mut Vec<Action>,
    ) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        self.show_anew(wire.check);
        let actions = self.hand_to_health(now, HealthEvent::WireTold(wire, news));
        if actions.iter().any(decides) {
            self.decided.get_or_insert(now);
        }
        self.take_health(now, actions, out);
    }

    /// Hands one event to the checkers. What they ask for is to be given to [`Engine::take_health`].
    pub(super) fn hand_to_health(
        &mut self,
        now: Timestamp,
        event: HealthEvent,
    ) -> Vec<HealthAction> {
        let mut actions = Vec::new();
        self.health.handle(now, event, &mut actions);
        self.health_events += 1;
        actions
    }

    /// The servers that use this check are shown anew.
    fn show_anew(&mut self, check: CheckId) {
        let services: Vec<ServiceKey> = self.health.users(check).map(|(it, _)| it).collect();
        self.stale.extend(services);
    }

    /// Has the ways looked at that decide whose failure it is when nobody answers.
    fn look(&self, out: &mut Vec<Action>) {
        let questions = self.health.questions();
        if !questions.is_empty() || self.health.wants_look() {
            out.push(Action::Look(Questions {
                probes: questions,
                suspects: self.health.suspects(),
            }));
        }
    }

    /// Something happened to the links, addresses or neighbours.
    pub(super) fn happened(
        &mut self,
        now: Timestamp,
        events: Vec<HostEvent>,
        out: &mut Vec<Action>,
    ) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        for event in events {
            // It decides nothing. It may bring a probe forward.
            let actions = self.hand_to_health(now, HealthEvent::Happened(event));
            self.take_health(now, actions, out);
        }
        if self.health.wants_look() {
            self.look(out);
        }
    }

    /// The answer to [`Action::Look`].
    pub(super) fn seen(
        &mut self,
        now: Timestamp,
        sighting: Result<Box<Sighting>, Box<str>>,
        out: &mut Vec<Action>,
    ) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        let seen = sighting.map_or(HealthEvent::NotSeen, HealthEvent::Seen);
        let actions = self.hand_to_health(now, seen);
        if actions.iter().any(decides) {
            self.decided.get_or_insert(self.reported);
        }
        self.take_health(now, actions, out);
        if self.health.wants_look() {
            self.look(out);
        }
    }

    /// Sends probes, and notes the changes of verdicts.
    pub(super) fn take_health(
        &mut self,
        now: Timestamp,
        actions: Vec<HealthAction>,
        out: &mut Vec<Action>,
    ) {
        for action in actions {
            match action {
                HealthAction::Probe(request) => out.push(Action::Probe(request)),
                HealthAction::Hold(request) => out.push(Action::Hold(request)),
                HealthAction::Release(wire) => out.push(Action::Release(wire)),
                HealthAction::Changed {
                    service,
                    server,
                    from,
                    to,
                    because,
                } => {
                    self.untold.push(Untold::Verdict {
                        at: now,
                        service,
                        server,
                        from,
                        to,
                        because,
                        before: self.weight(&service, &server),
                    });
                    self.dirty.insert(service);
                    self.stale.insert(service);
                    self.pair.belief.decide(&service, &server);
                    self.pair.is_news(service);
                    self.start_slowly_after_verdict(now, (service, server), from, to);
                }
                HealthAction::HeldDown { service, .. } => {
                    self.dirty.insert(service);
                    self.stale.insert(service);
                    self.pair.is_news(service);
                }
                HealthAction::NotChecked {
                    service,
                    server,
                    of,
                    reason,
                    times,
                } => self.not_checked(now, (service, server), (of, &reason), times, out),
                HealthAction::CheckedAgain { service, server } => {
                    self.pair.is_news(service);
                    let (from, to) = (Condition::NotChecked, Condition::Right);
                    self.tell(check(now, (service, server), from, to, ""), out);
                }
                HealthAction::Warned {
                    service,
                    server,
                    of: Some(warning),
                } => {
                    let (from, to) = (Condition::Right, Condition::Warned);
                    self.tell(check(now, (service, server), from, to, &warning), out);
                }
                HealthAction::Warned {
                    service,
                    server,
                    of: None,
                } => {
                    let (from, to) = (Condition::Warned, Condition::Right);
                    self.tell(check(now, (service, server), from, to, ""), out);
                }
            }
        }
    }

    fn not_checked(
        &mut self,
        now: Timestamp,
        (service, server): (ServiceKey, ServerKey),
        (of, reason): (NoResult, &str),
        times: u32,
        out: &mut Vec<Action>,
    ) {
        let to = match of {
            NoResult::CouldNotRun => Condition::NotChecked,
            NoResult::NotSupported => Condition::NotSupported,
            NoResult::NoOpinion => Condition::NoOpinion,
        };
        self.counters.probes_not_run += u64::from(of == NoResult::CouldNotRun);
        self.stale.insert(service);
        self.pair.is_news(service);
        // The first, and then ever fewer: a host out of descriptors has better uses for its disk.
        if times.is_power_of_two() {
            let why = format!("({times} in a row): {reason}");
            self.tell(
                check(now, (service, server), Condition::Right, to, &why),
                out,
            );
        }
    }

    /// The weight that a server has in the kernel; `None` when it is not in the table.
    pub(super) fn weight(&self, service: &ServiceKey, server: &ServerKey) -> Option<Weight> {
        let service = self.observed.services.get(service)?;
        Some(service.servers.get(server)?.weight)
    }
}

fn check(
    at: Timestamp,
    (service, server): (ServiceKey, ServerKey),
    from: Condition,
    to: Condition,
    why: &str,
) -> Transition {
    Transition {
        at,
        object: Object::Check(service, server),
        from,
        to,
        why: why.into(),
        effect: Effect::None,
    }
}

const fn decides(action: &HealthAction) -> bool {
    matches!(action, HealthAction::Changed { .. })
}
