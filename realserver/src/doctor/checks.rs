// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of checks of a real server.

#![expect(
    clippy::unnecessary_wraps,
    reason = "every row of the table has this form"
)]

use std::collections::BTreeSet;
use std::net::IpAddr;

use lvs_director::doctor::{Check, Fact, Trouble, networkd_removes};

use super::facts::{Facts, Served};
use super::listening::meets;
use crate::parts::{
    Part, PartState, address_part, device_part, devices, misplaced_parts, setting_part, settings,
};
use crate::placement::Device;
use crate::setting::{Purpose, Setting};

/// What clients send on an Ethernet.
const USUAL_PACKET: u32 = 1500;

/// The checks. To add one, write its function, its row here, its section in `docs/troubleshooting.md`, and its fault in
/// the tests.
pub const CHECKS: &[Check<Facts>] = &[
    Check::new(
        "server-is-director",
        "whether this host is a director for the VIP",
        is_director,
    ),
    Check::new("server-tunnel", "devices for VIPs", tunnel),
    Check::new("server-vip", "VIPs on their devices", vip),
    Check::new("server-vip-elsewhere", "VIPs in other places", elsewhere),
    Check::new("server-arp", "arp_ignore and arp_announce", arp),
    Check::new("server-rp-filter", "reverse path filters", rp_filter),
    Check::new("server-listening", "programs that listen", listening),
    Check::new("server-mss", "the size of segments through tunnels", mss),
    Check::new("server-networkd", "systemd-networkd", networkd),
    Check::new(
        "server-route",
        "the ways to the director and to clients",
        route,
    ),
];

/// A part that is not as it should be.
fn trouble(part: Part, why: &str) -> Option<Trouble> {
    let Part {
        part,
        state,
        detail,
        mend,
    } = part;
    let missing = match state {
        PartState::Ok => return None,
        PartState::Missing => " is missing",
        PartState::Wrong => "",
    };
    let detail = detail.map_or_else(String::new, |detail| format!(" ({detail})"));
    let trouble = Trouble::error(format!("{part}{missing}{detail}"), why);
    Some(match mend {
        Some(mend) => trouble.mended_by(mend),
        None => trouble,
    })
}

fn troubles(parts: impl IntoIterator<Item = Part>, why: &str) -> Vec<Trouble> {
    let each = parts.into_iter();
    each.filter_map(|part| trouble(part, why)).collect()
}

fn vips(facts: &Facts) -> BTreeSet<IpAddr> {
    facts
        .placements
        .iter()
        .map(|placement| placement.vip)
        .collect()
}

/// Whether this host is a director for an address, which then has another place.
fn directs(facts: &Facts, vip: IpAddr) -> bool {
    facts.directed.contains(&vip) && !misplaced_parts(vip, &facts.host, &facts.directed).is_empty()
}

fn is_director(facts: &Facts) -> Fact<Vec<Trouble>> {
    let all = vips(facts).into_iter().filter(|vip| directs(facts, *vip));
    Ok(all
        .map(|vip| {
            Trouble::note(
                format!("this host is a director for {vip}"),
                "There the address is in its place, and realserver is not needed; the checks for it are left out.",
            )
        })
        .collect())
}

fn tunnel(facts: &Facts) -> Fact<Vec<Trouble>> {
    let parts = devices(&facts.placements).into_iter();
    let parts = parts.map(|device| device_part(device, &facts.host));
    Ok(troubles(
        parts,
        "The kernel accepts nothing for addresses of a device that is down, and unwraps nothing there.",
    ))
}

fn vip(facts: &Facts) -> Fact<Vec<Trouble>> {
    let placements = facts.placements.iter();
    let here = placements.filter(|it| !directs(facts, it.vip));
    let parts = here.map(|it| address_part(*it, &facts.host));
    Ok(troubles(
        parts,
        "Without the address this host drops the clients' packets, or sends them on.",
    ))
}

fn elsewhere(facts: &Facts) -> Fact<Vec<Trouble>> {
    let here = vips(facts).into_iter().filter(|vip| !directs(facts, *vip));
    let parts = here.flat_map(|vip| misplaced_parts(vip, &facts.host, &facts.directed));
    Ok(troubles(
        parts,
        "Clients that hear this host's answer send their packets here, past the director.",
    ))
}

/// The settings of these purposes that are wrong.
fn wrong(facts: &Facts, of: impl Fn(&Setting) -> bool, why: &str) -> Vec<Trouble> {
    let here = facts.placements.iter().filter(|it| !directs(facts, it.vip));
    let here: BTreeSet<_> = here.copied().collect();
    let settings = settings(&here, &facts.host).into_iter().filter(of);
    troubles(settings.map(|it| setting_part(&it, &facts.host)), why)
}

fn arp(facts: &Facts) -> Fact<Vec<Trouble>> {
    let of = |it: &Setting| match it.purpose {
        Purpose::Silence | Purpose::Discretion => true,
        Purpose::LooseEverywhere | Purpose::OpenTunnel => false,
    };
    let why = "This host answers ARP for the VIP, or names it in its own requests: some clients' packets then bypass the \
               director.";
    Ok(wrong(facts, of, why))
}

fn rp_filter(facts: &Facts) -> Fact<Vec<Trouble>> {
    let of = |it: &Setting| match it.purpose {
        Purpose::Silence | Purpose::Discretion => false,
        Purpose::LooseEverywhere | Purpose::OpenTunnel => true,
    };
    let why = "The route to the client is not through the tunnel, so a strict check drops every unwrapped packet.";
    Ok(wrong(facts, of, why))
}

fn listening(facts: &Facts) -> Fact<Vec<Trouble>> {
    if facts.served.is_empty() {
        return Ok(Vec::new());
    }
    let sockets = facts.listening.clone()?;
    let deaf = facts
        .served
        .iter()
        .filter(|it| !sockets.iter().any(|socket| meets(socket, it)));
    Ok(deaf.map(|it| not_listening(it, &sockets)).collect())
}

fn not_listening(wanted: &Served, sockets: &BTreeSet<Served>) -> Trouble {
    let Served { protocol, at } = wanted;
    let mut others = sockets
        .iter()
        .filter(|it| it.protocol == *protocol && it.at.port() == at.port());
    let other = others
        .next()
        .map_or_else(String::new, |other| format!(", only at {}", other.at));
    let trouble = Trouble::error(
        format!("no program listens at {protocol} {at}{other}"),
        "The packet arrives with this address as its destination, and the kernel refuses it.",
    );
    trouble.mended_by(format!(
        "ss -lntup sport = :{}    # then have that program listen on all addresses",
        at.port()
    ))
}

fn mss(facts: &Facts) -> Fact<Vec<Trouble>> {
    let tunneled = facts
        .placements
        .iter()
        .find(|it| it.device.tunnel().is_some());
    let Some(placement) = tunneled else {
        return Ok(Vec::new());
    };
    let way = match facts.to_director.clone()? {
        Some(way) => Some(way),
        None => facts.to_anywhere.clone()?,
    };
    let link = way.and_then(|way| facts.host.links.iter().find(|link| link.index == way.link));
    let (family, header, headers) = match placement.vip {
        IpAddr::V4(_) => ("ip", 20, 40),
        IpAddr::V6(_) => ("ip6", 40, 60),
    };
    let mtu = link.map_or(USUAL_PACKET, |link| link.mtu);
    let (vip, size) = (placement.vip, mtu.saturating_sub(header + headers));
    let by_route = facts.to_anywhere.clone()?.and_then(|way| way.segment);
    let asks = by_route.is_some_and(|segment| segment <= size);
    if mtu >= USUAL_PACKET + header || asks || facts.clamps.clone()? {
        return Ok(Vec::new());
    }
    let trouble = Trouble::warning(
        format!(
            "nothing asks the clients of {vip} for segments that fit the tunnel ({mtu} bytes less {header})"
        ),
        "Uploads hang as soon as a packet is full: with its second header it does not fit. Test it with a large upload; a \
         download cannot show it.",
    );
    Ok(vec![trouble.mended_by(format!(
        "nft 'add table {family} lvs; add chain {family} lvs clamp {{ type filter hook output priority mangle; }}; add rule {family} lvs \
         clamp {family} saddr {vip} tcp flags & syn == syn tcp option maxseg size set {size}'"
    ))])
}

fn networkd(facts: &Facts) -> Fact<Vec<Trouble>> {
    let devices: BTreeSet<_> = devices(&facts.placements)
        .into_iter()
        .map(Device::name)
        .collect();
    networkd_removes(
        &facts.caretakers.clone()?,
        |interface| Ok(devices.contains(interface)),
        "realserver",
        "When it starts anew, it removes the VIP.",
    )
}

fn route(facts: &Facts) -> Fact<Vec<Trouble>> {
    let Some(director) = facts.director else {
        return Ok(Vec::new());
    };
    if facts.to_director.clone()?.is_none() {
        let trouble = Trouble::error(
            format!("there is no route to the director {director}"),
            "Its checks get no answer, so it sends this server nothing.",
        );
        let near = facts
            .host
            .addresses
            .iter()
            .find(|it| it.is_on_link(director));
        return Ok(vec![match near.map(|it| facts.host.interface(it.index)) {
            Some(interface) => {
                trouble.mended_by(format!("ip route add {director} dev {interface}"))
            }
            None => trouble.mended_by(format!("ip route add {director} via GATEWAY")),
        }]);
    }
    let router = facts.to_anywhere.clone()?.and_then(|way| way.router);
    if !facts.masqueraded || router == Some(director) {
        return Ok(Vec::new());
    }
    let by = router.map_or_else(
        || "there is none".to_owned(),
        |router| format!("it leads through {router}"),
    );
    let trouble = Trouble::error(
        format!("the default route does not lead through the director {director}: {by}"),
        "Answers then reach the client from an address that it does not know, and it resets the connection.",
    );
    Ok(vec![trouble.mended_by(format!(
        "ip route replace default via {director}"
    ))])
}
