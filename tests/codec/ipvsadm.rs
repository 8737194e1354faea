// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our decoder reads ipvsadm's requests as the values that we would send.

use lvs_director::codec::DecodeError;
use lvs_director::codec::ipvs::{
    FAMILY_NAME, RequestedObjects, parse_server, parse_service, parse_sync_daemon, parse_timeouts,
};
use lvs_director::codec::message::IncomingKind;
use lvs_director::model::{
    AddressFamily, ForwardingMethod, Granularity, PersistenceEngine, Protocol, RealServer,
    SchedulerFlags, Seconds, ServiceKey, ServiceSettings, SyncDaemon, SyncRole, Timeouts, Tunnel,
    TunnelChecksum, TunnelKind,
};

use crate::golden;
use crate::samples::{limited, mark, mask, persistent, plain, real, server, service, tcp, tunnel};

#[track_caller]
fn asks_for_service(name: &str, key: ServiceKey, settings: &ServiceSettings) {
    let entry = golden::attributes(name, parse_service).unwrap();
    assert_eq!(
        (entry.key, &entry.settings),
        (key, settings),
        "{name}: {entry:?}"
    );
}

#[test]
fn services_it_adds_and_edits_read_as_ours_do() {
    let udp = |at| service(Protocol::Udp, at);
    asks_for_service(
        "ipvsadm/add_service_tcp",
        tcp("10.0.0.100:80"),
        &plain("wrr"),
    );
    asks_for_service(
        "ipvsadm/add_service_persistent",
        tcp("10.0.0.100:8080"),
        &persistent("rr", 300, mask("255.255.255.0")),
    );
    let sip = ServiceSettings {
        one_packet: true,
        persistence: Some(Seconds(120)),
        granularity: mask("255.255.255.255"),
        engine: PersistenceEngine::new("sip"),
        ..plain("rr")
    };
    asks_for_service("ipvsadm/add_service_sip", udp("10.0.0.100:5060"), &sip);
    let maglev = ServiceSettings {
        one_packet: true,
        scheduler_flags: SchedulerFlags::from_bits(3),
        ..plain("mh")
    };
    asks_for_service("ipvsadm/add_service_mh", udp("10.0.0.100:53"), &maglev);
    let flag_3 = ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(4),
        ..plain("wlc")
    };
    let sctp = service(Protocol::Sctp, "10.0.0.100:9899");
    asks_for_service("ipvsadm/add_service_sctp", sctp, &flag_3);
    let sh_port = ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(2),
        ..plain("sh")
    };
    asks_for_service("ipvsadm/edit_service", tcp("10.0.0.100:8080"), &sh_port);
}

#[test]
fn ipv6_services_and_services_by_mark_it_adds_read_as_ours_do() {
    asks_for_service(
        "ipvsadm/add_service_v6",
        tcp("[fd00::100]:80"),
        &persistent("lblcr", 3000, Granularity::Prefix(48)),
    );
    asks_for_service(
        "ipvsadm/add_service_fwmark",
        mark(7, AddressFamily::Ipv4),
        &persistent("wlc", 600, mask("255.255.0.0")),
    );
    asks_for_service(
        "ipvsadm/add_service_fwmark6",
        mark(u32::MAX, AddressFamily::Ipv6),
        &persistent("rr", 90, Granularity::Prefix(64)),
    );
}

#[test]
fn servers_it_adds_and_edits_read_as_ours_do() {
    let v4 = tcp("10.0.0.100:80");
    let gue = tunnel(TunnelKind::Gue { port: 6080 }, TunnelChecksum::Remote);
    let gre = tunnel(TunnelKind::Gre, TunnelChecksum::Full);
    let ipip = ForwardingMethod::Tunneling(Tunnel::IPIP);
    let (nat, dr) = (
        ForwardingMethod::Masquerading,
        ForwardingMethod::DirectRouting,
    );
    let expected: [(&str, ServiceKey, &str, RealServer); 9] = [
        (
            "masq",
            v4,
            "10.1.1.11:8080",
            limited(nat, 2_147_483_647, 1000, 800),
        ),
        ("route", v4, "10.1.1.12:80", real(dr, 0)),
        ("ipip", v4, "192.0.2.1:80", real(ipip, 5)),
        ("gue", v4, "192.0.2.2:80", real(gue, 1)),
        ("gre", v4, "192.0.2.3:80", real(gre, 1)),
        ("v6_tunnel", v4, "[fd00::9]:80", real(ipip, 3)),
        (
            "v6",
            tcp("[fd00::100]:80"),
            "[fd01::11]:8080",
            real(nat, 65_535),
        ),
        (
            "fwmark",
            mark(7, AddressFamily::Ipv4),
            "10.1.1.11:0",
            real(dr, 1),
        ),
        ("edit", v4, "10.1.1.12:80", limited(dr, 7, 10, 0)),
    ];
    for (name, key, at, real) in expected {
        let file = match name {
            "edit" => "ipvsadm/edit_server".to_owned(),
            other => format!("ipvsadm/add_server_{other}"),
        };
        let objects = golden::attributes(&file, RequestedObjects::parse).unwrap();
        assert_eq!(objects.service, Some(key), "{file}");
        assert_eq!(objects.server, Some(server(at)), "{file}");
        let entry = golden::attributes(&file, |bytes| parse_server(bytes, key.family())).unwrap();
        assert_eq!((entry.key, entry.server), (server(at), real), "{file}");
    }
}

#[test]
fn what_it_deletes_zeroes_and_reads_is_named_as_by_us() {
    let v4 = tcp("10.0.0.100:80");
    let last_mark = mark(u32::MAX, AddressFamily::Ipv6);
    for (name, service_key, server_key) in [
        ("delete_server", v4, Some("192.0.2.1:80")),
        ("delete_server_v6", v4, Some("[fd00::9]:80")),
        (
            "delete_service",
            service(Protocol::Udp, "10.0.0.100:53"),
            None,
        ),
        ("delete_service_fwmark", last_mark, None),
        ("zero_service", v4, None),
        ("get_service", v4, None),
        ("list_servers", last_mark, None),
    ] {
        let expected = RequestedObjects {
            service: Some(service_key),
            server: server_key.map(server),
            daemon: None,
        };
        let objects = golden::attributes(&format!("ipvsadm/{name}"), RequestedObjects::parse);
        assert_eq!(objects, Ok(expected), "{name}");
    }
    for name in [
        "list_services",
        "zero_all",
        "clear",
        "get_info",
        "get_timeouts",
        "list_daemons",
    ] {
        let objects = golden::attributes(&format!("ipvsadm/{name}"), RequestedObjects::parse);
        assert_eq!(objects, Ok(RequestedObjects::default()), "{name}");
    }
}

#[test]
fn sync_daemons_it_starts_and_stops_read_as_ours_do() {
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
        max_length: 0,
        group: Some("ff05::56".parse().unwrap()),
        port: 9001,
        ttl: 5,
        ..master.clone()
    };
    let started = |name| golden::attributes(name, parse_sync_daemon);
    assert_eq!(started("ipvsadm/start_master"), Ok(master));
    assert_eq!(started("ipvsadm/start_backup"), Ok(backup));
    for (name, role) in [
        ("ipvsadm/stop_master", SyncRole::Master),
        ("ipvsadm/stop_backup", SyncRole::Backup),
    ] {
        let objects = golden::attributes(name, RequestedObjects::parse).unwrap();
        assert_eq!(objects.daemon, Some(role));
    }
}

#[test]
fn timeouts_it_sets_read_as_ours_do() {
    let timeouts = Timeouts {
        tcp: Seconds(901),
        tcp_fin: Seconds(121),
        udp: Seconds(301),
    };
    assert_eq!(
        golden::attributes("ipvsadm/set_timeouts", parse_timeouts),
        Ok(timeouts)
    );
}

#[test]
fn a_request_that_names_no_scheduler_is_no_whole_service() {
    let entry = golden::attributes("ipvsadm/get_service", parse_service);
    assert_eq!(
        entry,
        Err(DecodeError::WrongLength {
            name: "SCHED_NAME",
            length: 0
        })
    );
}

#[test]
fn its_question_for_the_family_is_ours_but_for_the_acknowledgement() {
    let controller = golden::message("ipvsadm/get_family", |kind| match kind {
        IncomingKind::Data {
            message_type,
            payload,
            ..
        } => (*message_type, payload.to_vec()),
        other => panic!("{other:?}"),
    });
    assert_eq!(controller.0, 16);
    let ours = golden::bytes("ours/get_family");
    assert_eq!(controller.1, ours[16..]);
    assert!(ours.ends_with(format!("{FAMILY_NAME}\0\0\0\0").as_bytes()));
}
