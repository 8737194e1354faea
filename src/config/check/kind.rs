// SPDX-License-Identifier: MIT OR Apache-2.0
//! The types of checks: their words, and the settings that each has of its own.

use super::CheckedServer;
use super::agent::AgentLayer;
use super::amqp::AmqpLayer;
use super::dns::DnsLayer;
use super::exec::ExecLayer;
use super::file::FileLayer;
use super::http::HttpLayer;
use super::icmp::IcmpLayer;
use super::rabbitmq::RabbitmqLayer;
use super::schedule::Usual;
use super::shared::{Shared, share};
use super::smtp::SmtpLayer;
use super::talk::TalkLayer;
use super::target::{TargetLayer, UsualPort};
use super::tls::{HandshakeLayer, TlsSwitch};
use super::vip::VipLayer;
use crate::config::section::{CHECK_TCP, CHECK_UDP};
use crate::config::setting::Subject;
use crate::config::tree::Node;
use crate::diagnostic::{Findings, Span, Wrong};
use crate::model::{DnsProbe, ProbeKind, Protocol, RabbitmqProbe, SmtpProbe, Tls};

/// A type of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Tls,
    Http,
    Https,
    Amqp,
    Rabbitmq,
    Udp,
    Dns,
    Icmp,
    Smtp,
    Agent,
    File,
    Exec,
    Vip,
}

/// The settings of one type, in one layer.
#[derive(Debug, Clone)]
pub(super) enum KindLayer {
    Tcp(TalkLayer),
    Tls(HandshakeLayer),
    Http(HttpLayer),
    Https(HttpLayer),
    Amqp(AmqpLayer),
    Rabbitmq(RabbitmqLayer),
    Udp(TalkLayer),
    Dns(DnsLayer),
    Icmp(IcmpLayer),
    Smtp(SmtpLayer),
    Agent(AgentLayer),
    File(FileLayer),
    Exec(ExecLayer),
    Vip(VipLayer),
}

/// Where a check stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The server's port, if TCP connections go there.
    pub(super) own: Option<u16>,
    /// Where its type is named.
    pub(super) written: Span,
    /// The server.
    pub(super) server: CheckedServer,
}

impl Kind {
    /// Every type, by its key.
    pub(super) const ALL: [(&str, Self); 14] = [
        ("tcp", Self::Tcp),
        ("tls", Self::Tls),
        ("http", Self::Http),
        ("https", Self::Https),
        ("amqp", Self::Amqp),
        ("rabbitmq", Self::Rabbitmq),
        ("udp", Self::Udp),
        ("dns", Self::Dns),
        ("icmp", Self::Icmp),
        ("smtp", Self::Smtp),
        ("agent", Self::Agent),
        ("file", Self::File),
        ("exec", Self::Exec),
        ("vip", Self::Vip),
    ];

    /// The type with this key.
    pub(super) fn of(key: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(word, _)| *word == key);
        found.map(|(_, kind)| *kind)
    }

    /// The keys of all types: `tcp, http, amqp, ...`.
    pub(super) fn words() -> String {
        Self::ALL.map(|(word, _)| word).join(", ")
    }

    /// Reads the settings of this type.
    pub(super) fn read(self, node: &Node<'_>, out: &mut Findings) -> Result<KindLayer, Wrong> {
        Ok(match self {
            Self::Tcp => KindLayer::Tcp(TalkLayer::read(&CHECK_TCP, node, out)?),
            Self::Tls => KindLayer::Tls(HandshakeLayer::read(node, out)?),
            Self::Http => KindLayer::Http(HttpLayer::read(false, node, out)?),
            Self::Https => KindLayer::Https(HttpLayer::read(true, node, out)?),
            Self::Amqp => KindLayer::Amqp(AmqpLayer::read(node, out)?),
            Self::Rabbitmq => KindLayer::Rabbitmq(RabbitmqLayer::read(node, out)?),
            Self::Udp => KindLayer::Udp(TalkLayer::read(&CHECK_UDP, node, out)?),
            Self::Dns => KindLayer::Dns(DnsLayer::read(node, out)?),
            Self::Icmp => KindLayer::Icmp(IcmpLayer::read(node, out)?),
            Self::Smtp => KindLayer::Smtp(SmtpLayer::read(node, out)?),
            Self::Agent => KindLayer::Agent(AgentLayer::read(node, out)?),
            Self::File => KindLayer::File(FileLayer::read(node, out)?),
            Self::Exec => KindLayer::Exec(ExecLayer::read(node, out)?),
            Self::Vip => KindLayer::Vip(VipLayer::read(node, out)?),
        })
    }

    /// The type of a check that names none, for a service of this protocol; `None` when nothing is checked. `wanted` tells
    /// that the service or the server has a check. Not every program takes a datagram that nobody sends: somebody must
    /// want it.
    pub(super) const fn unnamed(protocol: Option<Protocol>, wanted: bool) -> Option<Self> {
        match protocol {
            Some(Protocol::Udp) if wanted => Some(Self::Udp),
            Some(Protocol::Udp) => None,
            Some(Protocol::Tcp | Protocol::Sctp | Protocol::Other(_)) | None => Some(Self::Tcp),
        }
    }

    /// Its key.
    pub(super) fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(word, _)| word)
    }

    /// Whether its probes could go to a port of a service of this protocol.
    pub(super) const fn speaks(self, protocol: Protocol) -> bool {
        match self {
            Self::Tcp
            | Self::Tls
            | Self::Http
            | Self::Https
            | Self::Amqp
            | Self::Rabbitmq
            | Self::Smtp
            | Self::Vip => matches!(protocol, Protocol::Tcp),
            Self::Udp => matches!(protocol, Protocol::Udp),
            // A server of DNS has both ports.
            Self::Dns => matches!(protocol, Protocol::Tcp | Protocol::Udp),
            // They have nothing to do with the service's protocol.
            Self::Icmp | Self::Agent | Self::File | Self::Exec => true,
        }
    }

    /// Whether its probes send no packets themselves.
    pub(super) const fn is_local(self) -> bool {
        matches!(self, Self::File | Self::Exec)
    }

    /// The port that is asked when none is written. `own` is the server's port, if such probes can go there.
    pub(super) fn usual_port(
        self,
        own: Option<u16>,
        layers: &[&KindLayer],
    ) -> Result<UsualPort, Wrong> {
        let switches = only(layers, KindLayer::switch);
        let tls = TlsSwitch::is_on(&switches)?;
        let own = own.map_or(UsualPort::OfService, UsualPort::Is);
        Ok(match self {
            Self::Rabbitmq if tls => UsualPort::Is(Tls::MANAGEMENT),
            Self::Rabbitmq => UsualPort::Is(RabbitmqProbe::PORT),
            Self::Amqp if tls && own == UsualPort::OfService => UsualPort::Is(Tls::AMQPS),
            Self::Dns if own == UsualPort::OfService => UsualPort::Is(DnsProbe::PORT),
            Self::Smtp if own == UsualPort::OfService => {
                UsualPort::Is(if tls { Tls::SMTPS } else { SmtpProbe::PORT })
            }
            Self::Icmp => UsualPort::Is(0),
            Self::Agent => UsualPort::OfAgent,
            Self::Tcp
            | Self::Tls
            | Self::Http
            | Self::Https
            | Self::Amqp
            | Self::Udp
            | Self::Dns
            | Self::Smtp
            | Self::File
            | Self::Exec
            | Self::Vip => own,
        })
    }

    /// Its schedule, as far as the type decides it, when nothing is written.
    pub(super) const fn usual(self) -> Usual {
        match self {
            Self::Agent | Self::File => Usual::TOLD,
            Self::Rabbitmq => Usual::SLOW,
            Self::Exec => Usual::PROGRAM,
            Self::Tcp
            | Self::Tls
            | Self::Http
            | Self::Https
            | Self::Amqp
            | Self::Udp
            | Self::Dns
            | Self::Icmp
            | Self::Smtp
            | Self::Vip => Usual::ASKED,
        }
    }

    /// What is asked, from the settings of all layers, the innermost first. Those of other types do not count.
    pub(super) fn resolve(
        self,
        layers: &[&KindLayer],
        place: Place,
        subject: &Subject,
        shared: &mut Shared,
        out: &mut Findings,
    ) -> Result<ProbeKind, Wrong> {
        Ok(match self {
            Self::Tcp => {
                let talk = TalkLayer::resolve_tcp(&only(layers, KindLayer::tcp), subject, out)?;
                talk.map_or(ProbeKind::Tcp, |talk| {
                    ProbeKind::TcpTalk(share(&mut shared.tcp, talk))
                })
            }
            Self::Tls => {
                let tls = HandshakeLayer::resolve(&only(layers, KindLayer::tls), subject, out)?;
                ProbeKind::Tls(share(&mut shared.tls, tls))
            }
            Self::Http | Self::Https => {
                let (secure, layers) = (self == Self::Https, only(layers, KindLayer::http));
                let http = HttpLayer::resolve(secure, &layers, subject, out)?;
                ProbeKind::Http(share(&mut shared.http, http))
            }
            Self::Amqp => {
                let amqp = AmqpLayer::resolve(&only(layers, KindLayer::amqp), subject, out)?;
                ProbeKind::Amqp(share(&mut shared.amqp, amqp))
            }
            Self::Rabbitmq => {
                let layers = only(layers, KindLayer::rabbitmq);
                let rabbitmq = RabbitmqLayer::resolve(&layers, place.own, subject, out)?;
                ProbeKind::Rabbitmq(share(&mut shared.rabbitmq, rabbitmq))
            }
            Self::Udp => {
                let udp = TalkLayer::resolve_udp(&only(layers, KindLayer::udp))?;
                ProbeKind::Udp(share(&mut shared.udp, udp))
            }
            Self::Dns => {
                let layers = only(layers, KindLayer::dns);
                let dns = DnsLayer::resolve(&layers, place.written, subject, out)?;
                ProbeKind::Dns(share(&mut shared.dns, dns))
            }
            Self::Smtp => {
                let smtp = SmtpLayer::resolve(&only(layers, KindLayer::smtp), subject, out)?;
                ProbeKind::Smtp(share(&mut shared.smtp, smtp))
            }
            Self::Icmp => ProbeKind::Icmp,
            Self::Agent => {
                let agent = AgentLayer::resolve(&only(layers, KindLayer::agent))?;
                ProbeKind::Agent(share(&mut shared.agent, agent))
            }
            Self::File => {
                let layers = only(layers, KindLayer::file);
                let file = FileLayer::resolve(&layers, place.written, subject, out)?;
                ProbeKind::File(share(&mut shared.file, file))
            }
            Self::Exec => {
                let layers = only(layers, KindLayer::exec);
                let exec = ExecLayer::resolve(&layers, place.written, subject, out)?;
                ProbeKind::Exec(share(&mut shared.exec, exec))
            }
            Self::Vip => {
                let layers = only(layers, KindLayer::vip);
                let vip = VipLayer::resolve(&layers, place, subject, out)?;
                ProbeKind::Vip(share(&mut shared.vip, vip))
            }
        })
    }
}

/// The layers of one type.
fn only<'l, T>(
    layers: &[&'l KindLayer],
    of: impl Fn(&'l KindLayer) -> Option<&'l T>,
) -> Vec<&'l T> {
    layers.iter().filter_map(|layer| of(layer)).collect()
}

impl KindLayer {
    /// Its type.
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Tcp(_) => Kind::Tcp,
            Self::Tls(_) => Kind::Tls,
            Self::Http(_) => Kind::Http,
            Self::Https(_) => Kind::Https,
            Self::Amqp(_) => Kind::Amqp,
            Self::Rabbitmq(_) => Kind::Rabbitmq,
            Self::Udp(_) => Kind::Udp,
            Self::Dns(_) => Kind::Dns,
            Self::Icmp(_) => Kind::Icmp,
            Self::Smtp(_) => Kind::Smtp,
            Self::Agent(_) => Kind::Agent,
            Self::File(_) => Kind::File,
            Self::Exec(_) => Kind::Exec,
            Self::Vip(_) => Kind::Vip,
        }
    }

    /// Where its probes go, if they send packets themselves.
    pub(super) const fn target(&self) -> Option<&TargetLayer> {
        match self {
            Self::Tcp(tcp) => Some(&tcp.target),
            Self::Tls(tls) => Some(&tls.target),
            Self::Http(http) | Self::Https(http) => Some(&http.target),
            Self::Amqp(amqp) => Some(&amqp.target),
            Self::Rabbitmq(rabbitmq) => Some(&rabbitmq.target),
            Self::Udp(udp) => Some(&udp.target),
            Self::Dns(dns) => Some(&dns.target),
            Self::Icmp(icmp) => Some(&icmp.target),
            Self::Smtp(smtp) => Some(&smtp.target),
            Self::Agent(agent) => Some(&agent.target),
            Self::Vip(vip) => Some(&vip.target),
            Self::File(_) | Self::Exec(_) => None,
        }
    }

    /// Its switch of TLS, if it has one.
    const fn switch(&self) -> Option<&TlsSwitch> {
        match self {
            Self::Amqp(amqp) => Some(&amqp.tls),
            Self::Rabbitmq(rabbitmq) => Some(&rabbitmq.tls),
            Self::Smtp(smtp) => Some(&smtp.tls),
            Self::Tcp(_)
            | Self::Tls(_)
            | Self::Http(_)
            | Self::Https(_)
            | Self::Udp(_)
            | Self::Dns(_)
            | Self::Icmp(_)
            | Self::Agent(_)
            | Self::File(_)
            | Self::Exec(_)
            | Self::Vip(_) => None,
        }
    }

    const fn tcp(&self) -> Option<&TalkLayer> {
        let Self::Tcp(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn tls(&self) -> Option<&HandshakeLayer> {
        let Self::Tls(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn http(&self) -> Option<&HttpLayer> {
        let (Self::Http(layer) | Self::Https(layer)) = self else {
            return None;
        };
        Some(layer)
    }

    const fn amqp(&self) -> Option<&AmqpLayer> {
        let Self::Amqp(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn rabbitmq(&self) -> Option<&RabbitmqLayer> {
        let Self::Rabbitmq(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn udp(&self) -> Option<&TalkLayer> {
        let Self::Udp(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn dns(&self) -> Option<&DnsLayer> {
        let Self::Dns(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn smtp(&self) -> Option<&SmtpLayer> {
        let Self::Smtp(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn agent(&self) -> Option<&AgentLayer> {
        let Self::Agent(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn file(&self) -> Option<&FileLayer> {
        let Self::File(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn exec(&self) -> Option<&ExecLayer> {
        let Self::Exec(layer) = self else {
            return None;
        };
        Some(layer)
    }

    const fn vip(&self) -> Option<&VipLayer> {
        let Self::Vip(layer) = self else {
            return None;
        };
        Some(layer)
    }
}
