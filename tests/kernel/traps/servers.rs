// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traps of real servers.

use lvs_director::codec::attribute::AttributeWriter;
use lvs_director::kernel::Ipvs;
use lvs_director::model::{
    ForwardingMethod, RealServer, ServerKey, ServiceKey, Thresholds, Tunnel, TunnelChecksum,
    TunnelKind, Weight,
};
use lvs_director::plan::{Step, Target as _};
use nix::errno::Errno;

use super::desk::{
    DEST, DR, NAT, Raw, SERVICE, command, dest, real, server, settings, take, tcp, write_tcp,
};
use super::{Test, named};
use crate::beside::succeed;

const VIP: &str = "192.0.2.1:80";

pub(super) fn tests() -> Vec<Test> {
    named![
        tunnel_attributes_that_are_not_said_are_reset,
        a_server_that_leaves_tunneling_forgets_its_tunnel,
        an_ipv6_server_without_its_family_is_cut_to_four_bytes_and_ours_never_is,
        an_ipv6_service_may_have_ipv4_servers_under_tunneling,
        an_address_of_four_bytes_is_taken_too,
        weights_up_to_the_largest_int_read_back,
        a_weight_beyond_the_largest_int_is_refused,
        thresholds_read_back,
        every_tunnel_reads_back,
        an_unknown_tunnel_type_is_stored_and_read,
        forwarding_methods_without_a_meaning_are_stored_and_read,
        a_server_on_this_host_stays_directly_routed,
        servers_are_listed_newest_first,
        listing_the_servers_of_no_service_is_empty_and_reading_it_says_none,
    ]
}

/// A service, and a connection to its kernel.
fn with_service(vip: &str) -> (Ipvs, ServiceKey) {
    let (mut ipvs, key) = (Ipvs::open().unwrap(), tcp(vip));
    take(&mut ipvs, &[Step::AddService(key, settings("rr"))]);
    (ipvs, key)
}

fn only_server(ipvs: &mut Ipvs, key: ServiceKey) -> (ServerKey, RealServer) {
    let entries = ipvs.servers(&key).unwrap();
    let [entry] = entries.as_slice() else {
        panic!("{entries:?}");
    };
    (entry.key, entry.server)
}

/// Writes the attributes every server needs but its address and family.
fn write_rest(nest: &mut AttributeWriter<'_>, method: u32, weight: u32) {
    nest.u16_be(dest::PORT, 80);
    nest.u32(dest::FWD_METHOD, method);
    nest.u32(dest::WEIGHT, weight);
    nest.u32(dest::U_THRESH, 0);
    nest.u32(dest::L_THRESH, 0);
}

/// Adds or edits a server of the service at `VIP` by a request written by hand.
fn by_hand(command: u8, write: impl Fn(&mut AttributeWriter<'_>)) -> Result<(), Errno> {
    Raw::open().send(command, |out| {
        out.nest(SERVICE, |nest| write_tcp(nest, VIP));
        out.nest(DEST, &write);
    })
}

fn gue() -> ForwardingMethod {
    ForwardingMethod::Tunneling(Tunnel {
        kind: TunnelKind::Gue { port: 6080 },
        checksum: TunnelChecksum::Remote,
    })
}

fn tunnel_attributes_that_are_not_said_are_reset() {
    let (mut ipvs, key) = with_service(VIP);
    let at = server("10.0.0.1:80");
    take(&mut ipvs, &[Step::AddServer(key, at, real(gue(), 1))]);
    assert_eq!(only_server(&mut ipvs, key).1, real(gue(), 1));
    let edited = by_hand(command::SET_DEST, |nest| {
        nest.address(dest::ADDR, at.address);
        nest.u16(dest::ADDR_FAMILY, 2);
        write_rest(nest, 2, 1);
    });
    assert_eq!(edited, Ok(()));
    let ipip = ForwardingMethod::Tunneling(Tunnel::IPIP);
    assert_eq!(only_server(&mut ipvs, key).1, real(ipip, 1));
    // Our request has them every time: a new weight keeps the tunnel.
    for weight in [1, 2] {
        take(&mut ipvs, &[Step::EditServer(key, at, real(gue(), weight))]);
        assert_eq!(only_server(&mut ipvs, key).1, real(gue(), weight));
    }
}

fn a_server_that_leaves_tunneling_forgets_its_tunnel() {
    let (mut ipvs, key) = with_service(VIP);
    let at = server("10.0.0.1:80");
    take(&mut ipvs, &[Step::AddServer(key, at, real(gue(), 1))]);
    for forwarding in [DR, ForwardingMethod::Tunneling(Tunnel::IPIP)] {
        take(&mut ipvs, &[Step::EditServer(key, at, real(forwarding, 1))]);
        assert_eq!(only_server(&mut ipvs, key).1, real(forwarding, 1));
    }
}

fn an_ipv6_server_without_its_family_is_cut_to_four_bytes_and_ours_never_is() {
    let (mut ipvs, key) = with_service(VIP);
    let at = server("[fd00::9]:80");
    let made = by_hand(command::NEW_DEST, |nest| {
        nest.address(dest::ADDR, at.address);
        write_rest(nest, 2, 1);
    });
    assert_eq!(made, Ok(()));
    let cut = server("253.0.0.0:80");
    assert_eq!(only_server(&mut ipvs, key).0, cut);
    let ipip = real(ForwardingMethod::Tunneling(Tunnel::IPIP), 1);
    take(
        &mut ipvs,
        &[Step::DeleteServer(key, cut), Step::AddServer(key, at, ipip)],
    );
    assert_eq!(only_server(&mut ipvs, key), (at, ipip));
    take(&mut ipvs, &[Step::DeleteServer(key, at)]);
    assert_eq!(ipvs.servers(&key).unwrap(), []);
}

fn an_ipv6_service_may_have_ipv4_servers_under_tunneling() {
    let (mut ipvs, key) = with_service("[fd00::1]:80");
    let at = server("10.0.0.9:80");
    let ipip = real(ForwardingMethod::Tunneling(Tunnel::IPIP), 1);
    take(&mut ipvs, &[Step::AddServer(key, at, ipip)]);
    assert_eq!(only_server(&mut ipvs, key), (at, ipip));
    let listed = succeed("ipvsadm", &["-Ln"]).stdout;
    assert!(listed.contains("-> 10.0.0.9:80"), "{listed}");
}

fn an_address_of_four_bytes_is_taken_too() {
    let (mut ipvs, key) = with_service(VIP);
    let made = by_hand(command::NEW_DEST, |nest| {
        nest.bytes(dest::ADDR, &[10, 0, 0, 7]);
        write_rest(nest, 0, 1);
    });
    assert_eq!(made, Ok(()));
    assert_eq!(
        only_server(&mut ipvs, key),
        (server("10.0.0.7:80"), real(NAT, 1))
    );
}

fn weights_up_to_the_largest_int_read_back() {
    let (mut ipvs, key) = with_service(VIP);
    let at = server("10.0.0.1:80");
    take(&mut ipvs, &[Step::AddServer(key, at, real(NAT, 0))]);
    for weight in [1, 65_535, 65_536, Weight::MAX.get(), 0] {
        take(&mut ipvs, &[Step::EditServer(key, at, real(NAT, weight))]);
        assert_eq!(only_server(&mut ipvs, key).1, real(NAT, weight));
    }
}

fn a_weight_beyond_the_largest_int_is_refused() {
    let (mut ipvs, key) = with_service(VIP);
    let made = by_hand(command::NEW_DEST, |nest| {
        nest.bytes(dest::ADDR, &[10, 0, 0, 7]);
        write_rest(nest, 0, Weight::MAX.get() + 1);
    });
    assert_eq!(made, Err(Errno::ERANGE));
    assert_eq!(ipvs.servers(&key).unwrap(), []);
}

fn thresholds_read_back() {
    let (mut ipvs, key) = with_service(VIP);
    let at = server("10.0.0.1:80");
    take(&mut ipvs, &[Step::AddServer(key, at, real(NAT, 1))]);
    for (upper, lower) in [(1000, 800), (1, 0), (7, 7), (0, 0)] {
        let wanted = RealServer {
            thresholds: Thresholds { upper, lower },
            ..real(NAT, 1)
        };
        take(&mut ipvs, &[Step::EditServer(key, at, wanted)]);
        assert_eq!(only_server(&mut ipvs, key).1, wanted);
    }
}

fn every_tunnel_reads_back() {
    let (mut ipvs, key) = with_service(VIP);
    let kinds = [
        TunnelKind::Ipip,
        TunnelKind::Gue { port: 1 },
        TunnelKind::Gue { port: 65_535 },
        TunnelKind::Gre,
    ];
    let checksums = [
        TunnelChecksum::None,
        TunnelChecksum::Full,
        TunnelChecksum::Remote,
    ];
    let at = server("10.0.0.1:80");
    for kind in kinds {
        for checksum in checksums {
            let wanted = real(ForwardingMethod::Tunneling(Tunnel { kind, checksum }), 1);
            take(&mut ipvs, &[Step::AddServer(key, at, wanted)]);
            assert_eq!(only_server(&mut ipvs, key), (at, wanted));
            take(&mut ipvs, &[Step::DeleteServer(key, at)]);
        }
    }
}

fn an_unknown_tunnel_type_is_stored_and_read() {
    let (mut ipvs, key) = with_service(VIP);
    let made = by_hand(command::NEW_DEST, |nest| {
        nest.bytes(dest::ADDR, &[10, 0, 0, 7]);
        write_rest(nest, 2, 1);
        nest.u8(dest::TUN_TYPE, 9);
    });
    assert_eq!(made, Ok(()));
    let odd = Tunnel {
        kind: TunnelKind::Other(9),
        checksum: TunnelChecksum::None,
    };
    assert_eq!(
        only_server(&mut ipvs, key).1,
        real(ForwardingMethod::Tunneling(odd), 1)
    );
}

fn forwarding_methods_without_a_meaning_are_stored_and_read() {
    let (mut ipvs, key) = with_service(VIP);
    let at = server("10.0.0.1:80");
    let methods = [
        ForwardingMethod::Local,
        ForwardingMethod::Bypass,
        ForwardingMethod::Other(5),
        ForwardingMethod::Other(7),
    ];
    for forwarding in methods {
        take(&mut ipvs, &[Step::AddServer(key, at, real(forwarding, 1))]);
        assert_eq!(only_server(&mut ipvs, key), (at, real(forwarding, 1)));
        take(&mut ipvs, &[Step::DeleteServer(key, at)]);
    }
}

fn a_server_on_this_host_stays_directly_routed() {
    let (mut ipvs, key) = with_service(VIP);
    let at = server("127.0.0.1:80");
    take(&mut ipvs, &[Step::AddServer(key, at, real(DR, 1))]);
    assert_eq!(only_server(&mut ipvs, key), (at, real(DR, 1)));
}

fn servers_are_listed_newest_first() {
    let (mut ipvs, key) = with_service(VIP);
    let keys = ["10.0.0.1:80", "10.0.0.3:80", "10.0.0.2:80"].map(server);
    let steps = keys.map(|at| Step::AddServer(key, at, real(NAT, 1)));
    take(&mut ipvs, &steps);
    take(&mut ipvs, &[Step::EditServer(key, keys[0], real(NAT, 9))]);
    let listed: Vec<_> = ipvs
        .servers(&key)
        .unwrap()
        .iter()
        .map(|it| it.key)
        .collect();
    assert_eq!(listed, [keys[2], keys[1], keys[0]]);
}

fn listing_the_servers_of_no_service_is_empty_and_reading_it_says_none() {
    let mut ipvs = Ipvs::open().unwrap();
    let key = tcp(VIP);
    assert_eq!(ipvs.servers(&key).unwrap(), []);
    assert_eq!(ipvs.read_service(&key).unwrap(), None);
    let error = ipvs.service(&key).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ESRCH));
    assert_eq!(
        error.to_string(),
        "read service TCP 192.0.2.1:80: no such virtual service (ESRCH)"
    );
    take(&mut ipvs, &[Step::AddService(key, settings("rr"))]);
    let service = ipvs.read_service(&key).unwrap().unwrap();
    assert!(service.servers.is_empty());
}
