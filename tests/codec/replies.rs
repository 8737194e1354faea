// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our decoder reads the kernel's answers as the values that ipvsadm had made.

use lvs_director::codec::ipvs::{
    Info, parse_info, parse_server, parse_service, parse_sync_daemon, parse_timeouts,
};
use lvs_director::codec::message::{IncomingKind, Refusal, parse_family};
use lvs_director::model::{
    AddressFamily, ConnectionCounts, Counters, ForwardingMethod, Granularity, PersistenceEngine,
    Protocol, SchedulerFlags, Seconds, ServiceSettings, SyncDaemon, SyncRole, Timeouts, Tunnel,
    TunnelChecksum, TunnelKind,
};

use crate::golden;
use crate::samples::{limited, mark, mask, persistent, plain, real, server, service, tcp, tunnel};

/// The traffic of `TCP 10.0.0.100:88` at the time of the listing.
const TRAFFIC: Counters = Counters {
    connections: 106,
    in_packets: 632,
    out_packets: 369,
    in_bytes: 84_412,
    out_bytes: 172_136,
    connection_rate: 11,
    in_packet_rate: 63,
    out_packet_rate: 37,
    in_byte_rate: 8481,
    out_byte_rate: 17_337,
};

#[test]
fn services_read_as_they_were_made() {
    let udp = |at| service(Protocol::Udp, at);
    let maglev = ServiceSettings {
        one_packet: true,
        scheduler_flags: SchedulerFlags::from_bits(3),
        ..plain("mh")
    };
    let sip = ServiceSettings {
        one_packet: true,
        persistence: Some(Seconds(120)),
        granularity: mask("255.255.255.255"),
        engine: PersistenceEngine::new("sip"),
        ..plain("rr")
    };
    let flag_3 = ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(4),
        ..plain("wlc")
    };
    let expected = [
        ("tcp", tcp("10.0.0.100:80"), plain("wrr")),
        (
            "persistent",
            tcp("10.0.0.100:8080"),
            persistent("rr", 300, mask("255.255.255.0")),
        ),
        ("sip", udp("10.0.0.100:5060"), sip),
        ("mh", udp("10.0.0.100:53"), maglev),
        ("sctp", service(Protocol::Sctp, "10.0.0.100:9899"), flag_3),
        (
            "v6",
            tcp("[fd00::100]:80"),
            persistent("lblcr", 3000, Granularity::Prefix(48)),
        ),
        (
            "fwmark",
            mark(7, AddressFamily::Ipv4),
            persistent("wlc", 600, mask("255.255.0.0")),
        ),
        (
            "fwmark6",
            mark(u32::MAX, AddressFamily::Ipv6),
            persistent("rr", 90, Granularity::Prefix(64)),
        ),
    ];
    for (name, key, settings) in expected {
        let entry = golden::attributes(&format!("kernel/service_{name}"), parse_service).unwrap();
        assert_eq!((entry.key, &entry.settings), (key, &settings), "{name}");
        if name != "mh" {
            assert_eq!(entry.counters, Counters::default(), "{name}");
        }
    }
}

#[test]
fn servers_read_as_they_were_made() {
    let (nat, dr) = (
        ForwardingMethod::Masquerading,
        ForwardingMethod::DirectRouting,
    );
    let ipip = ForwardingMethod::Tunneling(Tunnel::IPIP);
    let gue = tunnel(TunnelKind::Gue { port: 6080 }, TunnelChecksum::Remote);
    let gre = tunnel(TunnelKind::Gre, TunnelChecksum::Full);
    let expected = [
        (
            "masq",
            "10.1.1.11:8080",
            limited(nat, 2_147_483_647, 1000, 800),
        ),
        ("route", "10.1.1.12:80", limited(dr, 7, 10, 0)),
        ("ipip", "192.0.2.1:80", real(ipip, 5)),
        ("gue", "192.0.2.2:80", real(gue, 1)),
        ("gre", "192.0.2.3:80", real(gre, 1)),
        ("v6_tunnel", "[fd00::9]:80", real(ipip, 3)),
        ("v6", "[fd01::11]:8080", real(nat, 65_535)),
        ("fwmark", "10.1.1.11:0", real(dr, 1)),
    ];
    for (name, at, real) in expected {
        // The reply has its own family, so the service's does not matter.
        for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
            let file = format!("kernel/server_{name}");
            let entry = golden::attributes(&file, |bytes| parse_server(bytes, family)).unwrap();
            assert_eq!((entry.key, entry.server), (server(at), real), "{name}");
            assert_eq!(entry.connections, ConnectionCounts::default(), "{name}");
            assert_eq!(entry.counters, Counters::default(), "{name}");
        }
    }
}

#[test]
fn counters_and_connections_read_as_ipvsadm_showed_them() {
    let entry = golden::attributes("kernel/service_traffic", parse_service).unwrap();
    assert_eq!(entry.counters, TRAFFIC);
    let entry = golden::attributes("kernel/server_traffic", |bytes| {
        parse_server(bytes, AddressFamily::Ipv4)
    });
    let entry = entry.unwrap();
    assert_eq!(entry.counters, TRAFFIC);
    assert_eq!(
        entry.server,
        limited(ForwardingMethod::Masquerading, 1, 90, 60)
    );
    let connections = ConnectionCounts {
        active: 3,
        inactive: 113,
        persistent: 1,
    };
    assert_eq!(entry.connections, connections);
}

#[test]
fn sync_daemons_read_as_they_were_started_with_the_kernels_defaults_filled_in() {
    let master = SyncDaemon {
        role: SyncRole::Master,
        interface: "d0".to_owned(),
        sync_id: 7,
        max_length: 1400,
        group: Some("224.1.2.3".parse().unwrap()),
        port: 9000,
        ttl: 3,
    };
    let backup = SyncDaemon {
        role: SyncRole::Backup,
        sync_id: 255,
        max_length: 1452,
        group: Some("ff05::56".parse().unwrap()),
        port: 9001,
        ttl: 5,
        ..master.clone()
    };
    let defaults = SyncDaemon {
        sync_id: 0,
        max_length: 1472,
        group: Some("224.0.0.81".parse().unwrap()),
        port: 8848,
        ttl: 1,
        ..master.clone()
    };
    let listed = |name| golden::attributes(name, parse_sync_daemon);
    assert_eq!(listed("kernel/daemon_master"), Ok(master));
    assert_eq!(listed("kernel/daemon_backup"), Ok(backup));
    assert_eq!(listed("kernel/daemon_defaults"), Ok(defaults));
}

#[test]
fn what_the_kernel_says_of_itself_reads_as_ipvsadm_shows_it() {
    let info = Info {
        version: (1, 2, 1),
        connection_table_size: 4096,
    };
    assert_eq!(golden::attributes("kernel/info", parse_info), Ok(info));
    let timeouts = Timeouts {
        tcp: Seconds(901),
        tcp_fin: Seconds(121),
        udp: Seconds(301),
    };
    assert_eq!(
        golden::attributes("kernel/timeouts", parse_timeouts),
        Ok(timeouts)
    );
    assert_eq!(golden::attributes("kernel/family", parse_family), Ok(28));
}

#[test]
fn confirmations_and_refusals_are_told_apart() {
    golden::message("kernel/ack", |kind| {
        assert_eq!(*kind, IncomingKind::Acknowledged);
    });
    golden::message("kernel/done", |kind| assert_eq!(*kind, IncomingKind::Done));
    for (name, errno) in [
        ("kernel/error_esrch", libc::ESRCH),
        ("kernel/error_eexist", libc::EEXIST),
        ("kernel/error_enoent", libc::ENOENT),
    ] {
        let refused = IncomingKind::Refused(Refusal { errno, text: None });
        golden::message(name, |kind| assert_eq!(*kind, refused));
    }
}
