// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random tables and steps, the same ones for the same seed.

use fastrand::Rng;
use lvs_director::model::{
    AddressFamily, ForwardingMethod, Fwmark, Granularity, IpvsTable, PersistenceEngine, Protocol,
    RealServer, SchedulerFlags, Seconds, ServerKey, ServiceKey, ServiceSettings, Thresholds,
    Tunnel, TunnelChecksum, TunnelKind, VirtualService, Weight,
};
use lvs_director::plan::Step;

use super::desk::{DR, NAT, server, settings};

/// One of these.
pub(super) fn one<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())].clone()
}

pub(super) fn service_key(rng: &mut Rng) -> ServiceKey {
    let by_address = |protocol, at: &str| {
        let at: std::net::SocketAddr = at.parse().unwrap();
        ServiceKey::Address {
            protocol,
            address: at.ip(),
            port: at.port(),
        }
    };
    let by_mark = |mark, family| ServiceKey::Fwmark {
        mark: Fwmark::new(mark).unwrap(),
        family,
    };
    let keys = [
        by_address(Protocol::Tcp, "192.0.2.10:80"),
        by_address(Protocol::Udp, "192.0.2.10:80"),
        by_address(Protocol::Sctp, "192.0.2.10:80"),
        by_address(Protocol::Tcp, "[2001:db8::10]:80"),
        by_address(Protocol::Udp, "[2001:db8::10]:53"),
        by_mark(7, AddressFamily::Ipv4),
        by_mark(7, AddressFamily::Ipv6),
    ];
    one(rng, &keys)
}

/// Settings that ipvsadm can say too.
pub(super) fn service_settings(rng: &mut Rng, key: &ServiceKey) -> ServiceSettings {
    let mut wanted = settings(one(rng, &["rr", "wrr", "wlc", "sh", "mh"]));
    if rng.u8(..3) == 0 {
        wanted.scheduler_flags = SchedulerFlags::from_bits(rng.u8(..8));
    }
    let udp = matches!(
        key,
        ServiceKey::Address {
            protocol: Protocol::Udp,
            ..
        }
    );
    wanted.one_packet = udp && rng.bool();
    if rng.bool() {
        wanted.granularity = match key.family() {
            AddressFamily::Ipv4 => {
                let masks = [[255, 255, 255, 255], [255, 255, 255, 0], [255, 0, 0, 0]];
                Granularity::mask(one(rng, &masks).into())
            }
            AddressFamily::Ipv6 => Granularity::prefix(one(rng, &[128, 64, 1])).unwrap(),
        };
        let engine = if udp && rng.bool() { "sip" } else { "" };
        wanted.engine = PersistenceEngine::new(engine);
    }
    if rng.bool() {
        wanted.persistence = Some(Seconds(rng.u32(1..=Seconds::MAX.0)));
    }
    wanted
}

/// A server that fits the service, or one that does not.
pub(super) fn server_key(rng: &mut Rng, family: AddressFamily, fits: bool) -> ServerKey {
    let v4 = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:81", "127.0.0.1:80"];
    let v6 = ["[2001:db8::1]:80", "[2001:db8::2]:80", "[2001:db8::3]:81"];
    let none = [
        "224.0.0.1:80",
        "0.0.0.0:80",
        "255.255.255.255:80",
        "[ff02::1]:80",
        "[fe80::1]:80",
    ];
    if !fits && rng.u8(..4) == 0 {
        return server(one(rng, &none));
    }
    let four = (family == AddressFamily::Ipv4) == (fits || rng.u8(..4) > 0);
    server(if four { one(rng, &v4) } else { one(rng, &v6) })
}

pub(super) fn tunnel(rng: &mut Rng) -> Tunnel {
    let kind = match rng.u8(..3) {
        0 => return Tunnel::IPIP,
        1 => TunnelKind::Gre,
        _ => TunnelKind::Gue { port: rng.u16(1..) },
    };
    let mut checksums = vec![TunnelChecksum::None, TunnelChecksum::Full];
    if kind != TunnelKind::Gre {
        checksums.push(TunnelChecksum::Remote);
    }
    Tunnel {
        kind,
        checksum: one(rng, &checksums),
    }
}

/// How a server of this family of service is reached. Without `sound`, the kernel may not like it.
pub(super) fn real_server(rng: &mut Rng, sound: bool) -> RealServer {
    let mut forwarding = match rng.u8(..3) {
        0 => NAT,
        1 => DR,
        _ => ForwardingMethod::Tunneling(tunnel(rng)),
    };
    let upper = if rng.bool() { rng.u32(..2000) } else { 0 };
    let mut lower = if rng.bool() { upper / 2 } else { 0 };
    if !sound && rng.u8(..6) == 0 {
        lower = upper + 1;
    }
    if !sound && rng.u8(..6) == 0 {
        forwarding = ForwardingMethod::Tunneling(Tunnel {
            kind: TunnelKind::Gue { port: 0 },
            checksum: TunnelChecksum::None,
        });
    }
    let weight = one(rng, &[0, 1, 7, 65_536, Weight::MAX.get()]);
    RealServer {
        forwarding,
        weight: Weight::new(weight).unwrap(),
        thresholds: Thresholds { upper, lower },
    }
}

/// A table that ipvsadm could have made.
pub(super) fn table(rng: &mut Rng) -> IpvsTable {
    let mut table = IpvsTable::new();
    for _ in 0..rng.usize(1..6) {
        let key = service_key(rng);
        let mut service = VirtualService::new(service_settings(rng, &key));
        for _ in 0..rng.usize(..5) {
            let mut at = server_key(rng, key.family(), true);
            let mut real = real_server(rng, true);
            if real.forwarding.keeps_port() {
                // A port that these methods cannot change.
                at.port = key.port().unwrap_or(0);
            }
            real.thresholds.lower = real.thresholds.lower.min(real.thresholds.upper);
            service.servers.insert(at, real);
        }
        table.services.insert(key, service);
    }
    table
}

/// A step that may or may not be possible.
pub(super) fn step(rng: &mut Rng) -> Step {
    let key = service_key(rng);
    let (at, real) = (
        server_key(rng, key.family(), false),
        real_server(rng, false),
    );
    let mut settings = service_settings(rng, &key);
    if rng.u8(..40) == 0 {
        settings = super::desk::settings("nosuch");
    }
    match rng.u8(..12) {
        0 | 1 => Step::AddService(key, settings),
        2 => Step::EditService(key, settings),
        3 => Step::DeleteService(key),
        4..=7 => Step::AddServer(key, at, real),
        8 | 9 => Step::EditServer(key, at, real),
        _ => Step::DeleteServer(key, at),
    }
}
