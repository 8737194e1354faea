// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.rabbitmq`: who asks the management API, and for which listener; whether by TLS.

use super::login::LoginLayer;
use super::target::TargetLayer;
use super::tls::TlsSwitch;
use crate::config::section::{CHECK_RABBITMQ, CHECK_RABBITMQ_TLS};
use crate::config::setting::{Setting, Subject, innermost_or};
use crate::config::tree::Node;
use crate::config::value::{map, port};
use crate::diagnostic::{Findings, Wrong};
use crate::model::RabbitmqProbe;

/// The RabbitMQ settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct RabbitmqLayer {
    pub(super) target: TargetLayer,
    login: LoginLayer,
    listener: Setting<u16>,
    pub(super) tls: TlsSwitch,
}

impl RabbitmqLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_RABBITMQ, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "tls" => layer.tls = TlsSwitch::read(&CHECK_RABBITMQ_TLS, name, node, out),
                "listener" => layer.listener = Setting::read(node, port(name, node, out)),
                _ if layer.login.take(entry, out) || layer.target.take(entry, out) => {}
                _ => CHECK_RABBITMQ.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is asked, from all layers, the innermost first. `own` is the server's port, if it has one.
    pub(super) fn resolve(
        layers: &[&Self],
        own: Option<u16>,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<RabbitmqProbe, Wrong> {
        let logins: Vec<&LoginLayer> = layers.iter().map(|layer| &layer.login).collect();
        let switches: Vec<&TlsSwitch> = layers.iter().map(|layer| &layer.tls).collect();
        let usual = own.unwrap_or(RabbitmqProbe::LISTENER);
        Ok(RabbitmqProbe {
            login: LoginLayer::resolve(&logins, subject, out)?,
            listener: innermost_or(layers, |layer| &layer.listener, usual)?,
            tls: TlsSwitch::resolve(&switches, subject, out)?,
        })
    }
}
