// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the director reports: one value for each change.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Order, ServerKey, ServiceKey, Standing, Timestamp, Weight};

/// One change. It is reported once, and kept in a ring; the log and others render it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The time.
    pub at: Timestamp,
    /// The object.
    pub object: Object,
    /// What it was.
    pub from: Condition,
    /// What it is.
    pub to: Condition,
    /// Why, in words; empty when there is no reason to give.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub why: Box<str>,
    /// The effect, as the kernel confirmed it.
    #[serde(default, skip_serializing_if = "Effect::is_none")]
    pub effect: Effect,
}

/// What a transition is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// The director itself.
    Director,
    /// Its configuration.
    Configuration,
    /// The kernel's IPVS as a whole: whether it answers.
    Ipvs,
    /// A virtual service.
    Service(ServiceKey),
    /// The real servers of a service together.
    Pool(ServiceKey),
    /// A real server of a service.
    Server(ServiceKey, ServerKey),
    /// The check of a real server of a service.
    Check(ServiceKey, ServerKey),
    /// This host around the table: its settings, timeouts, addresses.
    Host,
    /// The file that says which services are ours.
    StateFile,
    /// The other director of the pair.
    Peer,
}

/// The condition of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A real server's standing.
    Standing(Standing),
    /// Not there, or not begun.
    Absent,
    /// The director runs.
    Running,
    /// The director has ended.
    Stopped,
    /// As it should be.
    Right,
    /// Not as it should be: somebody else changed it.
    Drifted,
    /// The kernel, or the disk, refused our request.
    Refused,
    /// Different from the configuration when the director started.
    Outdated,
    /// Made by somebody else; ours from now on.
    Foreign,
    /// An operator's order for it, or none.
    Ordered(Option<Order>),
    /// It left the configuration, and keeps its connections until they end.
    Draining,
    /// It drained, and has left the table.
    Drained,
    /// It has come back, and gets its weight step by step.
    StartsSlowly,
    /// Its probes cannot run.
    NotChecked,
    /// The server does not understand its probes.
    NotSupported,
    /// Its probes find nothing that speaks for or against the server.
    NoOpinion,
    /// Too few of a service's real servers are healthy.
    Short,
    /// The primaries of a service have lost their quorum.
    QuorumLost,
    /// Servers that are held down serve all the same, because they pass their checks and too few others are healthy.
    HeldServe,
    /// Its probes are successes, and warn of something.
    Warned,
    /// The other director leads, and servers count here as it finds them.
    Follows,
    /// The other director has something else than this one.
    Differs,
}

/// The effect of a transition in the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// No effect to report.
    #[default]
    None,
    /// A real server's weight in the kernel before and after; `None` when it is not in the table.
    Weight {
        /// Before.
        before: Option<Weight>,
        /// After.
        after: Option<Weight>,
    },
    /// The change that repaired it, as ipvsadm's line.
    Repaired(Box<str>),
    /// This many steps were carried out.
    Steps(u64),
    /// The kernel refused, for this reason.
    Refused(Box<str>),
}

impl Effect {
    /// Whether there is no effect to report.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// The log level of a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Everything goes as it should.
    Info,
    /// A person may want to look.
    Warning,
    /// Something does not work.
    Error,
}

impl Severity {
    /// All of them, the mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// Its name, for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Transition {
    /// Its log level.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        if matches!(self.effect, Effect::Refused(_)) {
            return Severity::Error;
        }
        match self.to {
            Condition::Refused => match self.object {
                Object::Host | Object::StateFile => Severity::Warning,
                Object::Director
                | Object::Configuration
                | Object::Ipvs
                | Object::Service(_)
                | Object::Pool(_)
                | Object::Server(..)
                | Object::Check(..)
                | Object::Peer => Severity::Error,
            },
            Condition::Absent if matches!(self.object, Object::Peer) => Severity::Warning,
            Condition::Short | Condition::QuorumLost => Severity::Error,
            Condition::NotChecked
            | Condition::NotSupported
            | Condition::NoOpinion
            | Condition::Warned
            | Condition::HeldServe
            | Condition::Differs
            | Condition::Drifted => Severity::Warning,
            Condition::Right
                if matches!(self.object, Object::Host) && matches!(self.effect, Effect::None) =>
            {
                Severity::Info
            }
            Condition::Right if matches!(self.from, Condition::Drifted | Condition::Foreign) => {
                Severity::Warning
            }
            Condition::Running
                if matches!(self.object, Object::Configuration) && !self.why.is_empty() =>
            {
                Severity::Warning
            }
            Condition::Standing(_)
            | Condition::Ordered(_)
            | Condition::Draining
            | Condition::Drained
            | Condition::StartsSlowly
            | Condition::Absent
            | Condition::Running
            | Condition::Stopped
            | Condition::Right
            | Condition::Outdated
            | Condition::Follows
            | Condition::Foreign => Severity::Info,
        }
    }

    /// The virtual service it concerns, if it concerns one.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceKey> {
        match &self.object {
            Object::Service(service)
            | Object::Pool(service)
            | Object::Server(service, _)
            | Object::Check(service, _) => Some(service),
            Object::Director
            | Object::Configuration
            | Object::Ipvs
            | Object::Host
            | Object::StateFile
            | Object::Peer => None,
        }
    }
}

impl Object {
    /// The word for what it is.
    const fn word(&self) -> &'static str {
        match self {
            Self::Director => "director",
            Self::Configuration => "configuration",
            Self::Ipvs => "ipvs",
            Self::Service(_) => "service",
            Self::Pool(_) => "pool",
            Self::Server(..) => "server",
            Self::Check(..) => "check",
            Self::Host => "host",
            Self::StateFile => "state-file",
            Self::Peer => "peer",
        }
    }
}

impl Condition {
    /// The word for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Standing(standing) => standing.word(),
            Self::Absent => "absent",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Right => "right",
            Self::Drifted => "drifted",
            Self::Refused => "refused",
            Self::Outdated => "outdated",
            Self::Foreign => "foreign",
            Self::Ordered(_) => "ordered",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::StartsSlowly => "starts-slowly",
            Self::NotChecked => "not-checked",
            Self::NotSupported => "not-supported",
            Self::NoOpinion => "no-opinion",
            Self::Short => "short",
            Self::QuorumLost => "quorum-lost",
            Self::HeldServe => "held-serve",
            Self::Warned => "warned",
            Self::Follows => "follows",
            Self::Differs => "differs",
        }
    }
}

impl Transition {
    /// One word for its kind, for programs that read the log: `server-down`, `pool-short`, `configuration-refused`.
    #[must_use]
    pub fn event(&self) -> String {
        format!("{}-{}", self.object.word(), self.to.word())
    }

    /// The real server it concerns, if it concerns one.
    #[must_use]
    pub const fn server(&self) -> Option<&ServerKey> {
        match &self.object {
            Object::Server(_, server) | Object::Check(_, server) => Some(server),
            Object::Director
            | Object::Configuration
            | Object::Ipvs
            | Object::Service(_)
            | Object::Pool(_)
            | Object::Host
            | Object::StateFile
            | Object::Peer => None,
        }
    }
}

impl fmt::Display for Effect {
    /// `weight 10 -> removed`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Weight { before, after } => match (before, after) {
                (None, None) => f.write_str("not in the kernel"),
                (None, Some(weight)) => write!(f, "added with weight {weight}"),
                (Some(weight), None) => write!(f, "weight {weight} -> removed"),
                (Some(before), Some(after)) if before == after => write!(f, "weight {before}"),
                (Some(before), Some(after)) => write!(f, "weight {before} -> {after}"),
            },
            Self::Repaired(step) => write!(f, "repaired: {step}"),
            Self::Steps(1) => f.write_str("1 step"),
            Self::Steps(number) => write!(f, "{number} steps"),
            Self::Refused(why) => write!(f, "the kernel refused: {why}"),
        }
    }
}

/// What changes between two orders.
struct Change(Option<Order>, Option<Order>);

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(_, Some(order)) => write!(f, "{order} ordered"),
            Self(Some(order), None) => write!(f, "{order} taken back"),
            Self(None, None) => f.write_str("nothing ordered"),
        }
    }
}

impl Transition {
    /// What became of a real server.
    fn fmt_server(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, effect, .. } = self;
        match (self.from, self.to) {
            (Condition::Ordered(from), Condition::Ordered(to)) => {
                write!(f, "{} by {why}, {effect}", Change(from, to))
            }
            (Condition::Standing(from), Condition::Standing(to)) => {
                write!(f, "{from} -> {to} ({why}), {effect}")
            }
            (_, Condition::Draining) => write!(f, "drains ({why}), {effect}"),
            (_, Condition::StartsSlowly) => write!(f, "starts slowly ({why}), {effect}"),
            (Condition::StartsSlowly, _) => write!(f, "slow start over ({why}), {effect}"),
            (..) => write!(f, "drained ({why}), {effect}"),
        }
    }
}

impl Transition {
    /// What became of the check of a real server.
    fn fmt_check(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = &self.why;
        match (self.from, self.to) {
            (_, Condition::NotChecked) => write!(f, "could not run {why}"),
            (_, Condition::NotSupported) => write!(f, "is not supported by the server {why}"),
            (_, Condition::NoOpinion) => write!(f, "has no opinion {why}"),
            (_, Condition::Warned) => write!(f, "warns: {why}"),
            (Condition::Warned, _) => f.write_str("warns no more"),
            (..) => f.write_str("runs again"),
        }
    }
}

impl Transition {
    /// What became of the other director of the pair.
    fn fmt_peer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = &self.why;
        if self.to == Condition::Follows {
            write!(f, "peer {why} leads: servers count here as it finds them")
        } else if self.from == Condition::Follows {
            write!(
                f,
                "peer {why} leads no more: its last words count until the checks here have confirmed what they say"
            )
        } else if self.to == Condition::Differs {
            write!(f, "peer {why}")
        } else if self.to == Condition::Absent {
            write!(f, "peer lost, this director is alone: {why}")
        } else {
            write!(f, "peer connected: {why}")
        }
    }
}

impl fmt::Display for Transition {
    /// One line for the log, without its time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            from,
            to,
            why,
            effect,
            ..
        } = self;
        match (object, from, to) {
            (
                Object::Server(service, server),
                _,
                Condition::Standing(_)
                | Condition::Ordered(_)
                | Condition::Draining
                | Condition::Drained
                | Condition::StartsSlowly,
            )
            | (Object::Server(service, server), Condition::StartsSlowly, _) => {
                write!(f, "real server {server} of {service}: ")?;
                self.fmt_server(f)
            }
            (Object::Check(service, server), ..) => {
                write!(f, "check of real server {server} of {service} ")?;
                self.fmt_check(f)
            }
            (Object::Configuration, _, Condition::Refused) => {
                write!(f, "reload refused, the running configuration stays: {why}")
            }
            (Object::Configuration, ..) if why.is_empty() => write!(f, "reloaded: {effect}"),
            (Object::Configuration, ..) => write!(f, "reloaded: {effect}; {why}"),
            (Object::Director, _, Condition::Running) => write!(f, "started: {why}, {effect}"),
            (Object::Director, ..) => write!(f, "stopped; {why}"),
            // What the director makes on the host for the first time has no effect beside its reason.
            (Object::Service(_) | Object::Server(..) | Object::Host, Condition::Drifted, _)
                if !effect.is_none() =>
            {
                write!(f, "drift: {why}; {effect}")
            }
            (Object::Service(_) | Object::Server(..), Condition::Foreign, _) => {
                write!(f, "taken over: {why}")?;
                match effect {
                    Effect::None => Ok(()),
                    effect => write!(f, "; {effect}"),
                }
            }
            (Object::Service(_) | Object::Server(..), Condition::Outdated, _) => {
                write!(f, "found at the start: {why}; {effect}")
            }
            (Object::Pool(service), ..) => write!(f, "service {service}: {}", self.of_pool()),
            (Object::Service(service), Condition::Refused, Condition::Right) => {
                write!(f, "service {service}: as it should be again")
            }
            (Object::Ipvs, _, Condition::Right) => f.write_str("IPVS answers again"),
            (Object::StateFile, _, Condition::Right) => {
                f.write_str("the state file is written again")
            }
            (Object::Peer, ..) => self.fmt_peer(f),
            (
                Object::Service(_)
                | Object::Server(..)
                | Object::Host
                | Object::Ipvs
                | Object::StateFile,
                ..,
            ) => f.write_str(reason(why, effect)),
        }
    }
}

impl Transition {
    /// What happened to the real servers of a service together.
    fn of_pool(&self) -> String {
        if self.to == Condition::Short {
            format!("too few healthy real servers: {}", self.why)
        } else if self.to == Condition::QuorumLost {
            format!("quorum lost: {}", self.why)
        } else if self.to == Condition::HeldServe {
            let who = &self.why;
            format!(
                "too few others are healthy: {who} serves although it is held down, because its check passes"
            )
        } else if self.from == Condition::HeldServe {
            "no real server that is held down serves any more".to_owned()
        } else if self.from == Condition::QuorumLost {
            "quorum regained".to_owned()
        } else {
            "enough healthy real servers again".to_owned()
        }
    }
}

/// What was told, or the refusal when nothing else was.
fn reason<'a>(why: &'a str, effect: &'a Effect) -> &'a str {
    match effect {
        Effect::Refused(refusal) if why.is_empty() => refusal,
        Effect::None
        | Effect::Weight { .. }
        | Effect::Repaired(_)
        | Effect::Steps(_)
        | Effect::Refused(_) => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Object {
        Object::Server(
            "TCP 192.0.2.10:5672".parse().unwrap(),
            "10.0.0.5:5672".parse().unwrap(),
        )
    }

    fn transition(object: Object, from: Condition, to: Condition) -> Transition {
        Transition {
            at: Timestamp::ZERO,
            object,
            from,
            to,
            why: "".into(),
            effect: Effect::None,
        }
    }

    #[test]
    fn a_verdict_is_one_line_with_its_reason_and_its_effect() {
        let told = Transition {
            why: "connect timed out, 3/3".into(),
            effect: Effect::Weight {
                before: Weight::new(10),
                after: None,
            },
            ..transition(
                server(),
                Condition::Standing(Standing::UP),
                Condition::Standing(Standing::Down),
            )
        };
        assert_eq!(
            told.to_string(),
            "real server 10.0.0.5:5672 of TCP 192.0.2.10:5672: up -> down (connect timed out, 3/3), weight 10 -> removed"
        );
        assert_eq!(told.severity(), Severity::Info);
        let refused = Transition {
            effect: Effect::Refused("not permitted (EPERM)".into()),
            ..told
        };
        assert_eq!(refused.severity(), Severity::Error);
        assert!(
            refused
                .to_string()
                .ends_with(", the kernel refused: not permitted (EPERM)")
        );
    }

    #[test]
    fn a_check_that_warns_is_told_when_it_begins_and_when_it_ends() {
        let check = Object::Check(
            "TCP 192.0.2.10:443".parse().unwrap(),
            "10.0.0.5:443".parse().unwrap(),
        );
        let begins = Transition {
            why: "the server's certificate ends soon".into(),
            ..transition(check.clone(), Condition::Right, Condition::Warned)
        };
        assert_eq!(
            (begins.to_string().as_str(), begins.severity()),
            (
                "check of real server 10.0.0.5:443 of TCP 192.0.2.10:443 warns: the server's certificate ends soon",
                Severity::Warning
            )
        );
        let ends = transition(check, Condition::Warned, Condition::Right);
        assert_eq!(
            (ends.to_string().as_str(), ends.severity()),
            (
                "check of real server 10.0.0.5:443 of TCP 192.0.2.10:443 warns no more",
                Severity::Info
            )
        );
    }

    #[test]
    fn a_transition_serialises_and_is_read_again() {
        let told = transition(server(), Condition::Drifted, Condition::Right);
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<Transition>(&text).unwrap(), told);
    }

    #[test]
    fn what_becomes_of_the_other_director_is_one_line() {
        for (from, to, why, severity, line) in [
            (
                Condition::Absent,
                Condition::Running,
                "192.0.2.2: director 0.1.0",
                Severity::Info,
                "peer connected: 192.0.2.2: director 0.1.0",
            ),
            (
                Condition::Running,
                Condition::Absent,
                "192.0.2.2: it ended the connection",
                Severity::Warning,
                "peer lost, this director is alone: 192.0.2.2: it ended the connection",
            ),
            (
                Condition::Running,
                Condition::Follows,
                "192.0.2.2",
                Severity::Info,
                "peer 192.0.2.2 leads: servers count here as it finds them",
            ),
            (
                Condition::Follows,
                Condition::Running,
                "192.0.2.2",
                Severity::Info,
                "peer 192.0.2.2 leads no more: its last words count until the checks here have confirmed what they say",
            ),
            (
                Condition::Running,
                Condition::Differs,
                "192.0.2.2: drain was ordered there",
                Severity::Warning,
                "peer 192.0.2.2: drain was ordered there",
            ),
        ] {
            let told = Transition {
                why: why.into(),
                ..transition(Object::Peer, from, to)
            };
            assert_eq!(
                (told.to_string().as_str(), told.severity()),
                (line, severity)
            );
        }
    }
}
