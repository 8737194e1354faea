// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints changes of this host's links, addresses, neighbours and routes, as the kernel reports them: `cargo run
//! --example watch_host`.
//!
//! Needs no privilege. Try `ip address add 192.0.2.1/32 dev lo` beside it.

use std::error::Error;

use lvs_director::kernel::{LocalHost, Monitor};
use lvs_director::model::{Host, HostEvent};
use lvs_director::plan::{HostPart, HostScope, HostTarget as _};

fn main() -> Result<(), Box<dyn Error>> {
    // First listen, then read: so no change between is lost.
    let mut monitor = Monitor::open()?;
    let mut host = read();
    println!(
        "{} links, {} addresses, {} neighbours",
        host.links.len(),
        host.addresses.len(),
        host.neighbours.len()
    );
    loop {
        let event = monitor.wait()?;
        println!("{}", line(&host, &event));
        if event == HostEvent::Lost {
            host = read();
        }
        host.update(&event);
    }
}

fn read() -> Host {
    let scope = HostScope::of([HostPart::Links, HostPart::Addresses, HostPart::Neighbours]);
    let reading = LocalHost::new().read_host(&scope);
    for failure in reading.failures {
        println!("{failure}");
    }
    reading.host
}

/// An event in words. The host has the names of interfaces.
fn line(host: &Host, event: &HostEvent) -> String {
    match event {
        HostEvent::LinkChanged(link) => {
            let state = match (link.up, link.running) {
                (true, true) => "up",
                (true, false) => "up without a carrier",
                (false, _) => "down",
            };
            format!("link {} is {state}, mtu {}", link.name, link.mtu)
        }
        HostEvent::LinkGone(link) => format!("link {} is gone", link.name),
        HostEvent::AddressAdded(it) | HostEvent::AddressRemoved(it) => {
            let there = matches!(event, HostEvent::AddressAdded(_));
            let (interface, verb) = (host.interface(it.index), if there { "is" } else { "was" });
            format!("address {}/{} {verb} on {interface}", it.address, it.prefix)
        }
        HostEvent::NeighbourChanged(it) => {
            let interface = host.interface(it.index);
            format!("neighbour {} on {interface} is {:?}", it.address, it.state)
        }
        HostEvent::NeighbourGone(it) => {
            let interface = host.interface(it.index);
            format!("neighbour {} on {interface} is forgotten", it.address)
        }
        HostEvent::RouteChanged(route) | HostEvent::RouteGone(route) => {
            let there = matches!(event, HostEvent::RouteChanged(_));
            let verb = if there { "is" } else { "was" };
            let (destination, prefix) = (route.destination, route.prefix);
            format!(
                "route {destination}/{prefix} {verb} in table {}",
                route.table
            )
        }
        HostEvent::Lost => "events were lost: reading everything again".to_owned(),
    }
}
