// SPDX-License-Identifier: MIT OR Apache-2.0
//! What other hosts say on the LAN.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::facts::{Facts, RouterState, Speaker, router_of};
use super::finding::{Fact, Trouble, Unread};
use crate::model::{ConfiguredRouter, Priority};

/// Whether this host is master of a virtual router; `None` when nobody says so.
fn is_master(facts: &Facts, router: &str) -> Fact<Option<bool>> {
    let state = facts.running()?.and_then(|it| it.routers.get(router));
    Ok(state.map(|state| *state == RouterState::Master))
}

/// How many others may answer for an address: a master elsewhere.
fn allowed(facts: &Facts, vip: IpAddr) -> Fact<usize> {
    let here = !facts.holders(vip)?.iter().all(|link| link.name == "lo");
    let master = match router_of(facts.config()?, vip) {
        Some(router) => is_master(facts, router)?.unwrap_or(here),
        None => here,
    };
    Ok(usize::from(!master))
}

/// Two hosts with one address.
pub(super) fn claims(facts: &Facts) -> Fact<Vec<Trouble>> {
    let (mut troubles, mut unread) = (Vec::new(), None::<Unread>);
    for (vip, claim) in &facts.claims {
        let claim = match claim {
            Ok(claim) => claim,
            Err(why) => {
                unread = Some(why.clone());
                continue;
            }
        };
        if claim.others.len() <= allowed(facts, *vip)? {
            continue;
        }
        let others: Vec<String> = claim.others.iter().map(ToString::to_string).collect();
        let trouble = Trouble::error(
            format!(
                "another host answers ARP for {vip} on {}: {}",
                claim.interface,
                others.join(", ")
            ),
            "Some clients send their packets there, and not to the director. Find the host by its hardware address; a real \
             server that answers needs:",
        );
        troubles.push(trouble.mended_by(format!("realserver start --vip {vip}    # on that host")));
    }
    match unread {
        Some(why) if troubles.is_empty() => Err(why),
        _ => Ok(troubles),
    }
}

/// Two virtual routers with one number, or two masters.
pub(super) fn speakers(facts: &Facts) -> Fact<Vec<Trouble>> {
    let (mut troubles, mut unread) = (Vec::new(), None::<Unread>);
    for (name, speakers) in &facts.speakers {
        let Some(router) = facts.config()?.routers.get(name) else {
            continue;
        };
        match speakers {
            Ok(speakers) => troubles.extend(of_router(facts, name, router, speakers)?),
            Err(why) => unread = Some(why.clone()),
        }
    }
    match unread {
        Some(why) if troubles.is_empty() => Err(why),
        _ => Ok(troubles),
    }
}

fn of_router(
    facts: &Facts,
    name: &str,
    router: &ConfiguredRouter,
    speakers: &[Speaker],
) -> Fact<Option<Trouble>> {
    let ours: BTreeSet<IpAddr> = router.addresses.iter().map(|it| it.address).collect();
    let (vrid, interface) = (router.vrid.get(), &router.interface);
    if let Some(other) = speakers.iter().find(|it| it.addresses != ours) {
        let theirs: Vec<String> = other.addresses.iter().map(ToString::to_string).collect();
        let mend = format!(
            "sed -i 's/vrid: {vrid}\\b/vrid: {}/' FILE && director reload --wait    # on both directors of the pair",
            free(vrid)
        );
        return Ok(Some(
            Trouble::error(
                format!("{} advertises VRID {vrid} on {interface} for other addresses: {}", other.source, theirs.join(", ")),
                format!("Virtual router {name} and that one take each other for one: neither is where it should be. Two pairs on one \
                 LAN need two numbers."),
            )
            .mended_by(mend),
        ));
    }
    let sources: BTreeSet<IpAddr> = speakers.iter().map(|it| it.source).collect();
    let masters = sources.len() + usize::from(is_master(facts, name)? == Some(true));
    // An owner of the addresses that comes back, or a change that is under way, is over after an advertisement.
    let leaves = speakers.iter().any(|it| it.priority == Priority::LEAVES.0);
    if masters < 2 || leaves {
        return Ok(None);
    }
    let sources: Vec<String> = sources.iter().map(ToString::to_string).collect();
    Ok(Some(Trouble::error(
        format!("{masters} hosts are master of VRID {vrid} on {interface} at once; beside this one: {}", sources.join(", ")),
        format!("Virtual router {name} is at two hosts: each does not hear the other, or drops what it says. Compare version, \
         authentication and addresses on both, and let protocol 112 pass their firewalls."),
    )
    .mended_by("nft insert rule inet filter input ip protocol 112 accept    # where a firewall drops it")))
}

/// Another number.
const fn free(vrid: u8) -> u8 {
    if vrid == u8::MAX { 1 } else { vrid + 1 }
}
