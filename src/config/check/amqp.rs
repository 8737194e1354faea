// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.amqp`: whether a user logs in, and who; whether by TLS.

use super::login::{LoginLayer, needs, short};
use super::target::TargetLayer;
use super::tls::TlsSwitch;
use crate::config::section::{CHECK_AMQP, CHECK_AMQP_TLS};
use crate::config::setting::{Setting, Subject, innermost};
use crate::config::tree::Node;
use crate::config::value::map;
use crate::diagnostic::{Findings, Wrong};
use crate::model::{AmqpLogin, AmqpProbe};

/// The AMQP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct AmqpLayer {
    pub(super) target: TargetLayer,
    login: LoginLayer,
    vhost: Setting<Box<str>>,
    pub(super) tls: TlsSwitch,
}

impl AmqpLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_AMQP, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "tls" => layer.tls = TlsSwitch::read(&CHECK_AMQP_TLS, name, node, out),
                "vhost" => layer.vhost = Setting::read(node, short(name, node, out)),
                _ if layer.login.take(entry, out) || layer.target.take(entry, out) => {}
                _ => CHECK_AMQP.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is asked, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<AmqpProbe, Wrong> {
        let logins: Vec<&LoginLayer> = layers.iter().map(|layer| &layer.login).collect();
        let who = LoginLayer::resolve(&logins, subject, out)?;
        let vhost = innermost(layers, |layer| &layer.vhost)?;
        let login = match (who, vhost) {
            (Some(who), vhost) => Some(AmqpLogin {
                who,
                vhost: vhost
                    .map_or(AmqpLogin::VHOST, |found| &**found.value)
                    .into(),
            }),
            (None, Some(vhost)) => {
                return Err(needs(vhost.span, "vhost needs a user", subject, out));
            }
            (None, None) => None,
        };
        let switches: Vec<&TlsSwitch> = layers.iter().map(|layer| &layer.tls).collect();
        Ok(AmqpProbe {
            login,
            tls: TlsSwitch::resolve(&switches, subject, out)?,
        })
    }
}
