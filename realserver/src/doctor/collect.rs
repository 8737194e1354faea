// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the facts of this host.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use lvs_director::doctor::{Caretaker, Fact, Report, Unread, examine};
use lvs_director::model::{Config, ForwardingMethod, Host, Link, Protocol};
use lvs_director::system::Caretakers;

use super::checks::CHECKS;
use super::clamp::clamps;
use super::facts::{Facts, Served};
use super::listening::sockets;
use crate::failure::Failure;
use crate::host::{ThisHost, directed};
use crate::placement::Placement;
use crate::vips::{placement, read_config};

/// An address of a network for documentation (RFC 5737): the way there is the default route's.
const ANYWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

/// What the command line names.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Where VIPs belong.
    pub placements: BTreeSet<Placement>,
    /// TCP ports that clients use at them.
    pub ports: Vec<u16>,
    /// Whether a director masquerades to this host.
    pub masqueraded: bool,
    /// The director's address.
    pub director: Option<IpAddr>,
}

/// Looks at this host, for what was asked and for what the configuration says of this host.
pub fn look(asked: Asked, config: Option<&Path>) -> Result<Report, Failure> {
    let mut this = ThisHost::open()?;
    let host = this.observe()?;
    let Asked {
        mut placements,
        ports,
        mut masqueraded,
        director,
    } = asked;
    let at = |placement: &Placement, port: &u16| SocketAddr::new(placement.vip, *port);
    let named = placements
        .iter()
        .flat_map(|it| ports.iter().map(move |port| at(it, port)));
    let protocol = Protocol::Tcp;
    let mut served: BTreeSet<Served> = named.map(|at| Served { protocol, at }).collect();
    if let Some(file) = config {
        let of = of_this_host(&read_config(file)?, &host);
        placements.extend(of.placements);
        served.extend(of.served);
        masqueraded |= of.masqueraded;
        if placements.is_empty() && served.is_empty() {
            return Err(Failure::Usage(format!(
                "look at the real server: no real server of {} has an address of this host",
                file.display()
            )));
        }
    }
    let mut way = |to| this.next_hop(to).map_err(Unread::because);
    let facts = Facts {
        placements,
        served,
        masqueraded,
        director,
        to_director: director.map_or(Ok(None), &mut way),
        to_anywhere: way(ANYWHERE),
        directed: directed(),
        listening: listening(),
        clamps: clamped(),
        caretakers: caretakers(&host.links),
        host,
    };
    Ok(Report::of(examine(CHECKS, &facts)))
}

/// What a configuration says of one host.
#[derive(Default)]
struct OfHost {
    placements: BTreeSet<Placement>,
    served: BTreeSet<Served>,
    masqueraded: bool,
}

/// What the services of a configuration want of a host with these addresses.
fn of_this_host(config: &Config, host: &Host) -> OfHost {
    let is_own = |address: IpAddr| host.addresses.iter().any(|it| it.address == address);
    let mut of = OfHost::default();
    for (key, service) in &config.services {
        for (server, it) in service.servers.iter().filter(|(it, _)| is_own(it.address)) {
            let forwarding = it.real_server.forwarding;
            // What has no place says so in realserver status.
            of.placements
                .extend(placement(key, server, forwarding).ok().flatten());
            let protocol = key.protocol().unwrap_or(Protocol::Tcp);
            let at = match forwarding {
                ForwardingMethod::Masquerading => {
                    of.masqueraded = true;
                    Some(SocketAddr::new(server.address, server.port))
                }
                ForwardingMethod::DirectRouting | ForwardingMethod::Tunneling(_) => {
                    key.address().map(|vip| SocketAddr::new(vip, server.port))
                }
                ForwardingMethod::Local | ForwardingMethod::Bypass | ForwardingMethod::Other(_) => {
                    None
                }
            };
            let at =
                at.filter(|at| at.port() != 0 && matches!(protocol, Protocol::Tcp | Protocol::Udp));
            of.served.extend(at.map(|at| Served { protocol, at }));
        }
    }
    of
}

fn listening() -> Fact<BTreeSet<Served>> {
    let mut found = BTreeSet::new();
    for (name, protocol) in [
        ("tcp", Protocol::Tcp),
        ("tcp6", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("udp6", Protocol::Udp),
    ] {
        let path = format!("/proc/thread-self/net/{name}");
        match fs::read_to_string(&path) {
            Ok(text) => found.extend(sockets(&text, protocol)),
            // A kernel without IPv6 has no such list.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Unread(format!("read {path}: {error}"))),
        }
    }
    Ok(found)
}

/// Asks nft(8), or where that is not installed iptables-save(8): the kernel's rules have no other reader here. Without both
/// there are no rules that we could know of.
fn clamped() -> Fact<bool> {
    for (program, arguments) in [("nft", &["list", "ruleset"][..]), ("iptables-save", &[])] {
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        match output {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Unread(format!("run {program}: {error}"))),
            Ok(output) if output.status.success() => {
                return Ok(clamps(&String::from_utf8_lossy(&output.stdout)));
            }
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr);
                let why = why.lines().next().unwrap_or_default();
                return Err(Unread(format!(
                    "run {program}: {}: {why}; run as root",
                    output.status
                )));
            }
        }
    }
    Ok(false)
}

fn caretakers(links: &[Link]) -> Fact<Vec<Caretaker>> {
    let programs = Caretakers::read()
        .map_err(|error| Unread(format!("read the list of processes: {error}")))?;
    let mut found = Vec::new();
    for link in links {
        if let Some(it) = programs.networkd(link.index).map_err(Unread::because)? {
            found.push(Caretaker::Networkd {
                interface: link.name.clone(),
                file: it.file,
                keeps: it.keeps,
            });
        }
    }
    Ok(found)
}
