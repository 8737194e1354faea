// SPDX-License-Identifier: MIT OR Apache-2.0
//! `web`: where the director shows its state to browsers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::check::file;
use super::section::{WEB, WEB_TLS};
use super::tree::{Entry, Node};
use super::value::{boolean, decimal, duration, map, one_or_more, text, text_that};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::{WebListener, WebPath, WebTls};

/// The most places.
const MOST: usize = 16;
const REFRESH: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
const ADDRESS: &str =
    "write 127.0.0.1:8100, 0.0.0.0:8100, \"[::]:8100\", or a port alone for this host only: 8100";

/// Reads the section: one place, or a list.
pub(super) fn read(entry: &Entry<'_>, out: &mut Findings) -> Result<Vec<WebListener>, Wrong> {
    let nodes = one_or_more("web", &entry.value, "listeners", MOST, out)?;
    let mut all: Vec<WebListener> = Vec::with_capacity(nodes.len());
    let mut wrong = false;
    for node in nodes {
        match listener(node, out) {
            Ok(it) if all.iter().any(|other| other.listen == it.listen) => {
                let message = format!("two listeners of web are at {}", it.listen);
                out.push(Finding::new(node.span, message).help("give one of them another port"));
                wrong = true;
            }
            Ok(it) => all.push(it),
            Err(Wrong) => wrong = true,
        }
    }
    if wrong { Err(Wrong) } else { Ok(all) }
}

fn listener(node: &Node<'_>, out: &mut Findings) -> Result<WebListener, Wrong> {
    let entries = map(&WEB, node, out)?;
    let mut it = WebListener {
        listen: WebListener::LISTEN,
        path: WebPath::default(),
        refresh: WebListener::REFRESH,
        users_file: None,
        actions: false,
        tls: None,
    };
    let mut wrong = false;
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        let read = match name {
            "listen" => listen(name, node, out).map(|at| it.listen = at),
            "path" => path(name, node, out).map(|path| it.path = path),
            "refresh" => duration(name, node, REFRESH, out).map(|time| it.refresh = time),
            "users_file" => file(name, node, out).map(|path| it.users_file = Some(path)),
            "actions" => boolean(name, node, out).map(|actions| it.actions = actions),
            "tls" => tls(node, out).map(|tls| it.tls = Some(tls)),
            _ => {
                WEB.unknown_key(entry, entries, out);
                Err(Wrong)
            }
        };
        wrong |= read.is_err();
    }
    if !wrong && it.actions && it.users_file.is_none() {
        let finding = Finding::new(node.span, "actions of web need a users_file");
        out.push(finding.help("without a login everybody who can connect could drain a server"));
        return Err(Wrong);
    }
    if wrong { Err(Wrong) } else { Ok(it) }
}

/// An address with a port, or a port at this host.
fn listen(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<SocketAddr, Wrong> {
    const WANTED: &str = "an address with a port";
    let text = text(name, node, WANTED, out)?;
    let here = decimal(text).and_then(|port| u16::try_from(port).ok());
    let here = here.map(|port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let at = here.or_else(|| text.parse().ok());
    at.filter(|at| at.port() != 0 && can_listen(at.ip()))
        .ok_or_else(|| {
            let message = format!("{name} must be {WANTED}, got {}", Shown(text));
            out.push(Finding::new(node.span, message).help(ADDRESS));
            Wrong
        })
}

fn can_listen(ip: IpAddr) -> bool {
    !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST) && !is_mapped(ip)
}

fn is_mapped(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip != Ipv6Addr::UNSPECIFIED && ip.to_ipv4_mapped().is_some())
}

fn path(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<WebPath, Wrong> {
    let text = text_that(
        |text| WebPath::new(text).is_some(),
        name,
        node,
        "the path of a page",
        "write /rabbitmq-stats: letters, digits and -._~ between slashes; /healthz, /readyz and /metrics are taken",
        out,
    )?;
    WebPath::new(&text).ok_or(Wrong)
}

fn tls(node: &Node<'_>, out: &mut Findings) -> Result<WebTls, Wrong> {
    let entries = map(&WEB_TLS, node, out)?;
    let (mut certificate, mut key): (Option<Box<Path>>, Option<Box<Path>>) = (None, None);
    let mut wrong = false;
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        let read = match name {
            "certificate" => file(name, node, out).map(|path| certificate = Some(path)),
            "key" => file(name, node, out).map(|path| key = Some(path)),
            _ => {
                WEB_TLS.unknown_key(entry, entries, out);
                Err(Wrong)
            }
        };
        wrong |= read.is_err();
    }
    if wrong {
        return Err(Wrong);
    }
    let (Some(certificate), Some(key)) = (certificate, key) else {
        let finding = Finding::new(node.span, "tls of web needs a certificate and a key");
        out.push(finding.help(
            "write tls: {certificate: /etc/lvs-director/web.pem, key: /etc/lvs-director/web.key}",
        ));
        return Err(Wrong);
    };
    Ok(WebTls { certificate, key })
}
