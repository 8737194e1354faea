// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.vip`: with which virtual address a handshake is made, by the way of clients' packets to the server.

use std::net::IpAddr;

use super::kind::Place;
use super::target::TargetLayer;
use crate::config::address;
use crate::config::section::CHECK_VIP;
use crate::config::setting::{Setting, Subject, innermost};
use crate::config::tree::Node;
use crate::config::value::map;
use crate::diagnostic::{Findings, Wrong};
use crate::model::{AddressFamily, ForwardingMethod, ServiceKey, Tunnel, VipProbe};

/// The settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct VipLayer {
    /// Only its port: the packets go to the server's own address, or to its link-layer address.
    pub(super) target: TargetLayer,
    address: Setting<IpAddr>,
}

impl VipLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_VIP, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "address" => {
                    let address = address::read_bare(name, node, "write port: beside it", out);
                    layer.address = Setting::read(node, address);
                }
                _ if layer.target.take(entry, out) => {}
                _ => CHECK_VIP.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is asked, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        place: Place,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<VipProbe, Wrong> {
        let tunnel = tunnel(place, subject, out)?;
        let written = innermost(layers, |layer| &layer.address)?;
        let own = match subject.key {
            ServiceKey::Address { address, .. } => Some(address),
            ServiceKey::Fwmark { .. } => None,
        };
        let Some(address) = written.map(|found| *found.value).or(own) else {
            let message = "a vip check needs an address here: a fwmark service has none of its own";
            let help = "write check: {vip: {address: 192.0.2.10, port: 5672}}";
            out.push(subject.finding(place.written, message).help(help));
            return Err(Wrong);
        };
        let span = written.map_or(place.written, |found| found.span);
        let server = place.server.key.address;
        let [own, servers] = [address, server].map(AddressFamily::of);
        if own != servers {
            let message = format!(
                "a vip check of {address}, which is {own}, through {server}, which is {servers}"
            );
            let help =
                "a vip check needs a server of the virtual address's own family; leave it out here";
            out.push(subject.finding(span, message).help(help));
            return Err(Wrong);
        }
        if address == server {
            let message = format!("a vip check of {address} through {server}, the same address");
            let help = "write the virtual address, or a tcp check";
            out.push(subject.finding(span, message).help(help));
            return Err(Wrong);
        }
        Ok(VipProbe { address, tunnel })
    }
}

/// How the packets are wrapped; `None` under direct routing.
fn tunnel(place: Place, subject: &Subject, out: &mut Findings) -> Result<Option<Tunnel>, Wrong> {
    match place.server.forwarding? {
        ForwardingMethod::DirectRouting => Ok(None),
        ForwardingMethod::Tunneling(tunnel) => Ok(Some(tunnel)),
        // No file says one of the others.
        ForwardingMethod::Masquerading
        | ForwardingMethod::Local
        | ForwardingMethod::Bypass
        | ForwardingMethod::Other(_) => {
            let message = "no vip check under masquerading: no packet reaches the server with the virtual address";
            let help = "write another type of check: under forwarding: nat each takes the way of the clients";
            out.push(subject.finding(place.written, message).help(help));
            Err(Wrong)
        }
    }
}
