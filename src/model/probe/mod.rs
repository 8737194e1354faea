// SPDX-License-Identifier: MIT OR Apache-2.0
//! Probes as values: what is asked, of whom, by which path; and what they report.

mod agent;
mod amqp;
mod dns;
mod exec;
mod file;
mod http;
mod json;
mod login;
mod path;
mod payload;
mod rabbitmq;
mod report;
mod smtp;
mod talk;
mod tls;
mod vip;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::agent::{AgentAdmin, AgentHealth, AgentProbe, AgentState};
pub use self::amqp::{AmqpLogin, AmqpProbe};
pub use self::dns::{
    DnsData, DnsField, DnsName, DnsProbe, DnsRcode, DnsTransport, DnsType, WrongDnsName,
};
pub use self::exec::ExecProbe;
pub use self::file::{FileProbe, MissingFile};
pub use self::http::{HttpMethod, HttpProbe, StatusRange};
pub use self::json::{JsonMatch, JsonScalar};
pub use self::login::Login;
pub use self::path::ProbePath;
use self::path::written_path;
pub use self::payload::{Payload, WrongEscape};
pub use self::rabbitmq::RabbitmqProbe;
pub use self::report::{NoResult, ProbeOutcome, ProbeReport};
pub use self::smtp::SmtpProbe;
pub use self::talk::{TcpTalk, UdpProbe};
pub use self::tls::{ClientCertificate, Tls};
pub use self::vip::VipProbe;

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
    /// Whether a TCP server answers with a certain text.
    TcpTalk(Arc<TcpTalk>),
    /// Whether a datagram is answered, or at least meets no error.
    Udp(Arc<UdpProbe>),
    /// Whether an AMQP broker greets, and lets a user log in.
    Amqp(Arc<AmqpProbe>),
    /// Whether a RabbitMQ node says that it is ready to serve clients.
    Rabbitmq(Arc<RabbitmqProbe>),
    /// Whether an HTTP request is answered with a status that is a success.
    Http(Arc<HttpProbe>),
    /// What an agent on the server tells.
    Agent(Arc<AgentProbe>),
    /// What a file of this host says.
    File(Arc<FileProbe>),
    /// What a program finds.
    Exec(Arc<ExecProbe>),
    /// Whether a TLS handshake succeeds.
    Tls(Arc<Tls>),
    /// Whether a TCP handshake with the virtual address succeeds by the way that clients' packets take to the server.
    Vip(Arc<VipProbe>),
    /// Whether a DNS server answers a question.
    Dns(Arc<DnsProbe>),
    /// Whether a mail server greets and says hello.
    Smtp(Arc<SmtpProbe>),
    /// Whether a host answers an ICMP echo request. The target's port is 0: it has no meaning.
    Icmp,
}

impl ProbeKind {
    /// The types of checks, as the configuration names them.
    pub const TYPES: [&'static str; 13] = [
        "tcp", "tls", "http", "amqp", "rabbitmq", "udp", "dns", "icmp", "smtp", "agent", "file",
        "exec", "vip",
    ];

    /// Its type: one of [`ProbeKind::TYPES`].
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Tcp | Self::TcpTalk(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Http(_) => "http",
            Self::Amqp(_) => "amqp",
            Self::Rabbitmq(_) => "rabbitmq",
            Self::Udp(_) => "udp",
            Self::Dns(_) => "dns",
            Self::Icmp => "icmp",
            Self::Smtp(_) => "smtp",
            Self::Agent(_) => "agent",
            Self::File(_) => "file",
            Self::Exec(_) => "exec",
            Self::Vip(_) => "vip",
        }
    }

    /// A server that asks for a drain is probed no more often than this, unless the configuration says so. A full
    /// RabbitMQ node logs a warning at every question.
    pub(super) const fn drain_interval(&self) -> Duration {
        match self {
            Self::Rabbitmq(_) => Duration::from_secs(15),
            Self::Tcp
            | Self::TcpTalk(_)
            | Self::Tls(_)
            | Self::Http(_)
            | Self::Amqp(_)
            | Self::Udp(_)
            | Self::Dns(_)
            | Self::Icmp
            | Self::Smtp(_)
            | Self::Agent(_)
            | Self::File(_)
            | Self::Exec(_)
            | Self::Vip(_) => Duration::ZERO,
        }
    }
}

impl ProbeKind {
    /// The address that its packets have, where that is not the target's.
    #[must_use]
    pub fn addressed(&self) -> Option<IpAddr> {
        match self {
            Self::Vip(vip) => Some(vip.address),
            Self::Tcp
            | Self::TcpTalk(_)
            | Self::Tls(_)
            | Self::Http(_)
            | Self::Amqp(_)
            | Self::Rabbitmq(_)
            | Self::Udp(_)
            | Self::Agent(_)
            | Self::File(_)
            | Self::Exec(_)
            | Self::Smtp(_)
            | Self::Dns(_)
            | Self::Icmp => None,
        }
    }
}

impl Probe {
    /// Who logs in, if anybody does.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        match &self.kind {
            ProbeKind::Tcp
            | ProbeKind::TcpTalk(_)
            | ProbeKind::Udp(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Icmp
            | ProbeKind::Smtp(_)
            | ProbeKind::Tls(_)
            | ProbeKind::Agent(_)
            | ProbeKind::Vip(_)
            | ProbeKind::File(_)
            | ProbeKind::Exec(_) => None,
            ProbeKind::Amqp(amqp) => Some(&amqp.login.as_ref()?.who),
            ProbeKind::Rabbitmq(rabbitmq) => rabbitmq.login.as_ref(),
            ProbeKind::Http(http) => http.login.as_ref(),
        }
    }

    /// Whether its packets are ours. Otherwise the target only says which server it is about, and there is no path.
    #[must_use]
    pub const fn uses_network(&self) -> bool {
        match self.kind {
            ProbeKind::Tcp
            | ProbeKind::TcpTalk(_)
            | ProbeKind::Udp(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Icmp
            | ProbeKind::Smtp(_)
            | ProbeKind::Tls(_)
            | ProbeKind::Amqp(_)
            | ProbeKind::Rabbitmq(_)
            | ProbeKind::Http(_)
            | ProbeKind::Agent(_)
            | ProbeKind::Vip(_) => true,
            ProbeKind::File(_) | ProbeKind::Exec(_) => false,
        }
    }

    /// Whether it begins with a TCP connection that the kernel makes.
    #[must_use]
    pub fn connects(&self) -> bool {
        match &self.kind {
            ProbeKind::Tcp
            | ProbeKind::TcpTalk(_)
            | ProbeKind::Smtp(_)
            | ProbeKind::Tls(_)
            | ProbeKind::Amqp(_)
            | ProbeKind::Rabbitmq(_)
            | ProbeKind::Http(_)
            | ProbeKind::Agent(_) => true,
            ProbeKind::Dns(dns) => dns.transport == DnsTransport::Tcp,
            ProbeKind::Udp(_)
            | ProbeKind::Icmp
            | ProbeKind::Vip(_)
            | ProbeKind::File(_)
            | ProbeKind::Exec(_) => false,
        }
    }

    /// How it speaks TLS, if it does.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        match &self.kind {
            ProbeKind::Tcp
            | ProbeKind::TcpTalk(_)
            | ProbeKind::Udp(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Icmp
            | ProbeKind::Agent(_)
            | ProbeKind::Vip(_)
            | ProbeKind::File(_)
            | ProbeKind::Exec(_) => None,
            ProbeKind::Amqp(amqp) => amqp.tls.as_ref(),
            ProbeKind::Rabbitmq(rabbitmq) => rabbitmq.tls.as_ref(),
            ProbeKind::Smtp(smtp) => smtp.tls.as_ref(),
            ProbeKind::Http(http) => http.tls.as_ref(),
            ProbeKind::Tls(tls) => Some(tls),
        }
    }

    /// The files that it reads: of a password, of certificates, of a key.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let password = self.login().map(|login| &*login.password_file);
        let tls = self.tls().into_iter().flat_map(Tls::files);
        password.into_iter().chain(tls)
    }

    /// The address it is to come from, if one is chosen.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        self.path.as_ref()?.source
    }
}

impl fmt::Display for Probe {
    /// `tcp 10.0.0.5:5672 from 10.0.0.1 by eth1 with mark 7`, `http HEAD 10.0.0.5:80/ready host a.example status 200`,
    /// `amqp 10.0.0.5:5672 user monitor vhost /`, `https 10.0.0.5:443/ name a.example ca /etc/ssl/ours.pem`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.target;
        match &self.kind {
            ProbeKind::Tcp => write!(f, "tcp {at}")?,
            ProbeKind::TcpTalk(talk) => talk.fmt_asked(at, f)?,
            ProbeKind::Udp(udp) => udp.fmt_asked(at, f)?,
            ProbeKind::Dns(dns) => dns.fmt_asked(at, f)?,
            ProbeKind::Smtp(smtp) => smtp.fmt_asked(at, f)?,
            ProbeKind::Icmp => write!(f, "icmp {}", at.ip())?,
            ProbeKind::Amqp(amqp) => amqp.fmt_asked(at, f)?,
            ProbeKind::Rabbitmq(rabbitmq) => rabbitmq.fmt_asked(at, f)?,
            ProbeKind::Http(http) => http.fmt_asked(at, f)?,
            ProbeKind::Agent(agent) => agent.fmt_asked(at, f)?,
            ProbeKind::File(file) => file.fmt_asked(at, f)?,
            ProbeKind::Exec(exec) => exec.fmt_asked(at, f)?,
            ProbeKind::Tls(tls) => tls.fmt_asked(at, f)?,
            ProbeKind::Vip(vip) => vip.fmt_asked(at, f)?,
        }
        self.path.as_ref().map_or(Ok(()), |path| path.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fwmark;

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
    fn a_handshake_with_a_virtual_address_says_through_which_server() {
        let said = |tunnel| {
            let address = "192.0.2.10".parse().unwrap();
            let probe = Probe {
                kind: ProbeKind::Vip(Arc::new(VipProbe { address, tunnel })),
                target: "10.0.0.5:5672".parse().unwrap(),
                path: None,
            };
            probe.to_string()
        };
        let direct = "vip 192.0.2.10:5672 through 10.0.0.5";
        assert_eq!(said(None), direct);
        let ipip = format!("{direct} by ipip");
        assert_eq!(said(Some(crate::model::Tunnel::IPIP)), ipip);
    }

    #[test]
    fn a_probe_says_how_it_speaks_tls() {
        let target = "10.0.0.5:5671".parse().unwrap();
        let said = |kind| {
            let path = None;
            Probe { kind, target, path }.to_string()
        };
        let (login, tls) = (None, Some(Tls::VERIFIED));
        let amqps = AmqpProbe { login, tls };
        assert_eq!(
            said(ProbeKind::Amqp(Arc::new(amqps))),
            "amqp 10.0.0.5:5671 tls"
        );
        let (certificate, key) = (Path::new("/c.pem").into(), Path::new("/c.key").into());
        let tls = Tls {
            server_name: Some("a.example".into()),
            ca_file: Some(Path::new("/ca.pem").into()),
            verify: false,
            client: Some(ClientCertificate { certificate, key }),
            min_days: Some(14),
        };
        let https = HttpProbe {
            tls: Some(tls.clone()),
            ..HttpProbe::get("/up")
        };
        let demands = "name a.example ca /ca.pem unverified certificate /c.pem min_days 14";
        assert_eq!(
            said(ProbeKind::Http(Arc::new(https))),
            format!("https 10.0.0.5:5671/up {demands}")
        );
        let alone = Probe {
            kind: ProbeKind::Tls(Arc::new(tls)),
            target,
            path: None,
        };
        assert_eq!(alone.to_string(), format!("tls 10.0.0.5:5671 {demands}"));
        let files: Vec<&Path> = alone.files().collect();
        assert_eq!(files, ["/ca.pem", "/c.pem", "/c.key"].map(Path::new));
    }
}
