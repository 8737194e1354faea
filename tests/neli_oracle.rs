// SPDX-License-Identifier: MIT OR Apache-2.0
//! neli, a netlink library that shares no code with ours, as an oracle: it reads our bytes, and we read its bytes. A
//! round trip through only one codec would not show a mistake made both ways.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect stops"
)]

use std::io::Cursor;
use std::net::IpAddr;

use lvs_director::codec::ipvs::{
    Request, RequestedObjects, parse_server, parse_service, parse_sync_daemon, parse_timeouts,
};
use lvs_director::codec::message::{Answer, Incoming, parse_all};
use lvs_director::model::{
    AddressFamily, ForwardingMethod, Granularity, RealServer, Seconds, ServerKey, ServiceKey,
    ServiceSettings, SyncDaemon, SyncRole, Tunnel, TunnelChecksum, TunnelKind,
};
use neli::consts::nl::NlmF;
use neli::genl::{AttrTypeBuilder, Genlmsghdr, GenlmsghdrBuilder, Nlattr, NlattrBuilder};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::types::{Buffer, GenlBuffer};
use neli::{FromBytes, Size, ToBytes};
use proptest::prelude::*;

#[path = "codec/strategies.rs"]
mod strategies;

use strategies::{cases, real_server, server_key, service, service_key, sync_daemon, timeouts};

type Attribute = Nlattr<u16, Buffer>;
/// A nest as it was read: number, flag, attributes.
type Nest = (u16, bool, Vec<(u16, Vec<u8>)>);
type Message = Nlmsghdr<u16, Genlmsghdr<u8, u16>>;

const SERVICE: u16 = 1;
const DEST: u16 = 2;
const DAEMON: u16 = 3;

fn attribute(kind: u16, payload: impl Size + ToBytes) -> Attribute {
    let kind = AttrTypeBuilder::default().nla_type(kind).build().unwrap();
    let builder = NlattrBuilder::default().nla_type(kind).nla_payload(payload);
    builder.build().unwrap()
}

fn nest(kind: u16, content: &[Attribute]) -> Attribute {
    let empty = attribute(kind, Buffer::from(Vec::new()));
    content
        .iter()
        .fold(empty, |nest, inner| nest.nest(inner).unwrap())
}

fn message(command: u8, attributes: Vec<Attribute>) -> Vec<u8> {
    let attributes: GenlBuffer<u16, Buffer> = attributes.into_iter().collect();
    let header = GenlmsghdrBuilder::default()
        .cmd(command)
        .version(1)
        .attrs(attributes);
    let builder = NlmsghdrBuilder::default()
        .nl_type(28_u16)
        .nl_flags(NlmF::REQUEST | NlmF::ACK)
        .nl_seq(7)
        .nl_pid(0)
        .nl_payload(NlPayload::Payload(header.build().unwrap()));
    let mut bytes = Cursor::new(Vec::new());
    builder.build().unwrap().to_bytes(&mut bytes).unwrap();
    bytes.into_inner()
}

fn sixteen(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&v4.octets());
            octets
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn family(family: AddressFamily) -> u16 {
    let number = match family {
        AddressFamily::Ipv4 => libc::AF_INET,
        AddressFamily::Ipv6 => libc::AF_INET6,
    };
    u16::try_from(number).unwrap()
}

/// The attributes that identify a service, as neli builds them.
fn service_key_attributes(key: &ServiceKey) -> Vec<Attribute> {
    let mut all = vec![attribute(1, family(key.family()))];
    match *key {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => all.extend([
            attribute(2, protocol.number()),
            attribute(3, sixteen(address)),
            attribute(4, port.to_be()),
        ]),
        ServiceKey::Fwmark { mark, .. } => all.push(attribute(5, mark.get())),
    }
    all
}

fn service_attributes(key: &ServiceKey, settings: &ServiceSettings) -> Vec<Attribute> {
    let mut all = service_key_attributes(key);
    all.push(attribute(6, settings.scheduler.name()));
    let mut flags = u32::from(settings.scheduler_flags.bits()) * 8;
    if settings.one_packet {
        flags += 4;
    }
    if settings.persistence.is_some() {
        flags += 1;
    }
    let engine = settings.engine.as_ref();
    all.extend(engine.map(|engine| attribute(11, engine.name())));
    let both = [flags.to_ne_bytes(), [0xff; 4]].concat();
    all.push(attribute(7, Buffer::from(both)));
    let timeout = settings.persistence.unwrap_or(Seconds(0));
    all.push(attribute(8, timeout.0));
    all.push(match settings.granularity {
        Granularity::Single if key.family() == AddressFamily::Ipv6 => attribute(9, 128_u32),
        Granularity::Single => attribute(9, u32::MAX),
        Granularity::Mask(mask) => attribute(9, mask.to_bits().to_be()),
        Granularity::Prefix(length) => attribute(9, u32::from(length)),
    });
    all
}

fn server_key_attributes(key: &ServerKey) -> Vec<Attribute> {
    vec![
        attribute(1, sixteen(key.address)),
        attribute(2, key.port.to_be()),
        attribute(11, family(key.family())),
    ]
}

fn server_attributes(key: &ServerKey, real: &RealServer) -> Vec<Attribute> {
    let method = match real.forwarding {
        ForwardingMethod::Masquerading => 0_u32,
        ForwardingMethod::Local => 1,
        ForwardingMethod::Tunneling(_) => 2,
        ForwardingMethod::DirectRouting => 3,
        ForwardingMethod::Bypass => 4,
        ForwardingMethod::Other(number) => number.into(),
    };
    let mut all = server_key_attributes(key);
    all.extend([
        attribute(3, method),
        attribute(4, real.weight.get()),
        attribute(5, real.thresholds.upper),
        attribute(6, real.thresholds.lower),
    ]);
    if let ForwardingMethod::Tunneling(tunnel) = real.forwarding {
        all.extend(tunnel_attributes(tunnel));
    }
    all
}

fn tunnel_attributes(tunnel: Tunnel) -> [Attribute; 3] {
    let (kind, port) = match tunnel.kind {
        TunnelKind::Ipip => (0_u8, 0_u16),
        TunnelKind::Gue { port } => (1, port),
        TunnelKind::Gre => (2, 0),
        TunnelKind::Other(number) => (number, 0),
    };
    let flags = match tunnel.checksum {
        TunnelChecksum::None => 0_u16,
        TunnelChecksum::Full => 1,
        TunnelChecksum::Remote => 2,
        TunnelChecksum::Other(flags) => flags,
    };
    [
        attribute(13, kind),
        attribute(14, port.to_be()),
        attribute(15, flags),
    ]
}

fn daemon_attributes(daemon: &SyncDaemon) -> Vec<Attribute> {
    let role = match daemon.role {
        SyncRole::Master => 1_u32,
        SyncRole::Backup => 2,
    };
    let mut all = vec![
        attribute(1, role),
        attribute(2, daemon.interface.as_str()),
        attribute(3, u32::from(daemon.sync_id)),
    ];
    // Zero means the kernel's default: then there is no attribute.
    all.extend((daemon.max_length != 0).then(|| attribute(4, daemon.max_length)));
    all.extend(daemon.group.map(|group| match group {
        IpAddr::V4(v4) => attribute(5, v4.octets()),
        IpAddr::V6(v6) => attribute(6, v6.octets()),
    }));
    all.extend((daemon.port != 0).then(|| attribute(7, daemon.port)));
    all.extend((daemon.ttl != 0).then(|| attribute(8, daemon.ttl)));
    all
}

/// Our bytes, read by neli: the command, and for every nest its number, its flag and its attributes in no order.
fn read_by_neli(bytes: &[u8]) -> (u8, Vec<Nest>) {
    let message = Message::from_bytes(&mut Cursor::new(bytes)).expect("neli reads it");
    assert_eq!(*message.nl_len() as usize, bytes.len());
    assert_eq!(
        (*message.nl_type(), *message.nl_seq(), *message.nl_pid()),
        (28, 7, 0)
    );
    assert_eq!(*message.nl_flags(), NlmF::REQUEST | NlmF::ACK);
    let header = message.get_payload().expect("a payload");
    assert_eq!(*header.version(), 1);
    let nests = header.attrs().iter().map(|nest| {
        let within = nest.get_attr_handle::<u16>().expect("neli reads the nest");
        let content = within.iter().map(flat).collect();
        let kind = nest.nla_type();
        (*kind.nla_type(), *kind.nla_nested(), sorted(content))
    });
    (*header.cmd(), nests.collect())
}

fn flat(attribute: &Attribute) -> (u16, Vec<u8>) {
    let payload = attribute.nla_payload().as_ref().to_vec();
    (*attribute.nla_type().nla_type(), payload)
}

fn sorted(mut all: Vec<(u16, Vec<u8>)>) -> Vec<(u16, Vec<u8>)> {
    all.sort();
    all
}

fn ours(request: Request<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    request.emit(28, 7, Answer::Acknowledge, &mut bytes);
    bytes
}

/// Compares our request with neli's nests, and hands neli's attributes to `decode`.
fn compare<T>(
    request: Request<'_>,
    nests: &[(u16, Vec<Attribute>)],
    decode: impl FnOnce(&[u8]) -> T,
) -> T {
    let expected = nests
        .iter()
        .map(|(kind, content)| (*kind, true, sorted(content.iter().map(flat).collect())));
    let (command, read) = read_by_neli(&ours(request));
    assert_eq!(command, request.command());
    assert_eq!(read, expected.collect::<Vec<_>>());
    let attributes = nests.iter().map(|(kind, content)| nest(*kind, content));
    let bytes = message(command, attributes.collect());
    let messages: Vec<_> = parse_all(&bytes).collect();
    let [Ok(Incoming { sequence: 7, kind })] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    decode(kind.genl_attributes().expect("attributes"))
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn neli_and_we_read_each_others_services((key, settings) in service()) {
        let whole = [(SERVICE, service_attributes(&key, &settings))];
        for request in [Request::AddService(&key, &settings), Request::EditService(&key, &settings)] {
            let entry = compare(request, &whole, parse_service).unwrap();
            prop_assert_eq!((entry.key, &entry.settings), (key, &settings));
        }
        let identity = [(SERVICE, service_key_attributes(&key))];
        for request in [Request::DeleteService(&key), Request::GetService(&key), Request::ZeroService(&key)] {
            let objects = compare(request, &identity, RequestedObjects::parse).unwrap();
            prop_assert_eq!(objects.service, Some(key));
        }
    }

    #[test]
    fn neli_and_we_read_each_others_servers(
        service in service_key(), key in server_key(), real in real_server(),
    ) {
        let whole = [(SERVICE, service_key_attributes(&service)), (DEST, server_attributes(&key, &real))];
        for request in [Request::AddServer(&service, &key, &real), Request::EditServer(&service, &key, &real)] {
            let entry = compare(request, &whole, |bytes| parse_server(bytes, service.family())).unwrap();
            prop_assert_eq!((entry.key, entry.server), (key, real));
        }
        let identity = [(SERVICE, service_key_attributes(&service)), (DEST, server_key_attributes(&key))];
        let objects = compare(Request::DeleteServer(&service, &key), &identity, RequestedObjects::parse).unwrap();
        prop_assert_eq!((objects.service, objects.server), (Some(service), Some(key)));
    }

    #[test]
    fn neli_and_we_read_each_others_sync_daemons(daemon in sync_daemon()) {
        let whole = [(DAEMON, daemon_attributes(&daemon))];
        let read = compare(Request::StartDaemon(&daemon), &whole, parse_sync_daemon);
        prop_assert_eq!(read, Ok(daemon.clone()));
        let role = whole[0].1[..1].to_vec();
        let objects = compare(Request::StopDaemon(daemon.role), &[(DAEMON, role)], RequestedObjects::parse).unwrap();
        prop_assert_eq!(objects.daemon, Some(daemon.role));
    }

    #[test]
    fn neli_and_we_read_each_others_timeouts(timeouts in timeouts()) {
        let values = [timeouts.tcp.0, timeouts.tcp_fin.0, timeouts.udp.0];
        let written: Vec<_> = (4..).zip(values).map(|(kind, value)| attribute(kind, value)).collect();
        let request = Request::SetTimeouts(timeouts);
        let read = Message::from_bytes(&mut Cursor::new(ours(request))).unwrap();
        let attributes: Vec<_> = read.get_payload().unwrap().attrs().iter().map(flat).collect();
        prop_assert_eq!(attributes, written.iter().map(flat).collect::<Vec<_>>());
        let bytes = message(request.command(), written);
        prop_assert_eq!(parse_timeouts(&bytes[20..]), Ok(timeouts));
    }
}
