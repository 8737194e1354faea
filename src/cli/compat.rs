// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies the mistakes in ipvsadm 1.31's listings, for `--compat` or a link named `ipvsadm`.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::listing::{ListedService, Listing};
use crate::model::{AddressFamily, Counters, Fwmark, ServerKey, ServiceKey, ServiceSettings};

/// Cuts servers' counters to 32 bits. For a sorted listing it sorts the kernel's order as ipvsadm does.
pub(super) fn distort(listing: &mut Listing, sorted: bool) {
    for ListedService { servers, .. } in &mut listing.services {
        for server in servers {
            cut(&mut server.counters);
        }
    }
    if sorted {
        sort(&mut listing.services, &|one, other| {
            compare_services(&one.service.key, &other.service.key)
        });
        for listed in &mut listing.services {
            sort(&mut listed.servers, &|one, other| {
                compare_servers(one.key, other.key)
            });
        }
    }
}

/// A mark as `%d` prints it.
pub(super) const fn mark(mark: Fwmark) -> i32 {
    mark.get().cast_signed()
}

/// The names of a scheduler's flags. ipvsadm does not know the third flag of `sh` and `mh`.
pub(super) fn flag_names(settings: &ServiceSettings) -> String {
    let names = settings.scheduler_flags.display(&settings.scheduler);
    let hashing = matches!(settings.scheduler.name(), "sh" | "mh");
    let known = names
        .split(',')
        .filter(|name| !(hashing && *name == "flag-3"));
    known.collect::<Vec<_>>().join(",")
}

fn cut(counters: &mut Counters) {
    for number in [
        &mut counters.connections,
        &mut counters.in_packets,
        &mut counters.out_packets,
        &mut counters.in_bytes,
        &mut counters.out_bytes,
        &mut counters.connection_rate,
        &mut counters.in_packet_rate,
        &mut counters.out_packet_rate,
        &mut counters.in_byte_rate,
        &mut counters.out_byte_rate,
    ] {
        *number &= u64::from(u32::MAX);
    }
}

/// The C library's merge sort. ipvsadm's comparison is not a consistent order, so only the same sequence of comparisons
/// gives the same result.
fn sort<T: Clone>(all: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    if all.len() < 2 {
        return;
    }
    let (left, right) = all.split_at_mut(all.len() / 2);
    sort(left, compare);
    sort(right, compare);
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let next = if compare(one, other) == Ordering::Greater {
            right.next()
        } else {
            left.next()
        };
        merged.extend(next.cloned());
    }
    merged.extend(left.chain(right).cloned());
    for (place, item) in all.iter_mut().zip(merged) {
        *place = item;
    }
}

/// `ipvs_cmp_services`.
fn compare_services(one: &ServiceKey, other: &ServiceKey) -> Ordering {
    let mark = |key: &ServiceKey| match key {
        ServiceKey::Address { .. } => 0,
        ServiceKey::Fwmark { mark, .. } => mark.get(),
    };
    let protocol = |key: &ServiceKey| match key {
        ServiceKey::Address { protocol, .. } => protocol.number(),
        ServiceKey::Fwmark { .. } => 0,
    };
    difference(mark(one), mark(other))
        .then_with(|| one.family().cmp(&other.family()))
        .then_with(|| protocol(one).cmp(&protocol(other)))
        .then_with(|| compare_addresses(one.family(), words(one.address()), words(other.address())))
        .then_with(|| one.port().cmp(&other.port()))
}

/// `ipvs_cmp_dests`: the first server's family decides how much of both addresses it compares.
fn compare_servers(one: ServerKey, other: ServerKey) -> Ordering {
    let family = AddressFamily::of(one.address);
    compare_addresses(family, words(Some(one.address)), words(Some(other.address)))
        .then_with(|| one.port.cmp(&other.port))
}

fn compare_addresses(family: AddressFamily, one: [u32; 4], other: [u32; 4]) -> Ordering {
    let count = match family {
        AddressFamily::Ipv4 => 1,
        AddressFamily::Ipv6 => 4,
    };
    let words = one.into_iter().zip(other).take(count);
    words.fold(Ordering::Equal, |order, (one, other)| {
        order.then_with(|| difference(one, other))
    })
}

/// The sign of a subtraction in 32 bits.
fn difference(one: u32, other: u32) -> Ordering {
    one.wrapping_sub(other).cast_signed().cmp(&0)
}

/// `union nf_inet_addr`: an IPv4 address is its first word.
fn words(address: Option<IpAddr>) -> [u32; 4] {
    match address {
        None => [0; 4],
        Some(IpAddr::V4(address)) => [address.to_bits(), 0, 0, 0],
        Some(IpAddr::V6(address)) => {
            let bits = address.to_bits();
            [96, 64, 32, 0].map(|shift| {
                u32::try_from((bits >> shift) & u128::from(u32::MAX)).unwrap_or_default()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Scheduler, SchedulerFlags};

    #[test]
    fn addresses_far_apart_are_in_the_wrong_order() {
        let servers = ["192.0.2.7:80", "10.1.2.12:80", "10.1.1.11:80"];
        let mut servers = servers.map(|at| {
            let at: std::net::SocketAddr = at.parse().unwrap();
            ServerKey::from(at)
        });
        sort(&mut servers, &|one, other| compare_servers(*one, *other));
        let shown = servers.map(|server| server.to_string());
        assert_eq!(shown, ["192.0.2.7:80", "10.1.1.11:80", "10.1.2.12:80"]);
    }

    #[test]
    fn a_sort_with_an_order_is_a_sort() {
        let mut random = fastrand::Rng::with_seed(1);
        for count in 0..100 {
            let mut numbers: Vec<u8> = (0..count).map(|_| random.u8(..)).collect();
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort(&mut numbers, &Ord::cmp);
            assert_eq!(numbers, expected);
        }
    }

    #[test]
    fn the_third_flag_has_no_name_with_sh_and_mh() {
        let names = |scheduler, bits| {
            flag_names(&ServiceSettings {
                scheduler_flags: SchedulerFlags::from_bits(bits),
                ..ServiceSettings::new(Scheduler::new(scheduler).unwrap())
            })
        };
        assert_eq!(names("sh", 0b111), "sh-fallback,sh-port");
        assert_eq!(names("mh", 0b100), "");
        assert_eq!(names("rr", 0b100), "flag-3");
    }

    #[test]
    fn numbers_wrap_as_in_c() {
        assert_eq!(mark(Fwmark::new(u32::MAX).unwrap()), -1);
        let mut counters = Counters {
            in_bytes: (7 << 32) + 5,
            ..Counters::default()
        };
        cut(&mut counters);
        assert_eq!(counters.in_bytes, 5);
    }
}
