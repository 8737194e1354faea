// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvs_method`: how packets get to servers.

use crate::diagnostic::{Finding, Findings, Fix, Shown, nearest};
use crate::import::document::Entry;
use crate::import::keepalived::value::{first, is_next_keyword, number, too_many};
use crate::import::service::forwarding;
use crate::import::statement::{Statement, Word};
use crate::model::{ForwardingMethod, Tunnel, TunnelChecksum, TunnelKind};

/// A forwarding method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method(ForwardingMethod);

impl Method {
    /// What keepalived takes when none is written.
    pub(super) const NAT: Self = Self(ForwardingMethod::Masquerading);

    /// Reads `NAT`, `DR`, or `TUN` with what follows.
    pub(super) fn read(statement: &Statement, out: &mut Findings) -> Option<Self> {
        let word = first(statement, out)?;
        let method = match &*word.text {
            "NAT" => ForwardingMethod::Masquerading,
            "DR" => ForwardingMethod::DirectRouting,
            "TUN" => {
                let tunnel = tunnel(statement, out)?;
                return Some(Self(ForwardingMethod::Tunneling(tunnel)));
            }
            _ => return unknown(word, &["NAT", "DR", "TUN"], out),
        };
        too_many(statement, 1, out);
        Some(Self(method))
    }

    /// Whether a server's port must be the service's, because packets stay as they are.
    pub(super) const fn keeps_ports(self) -> bool {
        !matches!(self.0, ForwardingMethod::Masquerading)
    }

    /// Whether a server may be of another address family than its service.
    pub(super) const fn tunnels(self) -> bool {
        matches!(self.0, ForwardingMethod::Tunneling(_))
    }

    /// Our keys.
    pub(super) fn entries(self) -> Vec<Entry> {
        forwarding(self.0)
    }
}

/// `type ipip|gue port N|gre`, `nocsum|csum|remcsum`, behind `TUN`.
fn tunnel(statement: &Statement, out: &mut Findings) -> Option<Tunnel> {
    let all = statement.words.get(1..)?;
    let mut words = all.iter();
    let (mut kind, mut port, mut checksum) = ("ipip", None, TunnelChecksum::None);
    while let Some(word) = words.next() {
        match &*word.text {
            "type" => kind = tunnel_kind(words.next(), word, out)?,
            "port" => port = Some(tunnel_port(words.next(), word, out)?),
            "nocsum" => checksum = TunnelChecksum::None,
            "csum" => checksum = TunnelChecksum::Full,
            "remcsum" => checksum = TunnelChecksum::Remote,
            _ if is_next_keyword(statement, word, out) => break,
            _ => return unknown(word, &["type", "port", "nocsum", "csum", "remcsum"], out),
        }
    }
    let kind = match (kind, port) {
        ("ipip", None) => TunnelKind::Ipip,
        ("gre", None) => TunnelKind::Gre,
        ("gue", Some(port)) => TunnelKind::Gue { port },
        _ => {
            let place = all.first()?.span.through(all.last()?.span);
            let what = "a tunnel of type gue needs a port, others have none";
            out.push(Finding::new(place, what).help("TUN type gue port 6080"));
            return None;
        }
    };
    Some(Tunnel { kind, checksum })
}

fn tunnel_port(word: Option<&Word>, keyword: &Word, out: &mut Findings) -> Option<u16> {
    let Some(word) = word else {
        out.error(keyword.span, "port has no value");
        return None;
    };
    number(word, 1..=u16::MAX, out)
}

fn tunnel_kind(word: Option<&Word>, keyword: &Word, out: &mut Findings) -> Option<&'static str> {
    let known = ["ipip", "gue", "gre"];
    let Some(word) = word else {
        out.error(keyword.span, "type has no value");
        return None;
    };
    match known.into_iter().find(|known| **known == *word.text) {
        Some(kind) => Some(kind),
        None => unknown(word, &known, out),
    }
}

/// Says that a word is none of those that are known.
pub(super) fn unknown<T>(word: &Word, known: &[&str], out: &mut Findings) -> Option<T> {
    let what = format!("{} is not known here", Shown(&word.text));
    let near = nearest(&word.text, known.iter().copied());
    let fix = near.map(|near| Fix::replace(word.span, near));
    let finding = Finding::new(word.span, what).help(known.join(", "));
    out.push(finding.fix(fix));
    None
}
