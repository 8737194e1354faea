// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a check speaks TLS: the keys of `check.tls` and `check.https`, and `tls` in others.

use std::net::IpAddr;
use std::path::Path;

use super::login::file;
use super::target::TargetLayer;
use crate::config::section::{CHECK_TLS, Section};
use crate::config::setting::{Found, Setting, Subject, innermost, innermost_or};
use crate::config::tree::{Entry, Node, Value};
use crate::config::value::{boolean, integer, map, text_that};
use crate::diagnostic::{Findings, Span, Wrong};
use crate::model::{ClientCertificate, Tls};

/// The longest name of a host, and the longest of its labels, in bytes.
const LONGEST: (usize, usize) = (253, 63);
/// The most days that a check looks ahead: ten years.
const MOST_DAYS: u32 = 3650;

/// The TLS settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsLayer {
    server_name: Setting<Box<str>>,
    ca_file: Setting<Box<Path>>,
    verify: Setting<bool>,
    certificate: Setting<Box<Path>>,
    key: Setting<Box<Path>>,
    min_days: Setting<u16>,
}

impl TlsLayer {
    /// Reads a key if it is a setting of TLS, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "server_name" => self.server_name = Setting::read(node, server_name(name, node, out)),
            "ca_file" => self.ca_file = Setting::read(node, file(name, node, out)),
            "verify" => self.verify = Setting::read(node, boolean(name, node, out)),
            "client_certificate" => self.certificate = Setting::read(node, file(name, node, out)),
            "client_key" => self.key = Setting::read(node, file(name, node, out)),
            "min_days" => {
                let days = integer(name, node, 0..=MOST_DAYS, Some("0 never warns"), out);
                let days = days.and_then(|days| u16::try_from(days).map_err(|_| Wrong));
                self.min_days = Setting::read(node, days);
            }
            _ => return false,
        }
        true
    }

    /// How TLS is spoken, from all layers, the innermost first. `usual` is the name that counts when none is written.
    pub(super) fn resolve(
        layers: &[&Self],
        usual: Option<&str>,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Tls, Wrong> {
        let name = innermost(layers, |layer| &layer.server_name)?;
        let ca_file = innermost(layers, |layer| &layer.ca_file)?;
        let certificate = innermost(layers, |layer| &layer.certificate)?;
        let key = innermost(layers, |layer| &layer.key)?;
        let client = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(ClientCertificate {
                certificate: certificate.value.clone(),
                key: key.value.clone(),
            }),
            (Some(Found { span, .. }), None) => {
                let what = "client_certificate needs a client_key";
                return Err(needs(span, what, subject, out));
            }
            (None, Some(Found { span, .. })) => {
                let what = "client_key needs a client_certificate";
                return Err(needs(span, what, subject, out));
            }
        };
        let min_days = innermost_or(layers, |layer| &layer.min_days, 0)?;
        Ok(Tls {
            server_name: name.map(|found| &**found.value).or(usual).map(Into::into),
            ca_file: ca_file.map(|found| found.value.clone()),
            verify: innermost_or(layers, |layer| &layer.verify, true)?,
            client,
            min_days: (min_days > 0).then_some(min_days),
        })
    }
}

/// `tls` of a check that may speak it, in one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsSwitch {
    on: Setting<bool>,
    layer: TlsLayer,
}

impl TlsSwitch {
    /// `true`, `false`, or a map, which means true.
    pub(super) fn read(section: &Section, name: &str, node: &Node<'_>, out: &mut Findings) -> Self {
        let mut layer = TlsLayer::default();
        let on = if matches!(node.value, Value::Scalar { .. }) && !node.is_null() {
            boolean(name, node, out)
        } else {
            map(section, node, out).map(|entries| {
                for entry in entries {
                    if !layer.take(entry, out) {
                        section.unknown_key(entry, entries, out);
                    }
                }
                true
            })
        };
        let on = Setting::read(node, on);
        Self { on, layer }
    }

    /// Whether TLS is spoken, from all layers, the innermost first.
    pub(super) fn is_on(layers: &[&Self]) -> Result<bool, Wrong> {
        innermost_or(layers, |layer| &layer.on, false)
    }

    /// How it is spoken; `None` when it is not.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Option<Tls>, Wrong> {
        if !Self::is_on(layers)? {
            return Ok(None);
        }
        let layers: Vec<&TlsLayer> = layers.iter().map(|switch| &switch.layer).collect();
        TlsLayer::resolve(&layers, None, subject, out).map(Some)
    }
}

/// The settings of a check by a handshake alone, in one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct HandshakeLayer {
    pub(super) target: TargetLayer,
    tls: TlsLayer,
}

impl HandshakeLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_TLS, node, out)?;
        for entry in entries {
            if !layer.tls.take(entry, out) && !layer.target.take(entry, out) {
                CHECK_TLS.unknown_key(entry, entries, out);
            }
        }
        Ok(layer)
    }

    /// How TLS is spoken, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Tls, Wrong> {
        let layers: Vec<&TlsLayer> = layers.iter().map(|layer| &layer.tls).collect();
        TlsLayer::resolve(&layers, None, subject, out)
    }
}

/// The name in a `Host` header, if it is one: `app.example` of `app.example:8443`.
pub(super) fn name_of_host(host: &str) -> Option<&str> {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    is_name(name).then_some(name)
}

fn needs(span: Span, what: &str, subject: &Subject, out: &mut Findings) -> Wrong {
    let finding = subject.finding(span, format!("{what} beside it"));
    out.push(finding.help(
        "write client_certificate: /etc/lvs-director/client.pem, client_key: /etc/lvs-director/client.key",
    ));
    Wrong
}

/// For whom the certificate must be.
fn server_name(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| text.parse::<IpAddr>().is_ok() || is_name(text);
    let wanted = "the name or address in the server's certificate";
    let help = "app.example, or 10.0.0.5; without a port";
    text_that(possible, name, node, wanted, help, out)
}

/// Whether this can be the name of a host (RFC 1123, section 2.1; some hosts have an underscore).
fn is_name(text: &str) -> bool {
    let (longest, longest_label) = LONGEST;
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        (1..=longest_label).contains(&label.len())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Some would read such an end as an address.
    let is_number = |label: &str| {
        label.bytes().all(|b| b.is_ascii_digit())
            || label.starts_with("0x")
            || label.starts_with("0X")
    };
    let last = text.rsplit('.').next();
    text.len() <= longest && text.split('.').all(is_label) && !last.is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_header_may_have_the_name() {
        for (host, name) in [
            ("app.example", Some("app.example")),
            ("app.example:8443", Some("app.example")),
            ("rabbit_1", Some("rabbit_1")),
            ("10.0.0.5", None),
            ("10.0.0.5:443", None),
            ("[2001:db8::5]:443", None),
            ("2001:db8::5", None),
            ("a..b", None),
            ("a.example.", None),
            ("-a.example", None),
            ("a.0x1f", None),
            ("", None),
        ] {
            assert_eq!(name_of_host(host), name, "{host:?}");
        }
        assert!(!is_name(&"a".repeat(64)));
        assert!(!is_name(&["a"; 130].join(".")));
    }
}
