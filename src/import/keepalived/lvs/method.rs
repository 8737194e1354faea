// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvs_method`: how packets get to servers.

use crate::diagnostic::{Finding, Findings, Fix, Shown, nearest};
use crate::import::document::{Entry, Value};
use crate::import::keepalived::value::{first, number, too_many};
use crate::import::statement::{Statement, Word};

/// A forwarding method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Method {
    kind: Kind,
    tunnel: Option<Tunnel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nat,
    Dr,
    Tun,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tunnel {
    kind: &'static str,
    port: Option<u16>,
    checksum: Option<&'static str>,
}

impl Method {
    /// What keepalived takes when none is written.
    pub(super) const NAT: Self = Self {
        kind: Kind::Nat,
        tunnel: None,
    };

    /// Reads `NAT`, `DR`, or `TUN` with what follows.
    pub(super) fn read(statement: &Statement, out: &mut Findings) -> Option<Self> {
        let word = first(statement, out)?;
        let kind = match &*word.text {
            "NAT" => Kind::Nat,
            "DR" => Kind::Dr,
            "TUN" => {
                let tunnel = Tunnel::read(statement.words.get(1..)?, out)?;
                return Some(Self {
                    kind: Kind::Tun,
                    tunnel: Some(tunnel).filter(|it| !it.is_usual()),
                });
            }
            _ => return unknown(word, &["NAT", "DR", "TUN"], out),
        };
        too_many(statement, 1, out);
        Some(Self { kind, tunnel: None })
    }

    /// Whether a server's port must be the service's, because packets stay as they are.
    pub(super) fn keeps_ports(&self) -> bool {
        self.kind != Kind::Nat
    }

    /// Whether a server may be of another address family than its service.
    pub(super) fn tunnels(&self) -> bool {
        self.kind == Kind::Tun
    }

    /// Our keys.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let word = match self.kind {
            Kind::Nat => "nat",
            Kind::Dr => "dr",
            Kind::Tun => "tun",
        };
        let forwarding = Entry::new("forwarding", Value::word(word));
        let tunnel = self.tunnel.as_ref().map(Tunnel::entry);
        [forwarding].into_iter().chain(tunnel).collect()
    }
}

impl Tunnel {
    /// `type ipip|gue port N|gre`, `nocsum|csum|remcsum`.
    fn read(all: &[Word], out: &mut Findings) -> Option<Self> {
        let mut words = all.iter();
        let mut tunnel = Self {
            kind: "ipip",
            port: None,
            checksum: None,
        };
        while let Some(word) = words.next() {
            match &*word.text {
                "type" => tunnel.kind = tunnel_kind(words.next(), word, out)?,
                "port" => tunnel.port = Some(number(words.next()?, 1..=u16::MAX, out)?),
                "nocsum" => tunnel.checksum = None,
                "csum" => tunnel.checksum = Some("full"),
                "remcsum" => tunnel.checksum = Some("remote"),
                _ => {
                    let known = ["type", "port", "nocsum", "csum", "remcsum"];
                    return unknown(word, &known, out);
                }
            }
        }
        if (tunnel.kind == "gue") != tunnel.port.is_some() {
            let place = all.first()?.span.through(all.last()?.span);
            let what = "a tunnel of type gue needs a port, others have none";
            out.push(Finding::new(place, what).help("TUN type gue port 6080"));
            return None;
        }
        Some(tunnel)
    }

    /// Whether it is what our configuration takes when none is written.
    fn is_usual(&self) -> bool {
        self.kind == "ipip" && self.checksum.is_none()
    }

    fn entry(&self) -> Entry {
        let mut map = vec![Entry::new("type", Value::word(self.kind))];
        map.extend(self.port.map(|port| Entry::new("port", Value::word(port))));
        let checksum = self.checksum;
        map.extend(checksum.map(|checksum| Entry::new("checksum", Value::word(checksum))));
        Entry::new("tunnel", Value::Map(map))
    }
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
