// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values that several tests speak of, written shortly.

use std::net::SocketAddr;

use lvs_director::model::{
    AddressFamily, ForwardingMethod, Fwmark, Granularity, Protocol, RealServer, Scheduler, Seconds,
    ServerKey, ServiceKey, ServiceSettings, Thresholds, Tunnel, TunnelChecksum, TunnelKind, Weight,
};

pub(crate) fn service(protocol: Protocol, at: &str) -> ServiceKey {
    let at: SocketAddr = at.parse().unwrap();
    ServiceKey::Address {
        protocol,
        address: at.ip(),
        port: at.port(),
    }
}

pub(crate) fn tcp(at: &str) -> ServiceKey {
    service(Protocol::Tcp, at)
}

pub(crate) fn mark(mark: u32, family: AddressFamily) -> ServiceKey {
    ServiceKey::Fwmark {
        mark: Fwmark::new(mark).unwrap(),
        family,
    }
}

pub(crate) fn scheduler(name: &str) -> Scheduler {
    Scheduler::new(name).unwrap()
}

pub(crate) fn plain(name: &str) -> ServiceSettings {
    ServiceSettings::new(scheduler(name))
}

pub(crate) fn persistent(name: &str, timeout: u32, granularity: Granularity) -> ServiceSettings {
    ServiceSettings {
        persistence: Some(Seconds(timeout)),
        granularity,
        ..plain(name)
    }
}

pub(crate) fn mask(text: &str) -> Granularity {
    Granularity::mask(text.parse().unwrap())
}

pub(crate) fn server(at: &str) -> ServerKey {
    at.parse::<SocketAddr>().unwrap().into()
}

pub(crate) fn real(forwarding: ForwardingMethod, weight: u32) -> RealServer {
    RealServer::new(forwarding, Weight::new(weight).unwrap())
}

pub(crate) fn limited(
    forwarding: ForwardingMethod,
    weight: u32,
    upper: u32,
    lower: u32,
) -> RealServer {
    RealServer {
        thresholds: Thresholds { upper, lower },
        ..real(forwarding, weight)
    }
}

pub(crate) const fn tunnel(kind: TunnelKind, checksum: TunnelChecksum) -> ForwardingMethod {
    ForwardingMethod::Tunneling(Tunnel { kind, checksum })
}
