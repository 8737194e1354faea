// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ways to real servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::facts::{Facts, servers, vips};
use super::finding::{Fact, Trouble};
use crate::model::{
    ForwardingMethod, InterfaceAddress, NextHop, ServerKey, ServiceKey, Tunnel, TunnelKind,
};

/// What clients send on an Ethernet.
const USUAL_PACKET: u32 = 1500;

fn single(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

/// The first address of a network.
fn network(of: &InterfaceAddress) -> IpAddr {
    let prefix = u32::from(of.prefix);
    match of.address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// The way to a server.
fn hop(facts: &Facts, server: &ServerKey) -> Fact<Option<NextHop>> {
    facts.way(server.address)
}

/// The kernel cannot send anything there. Servers that one command helps are one finding.
pub(super) fn no_route(facts: &Facts) -> Fact<Vec<Trouble>> {
    let mut seen = BTreeSet::new();
    let mut lost: BTreeMap<String, (IpAddr, &ServiceKey, usize)> = BTreeMap::new();
    for (service, server, _) in servers(facts.config()?) {
        let address = server.address;
        if !seen.insert(address) || hop(facts, server)?.is_some() {
            continue;
        }
        let first = lost.entry(way_back(facts, address)?);
        first.or_insert((address, service, 0)).2 += 1;
    }
    let trouble = |(mend, (address, service, count)): (String, (IpAddr, &ServiceKey, usize))| {
        let more = match count - 1 {
            0 => String::new(),
            more => format!(", nor to {more} more"),
        };
        let trouble = Trouble::error(
            format!("there is no route to the real server {address} of {service}{more}"),
            "The kernel drops what is scheduled there, and checks cannot run.",
        );
        trouble.mended_by(mend)
    };
    Ok(lost.into_iter().map(trouble).collect())
}

/// The command that brings a route back.
fn way_back(facts: &Facts, address: IpAddr) -> Fact<String> {
    Ok(match facts.network_of(address)? {
        Some((link, _)) if !link.up => format!("ip link set {} up", link.name),
        Some((link, own)) => format!(
            "ip route add {}/{} dev {} src {}",
            network(own),
            own.prefix,
            link.name,
            own.address
        ),
        None => format!("ip route add {} via GATEWAY", single(address)),
    })
}

/// Direct routing reaches only hosts on the link.
pub(super) fn dr_gateway(facts: &Facts) -> Fact<Vec<Trouble>> {
    let (mut seen, mut troubles) = (BTreeSet::new(), Vec::new());
    for (service, server, it) in servers(facts.config()?) {
        let direct = it.real_server.forwarding == ForwardingMethod::DirectRouting;
        let (address, way) = (server.address, hop(facts, server)?);
        let Some(router) = way.and_then(|hop| hop.router).filter(|_| direct) else {
            continue;
        };
        if !seen.insert(address) {
            continue;
        }
        let trouble = Trouble::error(
            format!(
                "the real server {server} of {service} (dr) is reached through the router {router}"
            ),
            "Direct routing keeps the virtual address as the destination, so the router sends the packet back here; only a \
             server on the same link can be reached by it.",
        );
        troubles.push(match facts.network_of(address)? {
            Some((link, _)) => {
                let route = format!("ip route replace {} dev {}", single(address), link.name);
                trouble.mended_by(route)
            }
            None => trouble.mended_by(
                "director reload --wait    # after forwarding: tun in the configuration",
            ),
        });
    }
    Ok(troubles)
}

/// A source address that the servers have themselves.
pub(super) fn source(facts: &Facts) -> Fact<Vec<Trouble>> {
    let vips = vips(facts.config()?);
    let (mut seen, mut troubles) = (BTreeSet::new(), Vec::new());
    for (service, server, it) in servers(facts.config()?) {
        let way = hop(facts, server)?.filter(|hop| hop.leaves);
        let Some(source) = way
            .and_then(|hop| hop.source)
            .filter(|it| vips.contains_key(it))
        else {
            continue;
        };
        let hidden = matches!(
            it.real_server.forwarding,
            ForwardingMethod::DirectRouting | ForwardingMethod::Tunneling(_)
        );
        if !hidden || !seen.insert(source) {
            continue;
        }
        let trouble = Trouble::error(
            format!(
                "packets to the real server {server} of {service} leave with the virtual address {source}"
            ),
            "The server has that address itself and drops such packets: tunneled ones, and checks.",
        );
        let link = way.map_or(Ok(String::new()), |hop| facts.interface(hop.link))?;
        let own = facts
            .addresses()?
            .iter()
            .find(|it| !vips.contains_key(&it.address) && it.is_on_link(server.address));
        troubles.push(match (source, own) {
            (IpAddr::V6(_), _) => trouble.mended_by(format!(
                "ip address change {} dev {link} preferred_lft 0",
                single(source)
            )),
            (IpAddr::V4(_), Some(own)) => trouble.mended_by(format!(
                "ip route replace {} dev {link} src {}",
                single(server.address),
                own.address
            )),
            (IpAddr::V4(_), None) => trouble.mended_by(format!(
                "ip route replace {} dev {link} src ADDRESS",
                single(server.address)
            )),
        });
    }
    Ok(troubles)
}

/// How many bytes a tunnel adds to a packet.
fn header(tunnel: Tunnel, outer: IpAddr) -> u32 {
    let ip = if outer.is_ipv4() { 20 } else { 40 };
    ip + match tunnel.kind {
        TunnelKind::Ipip | TunnelKind::Other(_) => 0,
        // UDP, and GUE's own header.
        TunnelKind::Gue { .. } => 8 + 4,
        TunnelKind::Gre => 4,
    }
}

/// Packets of full size do not fit.
pub(super) fn tunnel_mtu(facts: &Facts) -> Fact<Vec<Trouble>> {
    let (mut seen, mut troubles) = (BTreeSet::new(), Vec::new());
    for (service, server, it) in servers(facts.config()?) {
        let ForwardingMethod::Tunneling(tunnel) = it.real_server.forwarding else {
            continue;
        };
        let Some(hop) = hop(facts, server)?.filter(|hop| hop.leaves) else {
            continue;
        };
        let Some(link) = facts.link(hop.link)? else {
            continue;
        };
        let mtu = hop.mtu.filter(|mtu| *mtu > 0).unwrap_or(link.mtu);
        let header = header(tunnel, server.address);
        let needed = USUAL_PACKET + header;
        if mtu >= needed || mtu == 0 || !seen.insert(link.index) {
            continue;
        }
        let name = &link.name;
        let trouble = Trouble::note(
            format!(
                "the way to {server} of {service} (tun) lets packets of {mtu} bytes through; tunneled ones have up to {needed}"
            ),
            format!(
                "Large uploads hang unless each server asks its clients for smaller segments, as realserver doctor says there: nft \
                 add rule ... tcp flags syn tcp option maxseg size set {}. Test it with a large upload; a download cannot show it.",
                mtu.saturating_sub(
                    header
                        + if service.family() == crate::model::AddressFamily::Ipv4 {
                            40
                        } else {
                            60
                        }
                )
            ),
        );
        troubles.push(trouble.mended_by(format!(
            "ip link set dev {name} mtu {needed}    # where the whole LAN can"
        )));
    }
    Ok(troubles)
}
