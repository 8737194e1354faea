// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.smtp`: as whom the director says hello; whether by TLS.

use super::target::TargetLayer;
use super::tls::TlsSwitch;
use crate::config::section::{CHECK_SMTP, CHECK_SMTP_TLS};
use crate::config::setting::{Setting, Subject, innermost};
use crate::config::tree::Node;
use crate::config::value::{map, text_that};
use crate::diagnostic::{Findings, Wrong};
use crate::model::SmtpProbe;

/// The longest name (RFC 5321, section 4.5.3.1.2), in bytes.
const LONGEST: usize = 255;

/// The SMTP settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct SmtpLayer {
    pub(super) target: TargetLayer,
    helo: Setting<Box<str>>,
    pub(super) tls: TlsSwitch,
}

impl SmtpLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_SMTP, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "helo" => layer.helo = Setting::read(node, helo(name, node, out)),
                "tls" => layer.tls = TlsSwitch::read(&CHECK_SMTP_TLS, name, node, out),
                _ if layer.target.take(entry, out) => {}
                _ => CHECK_SMTP.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is asked, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<SmtpProbe, Wrong> {
        let helo = innermost(layers, |layer| &layer.helo)?;
        let switches: Vec<&TlsSwitch> = layers.iter().map(|layer| &layer.tls).collect();
        Ok(SmtpProbe {
            helo: helo.map(|found| found.value.clone()),
            tls: TlsSwitch::resolve(&switches, subject, out)?,
        })
    }
}

/// The name of a host, or an address in brackets.
fn helo(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| {
        (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    };
    let wanted = "the name of this host";
    let help = "1 to 255 visible ASCII characters: lvs.example, or '[192.0.2.1]'";
    text_that(possible, name, node, wanted, help, out)
}
