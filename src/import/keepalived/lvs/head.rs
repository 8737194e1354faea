// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands behind `virtual_server`: an address, a mark, or the name of a group.

use super::group::{Endpoint, Groups, Placed, address, mark};
use crate::diagnostic::{Finding, Findings, Fix};
use crate::import::keepalived::value::{number, too_many};
use crate::import::statement::Statement;

/// What clients connect to, and the name of the group that says so.
pub(super) fn endpoints(
    statement: &Statement,
    groups: &Groups,
    out: &mut Findings,
) -> (Vec<Placed>, Option<Box<str>>) {
    let span = statement.span();
    let words = &statement.words;
    let placed = |endpoint: Option<Endpoint>| {
        let endpoint = endpoint.map(|endpoint| Placed { endpoint, span });
        (endpoint.into_iter().collect(), None)
    };
    let Some(word) = words.first() else {
        out.push(
            Finding::new(span, "virtual_server without an address")
                .help("virtual_server 192.0.2.10 80 { .. }"),
        );
        return (Vec::new(), None);
    };
    too_many(statement, 2, out);
    match (&*word.text, words.get(1)) {
        ("group", Some(name)) => {
            let members = groups.members(name, out).to_vec();
            (members, Some(name.text.clone()))
        }
        ("group", None) => {
            out.error(span, "group without a name");
            (Vec::new(), None)
        }
        ("fwmark", _) => placed(mark(words.get(1..).unwrap_or_default(), span, out)),
        (text, None) if text.contains(':') && text.parse::<std::net::SocketAddrV4>().is_ok() => {
            let finding = Finding::new(word.span, "an address with a colon and a port");
            let text = text.replace(':', " ");
            out.push(
                finding
                    .help("a blank stands between them")
                    .fix(Fix::replace(word.span, text)),
            );
            (Vec::new(), None)
        }
        (_, port) => {
            let port = match port {
                Some(word) => number(word, 0..=u16::MAX, out),
                None => Some(0),
            };
            let address = address(word, out);
            placed(
                address
                    .zip(port)
                    .map(|(address, port)| Endpoint::Address(address, port)),
            )
        }
    }
}
