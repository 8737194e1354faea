// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of the kernel's list, and what is told of them.

use super::*;
use crate::model::{RealServer, Scheduler, Seconds, ServiceSettings, Tunnel, Weight};

const TUNNEL: ForwardingMethod = ForwardingMethod::Tunneling(Tunnel::IPIP);

fn service(persistence: Option<u32>, servers: &[(&str, ForwardingMethod)]) -> VirtualService {
    let settings = ServiceSettings {
        persistence: persistence.map(Seconds),
        ..ServiceSettings::new(Scheduler::WLC)
    };
    let servers = servers.iter();
    VirtualService {
        settings,
        servers: servers
            .map(|(key, method)| (key.parse().unwrap(), RealServer::new(*method, Weight::ONE)))
            .collect(),
    }
}

fn copies() -> Copies {
    let (dr, nat) = (
        ForwardingMethod::DirectRouting,
        ForwardingMethod::Masquerading,
    );
    let services = [
        (
            "TCP 192.0.2.10:80",
            service(
                None,
                &[
                    ("10.0.0.1:80", dr),
                    ("10.0.0.2:8080", nat),
                    ("10.0.0.3:80", TUNNEL),
                ],
            ),
        ),
        (
            "TCP 192.0.2.10:0",
            service(Some(300), &[("10.0.0.1:0", dr)]),
        ),
        (
            "UDP 192.0.2.10:5060",
            service(Some(120), &[("10.0.0.1:5060", dr)]),
        ),
        (
            "SCTP [2001:db8::10]:99",
            service(None, &[("[fd00::1]:99", dr), ("10.0.0.1:99", TUNNEL)]),
        ),
        ("TCP 192.0.2.11:80", service(None, &[("10.0.0.1:80", dr)])),
        ("FWM 9", service(Some(90), &[("10.0.0.1:0", dr)])),
        ("FWM 8", service(None, &[("10.0.0.7:0", nat)])),
    ];
    let mut table = IpvsTable::new();
    for (key, service) in services {
        table.services.insert(key.parse().unwrap(), service);
    }
    Copies::new(table, ["192.0.2.11".parse().unwrap()].into())
}

/// The copy of a line, with what follows from the table.
fn of(line: &str) -> Result<(u8, u32, u16, u32, u32), LeftOut> {
    let connection = Connection::parse(line).unwrap();
    let copy = copies().of(&connection)?;
    assert_eq!(copy.client, connection.client);
    assert_eq!(copy.service, connection.service);
    assert_eq!(copy.server, connection.server);
    Ok((
        copy.protocol,
        copy.flags.0,
        copy.state,
        copy.mark,
        copy.timeout,
    ))
}

#[test]
fn flags_follow_from_the_server_and_the_state() {
    for (line, expected) in [
        (
            "TCP C6336401 9C40 C000020A 0050 0A000001 0050 ESTABLISHED 891",
            (6, 0x83, 1, 0, 0),
        ),
        (
            "TCP C6336401 9C40 C000020A 0050 0A000001 0050 FIN_WAIT 91",
            (6, 0x183, 4, 0, 0),
        ),
        (
            "TCP C6336401 9C40 C000020A 0050 0A000002 1F90 ESTABLISHED 891",
            (6, 0, 1, 0, 0),
        ),
        (
            "TCP C6336401 9C40 C000020A 0050 0A000003 0050 SYN_RECV 51",
            (6, 0x82, 3, 0, 0),
        ),
        (
            "TCP C6336401 9C40 C000020A 0051 0A000001 0051 ESTABLISHED 891",
            (6, 0x83, 1, 0, 0),
        ),
        (
            "UDP C6336401 9C40 C000020A 13C4 0A000001 13C4 UDP 291",
            (17, 0x183, 0, 0, 0),
        ),
        (
            "SCTP 2001:0db8:0000:0000:0000:0000:0000:0001 9C40 2001:0db8:0000:0000:0000:0000:0000:0010 0063 \
             fd00:0000:0000:0000:0000:0000:0000:0001 0063 ESTABLISHED 891",
            (132, 0x83, 8, 0, 0),
        ),
    ] {
        assert_eq!(of(line), Ok(expected), "{line}");
    }
}

#[test]
fn templates_last_as_long_as_the_persistence_of_their_service() {
    for (line, expected) in [
        (
            "TCP C6336401 0000 C000020A 0000 0A000001 0000 ASSURED 9",
            (6, 0x1183, 1, 0, 300),
        ),
        (
            "UDP C6336401 0000 C000020A 13C4 0A000001 13C4 NONE 9",
            (17, 0x1183, 0, 0, 120),
        ),
        (
            "IP C6336401 0000 00000009 0000 0A000001 0000 NONE 9",
            (0, 0x1183, 0, 9, 90),
        ),
    ] {
        assert_eq!(of(line).or(Err(line)), Ok(expected), "{line}");
    }
}

#[test]
fn a_connection_whose_client_has_no_port_yet_says_so() {
    let line = "TCP C6336401 0000 C000020A C350 0A000001 C350 LISTEN 9";
    assert_eq!(of(line), Ok((6, 0x983, 9, 0, 0)));
}

#[test]
fn a_connection_of_no_address_is_of_the_first_service_by_mark_that_has_its_server() {
    let line = "TCP C6336401 9C40 CB007101 0050 0A000007 0050 ESTABLISHED 891";
    assert_eq!(of(line), Ok((6, 0, 1, 8, 0)));
    let line = "TCP C6336401 9C40 CB007101 0050 0A000001 0050 ESTABLISHED 891";
    assert_eq!(of(line), Ok((6, 0x83, 1, 9, 0)));
}

#[test]
fn what_cannot_or_need_not_be_told_is_left_out_for_a_reason() {
    for (line, why) in [
        (
            "TCP C6336401 9C40 C000020B 0050 0A000001 0050 ESTABLISHED 891",
            LeftOut::Elsewhere,
        ),
        (
            "TCP C6336401 9C40 C000020A 0050 0A000009 0050 ESTABLISHED 891",
            LeftOut::Server,
        ),
        (
            "UDP C6336401 9C40 C000020A 0050 0A000009 0050 UDP 891",
            LeftOut::Server,
        ),
        (
            "TCP C6336401 9C40 C000020A 0050 0A000001 0050 BUG! 891",
            LeftOut::State,
        ),
        (
            "TCP C6336401 0000 C000020A FFFF 0A000001 FFFF NONE 9",
            LeftOut::Service,
        ),
        (
            "IP C6336401 0000 0000000A 0000 0A000001 0000 NONE 9",
            LeftOut::Service,
        ),
        (
            "SCTP 2001:0db8:0000:0000:0000:0000:0000:0001 9C40 2001:0db8:0000:0000:0000:0000:0000:0010 0063 \
             0A000001 0063 ESTABLISHED 891",
            LeftOut::Family,
        ),
        (
            "UDP C6336401 0000 C000020A 13C4 0A000001 13C4 NONE 9 sip a\u{fffd}b",
            LeftOut::EngineData,
        ),
    ] {
        assert_eq!(of(line), Err(why), "{line}");
    }
}

#[test]
fn the_data_of_an_engine_goes_with_its_template() {
    let line = "UDP C6336401 0000 C000020A 13C4 0A000001 13C4 NONE 9 sip abc@host";
    let connection = Connection::parse(line).unwrap();
    let copy = copies().of(&connection).unwrap();
    assert_eq!(copy.engine, Some((&b"sip"[..], &b"abc@host"[..])));
}
