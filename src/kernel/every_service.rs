// SPDX-License-Identifier: MIT OR Apache-2.0
//! A listing of services that misses none, whatever happens to the kernel's table meanwhile.
//!
//! The kernel sends a long listing in several parts. It begins each part after as many services as it has passed before.
//! What changes that number between two parts hides services or shows them twice, and no flag tells
//! (`ip_vs_genl_dump_services` in `net/netfilter/ipvs/ip_vs_ctl.c`):
//!
//! - Linux 7.1 and later move all services to a larger table a moment after many were made: some are there twice, and
//!   as many others not at all.
//! - Older kernels have one table for all network namespaces, and count the services of the others. When those leave,
//!   some of ours are not listed; when more come, some are listed twice.
//!
//! So a long listing counts when the next one has the same services.

use std::collections::HashSet;

use crate::codec::ipvs::ServiceEntry;
use crate::model::ServiceKey;

/// So many services always come in one part: the kernel's smallest one has 3,776 bytes, and a service has at most 360.
const IN_ONE_PART: usize = 8;
/// A table that changes once keeps still after this many listings.
const FEW: usize = 4;
/// The most listings of a table that never keeps still.
const MOST: usize = 20;

/// Lists until two listings in a row have the same services, each of them once. If another program changes the table all
/// the time, that may never happen. Then it lists until it has seen as many services as a listing is long, and asks by
/// name for those that are not in the last listing: they are missing there, or gone by now.
pub(super) fn every_service<K, E>(
    kernel: &mut K,
    list: impl Fn(&mut K) -> Result<Vec<ServiceEntry>, E>,
    ask: impl Fn(&mut K, &ServiceKey) -> Result<Option<ServiceEntry>, E>,
) -> Result<Vec<ServiceEntry>, E> {
    let mut seen = HashSet::new();
    let mut before: Option<HashSet<ServiceKey>> = None;
    let mut listings = 0;
    loop {
        let services = list(kernel)?;
        let listed: HashSet<ServiceKey> = services.iter().map(|service| service.key).collect();
        let once = listed.len() == services.len();
        if once && (services.len() <= IN_ONE_PART || before.as_ref() == Some(&listed)) {
            return Ok(services);
        }
        seen.extend(&listed);
        before = Some(listed);
        listings += 1;
        if (listings >= FEW && seen.len() >= services.len()) || listings == MOST {
            return complete(kernel, services, &seen, ask);
        }
    }
}

/// This listing with each service once, and with the services of `seen` that it misses and that still exist.
fn complete<K, E>(
    kernel: &mut K,
    mut services: Vec<ServiceEntry>,
    seen: &HashSet<ServiceKey>,
    ask: impl Fn(&mut K, &ServiceKey) -> Result<Option<ServiceEntry>, E>,
) -> Result<Vec<ServiceEntry>, E> {
    let mut listed = HashSet::new();
    services.retain(|service| listed.insert(service.key));
    for key in seen.difference(&listed) {
        services.extend(ask(kernel, key)?);
    }
    Ok(services)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::model::{Counters, Scheduler, ServiceSettings};

    fn entry(port: u16) -> ServiceEntry {
        ServiceEntry {
            key: ServiceKey::tcp(([192, 0, 2, 1], port).into()),
            settings: ServiceSettings::new(Scheduler::new("rr").unwrap()),
            counters: Counters::default(),
        }
    }

    /// A kernel with the services of these ports. It answers with these listings, and repeats the last one.
    struct Kernel<'a> {
        listings: &'a [&'a [u16]],
        there: &'a [u16],
        listed: usize,
        asked: usize,
    }

    impl Kernel<'_> {
        #[expect(clippy::unnecessary_wraps, reason = "a real kernel may fail")]
        fn list(&mut self) -> Result<Vec<ServiceEntry>, Infallible> {
            let ports = self.listings.get(self.listed).or(self.listings.last());
            self.listed += 1;
            Ok(ports.unwrap().iter().copied().map(entry).collect())
        }

        #[expect(clippy::unnecessary_wraps, reason = "a real kernel may fail")]
        fn ask(&mut self, key: &ServiceKey) -> Result<Option<ServiceEntry>, Infallible> {
            self.asked += 1;
            let mut there = self.there.iter().copied().map(entry);
            Ok(there.find(|service| service.key == *key))
        }
    }

    /// The result with such a kernel, and how many listings and questions it takes.
    fn outcome(listings: &[&[u16]], there: &[u16]) -> (Vec<u16>, usize, usize) {
        let mut kernel = Kernel {
            listings,
            there,
            listed: 0,
            asked: 0,
        };
        let services = every_service(&mut kernel, Kernel::list, Kernel::ask).unwrap();
        let ports = services.iter().map(|service| service.key.port().unwrap());
        (ports.collect(), kernel.listed, kernel.asked)
    }

    /// So many services that the kernel sends them in several parts, and these.
    fn many(others: &[u16]) -> Vec<u16> {
        (101..=108).chain(others.iter().copied()).collect()
    }

    #[test]
    fn a_short_listing_has_no_service_twice() {
        let still = |listings| outcome(listings, &[1, 2, 3]);
        assert_eq!(still(&[&[]]), (vec![], 1, 0));
        assert_eq!(still(&[&[3, 1, 2]]), (vec![3, 1, 2], 1, 0));
        assert_eq!(still(&[&[1, 2, 1], &[3, 2, 1]]), (vec![3, 2, 1], 2, 0));
        let twice: [&[u16]; 3] = [&[1, 2, 1], &[1, 1, 2], &[2, 3, 1]];
        assert_eq!(still(&twice), (vec![2, 3, 1], 3, 0));
    }

    #[test]
    fn a_long_listing_counts_when_the_next_one_has_the_same_services() {
        let (all, hole, order) = (many(&[1, 2]), many(&[1]), many(&[2, 1]));
        assert_eq!(outcome(&[&all], &all), (all.clone(), 2, 0));
        assert_eq!(outcome(&[&all, &order], &all), (order.clone(), 2, 0));
        assert_eq!(outcome(&[&hole, &all], &all), (all.clone(), 3, 0));
        assert_eq!(outcome(&[&all, &hole, &all], &all), (all.clone(), 4, 0));
        // The last one has a hole, and what is missing is asked for.
        let holes: [&[u16]; 4] = [&all, &hole, &all, &hole];
        assert_eq!(outcome(&holes, &all), (all.clone(), FEW, 1));
    }

    #[test]
    fn what_a_table_that_keeps_changing_does_not_list_is_asked_for_by_name() {
        // 3 is in the first listing only and is still there; 4 is in the second only and is gone.
        let listings: [&[u16]; 3] = [&[1, 3, 1], &[1, 4, 4], &[1, 2, 2]];
        assert_eq!(outcome(&listings, &[1, 2, 3]), (vec![1, 2, 3], FEW, 2));
    }

    #[test]
    fn a_table_that_keeps_changing_is_listed_until_as_many_were_seen_as_there_are() {
        let listings: [&[u16]; 6] = [
            &[1, 1, 2],
            &[1, 1, 2],
            &[2, 2, 1],
            &[1, 2, 2],
            &[1, 1, 2],
            &[3, 2, 2],
        ];
        assert_eq!(outcome(&listings, &[1, 2, 3]), (vec![3, 2, 1], 6, 1));
        let never: [&[u16]; 1] = [&[1, 1, 2]];
        assert_eq!(outcome(&never, &[1, 2, 3]), (vec![1, 2], MOST, 0));
    }
}
