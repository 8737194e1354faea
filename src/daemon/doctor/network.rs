// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts of the kernel's network: links, addresses, ways, settings, IPVS.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::doctor::{Fact, Facts, Unread};
use crate::kernel::{Ipvs, Modules, Route, RouteError, SysctlCause, SysctlError, read_sysctl};
use crate::model::{Config, NextHop, SysctlName};

pub(super) fn collect(facts: &mut Facts) {
    let mut route = match Route::open() {
        Ok(route) => route,
        Err(error) => {
            let why = Unread::because(error);
            (facts.links, facts.addresses) = (Err(why.clone()), Err(why));
            return;
        }
    };
    facts.links = known(route.links());
    facts.addresses = known(route.addresses());
    let names = Facts::settings_of_interest(facts.links.as_deref().unwrap_or_default());
    facts.settings = names
        .into_iter()
        .map(|it| (it.clone(), setting(&it)))
        .collect();
    if let Ok(config) = &facts.config {
        let all = destinations(config).into_iter();
        facts.ways = all.map(|to| (to, way(&mut route, to))).collect();
    }
    ipvs(facts);
}

fn known<T>(read: Result<T, RouteError>) -> Fact<T> {
    read.map_err(Unread::because)
}

fn setting(name: &SysctlName) -> Fact<Option<i32>> {
    match read_sysctl(name) {
        Ok(value) => Ok(Some(value)),
        Err(SysctlError {
            cause: SysctlCause::Missing,
            ..
        }) => Ok(None),
        Err(error) => Err(Unread::because(error)),
    }
}

/// Every virtual address and every real server, and the rest of the world.
fn destinations(config: &Config) -> BTreeSet<IpAddr> {
    let services = config.services.iter();
    let of = services.flat_map(|(key, service)| {
        let servers = service.servers.keys().map(|server| server.address);
        servers.chain(key.address())
    });
    of.chain([Facts::anywhere()]).collect()
}

fn way(route: &mut Route, to: IpAddr) -> Fact<Option<NextHop>> {
    known(route.next_hop(to, None, None))
}

/// What is in the kernel's IPVS. A question would load the module, so nobody asks one that is not there.
fn ipvs(facts: &mut Facts) {
    let read = Modules::read();
    if read.as_ref().is_ok_and(|modules| !modules.has("ip_vs")) {
        facts.table = Ok(BTreeSet::new());
        (facts.connections, facts.table_bits) = (Ok(0), Ok(None));
        return;
    }
    let mut ipvs = match Ipvs::open() {
        Ok(ipvs) => ipvs,
        Err(error) => {
            let why = Unread::because(error);
            facts.table = Err(why.clone());
            (facts.connections, facts.table_bits) = (Err(why.clone()), Err(why));
            return;
        }
    };
    let buckets = ipvs.info().map(|info| info.connection_table_size);
    facts.table_bits = buckets.map(u32::checked_ilog2).map_err(Unread::because);
    let services = ipvs.services().map_err(Unread::because);
    facts.table = services.map(|all| all.iter().map(|it| it.key).collect());
    facts.connections = match &facts.table {
        Ok(table) => connections(&mut ipvs, table),
        Err(why) => Err(why.clone()),
    };
}

fn connections(ipvs: &mut Ipvs, table: &BTreeSet<crate::model::ServiceKey>) -> Fact<u64> {
    let mut sum = 0_u64;
    for service in table {
        for server in ipvs.servers(service).map_err(Unread::because)? {
            let counts = server.connections;
            sum += u64::from(counts.active) + u64::from(counts.inactive);
        }
    }
    Ok(sum)
}
