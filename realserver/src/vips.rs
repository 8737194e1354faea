// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which VIPs: from the command line, or from the director's configuration.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use lvs_director::config;
use lvs_director::model::{Config, ForwardingMethod, ServerKey, ServiceKey, Tunnel};
use lvs_director::system::read_limited;

use crate::failure::Failure;
use crate::placement::Placement;

/// Far above any real configuration.
const CONFIG_LIMIT: u64 = 16 * 1024 * 1024;

/// The VIPs with their devices, and notes for a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Where each VIP belongs.
    pub placements: BTreeSet<Placement>,
    /// Which VIPs were left out, and why.
    pub notes: Vec<String>,
}

/// A VIP as given to `--vip`.
pub fn parse_vip(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text
        .parse()
        .map_err(|_| "expected an address such as 192.0.2.10 or 2001:db8::10".to_owned())?;
    check(address).map(|()| address)
}

/// Whether an address can be a VIP.
fn check(address: IpAddr) -> Result<(), String> {
    let why = match address {
        _ if address.is_unspecified() => "the unspecified address",
        _ if address.is_loopback() => "a loopback address",
        _ if address.is_multicast() => "a multicast address",
        IpAddr::V4(v4) if v4.is_broadcast() => "the broadcast address",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            "an IPv4 address written as IPv6; write it as IPv4"
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => "a link-local address",
        IpAddr::V4(_) | IpAddr::V6(_) => return Ok(()),
    };
    Err(format!("a VIP cannot be {why}"))
}

/// The director's configuration file.
pub fn read_config(path: &Path) -> Result<Config, Failure> {
    let bytes =
        read_limited(path, CONFIG_LIMIT).map_err(|error| Failure::Usage(error.to_string()))?;
    config::parse(&path.display().to_string(), &bytes).map_err(Failure::Config)
}

/// The VIPs of the director's configuration file.
pub fn from_config(path: &Path) -> Result<Wanted, Failure> {
    let name = path.display().to_string();
    let wanted = of_config(&read_config(path)?);
    if wanted.placements.is_empty() {
        let mut notes = wanted.notes;
        notes.insert(0, String::new());
        let notes = notes.join("; ");
        return Err(Failure::Usage(format!(
            "read {name}: no virtual service needs a VIP on its real servers: direct routing (dr) and tunneling \
             (tun) need one, masquerading (nat) needs nothing here{notes}"
        )));
    }
    Ok(wanted)
}

/// The VIP of every service with real servers that use direct routing or a tunnel.
fn of_config(config: &Config) -> Wanted {
    let mut wanted = Wanted::default();
    for (key, service) in &config.services {
        for (server, configured) in service.servers.iter() {
            match placement(key, server, configured.real_server.forwarding) {
                Ok(placement) => wanted.placements.extend(placement),
                Err(note) if wanted.notes.contains(&note) => {}
                Err(note) => wanted.notes.push(note),
            }
        }
    }
    wanted
}

/// The device for a service's VIP on this real server; `None` when it needs none.
pub fn placement(
    key: &ServiceKey,
    server: &ServerKey,
    forwarding: ForwardingMethod,
) -> Result<Option<Placement>, String> {
    let tunneled = match forwarding {
        ForwardingMethod::DirectRouting => false,
        ForwardingMethod::Tunneling(Tunnel::IPIP) if key.family() == server.family() => true,
        ForwardingMethod::Tunneling(_) => {
            return Err(format!(
                "real server {server} of {key} uses a tunnel other than IP in IP of one address family: set up \
                 its device by hand"
            ));
        }
        ForwardingMethod::Masquerading
        | ForwardingMethod::Local
        | ForwardingMethod::Bypass
        | ForwardingMethod::Other(_) => return Ok(None),
    };
    let Some(vip) = key.address() else {
        return Err(format!(
            "{key} is known by a firewall mark, not by an address: name its VIPs with --vip"
        ));
    };
    check(vip).map_err(|why| format!("{key}: {why}"))?;
    Ok(Some(if tunneled {
        Placement::tunneled(vip)
    } else {
        Placement::direct(vip)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Wanted {
        of_config(&config::parse("director.yaml", text.as_bytes()).unwrap())
    }

    #[test]
    fn a_vip_goes_where_its_real_servers_look_for_it() {
        let wanted = wanted(
            "virtual_services:
  - {address: '192.0.2.10:80', forwarding: dr, servers: [10.0.0.1]}
  - {address: '192.0.2.10:81', forwarding: tun, servers: [10.0.0.1]}
  - {address: '[2001:db8::10]:80', forwarding: tun, servers: ['fd00::1']}
  - {address: '192.0.2.12:80', forwarding: nat, servers: [10.0.0.1]}
",
        );
        let expected = [
            Placement::direct("192.0.2.10".parse().unwrap()),
            Placement::tunneled("192.0.2.10".parse().unwrap()),
            Placement::tunneled("2001:db8::10".parse().unwrap()),
        ];
        assert_eq!(wanted.placements, expected.into());
        assert_eq!(wanted.notes, Vec::<String>::new());
    }

    #[test]
    fn what_is_left_out_is_said_once() {
        let wanted = wanted(
            "virtual_services:
  - {fwmark: 7, forwarding: dr, check: none, servers: [10.0.0.1, 10.0.0.2]}
  - {address: '192.0.2.10:81', forwarding: tun, servers: ['fd00::1']}
",
        );
        assert!(wanted.placements.is_empty());
        assert_eq!(wanted.notes.len(), 2, "{:?}", wanted.notes);
        assert!(
            wanted
                .notes
                .iter()
                .any(|note| note.starts_with("FWM 7 is known by"))
        );
    }

    #[test]
    fn not_every_address_can_be_a_vip() {
        for text in [
            "0.0.0.0",
            "127.0.0.2",
            "224.0.0.18",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::12",
            "fe80::1",
            "::ffff:192.0.2.1",
            "192.0.2.10/32",
            "example.org",
            "",
        ] {
            assert!(parse_vip(text).is_err(), "{text}");
        }
        assert!(parse_vip("192.0.2.10").is_ok());
        assert!(parse_vip("fd00::10").is_ok());
    }
}
