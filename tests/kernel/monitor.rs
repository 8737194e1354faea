// SPDX-License-Identifier: MIT OR Apache-2.0
//! The monitor reports changes of links, addresses, neighbours and routes.
#![allow(
    clippy::expect_used,
    reason = "a test that cannot run fails, and says why at length"
)]

use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::namespace::Namespace;
use lvs_director::kernel::{AsyncMonitor, LocalHost, Monitor};
use lvs_director::model::{AddressLifetime, Host, HostEvent, NeighbourState, RouteKind};
use lvs_director::plan::{HostPart, HostScope, HostTarget as _};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("a_link_down_and_up_is_told", links),
        ("an_address_added_and_removed_is_told", addresses),
        ("a_neighbour_that_does_not_answer_is_told", neighbours),
        ("a_route_added_and_removed_is_told", routes),
        ("a_deleted_link_is_told", deleted_link),
        ("what_did_not_fit_is_lost_and_said_so", overflow),
        ("a_host_that_is_followed_is_as_it_is_read", followed),
        ("it_can_be_waited_for_on_tokio", on_tokio),
    ]
}

/// Far longer than the kernel takes for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network namespace with a pair of links, `v0` and `v1`, and a monitor opened after that.
struct Watched {
    here: Namespace,
    monitor: Monitor,
}

impl Watched {
    fn new() -> Self {
        let here = Namespace::open(Path::new("/proc/thread-self/ns/net"))
            .expect("open the network namespace");
        // Without addresses that the kernel gives by itself.
        here.ip(
            "link add v0 type veth peer name v1\nlink set v0 addrgenmode none\n\
             link set v1 addrgenmode none\nlink set v0 up\nlink set v1 up\n",
        )
        .expect("make a pair of links");
        let monitor = Monitor::open().expect("open the monitor");
        Self { here, monitor }
    }

    fn ip(&self, lines: &str) {
        self.here.ip(lines).expect("run ip");
    }

    /// The first event like this; skips those before it.
    fn told<T>(&mut self, what: &str, like: impl Fn(&HostEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            if let Some(event) = self.monitor.next_if_any().expect("read an event") {
                match like(&event) {
                    Some(found) => return found,
                    None => before.push(event),
                }
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not told that {what}, but:\n{before:#?}");
            let mut ready = [PollFd::new(self.monitor.as_fd(), PollFlags::POLLIN)];
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            poll(&mut ready, left).expect("wait for an event");
        }
    }
}

fn links() {
    let mut watched = Watched::new();
    let is = |name: &'static str, up: bool, running: bool| {
        move |event: &HostEvent| match event {
            HostEvent::LinkChanged(link)
                if (link.name.as_str(), link.up, link.running) == (name, up, running) =>
            {
                Some(link.clone())
            }
            _ => None,
        }
    };
    watched.ip("link set v1 down\n");
    watched.told("v1 is down", is("v1", false, false));
    let link = watched.told("v0 has lost its carrier", is("v0", true, false));
    assert_eq!(link.mtu, 1500);
    assert_eq!(link.address.map(|address| address.bytes().len()), Some(6));
    watched.ip("link set v1 up\n");
    watched.told("v0 has a carrier again", is("v0", true, true));
}

fn addresses() {
    let mut watched = Watched::new();
    watched.ip("address add 192.0.2.10/32 dev v0 label v0:vip\n");
    let added = watched.told("the address was added", |event| match event {
        HostEvent::AddressAdded(address) => Some(address.clone()),
        _ => None,
    });
    assert_eq!(added.address.to_string(), "192.0.2.10");
    assert_eq!((added.prefix, added.label.as_deref()), (32, Some("v0:vip")));
    watched.ip("address delete 192.0.2.10/32 dev v0\n");
    let removed = watched.told("the address was removed", |event| match event {
        HostEvent::AddressRemoved(address) => Some(address.clone()),
        _ => None,
    });
    assert_eq!(removed, added);
    watched.ip("address add 2001:db8::10/128 dev v0 nodad preferred_lft 0\n");
    let added = watched.told("the IPv6 address was added", |event| match event {
        HostEvent::AddressAdded(address) => Some(address.clone()),
        _ => None,
    });
    assert_eq!(added.address.to_string(), "2001:db8::10");
    assert_eq!(added.lifetime, AddressLifetime::DEPRECATED);
    assert!(added.nodad && !added.tentative);
}

fn neighbours() {
    let mut watched = Watched::new();
    watched.ip("address add 192.0.2.1/24 dev v0\n");
    let socket = UdpSocket::bind("192.0.2.1:0").expect("open a socket");
    socket
        .send_to(b"is anybody there", "192.0.2.9:9")
        .expect("send to nobody");
    watched.told("nobody answers", |event| match event {
        HostEvent::NeighbourChanged(neighbour) if neighbour.state == NeighbourState::Failed => {
            assert_eq!(neighbour.address.to_string(), "192.0.2.9");
            assert_eq!(neighbour.link_layer, None);
            Some(())
        }
        _ => None,
    });
    watched.ip("neighbour add 192.0.2.8 lladdr 02:00:00:00:00:08 dev v0\n");
    let permanent = watched.told("somebody wrote a neighbour down", |event| match event {
        HostEvent::NeighbourChanged(neighbour) if neighbour.state == NeighbourState::Permanent => {
            Some(neighbour.clone())
        }
        _ => None,
    });
    let link_layer = permanent.link_layer.map(|address| address.to_string());
    assert_eq!(link_layer.as_deref(), Some("02:00:00:00:00:08"));
    watched.ip("neighbour delete 192.0.2.8 dev v0\n");
    watched.told("the neighbour is forgotten", |event| {
        matches!(event, HostEvent::NeighbourGone(gone) if gone.address == permanent.address)
            .then_some(())
    });
}

fn routes() {
    let mut watched = Watched::new();
    watched.ip("route add blackhole 198.51.100.0/24 metric 7\n");
    let added = watched.told("the route was added", |event| match event {
        HostEvent::RouteChanged(route) if route.kind == RouteKind::Blackhole => Some(route.clone()),
        _ => None,
    });
    assert_eq!(added.destination.to_string(), "198.51.100.0");
    assert_eq!((added.prefix, added.table, added.metric), (24, 254, 7));
    watched.ip("route delete blackhole 198.51.100.0/24 metric 7\n");
    watched.told("the route was removed", |event| {
        (*event == HostEvent::RouteGone(added.clone())).then_some(())
    });
    watched.ip("route add 2001:db8:7::/64 dev v0\n");
    let added = watched.told("the IPv6 route was added", |event| match event {
        HostEvent::RouteChanged(route) if route.prefix == 64 => Some(route.clone()),
        _ => None,
    });
    assert_eq!(added.destination.to_string(), "2001:db8:7::");
    assert!(added.index.is_some());
}

fn deleted_link() {
    let mut watched = Watched::new();
    watched.ip("address add 192.0.2.1/24 dev v0\nlink delete v0\n");
    watched.told("its address is gone", |event| {
        matches!(event, HostEvent::AddressRemoved(_)).then_some(())
    });
    let mut gone: Vec<_> = ["one", "the other"]
        .map(|which| {
            watched.told(&format!("{which} link is gone"), |event| match event {
                HostEvent::LinkGone(link) => Some(link.name.clone()),
                _ => None,
            })
        })
        .into();
    gone.sort();
    assert_eq!(gone, ["v0", "v1"]);
}

fn overflow() {
    let mut watched = Watched::new();
    // The kernel makes the buffer as small as it allows.
    setsockopt(&watched.monitor, sockopt::RcvBuf, &1).expect("shrink the socket's buffer");
    let routes = (0..250).map(|host| format!("route add blackhole 198.51.100.{host}/32\n"));
    watched.ip(&routes.collect::<String>());
    let first = watched.monitor.next_if_any().expect("read an event");
    assert_eq!(first, Some(HostEvent::Lost));
    watched.ip("address add 192.0.2.10/32 dev v0\n");
    watched.told("an address was added after that", |event| {
        // The queued events are older than the next reading.
        let old =
            matches!(event, HostEvent::RouteChanged(route) if route.kind == RouteKind::Blackhole);
        assert!(!old, "{event:?}");
        matches!(event, HostEvent::AddressAdded(_)).then_some(())
    });
}

fn read() -> Host {
    let scope = HostScope::of([HostPart::Links, HostPart::Addresses, HostPart::Neighbours]);
    let reading = LocalHost::new().read_host(&scope);
    assert_eq!(reading.failures, []);
    reading.host
}

/// In one order, and without the neighbours that the kernel does not report: those that it never asks for.
fn ordered(mut host: Host) -> Host {
    host.links.sort_by_key(|link| link.index);
    host.addresses
        .sort_by_key(|found| (found.index, found.address, found.prefix));
    host.neighbours
        .retain(|found| found.state != NeighbourState::NoArp);
    host.neighbours
        .sort_by_key(|found| (found.index, found.address));
    host
}

fn followed() {
    let mut watched = Watched::new();
    let mut host = read();
    watched.ip(
        "address add 192.0.2.1/24 dev v0\naddress add 192.0.2.2/24 dev v0\n\
         address add 2001:db8::1/64 dev v1 nodad\nlink set v1 mtu 1400\n\
         address delete 192.0.2.1/24 dev v0\nlink add v2 type veth peer name v3\n\
         address add 192.0.2.3/32 dev v2\nlink delete v2\n\
         neighbour add 2001:db8::7 lladdr 02:00:00:00:00:07 dev v1\n\
         address add 203.0.113.7/32 dev lo\n",
    );
    // Whether a link runs the kernel may tell up to a second later.
    while ordered(host.clone()) != ordered(read()) {
        let event = watched.told("it is as it is read", |event| Some(event.clone()));
        host.update(&event);
    }
}

fn on_tokio() {
    let watched = Watched::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("start a runtime");
    runtime.block_on(async {
        let mut monitor = AsyncMonitor::open().expect("open the monitor");
        // An event wakes a waiting caller, and a caller that stops waiting misses nothing.
        let _ = tokio::time::timeout(Duration::from_millis(1), monitor.wait()).await;
        watched.ip("address add 192.0.2.10/32 dev v0\naddress add 192.0.2.11/32 dev v0\n");
        let mut told = Vec::new();
        while told.len() < 2 {
            let event = tokio::time::timeout(PATIENCE, monitor.wait()).await;
            let event = event.expect("told in time").expect("read an event");
            if let HostEvent::AddressAdded(address) = event {
                told.push(address.address.to_string());
            }
        }
        assert_eq!(told, ["192.0.2.10", "192.0.2.11"]);
    });
}
