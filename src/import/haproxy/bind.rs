// SPDX-License-Identifier: MIT OR Apache-2.0
//! `bind`: the virtual addresses and ports of a proxy (section 5.1 of HAProxy's manual).

use std::net::IpAddr;

use super::aside::{Aside, Reason};
use super::proxy::Proxy;
use super::server::no_target;
use super::value::{self, Listening};
use crate::diagnostic::{Finding, Findings, Fix, Shown, Span};
use crate::import::statement::Word;

/// What a proxy listens on.
#[derive(Debug, Default)]
pub(super) struct Binds {
    pub(super) at: Vec<Bind>,
    /// Where TLS is ended.
    pub(super) tls: Option<Span>,
}

/// One address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) span: Span,
}

/// A proxy becomes at most so many virtual services.
const MOST: usize = 1_024;

/// Options of `bind`, how many words follow each, and why it is not carried over.
const OPTIONS: [(Option<Reason>, usize, &[&str]); 9] = [
    // Read here.
    (None, 0, &["ssl", "v4v6", "v6only"]),
    (Some(Reason::Proxy), 0, &["accept-proxy"]),
    (Some(Reason::Proxy), 1, &["accept-netscaler-cip"]),
    (
        Some(Reason::Tcp),
        0,
        &["defer-accept", "tfo", "transparent"],
    ),
    (
        Some(Reason::Tcp),
        1,
        &[
            "backlog",
            "cc",
            "interface",
            "mss",
            "namespace",
            "tcp-ut",
            "tcp-md5sig",
        ],
    ),
    (
        Some(Reason::Process),
        1,
        &[
            "expose-fd",
            "gid",
            "group",
            "guid-prefix",
            "id",
            "level",
            "mode",
            "name",
            "nice",
            "process",
            "severity-output",
            "shards",
            "thread",
            "uid",
            "user",
            "label",
            "idle-ping",
        ],
    ),
    (Some(Reason::Limit), 1, &["maxconn"]),
    (
        Some(Reason::Tls),
        0,
        &[
            "allow-0rtt",
            "force-sslv3",
            "force-tlsv10",
            "force-tlsv11",
            "force-tlsv12",
            "force-tlsv13",
            "generate-certificates",
            "no-alpn",
            "no-ca-names",
            "no-sslv3",
            "no-strict-sni",
            "no-tls-tickets",
            "no-tlsv10",
            "no-tlsv11",
            "no-tlsv12",
            "no-tlsv13",
            "prefer-client-ciphers",
            "quic-force-retry",
            "strict-sni",
            "tls-tickets",
        ],
    ),
    (
        Some(Reason::Tls),
        1,
        &[
            "alpn",
            "ca-file",
            "ca-ignore-err",
            "ca-sign-file",
            "ca-sign-pass",
            "ca-verify-file",
            "ciphers",
            "ciphersuites",
            "client-sigalgs",
            "crl-file",
            "crt",
            "crt-ignore-err",
            "crt-list",
            "curves",
            "default-crt",
            "ecdhe",
            "ktls",
            "npn",
            "proto",
            "quic-cc-algo",
            "quic-socket",
            "sigalgs",
            "ssl-max-ver",
            "ssl-min-ver",
            "tls-ticket-keys",
            "verify",
        ],
    ),
];

/// What the words behind the address say.
#[derive(Debug, Default)]
struct Options {
    tls: Option<Span>,
    only_v6: bool,
}

/// The addresses of a proxy; `vips` are those of services that listen on every address.
pub(super) fn read(
    proxy: &Proxy<'_>,
    vips: &[IpAddr],
    aside: &mut Aside,
    out: &mut Findings,
) -> Binds {
    let mut binds = Binds::default();
    let old = proxy
        .section
        .head
        .words
        .get(1)
        .filter(|word| &*word.text != "from");
    if let Some(word) = old {
        let finding = Finding::warning(
            word.span,
            "since HAProxy 1.5 the address stands behind bind",
        );
        out.push(finding.help(format!(
            "write bind {} in a line of its own",
            Shown(&word.text)
        )));
        addresses(word, &Options::default(), vips, &mut binds, out);
    }
    for statement in proxy.section.all_of("bind") {
        let Some((word, options)) = statement.words.split_first() else {
            let finding = Finding::new(statement.span(), "bind without an address");
            out.push(finding.help("write bind 192.0.2.10:80"));
            continue;
        };
        let options = read_options(options, proxy.within(), aside, out);
        binds.tls = binds.tls.or(options.tls);
        addresses(word, &options, vips, &mut binds, out);
    }
    binds
}

/// The addresses that a proxy names.
pub(super) fn named(proxy: &Proxy<'_>) -> Vec<IpAddr> {
    let words = proxy.section.all_of("bind").take(MOST);
    let words = words.filter_map(|it| it.words.first());
    let words = words.chain(proxy.section.head.words.get(1));
    let texts = words.flat_map(|word| word.text.split(',').take(MOST));
    let bound = texts.filter_map(|text| value::bound(text).ok());
    bound
        .filter_map(|bound| match bound.listening {
            Listening::At(address) => Some(address),
            Listening::EveryV4 | Listening::EveryV6 => None,
        })
        .collect()
}

fn read_options(words: &[Word], within: Span, aside: &mut Aside, out: &mut Findings) -> Options {
    let mut options = Options::default();
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        let known = OPTIONS.iter().find(|it| it.2.contains(&&*word.text));
        let Some((reason, count, _)) = known else {
            out.push(unknown(word, aside));
            return options;
        };
        match &*word.text {
            "ssl" => options.tls = Some(word.span),
            "v6only" => options.only_v6 = true,
            "v4v6" => options.only_v6 = false,
            name => {
                if let Some(reason) = reason {
                    aside.add(within, word.span, name, *reason);
                }
            }
        }
        rest = after.get(*count..).unwrap_or_default();
    }
    options
}

fn unknown(word: &Word, aside: &mut Aside) -> Finding {
    let message = format!("unknown keyword {} of bind", Shown(&word.text));
    let finding = Finding::new(word.span, message);
    let names = OPTIONS.iter().flat_map(|it| it.2.iter().copied());
    match aside.near(&word.text, names) {
        Some(near) => finding
            .help(format!("did you mean {near}?"))
            .fix(Fix::replace(word.span, near)),
        None => finding.help("HAProxy 2.6 does not know it; remove it"),
    }
}

fn addresses(
    word: &Word,
    options: &Options,
    vips: &[IpAddr],
    binds: &mut Binds,
    out: &mut Findings,
) {
    for text in word.text.split(',') {
        let bound = match value::bound(text) {
            Ok(bound) => bound,
            Err(value::NoAddress::OtherSocket) => {
                let message = format!("not carried over: {}", Shown(text));
                let finding = Finding::warning(word.span, message);
                out.push(finding.help("IPVS serves IPv4 and IPv6 addresses"));
                continue;
            }
            Err(cause) => {
                out.push(no_target(word, cause));
                continue;
            }
        };
        for address in virtual_addresses(bound.listening, options, vips, word, out) {
            for port in bound.ports.clone() {
                let known = |it: &Bind| it.address == address && it.port == port;
                // Two lines for both families may name an address twice.
                if binds.at.iter().any(known) {
                    continue;
                }
                if binds.at.len() >= MOST {
                    let message = format!("more than {MOST} addresses and ports");
                    let help = "for many ports write one service by fwmark, or with port 0 and persistence";
                    out.push(Finding::new(word.span, message).help(help));
                    return;
                }
                let span = word.span;
                binds.at.push(Bind {
                    address,
                    port,
                    span,
                });
            }
        }
    }
}

/// The virtual addresses that a `bind` stands for.
fn virtual_addresses(
    listening: Listening,
    options: &Options,
    vips: &[IpAddr],
    word: &Word,
    out: &mut Findings,
) -> Vec<IpAddr> {
    let wanted = |address: &IpAddr| match listening {
        Listening::At(_) => false,
        Listening::EveryV4 => address.is_ipv4(),
        Listening::EveryV6 => address.is_ipv6() || !options.only_v6,
    };
    if let Listening::At(address) = listening {
        if address.is_loopback() {
            let message = format!("{address} is this host alone");
            let finding = Finding::warning(word.span, message);
            out.push(finding.help("clients need a virtual address: write one in bind"));
        }
        if address.is_multicast() {
            out.error(word.span, format!("{address} is no virtual address"));
            return Vec::new();
        }
        return vec![address];
    }
    let mut found = Vec::new();
    for vip in vips.iter().filter(|vip| wanted(vip)) {
        if !found.contains(vip) {
            found.push(*vip);
        }
    }
    if found.is_empty() {
        let family = match listening {
            Listening::EveryV6 if options.only_v6 => "IPv6 ",
            Listening::EveryV6 => "",
            Listening::EveryV4 | Listening::At(_) => "IPv4 ",
        };
        let message = format!(
            "{} listens on every {family}address, and names no virtual address",
            Shown(&word.text)
        );
        let finding = Finding::new(word.span, message);
        out.push(finding.help("name the virtual address: --vip ADDRESS, or write it in bind"));
    }
    found
}
