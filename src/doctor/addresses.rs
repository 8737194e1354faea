// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where virtual addresses are, and whose addresses the servers have.

use std::net::IpAddr;

use super::facts::{Facts, RouterState, router_of, servers, vips};
use super::finding::{Fact, Severity, Trouble};
use crate::model::{RealServer, ServerKey, ServiceKey, SysctlName};

fn single(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

/// Whether this host should have an address now: by the state of its virtual router, and always without one. `None` when
/// nobody knows it.
fn should_have(facts: &Facts, vip: IpAddr) -> Fact<Option<bool>> {
    let Some(router) = router_of(facts.config()?, vip) else {
        return Ok(Some(true));
    };
    let state = facts.running()?.and_then(|it| it.routers.get(router));
    Ok(state.map(|state| *state == RouterState::Master))
}

/// IPVS sees only packets that are for this host.
pub(super) fn missing(facts: &Facts) -> Fact<Vec<Trouble>> {
    let mut troubles = Vec::new();
    for (vip, service) in vips(facts.config()?) {
        let is_local = facts.way(vip)?.is_some_and(|hop| !hop.leaves);
        if is_local || should_have(facts, vip)? != Some(true) {
            continue;
        }
        let network = facts.network_of(vip)?.map(|(link, _)| link.name.clone());
        let device = match network {
            Some(name) => name,
            None => match facts.way(Facts::anywhere())? {
                Some(hop) => facts.interface(hop.link)?,
                None => "eth0".to_owned(),
            },
        };
        let deprecated = if vip.is_ipv4() {
            ""
        } else {
            " preferred_lft 0"
        };
        let trouble = Trouble::error(
            format!("{vip} of {service} is no address of this host"),
            "IPVS sees only packets that are for this host, so no client is served.",
        );
        troubles.push(trouble.mended_by(format!(
            "ip address add {} dev {device}{deprecated}",
            single(vip)
        )));
    }
    Ok(troubles)
}

/// A virtual address on `lo`, as a real server has it.
pub(super) fn on_lo(facts: &Facts) -> Fact<Vec<Trouble>> {
    let config = facts.config()?;
    let mut troubles = Vec::new();
    for (vip, _) in vips(config).into_iter().filter(|(vip, _)| vip.is_ipv4()) {
        let holders = facts.holders(vip)?;
        if holders.is_empty() || holders.iter().any(|link| link.name != "lo") {
            continue;
        }
        let Some((link, _)) = facts.network_of(vip)? else {
            continue;
        };
        let ignores = matches!(facts.greater(&link.name, "arp_ignore")?, 1 | 2 | 8);
        let announces = facts.greater(&link.name, "arp_announce")? == 2;
        let shared = router_of(config, vip).is_some();
        let setting = |key, value| format!("{}={value}", SysctlName::ipv4_conf(&link.name, key));
        if shared && !(ignores && announces) {
            let trouble = Trouble::error(
                format!(
                    "{vip} is on lo, and {} answers ARP for it (arp_ignore, arp_announce)",
                    link.name
                ),
                "This host draws the address's packets here while another director is master.",
            );
            troubles.push(trouble.mended_by(format!(
                "sysctl -w {} {}",
                setting("arp_ignore", 1),
                setting("arp_announce", 2)
            )));
        } else if !shared && ignores {
            let trouble = Trouble::error(
                format!(
                    "{vip} is only on lo, and arp_ignore keeps {} from answering ARP for it",
                    link.name
                ),
                "Nobody on the LAN finds the address, so no client reaches it.",
            );
            troubles.push(trouble.mended_by(format!(
                "ip address add {} dev {}",
                single(vip),
                link.name
            )));
        }
    }
    Ok(troubles)
}

/// Duplicate address detection found another host with the address.
pub(super) fn refused(facts: &Facts) -> Fact<Vec<Trouble>> {
    let vips = vips(facts.config()?);
    let mut troubles = Vec::new();
    for found in facts.addresses()?.iter().filter(|it| it.duplicate) {
        if !vips.contains_key(&found.address) {
            continue;
        }
        let (link, address) = (facts.interface(found.index)?, found.address);
        let trouble = Trouble::error(
            format!("{address} on {link} is not used: another host had it (dadfailed)"),
            "The kernel keeps an address to itself that duplicate address detection has found elsewhere.",
        );
        let (prefix, again) = (found.prefix, "nodad preferred_lft 0");
        troubles.push(trouble.mended_by(format!(
            "ip address delete {address}/{prefix} dev {link}; ip address add {address}/{prefix} dev {link} {again}"
        )));
    }
    Ok(troubles)
}

/// The real servers whose address is one of this host.
pub(super) fn own_servers(facts: &Facts) -> Fact<Vec<(&ServiceKey, &ServerKey, &RealServer)>> {
    let mut own = Vec::new();
    for (service, server, it) in servers(facts.config()?) {
        if !facts.holders(server.address)?.is_empty() {
            own.push((service, server, &it.real_server));
        }
    }
    Ok(own)
}

/// A real server that is also a director.
pub(super) fn own_server(facts: &Facts) -> Fact<Vec<Trouble>> {
    let config = facts.config()?;
    let alone =
        config.routers.is_empty() && config.peer.is_none() && config.connection_sync.is_none();
    let Some((service, server, _)) = own_servers(facts)?.into_iter().next() else {
        return Ok(Vec::new());
    };
    let severity = if alone {
        Severity::Note
    } else {
        Severity::Warning
    };
    Ok(vec![Trouble::new(
        severity,
        format!("the real server {server} of {service} is this host itself"),
        "A backup director that is a real server, too, schedules what the master has sent it once more; without backup_only \
         such packets can go round for ever.",
    )])
}
