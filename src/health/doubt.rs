// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose failure it is when nobody answers a probe: the server's, or that of the way from this host.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::event::RunId;
use super::links::{Links, Side};
use crate::model::{Probe, ProbeOutcome, ProbeReport, RouteKind, Timestamp, Way};

/// A report that nobody answered, although an answer was wanted or might have come. Its checker gets it when it is known whose failure that is.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    pub(super) run: RunId,
    pub(super) report: ProbeReport,
    /// Whether this host's firewall has been asked about it.
    pub(super) sifted: bool,
}

/// Whose failure it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blame {
    /// The server's.
    Server,
    /// The server's, or that of somebody who closed the way to it on purpose: clients do not reach it either.
    Closed(&'static str),
    /// This host's, or that of the way from it.
    Host(Box<str>),
    /// Nobody knows yet: others on the same side have not been asked since.
    Open,
}

/// What the other probes on the same side found since this one started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Company {
    /// No other host is asked there, beside those that are down.
    Alone,
    /// Somebody answered.
    Answered,
    /// None of so many hosts answered.
    Silent(usize),
    /// Some did not answer, and the others have not been asked.
    Unasked,
}

impl Doubt {
    pub(super) const fn new(run: RunId, report: ProbeReport) -> Self {
        Self {
            run,
            report,
            sifted: false,
        }
    }

    /// Whether this host's firewall may be the reason, and has not been asked.
    pub(super) const fn may_be_denied(&self) -> bool {
        let unmet = match self.report.outcome {
            ProbeOutcome::Refused | ProbeOutcome::Silent | ProbeOutcome::CutOff => true,
            ProbeOutcome::Up(_)
            | ProbeOutcome::Quiet
            | ProbeOutcome::Down
            | ProbeOutcome::Stalled
            | ProbeOutcome::Drain
            | ProbeOutcome::Maintenance
            | ProbeOutcome::Told(_)
            | ProbeOutcome::Abstained
            | ProbeOutcome::Unsupported
            | ProbeOutcome::CouldNotRun => false,
        };
        unmet && !self.sifted
    }

    /// Whose failure it is when the links and ways cannot be looked at.
    pub(super) fn unseen(&self, unseen: &Blame) -> Blame {
        if self.report.outcome == ProbeOutcome::Refused {
            Blame::Server
        } else {
            unseen.clone()
        }
    }

    /// The moment from which an answer on the same side shows that the way was open: the middle of the probe. A server
    /// that had taken the connection may have had its answer ready at the end only, when the way was cut.
    fn proof(&self) -> Timestamp {
        let ProbeReport {
            started, latency, ..
        } = self.report;
        match self.report.outcome {
            ProbeOutcome::CutOff => started + latency,
            ProbeOutcome::Up(_)
            | ProbeOutcome::Quiet
            | ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Silent
            | ProbeOutcome::Stalled
            | ProbeOutcome::Drain
            | ProbeOutcome::Maintenance
            | ProbeOutcome::Told(_)
            | ProbeOutcome::Abstained
            | ProbeOutcome::Unsupported
            | ProbeOutcome::CouldNotRun => started + latency / 2,
        }
    }

    /// What it means when it says something of the server.
    fn of_the_server(&self) -> ProbeOutcome {
        match self.report.outcome {
            ProbeOutcome::Quiet => ProbeOutcome::Quiet,
            ProbeOutcome::Up(_)
            | ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Silent
            | ProbeOutcome::Stalled
            | ProbeOutcome::CutOff
            | ProbeOutcome::Drain
            | ProbeOutcome::Maintenance
            | ProbeOutcome::Told(_)
            | ProbeOutcome::Abstained
            | ProbeOutcome::Unsupported
            | ProbeOutcome::CouldNotRun => ProbeOutcome::Down,
        }
    }

    /// The report, as the checker gets it; `None` while nobody knows.
    pub(super) fn judged(&self, blame: Blame) -> Option<ProbeReport> {
        let (outcome, reason) = match blame {
            Blame::Open => return None,
            Blame::Server => (self.of_the_server(), self.report.reason.clone()),
            Blame::Closed(why) => (ProbeOutcome::Down, why.into()),
            Blame::Host(why) => (ProbeOutcome::CouldNotRun, why),
        };
        Some(ProbeReport {
            outcome,
            reason,
            ..self.report.clone()
        })
    }
}

/// When a packet to a neighbour was lost, the kernel asks for that neighbour again, or sends the SYN again, after one
/// second (`retrans_time_ms`; RFC 6298, section 2.1). This is that second, with some room.
const SENT_AGAIN: Duration = Duration::from_millis(1_100);

/// Decides. `timeout` is that of the probe.
pub(super) fn blame(
    doubt: &Doubt,
    probe: &Probe,
    way: Way,
    timeout: Duration,
    links: &Links,
    company: impl FnOnce(Side, IpAddr) -> Company,
) -> Blame {
    if doubt.report.outcome == ProbeOutcome::Refused {
        // Somebody answered; and it was not this host's firewall.
        return Blame::Server;
    }
    let target = probe.target.ip();
    let link = match way {
        Way::NoRoute => return Blame::Host("there is no route to it (ENETUNREACH)".into()),
        Way::Closed(kind) => return Blame::Closed(closed(kind)),
        Way::Unknown => return Blame::Server,
        Way::Out { link, .. } => link,
    };
    // After a link has come back its neighbours have to be found again.
    let started = doubt.report.started;
    let trouble = links.trouble(link, started, timeout.max(SENT_AGAIN));
    if let Some(why) = trouble.or_else(|| links.detour(target, link)) {
        return Blame::Host(why.into());
    }
    if matches!(
        doubt.report.outcome,
        ProbeOutcome::Stalled | ProbeOutcome::Quiet
    ) {
        // The link was open all the time, and the server's host answered to the end, or it owed no answer.
        return Blame::Server;
    }
    let side = links.side(target, link);
    let place = || {
        let word = match side {
            Side::On(_) => "on",
            Side::Beyond => "beyond",
        };
        format!("{word} {}", links.name(link))
    };
    match company(side, target) {
        // The answer of somebody else does not show that this server could be reached: a switch may begin to pass
        // packets long after its carrier came, and then each neighbour is found in its own time.
        Company::Answered if !links.open_for(side, started, SENT_AGAIN.saturating_sub(timeout)) => {
            let why = format!("the first answer {} has only just come", place());
            Blame::Host(why.into())
        }
        Company::Alone | Company::Answered => Blame::Server,
        Company::Silent(hosts) => {
            Blame::Host(format!("none of {hosts} servers answers {}", place()).into())
        }
        Company::Unasked => Blame::Open,
    }
}

const fn closed(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Blackhole => "the route to it is a blackhole",
        RouteKind::Prohibit => "the route to it prohibits all traffic",
        RouteKind::Unreachable
        | RouteKind::Unicast
        | RouteKind::Local
        | RouteKind::Broadcast
        | RouteKind::Anycast
        | RouteKind::Multicast
        | RouteKind::Throw
        | RouteKind::Other(_) => "the route to it is unreachable",
    }
}

/// What was heard from a host last, by one of its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// An answer, whatever it said.
    Answer(Timestamp),
    /// Nothing.
    Silence(Timestamp),
    /// At first it answered, and then nothing came any more.
    CutOff {
        /// It answered then, or later.
        answered: Timestamp,
        /// It was silent then.
        silent: Timestamp,
    },
}

impl Heard {
    /// When it answered for certain, if it did.
    pub(super) const fn answered(self) -> Option<Timestamp> {
        match self {
            Self::Answer(answered) | Self::CutOff { answered, .. } => Some(answered),
            Self::Silence(_) => None,
        }
    }

    /// When it was silent, if that was the last of it.
    const fn silent(self) -> Option<Timestamp> {
        match self {
            Self::Silence(silent) | Self::CutOff { silent, .. } => Some(silent),
            Self::Answer(_) => None,
        }
    }
}

/// What was heard on one side.
#[derive(Debug, Default)]
pub(super) struct Voices {
    answered: Option<Timestamp>,
    /// Of each host that is not down: when it was silent last, if that was the last that was heard.
    hosts: BTreeMap<IpAddr, Timestamp>,
}

impl Voices {
    /// Adds what a check of this host heard last.
    pub(super) fn add(&mut self, host: IpAddr, heard: Heard, is_down: bool) {
        self.answered = self.answered.max(heard.answered());
        if !is_down {
            let last = self.hosts.entry(host).or_default();
            *last = heard.silent().unwrap_or_default().max(*last);
        }
    }

    /// The company of a probe of this host.
    pub(super) fn company(&self, host: IpAddr, doubt: &Doubt) -> Company {
        if self.answered.is_some_and(|at| at >= doubt.proof()) {
            return Company::Answered;
        }
        let others = || self.hosts.iter().filter(|(other, _)| **other != host);
        match others().count() {
            0 => Company::Alone,
            number if others().all(|(_, silent)| *silent >= doubt.report.started) => {
                Company::Silent(number + 1)
            }
            _ => Company::Unasked,
        }
    }
}
