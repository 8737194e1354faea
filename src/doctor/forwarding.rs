// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of the IP layer: what passes this host, and what it drops.

use super::facts::{Facts, masqueraded, servers, vips};
use super::finding::{Fact, Trouble};
use crate::model::{ForwardingMethod, SysctlName};

/// Answers of masqueraded servers are packets of others: the kernel must forward them.
pub(super) fn forward(facts: &Facts) -> Fact<Vec<Trouble>> {
    let mut troubles = Vec::new();
    for ipv6 in [false, true] {
        let Some((service, server)) = masqueraded(facts.config()?, ipv6) else {
            continue;
        };
        let name = Facts::forwarding(ipv6);
        if facts.setting(&name)? == Some(0) {
            let trouble = Trouble::error(
                format!("{name} is 0, and {service} masquerades (nat) to {server}"),
                "This host drops the answers of the servers, which must pass it on their way to the clients.",
            );
            troubles.push(trouble.mended_by(format!("sysctl -w {name}=1")));
        }
    }
    Ok(troubles)
}

/// With clients and servers on one LAN this host tells them the shorter way past it.
pub(super) fn redirects(facts: &Facts) -> Fact<Vec<Trouble>> {
    let config = facts.config()?;
    let setting = |interface: &str| SysctlName::ipv4_conf(interface, "send_redirects");
    for (service, server, it) in servers(config) {
        let masquerades = it.real_server.forwarding == ForwardingMethod::Masquerading;
        let Some(vip) = service.address().filter(|vip| masquerades && vip.is_ipv4()) else {
            continue;
        };
        let (Some((link, _)), Some((of_vip, _))) =
            (facts.network_of(server.address)?, facts.network_of(vip)?)
        else {
            continue;
        };
        if link.index != of_vip.index {
            continue;
        }
        let names = ["all", &link.name].map(setting);
        let mut on = Vec::new();
        for name in names {
            if facts.setting(&name)? == Some(1) {
                on.push(name);
            }
        }
        if !on.is_empty() {
            let commands: Vec<_> = on.iter().map(|name| format!("{name}=0")).collect();
            let trouble = Trouble::warning(
                format!(
                    "{} is 1, and the server {server} of {service} (nat) is on the clients' network",
                    on.first().map_or_else(String::new, ToString::to_string)
                ),
                "This host tells the server the direct way to the client; answers then bypass this host, and the client \
                 resets them.",
            );
            return Ok(vec![
                trouble.mended_by(format!("sysctl -w {}", commands.join(" "))),
            ]);
        }
    }
    Ok(Vec::new())
}

/// A strict filter drops packets of clients whose way back does not lead through the interface where they came in.
pub(super) fn rp_filter(facts: &Facts) -> Fact<Vec<Trouble>> {
    let Some(back) = facts.way(Facts::anywhere())? else {
        return Ok(Vec::new());
    };
    let mut troubles = Vec::new();
    for link in interfaces_of_clients(facts)? {
        let value = facts.greater(&link, "rp_filter")?;
        let by = facts.interface(back.link)?;
        if value == 1 && by != link {
            let name = SysctlName::ipv4_conf(&link, "rp_filter");
            let trouble = Trouble::warning(
                format!(
                    "rp_filter is strict (1) on {link}, which has virtual addresses, and the default route leaves by {by}"
                ),
                format!(
                    "The kernel drops packets of clients that come in by {link}, because answers would leave by {by}."
                ),
            );
            troubles.push(trouble.mended_by(format!("sysctl -w {name}=2")));
        }
    }
    Ok(troubles)
}

/// The interfaces where IPv4 virtual addresses are, or are to be.
fn interfaces_of_clients(facts: &Facts) -> Fact<std::collections::BTreeSet<String>> {
    let config = facts.config()?;
    let routers = config.routers.values();
    let ipv4 = routers.filter(|it| it.addresses.iter().any(|it| it.address.is_ipv4()));
    let mut interfaces: std::collections::BTreeSet<String> =
        ipv4.map(|it| it.interface.to_string()).collect();
    for vip in vips(config).into_keys().filter(std::net::IpAddr::is_ipv4) {
        let holders = facts.holders(vip)?;
        let outside = holders.into_iter().filter(|link| link.name != "lo");
        interfaces.extend(outside.map(|link| link.name.clone()));
    }
    Ok(interfaces)
}
