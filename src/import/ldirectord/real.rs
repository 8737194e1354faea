// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line of a real server: addresses, a forwarding method, a weight, and what only these servers are asked.

use std::net::IpAddr;

use super::endpoint::range;
use super::line::Directive;
use super::wanted::Said;
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::model::{
    ForwardingMethod, RealServer, ServerKey, ServiceKey, Thresholds, Tunnel, Weight,
};

/// `gate`, `masq` or `ipip`.
pub(super) fn method(word: &str, at: Span, out: &mut Findings) -> Option<ForwardingMethod> {
    match word {
        "gate" => Some(ForwardingMethod::DirectRouting),
        "masq" => Some(ForwardingMethod::Masquerading),
        "ipip" => Some(ForwardingMethod::Tunneling(Tunnel::IPIP)),
        other => {
            let message = format!("\"{}\" is no forwarding method", Shown(other));
            out.push(Finding::new(at, message).help("it is gate, masq or ipip"));
            None
        }
    }
}

/// The server with the port that the kernel uses.
pub(super) fn usable(
    key: ServerKey,
    forwarding: ForwardingMethod,
    service: &ServiceKey,
    at: Span,
    out: &mut Findings,
) -> ServerKey {
    let kept = match *service {
        ServiceKey::Address { port, .. } => port,
        ServiceKey::Fwmark { .. } => 0,
    };
    if !forwarding.keeps_port() || key.port == 0 || key.port == kept {
        return key;
    }
    let used = match *service {
        ServiceKey::Address { port, .. } => {
            format!("the kernel uses the port {port} of the virtual service")
        }
        ServiceKey::Fwmark { .. } => "packets keep their own port".to_owned(),
    };
    let message = format!("the port {} means nothing: {used}", key.port);
    let finding = Finding::warning(at, message);
    out.push(finding.help("gate and ipip cannot change the port; masq can"));
    ServerKey::new(key.address, 0)
}

/// A line of a real server: its addresses, and what all of them have.
pub(super) struct Real {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) port: u16,
    pub(super) settings: RealServer,
    pub(super) request: Option<Said>,
    pub(super) receive: Option<Said>,
}

impl Real {
    pub(super) fn read(directive: &Directive, out: &mut Findings) -> Option<Self> {
        let at = directive.at;
        let (plain, quoted) = match directive.value.split_once('"') {
            Some((plain, _)) => (plain, directive.value.get(plain.len()..)),
            None => (directive.value.as_str(), None),
        };
        let mut words = plain.split_whitespace();
        let (addresses, port) = range(words.next().unwrap_or_default(), at, out)?;
        let Some(word) = words.next() else {
            let finding = Finding::new(at, "a real server needs its forwarding method");
            out.push(finding.help("write gate, masq or ipip behind the address"));
            return None;
        };
        let forwarding = method(word, at, out)?;
        let mut words = words.peekable();
        let weight = match words.next_if(|word| !is_threshold(word)) {
            None => Weight::ONE,
            Some(word) => weight(word, at, out)?,
        };
        let (pair, rest) = match quoted {
            Some(text) => pair(text, at, out).unzip(),
            None => (None, None),
        };
        let behind = rest.unwrap_or_default().split_whitespace();
        let thresholds = thresholds(words.chain(behind), at, out);
        let (request, receive) = pair.unzip();
        Some(Self {
            addresses,
            port: port.unwrap_or(0),
            settings: RealServer {
                thresholds,
                ..RealServer::new(forwarding, weight)
            },
            request,
            receive,
        })
    }
}

fn weight(word: &str, at: Span, out: &mut Findings) -> Option<Weight> {
    let weight = word.parse().ok().and_then(Weight::new);
    if weight.is_none() {
        let message = format!("\"{}\" is no weight", Shown(word));
        out.push(Finding::new(at, message).help("write a number, or quote what is requested"));
    }
    weight
}

fn is_threshold(word: &str) -> bool {
    word.starts_with("l:") || word.starts_with("u:")
}

/// `l:LOWER u:UPPER`, in this order.
fn thresholds<'w>(
    words: impl Iterator<Item = &'w str>,
    at: Span,
    out: &mut Findings,
) -> Thresholds {
    let mut thresholds = Thresholds::NONE;
    let mut before = None;
    for word in words {
        let number = |text: &str| text.parse().ok();
        let read = match word.split_once(':') {
            Some(("l", text)) if before.is_none() => number(text).map(|it| thresholds.lower = it),
            Some(("u", text)) if before != Some("u") => {
                number(text).map(|it| thresholds.upper = it)
            }
            _ => None,
        };
        if read.is_none() {
            let finding = Finding::new(at, format!("what does \"{}\" mean?", Shown(word)));
            out.push(
                finding
                    .help("behind all else stand l:LOWER and u:UPPER, thresholds of connections"),
            );
        }
        before = word.get(..1);
    }
    thresholds
}

/// `"REQUEST", "RECEIVE"`, and what follows.
fn pair<'t>(text: &'t str, at: Span, out: &mut Findings) -> Option<((Said, Said), &'t str)> {
    let mut parts = text.splitn(5, '"');
    let mut next = || parts.next();
    let (Some(""), Some(request), Some(between), Some(receive), Some(rest)) =
        (next(), next(), next(), next(), next())
    else {
        let finding = Finding::new(at, "a real server has two texts in quotes, or none");
        out.push(finding.help("write \"REQUEST\", \"RECEIVE\""));
        return None;
    };
    if !matches!(between.trim(), "," | "") {
        out.error(at, "only a comma stands between the two texts");
    }
    let said = |text: &str| Said {
        text: text.to_owned(),
        at,
    };
    Some(((said(request), said(receive)), rest))
}
