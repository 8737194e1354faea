// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reporting: first the action, then the report. The engine reports a change of the kernel when the kernel has
//! confirmed it.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use super::describe::found;
use super::event::{Action, CommandId};
use super::machine::Engine;
use crate::model::{
    Condition, Effect, Object, Order, ServerKey, ServiceKey, Standing, Timestamp, Transition,
    Weight,
};
use crate::plan::{Plan, Step, desired_service};

/// Something to report when the kernel has confirmed its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Untold {
    /// The standing of a server changed.
    Verdict {
        at: Timestamp,
        service: ServiceKey,
        server: ServerKey,
        from: Standing,
        to: Standing,
        because: Box<str>,
        /// Its weight in the kernel before.
        before: Option<Weight>,
    },
    /// An operator has ordered something for a server, or taken it back.
    Ordered {
        /// By which command of an operator of this director.
        id: Option<CommandId>,
        at: Timestamp,
        service: ServiceKey,
        server: ServerKey,
        from: Option<Order>,
        to: Option<Order>,
        /// Who.
        by: Box<str>,
        /// Its weight in the kernel before.
        before: Option<Weight>,
    },
    /// A server that leaves the configuration drains; or a drain has ended.
    Drain {
        at: Timestamp,
        service: ServiceKey,
        server: ServerKey,
        /// Draining, or drained.
        to: Condition,
        why: Box<str>,
        /// Its weight in the kernel before.
        before: Option<Weight>,
    },
    /// A server that has come back starts slowly; or that is over.
    SlowStart {
        at: Timestamp,
        service: ServiceKey,
        server: ServerKey,
        /// It starts slowly, or is right.
        to: Condition,
        why: Box<str>,
        /// Its weight in the kernel before.
        before: Option<Weight>,
    },
    /// The engine repairs something that others had changed or made.
    Repair {
        at: Timestamp,
        /// The state found before.
        found: Box<str>,
        /// The step that repairs it.
        step: Step,
        /// Drifted, or foreign until now.
        was: Condition,
    },
}

impl Untold {
    pub(super) const fn service(&self) -> &ServiceKey {
        match self {
            Self::Verdict { service, .. }
            | Self::Ordered { service, .. }
            | Self::Drain { service, .. }
            | Self::SlowStart { service, .. } => service,
            Self::Repair { step, .. } => step.service(),
        }
    }

    /// The transition, with what it led to.
    fn told(self, effect: Effect) -> Transition {
        match self {
            Self::Verdict {
                at,
                service,
                server,
                from,
                to,
                because,
                ..
            } => Transition {
                at,
                object: Object::Server(service, server),
                from: Condition::Standing(from),
                to: Condition::Standing(to),
                why: because,
                effect,
            },
            Self::Ordered {
                at,
                service,
                server,
                from,
                to,
                by,
                ..
            } => Transition {
                at,
                object: Object::Server(service, server),
                from: Condition::Ordered(from),
                to: Condition::Ordered(to),
                why: by,
                effect,
            },
            Self::Drain {
                at,
                service,
                server,
                to,
                why,
                ..
            } => Transition {
                at,
                object: Object::Server(service, server),
                from: Condition::Right,
                to,
                why,
                effect,
            },
            Self::SlowStart {
                at,
                service,
                server,
                to,
                why,
                ..
            } => Transition {
                at,
                object: Object::Server(service, server),
                from: Condition::StartsSlowly,
                to,
                why,
                effect,
            },
            Self::Repair {
                at,
                found,
                step,
                was,
            } => repair(at, found, &step, was, effect),
        }
    }
}

impl Engine {
    pub(super) fn tell(&mut self, transition: Transition, out: &mut Vec<Action>) {
        self.figures.tell(transition.severity());
        let transition = Arc::new(transition);
        Arc::make_mut(&mut self.history).push(Arc::clone(&transition));
        out.push(Action::Tell(transition));
    }

    /// Reports what waited for the change that has just ended. Services that met a surprise still wait.
    pub(super) fn tell_confirmed(&mut self, out: &mut Vec<Action>) {
        for untold in mem::take(&mut self.untold) {
            let key = *untold.service();
            if self.surprises.contains(&key) || self.dirty.contains(&key) {
                self.untold.push(untold);
                continue;
            }
            let effect = self.confirmed(&untold);
            self.note_order(&untold, &effect);
            self.tell(untold.told(effect), out);
        }
        self.answer_commands();
        if self.untold.is_empty() {
            self.decided = None;
        }
    }

    /// The effect in the kernel, now that it has answered.
    fn confirmed(&mut self, untold: &Untold) -> Effect {
        let refusal = self.errors.get(untold.service());
        match untold {
            Untold::Verdict {
                service,
                server,
                before,
                ..
            }
            | Untold::Ordered {
                service,
                server,
                before,
                ..
            }
            | Untold::Drain {
                service,
                server,
                before,
                ..
            }
            | Untold::SlowStart {
                service,
                server,
                before,
                ..
            } => {
                let after = self.weight(service, server);
                match refusal {
                    Some(why) if after != self.wanted_weight(service, server) => {
                        Effect::Refused(why.as_ref().into())
                    }
                    Some(_) | None => Effect::Weight {
                        before: *before,
                        after,
                    },
                }
            }
            Untold::Repair { step, was, .. } => {
                if let Some(why) = refusal {
                    return Effect::Refused(why.as_ref().into());
                }
                self.counters.drift_repairs += u64::from(*was == Condition::Drifted);
                Effect::Repaired(step.to_string().into())
            }
        }
    }

    fn wanted_weight(&self, service: &ServiceKey, server: &ServerKey) -> Option<Weight> {
        let observed = self.observed.services.get(service);
        let desired = desired_service(&self.config, &self.known(), self.role, service, observed)?;
        Some(desired.servers.get(server)?.weight)
    }

    /// The exchange failed that should have confirmed it.
    pub(super) fn tell_refused(&mut self, why: &str, out: &mut Vec<Action>) {
        for untold in mem::take(&mut self.untold) {
            let effect = Effect::Refused(why.into());
            self.note_order(&untold, &effect);
            self.tell(untold.told(effect), out);
        }
        self.answer_commands();
        self.decided = None;
    }

    /// The changes of a plan in services that are in the kernel: in those that were `owned` so far, or, when they are
    /// told as foreign, in the others, which somebody else made and we take over.
    pub(super) fn changes(
        &self,
        now: Timestamp,
        plan: &Plan,
        owned: &BTreeSet<ServiceKey>,
        was: Condition,
    ) -> Vec<Untold> {
        let ours = was != Condition::Foreign;
        let told = |step: &&Step| {
            let key = step.service();
            self.observed.services.contains_key(key) && owned.contains(key) == ours
        };
        let steps = plan.steps().filter(told);
        let untold = steps.map(|step| self.untold_repair(now, step, was));
        untold.collect()
    }

    /// Reports a service that somebody else made as the configuration wants it, and that is ours from now on.
    pub(super) fn tell_taken_over(
        &mut self,
        now: Timestamp,
        key: ServiceKey,
        out: &mut Vec<Action>,
    ) {
        let why = format!("service {key} was there, made by somebody else; it needed no change");
        let told = service(now, key, Condition::Foreign, Condition::Right, &why);
        self.tell(told, out);
    }

    /// A step to report when the kernel has confirmed it, with the state found before.
    pub(super) fn untold_repair(&self, now: Timestamp, step: &Step, was: Condition) -> Untold {
        Untold::Repair {
            at: now,
            found: found(step, &self.observed).into(),
            step: step.clone(),
            was,
        }
    }

    pub(super) fn tell_service_refused(
        &mut self,
        now: Timestamp,
        key: ServiceKey,
        why: &str,
        out: &mut Vec<Action>,
    ) {
        let told = service(now, key, Condition::Right, Condition::Refused, why);
        self.tell(told, out);
    }

    pub(super) fn tell_service_right(
        &mut self,
        now: Timestamp,
        key: ServiceKey,
        out: &mut Vec<Action>,
    ) {
        let told = service(now, key, Condition::Refused, Condition::Right, "");
        self.tell(told, out);
    }

    pub(super) fn tell_ipvs(
        &mut self,
        now: Timestamp,
        to: Condition,
        why: &str,
        out: &mut Vec<Action>,
    ) {
        let told = Transition {
            at: now,
            object: Object::Ipvs,
            from: Condition::Right,
            to,
            why: why.into(),
            effect: Effect::None,
        };
        self.tell(told, out);
    }
}

fn service(
    at: Timestamp,
    key: ServiceKey,
    from: Condition,
    to: Condition,
    why: &str,
) -> Transition {
    Transition {
        at,
        object: Object::Service(key),
        from,
        to,
        why: why.into(),
        effect: Effect::None,
    }
}

fn repair(
    at: Timestamp,
    found: Box<str>,
    step: &Step,
    was: Condition,
    effect: Effect,
) -> Transition {
    let object = match step {
        Step::AddService(key, _) | Step::EditService(key, _) | Step::DeleteService(key) => {
            Object::Service(*key)
        }
        Step::AddServer(key, server, _)
        | Step::EditServer(key, server, _)
        | Step::DeleteServer(key, server) => Object::Server(*key, *server),
    };
    Transition {
        at,
        object,
        from: was,
        to: Condition::Right,
        why: found,
        effect,
    }
}
