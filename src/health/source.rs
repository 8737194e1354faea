// SPDX-License-Identifier: MIT OR Apache-2.0
//! The source address of a probe. It must not be the address of a virtual service: the real servers have that address
//! themselves, so no answer would come back.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::{AddressLifetime, AddressScope, InterfaceAddress, Seconds, Way};

/// Where a probe leaves from that the kernel would send from a virtual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Another address of the same interface.
    From(IpAddr),
    /// The interface has none but this virtual address.
    Missing(IpAddr),
}

/// The addresses of virtual services that the kernel may choose as a source here.
///
/// Of IPv4 addresses it chooses the first of the target's network, or else the first of the interface. An IPv6 address it
/// may choose unless it is deprecated.
pub(super) fn risky(vips: &BTreeSet<IpAddr>, addresses: &[InterfaceAddress]) -> BTreeSet<IpAddr> {
    let mut risky = BTreeSet::new();
    let mut met = BTreeSet::new();
    for it in addresses {
        let global = it.scope == AddressScope::Global;
        let is_first = global && met.insert((it.index, it.address.is_ipv4()));
        let alone = it.address.is_ipv4() && it.prefix == 32;
        if vips.contains(&it.address) && !is_deprecated(it.lifetime) && (is_first || !alone) {
            risky.insert(it.address);
        }
    }
    risky
}

/// Chooses the source of a probe to `target` that goes this way; `None` where the kernel chooses well.
pub(super) fn choose(
    target: IpAddr,
    way: Way,
    vips: &BTreeSet<IpAddr>,
    addresses: &[InterfaceAddress],
) -> Option<Source> {
    let Way::Out {
        link,
        source: Some(vip),
    } = way
    else {
        return None;
    };
    if !vips.contains(&vip) {
        return None;
    }
    let scope = addresses.iter().find(|it| it.address == vip);
    let scope = scope.map_or(AddressScope::Global, |it| it.scope);
    let usable = |it: &&InterfaceAddress| {
        it.index == link
            && it.scope == scope
            && it.address.is_ipv4() == target.is_ipv4()
            && !vips.contains(&it.address)
            && !is_deprecated(it.lifetime)
            && !it.tentative
            && !it.duplicate
    };
    let usable: Vec<&InterfaceAddress> = addresses.iter().filter(usable).collect();
    let near = usable.iter().find(|it| it.is_on_link(target));
    let chosen = near.or_else(|| usable.first());
    Some(chosen.map_or(Source::Missing(vip), |it| Source::From(it.address)))
}

fn is_deprecated(lifetime: AddressLifetime) -> bool {
    lifetime.preferred == Some(Seconds(0))
}
