// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a real server is checked: probes as values, their schedule, and their results.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AmqpProbe, Few, Fwmark, HttpMethod, HttpProbe, Login, RabbitmqProbe, StatusRange, Timestamp,
    Weight,
};

/// One probe of one server: its kind, its target and its path.
///
/// All of it is its identity. Two services with the same probe share one; a probe that differs in any part is another
/// one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probe {
    /// The kind of probe.
    pub kind: ProbeKind,
    /// Whom.
    pub target: SocketAddr,
    /// The path; `None` when the kernel's routing chooses all of it, as it nearly always does.
    #[serde(with = "written_path")]
    pub path: Option<Box<ProbePath>>,
}

/// What a probe asks, with all of its options.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Whether a TCP connection can be opened. The probe resets it at once.
    Tcp,
    /// Whether an AMQP broker greets, and lets a user log in.
    Amqp(Arc<AmqpProbe>),
    /// Whether a RabbitMQ node says that it is ready to serve clients.
    Rabbitmq(Arc<RabbitmqProbe>),
    /// Whether an HTTP request is answered with a status that is a success.
    Http(Arc<HttpProbe>),
}

/// The path of a probe; the kernel's routing chooses what is absent. [`ProbePath::chosen`] makes it a probe's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ProbePath {
    /// The address it comes from.
    pub source: Option<IpAddr>,
    /// The interface it leaves by: 1 to 15 bytes.
    pub interface: Option<Box<str>>,
    /// The firewall mark of its packets, for policy routing.
    pub mark: Option<Fwmark>,
}

impl Probe {
    /// What is as it always is, is left out.
    fn fmt_http(&self, http: &HttpProbe, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("http ")?;
        if http.method != HttpMethod::Get {
            write!(f, "{} ", http.method.word())?;
        }
        write!(f, "{}{}", self.target, http.path)?;
        if let Some(host) = &http.host {
            write!(f, " host {host}")?;
        }
        for (name, _) in &http.headers {
            // The value may be a token.
            write!(f, " header {name}")?;
        }
        if let Some(login) = &http.login {
            write!(f, " user {}", login.user)?;
        }
        if *http.statuses != [StatusRange::SUCCESS] {
            write!(f, " status {}", http.accepted())?;
        }
        if let Some(part) = &http.contains {
            write!(f, " contains {part:?}")?;
        }
        Ok(())
    }

    /// Who logs in, if anybody does.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        match &self.kind {
            ProbeKind::Tcp => None,
            ProbeKind::Amqp(amqp) => amqp.login.as_ref().map(|login| &login.who),
            ProbeKind::Rabbitmq(rabbitmq) => rabbitmq.login.as_ref(),
            ProbeKind::Http(http) => http.login.as_ref(),
        }
    }

    /// The address it is to come from, if one is chosen.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        self.path.as_ref()?.source
    }
}

impl ProbePath {
    /// The kernel's routing chooses all of it.
    const BY_ROUTING: Self = Self {
        source: None,
        interface: None,
        mark: None,
    };

    /// The path as a probe has it: `None` for one without any choice. So equal paths are equal values.
    #[must_use]
    pub fn chosen(self) -> Option<Box<Self>> {
        (self != Self::BY_ROUTING).then(|| Box::new(self))
    }
}

/// A path is always written as a map of its three parts.
mod written_path {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::ProbePath;

    #[expect(
        clippy::ref_option,
        reason = "serde calls it with a reference to the field"
    )]
    pub(super) fn serialize<S: Serializer>(
        path: &Option<Box<ProbePath>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_deref()
            .unwrap_or(&ProbePath::BY_ROUTING)
            .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Box<ProbePath>>, D::Error> {
        ProbePath::deserialize(from).map(ProbePath::chosen)
    }
}

impl fmt::Display for Probe {
    /// `tcp 10.0.0.5:5672 from 10.0.0.1 by eth1 with mark 7`, `http HEAD 10.0.0.5:80/ready host a.example status 200`,
    /// `amqp 10.0.0.5:5672 user monitor vhost /`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ProbeKind::Tcp => write!(f, "tcp {}", self.target)?,
            ProbeKind::Amqp(amqp) => {
                write!(f, "amqp {}", self.target)?;
                if let Some(login) = &amqp.login {
                    write!(f, " user {} vhost {}", login.who.user, login.vhost)?;
                }
            }
            ProbeKind::Rabbitmq(rabbitmq) => {
                write!(f, "rabbitmq {} listener {}", self.target, rabbitmq.listener)?;
                if let Some(login) = &rabbitmq.login {
                    write!(f, " user {}", login.user)?;
                }
            }
            ProbeKind::Http(http) => self.fmt_http(http, f)?,
        }
        let Some(path) = &self.path else {
            return Ok(());
        };
        if let Some(source) = path.source {
            write!(f, " from {source}")?;
        }
        if let Some(interface) = &path.interface {
            write!(f, " by {interface}")?;
        }
        path.mark
            .map_or(Ok(()), |mark| write!(f, " with mark {mark}"))
    }
}

/// A probe and when it runs. Servers with an equal check share one checker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Check {
    /// The probe of one run.
    pub probe: Probe,
    /// When, and how many results make a verdict. The checks of a service nearly always have the same.
    pub schedule: Arc<CheckSchedule>,
}

/// When probes run, and how many results make a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckSchedule {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// The one deadline of a probe, from its start to its result.
    pub timeout: Duration,
    /// This many successes in a row bring a down server up.
    pub rise: u32,
    /// This many failures in a row take an up server down.
    pub fall: u32,
    /// From a failure to the next probe while the verdict is still up.
    pub retry_delay: Duration,
}

/// The checks of one server, and how many of them have to find it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// How many have to pass.
    pub need: Need,
    /// The checks of a server. When there are none, the server counts as up.
    pub each: Few<Arc<Check>>,
}

impl Checks {
    /// No check: the server counts as up.
    pub const NONE: Self = Self {
        need: Need::All,
        each: Few::NONE,
    };

    /// Only one check.
    #[must_use]
    pub fn one(check: Check) -> Self {
        Self {
            need: Need::All,
            each: Few::One(Arc::new(check)),
        }
    }
}

/// How many of a server's checks have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Every one.
    All,
    /// One is enough.
    Any,
    /// At least this many.
    AtLeast(u32),
}

impl Need {
    /// How many of this many checks have to pass: at least one, at most all.
    #[must_use]
    pub fn of(self, checks: usize) -> usize {
        match self {
            Self::All => checks,
            Self::Any => 1,
            Self::AtLeast(number) => usize::try_from(number).unwrap_or(usize::MAX),
        }
        .clamp(1, checks.max(1))
    }
}

/// The result of one run of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The answer.
    pub outcome: ProbeOutcome,
    /// What the probe saw, in words: `connect refused`. Empty for a plain success.
    pub reason: Box<str>,
    /// When the probe really started: not while it waited for its turn.
    pub started: Timestamp,
    /// From its start to its result.
    pub latency: Duration,
}

/// The answer of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// The server answered as it should, and may have told the weight it wants.
    Up(Option<Weight>),
    /// The server did not answer as it should.
    Down,
    /// Nobody answered. That is the server's failure, or that of the way to it.
    Silent,
    /// The server took the connection, and then nothing came: it hangs, or the way to it was cut meanwhile.
    Stalled,
    /// The server asks for no new connections; its present ones live on.
    Drain,
    /// The server is in maintenance: like [`ProbeOutcome::Drain`], but somebody asked for it.
    Maintenance,
    /// The server does not understand this probe. That says nothing about its health.
    Unsupported,
    /// The probe could not run, for a reason on this host.
    CouldNotRun,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_says_what_it_asks_of_whom_and_by_which_way() {
        let mut probe = Probe {
            kind: ProbeKind::Tcp,
            target: "10.0.0.5:5672".parse().unwrap(),
            path: None,
        };
        assert_eq!(probe.to_string(), "tcp 10.0.0.5:5672");
        probe.path = ProbePath {
            source: Some("10.0.0.1".parse().unwrap()),
            interface: Some("eth1".into()),
            mark: Fwmark::new(7),
        }
        .chosen();
        assert_eq!(
            probe.to_string(),
            "tcp 10.0.0.5:5672 from 10.0.0.1 by eth1 with mark 7"
        );
    }

    #[test]
    fn at_least_one_check_has_to_pass_and_at_most_all() {
        assert_eq!(Need::All.of(3), 3);
        assert_eq!(Need::Any.of(3), 1);
        assert_eq!(Need::AtLeast(2).of(3), 2);
        assert_eq!(Need::AtLeast(0).of(3), 1);
        assert_eq!(Need::AtLeast(9).of(3), 3);
    }
}
