// SPDX-License-Identifier: MIT OR Apache-2.0
//! `tunnel`: how packets are wrapped under `forwarding: tun`.

use super::section::TUNNEL;
use super::setting::{Found, Setting, Subject, innermost};
use super::tree::Node;
use super::value::{choice, map, port};
use crate::diagnostic::{Findings, Span, Wrong};
use crate::model::{Tunnel, TunnelChecksum, TunnelKind};

/// The tunnel settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TunnelLayer {
    /// The place of the first setting.
    pub(super) span: Option<Span>,
    kind: Setting<Kind>,
    port: Setting<u16>,
    checksum: Setting<TunnelChecksum>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ipip,
    Gue,
    Gre,
}

const KINDS: [(&str, Kind); 3] = [("ipip", Kind::Ipip), ("gue", Kind::Gue), ("gre", Kind::Gre)];
const CHECKSUMS: [(&str, TunnelChecksum); 3] = [
    ("none", TunnelChecksum::None),
    ("full", TunnelChecksum::Full),
    ("remote", TunnelChecksum::Remote),
];
/// ipvsadm's and keepalived's words.
const OTHER_CHECKSUMS: [(&str, &str); 3] =
    [("nocsum", "none"), ("csum", "full"), ("remcsum", "remote")];

impl TunnelLayer {
    /// Reads the map.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Self {
        let mut layer = Self {
            span: Some(node.span),
            ..Self::default()
        };
        let Ok(entries) = map(&TUNNEL, node, out) else {
            layer.kind = Setting::Wrong;
            return layer;
        };
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "type" => layer.kind = Setting::read(node, choice(name, node, &KINDS, &[], out)),
                "port" => layer.port = Setting::read(node, port(name, node, out)),
                "checksum" => {
                    let checksum = choice(name, node, &CHECKSUMS, &OTHER_CHECKSUMS, out);
                    layer.checksum = Setting::read(node, checksum);
                }
                _ => TUNNEL.unknown_key(entry, entries, out),
            }
        }
        layer
    }

    /// The tunnel, from all layers, the innermost first.
    ///
    /// A port or a checksum of an outer layer that does not fit the type was meant for another type.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Tunnel, Wrong> {
        let found = innermost(layers, |layer| &layer.kind)?;
        let (kind, layer) = found.map_or((Kind::Ipip, layers.len()), |found| {
            (*found.value, found.layer)
        });
        let place = found.map(|found| found.span);
        let port = innermost(layers, |layer| &layer.port)?;
        let port = port.filter(|port| kind == Kind::Gue || port.layer <= layer);
        let checksum = innermost(layers, |layer| &layer.checksum)?;
        let checksum = checksum.filter(|sum| fits(kind, *sum.value) || sum.layer <= layer);

        let mut result = Ok(());
        if let Some(Found { value, span, .. }) = checksum
            && !fits(kind, *value)
        {
            let help = "gue and gre have full, gue has remote";
            let message = format!("tunnel type {} has no such checksum", name(kind));
            out.push(subject.finding(span, message).help(help));
            result = Err(Wrong);
        }
        let kind = match (kind, port) {
            (Kind::Ipip, None) => TunnelKind::Ipip,
            (Kind::Gre, None) => TunnelKind::Gre,
            (Kind::Gue, Some(port)) => TunnelKind::Gue { port: *port.value },
            (Kind::Gue, None) => {
                let message = "tunnel type gue needs a port";
                let span = place.unwrap_or(subject.span);
                out.push(
                    subject
                        .finding(span, message)
                        .help("write {type: gue, port: 6080}"),
                );
                return Err(Wrong);
            }
            (Kind::Ipip | Kind::Gre, Some(port)) => {
                let message = format!("tunnel type {} has no port", name(kind));
                out.push(
                    subject
                        .finding(port.span, message)
                        .help("only type gue has a port"),
                );
                return Err(Wrong);
            }
        };
        result.map(|()| Tunnel {
            kind,
            checksum: checksum.map_or(TunnelChecksum::None, |found| *found.value),
        })
    }
}

const fn fits(kind: Kind, checksum: TunnelChecksum) -> bool {
    match checksum {
        TunnelChecksum::None => true,
        TunnelChecksum::Full => matches!(kind, Kind::Gue | Kind::Gre),
        TunnelChecksum::Remote => matches!(kind, Kind::Gue),
        TunnelChecksum::Other(_) => false,
    }
}

fn name(kind: Kind) -> &'static str {
    let known = KINDS.iter().find(|(_, known)| *known == kind);
    known.map_or("", |(name, _)| name)
}
