// SPDX-License-Identifier: MIT OR Apache-2.0
//! The types of checks: their words, and the settings that each has of its own.

use super::amqp::AmqpLayer;
use super::http::HttpLayer;
use super::rabbitmq::RabbitmqLayer;
use super::shared::{Shared, share};
use super::target::TargetLayer;
use super::tcp::TcpLayer;
use super::tls::{HandshakeLayer, TlsSwitch};
use crate::config::setting::Subject;
use crate::config::tree::Node;
use crate::diagnostic::{Findings, Wrong};
use crate::model::{ProbeKind, RabbitmqProbe, Tls};

/// A type of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Tls,
    Http,
    Https,
    Amqp,
    Rabbitmq,
}

/// The settings of one type, in one layer.
#[derive(Debug, Clone)]
pub(super) enum KindLayer {
    Tcp(TcpLayer),
    Tls(HandshakeLayer),
    Http(HttpLayer),
    Https(HttpLayer),
    Amqp(AmqpLayer),
    Rabbitmq(RabbitmqLayer),
}

impl Kind {
    /// Every type, by its key.
    pub(super) const ALL: [(&str, Self); 6] = [
        ("tcp", Self::Tcp),
        ("tls", Self::Tls),
        ("http", Self::Http),
        ("https", Self::Https),
        ("amqp", Self::Amqp),
        ("rabbitmq", Self::Rabbitmq),
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
            Self::Tcp => KindLayer::Tcp(TcpLayer::read(node, out)?),
            Self::Tls => KindLayer::Tls(HandshakeLayer::read(node, out)?),
            Self::Http => KindLayer::Http(HttpLayer::read(false, node, out)?),
            Self::Https => KindLayer::Https(HttpLayer::read(true, node, out)?),
            Self::Amqp => KindLayer::Amqp(AmqpLayer::read(node, out)?),
            Self::Rabbitmq => KindLayer::Rabbitmq(RabbitmqLayer::read(node, out)?),
        })
    }

    /// The port that is asked when none is written. `own` is the server's port, if TCP connections go there.
    pub(super) fn usual_port(
        self,
        own: Option<u16>,
        layers: &[&KindLayer],
    ) -> Result<Option<u16>, Wrong> {
        let switches = only(layers, KindLayer::switch);
        let tls = TlsSwitch::is_on(&switches)?;
        Ok(match self {
            Self::Rabbitmq if tls => Some(Tls::MANAGEMENT),
            Self::Rabbitmq => Some(RabbitmqProbe::PORT),
            Self::Amqp if tls => own.or(Some(Tls::AMQPS)),
            Self::Tcp | Self::Tls | Self::Http | Self::Https | Self::Amqp => own,
        })
    }

    /// What is asked, from the settings of all layers, the innermost first. Those of other types do not count.
    pub(super) fn resolve(
        self,
        layers: &[&KindLayer],
        own: Option<u16>,
        subject: &Subject,
        shared: &mut Shared,
        out: &mut Findings,
    ) -> Result<ProbeKind, Wrong> {
        Ok(match self {
            Self::Tcp => ProbeKind::Tcp,
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
                let rabbitmq = RabbitmqLayer::resolve(&layers, own, subject, out)?;
                ProbeKind::Rabbitmq(share(&mut shared.rabbitmq, rabbitmq))
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
        }
    }

    /// Where its probes go.
    pub(super) const fn target(&self) -> &TargetLayer {
        match self {
            Self::Tcp(tcp) => &tcp.target,
            Self::Tls(tls) => &tls.target,
            Self::Http(http) | Self::Https(http) => &http.target,
            Self::Amqp(amqp) => &amqp.target,
            Self::Rabbitmq(rabbitmq) => &rabbitmq.target,
        }
    }

    /// Its switch of TLS, if it has one.
    const fn switch(&self) -> Option<&TlsSwitch> {
        match self {
            Self::Amqp(amqp) => Some(&amqp.tls),
            Self::Rabbitmq(rabbitmq) => Some(&rabbitmq.tls),
            Self::Tcp(_) | Self::Tls(_) | Self::Http(_) | Self::Https(_) => None,
        }
    }

    const fn tls(&self) -> Option<&HandshakeLayer> {
        match self {
            Self::Tls(layer) => Some(layer),
            Self::Tcp(_) | Self::Http(_) | Self::Https(_) | Self::Amqp(_) | Self::Rabbitmq(_) => {
                None
            }
        }
    }

    const fn http(&self) -> Option<&HttpLayer> {
        match self {
            Self::Http(layer) | Self::Https(layer) => Some(layer),
            Self::Tcp(_) | Self::Tls(_) | Self::Amqp(_) | Self::Rabbitmq(_) => None,
        }
    }

    const fn amqp(&self) -> Option<&AmqpLayer> {
        match self {
            Self::Amqp(layer) => Some(layer),
            Self::Tcp(_) | Self::Tls(_) | Self::Http(_) | Self::Https(_) | Self::Rabbitmq(_) => {
                None
            }
        }
    }

    const fn rabbitmq(&self) -> Option<&RabbitmqLayer> {
        match self {
            Self::Rabbitmq(layer) => Some(layer),
            Self::Tcp(_) | Self::Tls(_) | Self::Http(_) | Self::Https(_) | Self::Amqp(_) => None,
        }
    }
}
