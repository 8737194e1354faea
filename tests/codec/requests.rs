// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our bytes are equal to those that a person wrote by hand.

use std::net::IpAddr;

use lvs_director::codec::ipvs::{FAMILY_NAME, Request};
use lvs_director::codec::message::{Answer, emit_fence, emit_get_family};
use lvs_director::model::{
    AddressFamily, ForwardingMethod, Granularity, PersistenceEngine, Protocol, SchedulerFlags,
    Seconds, ServiceSettings, SyncDaemon, SyncRole, Timeouts, Tunnel, TunnelChecksum, TunnelKind,
};

use crate::golden;
use crate::samples::{limited, mark, mask, persistent, plain, real, server, service, tcp, tunnel};

/// Four bytes a line: a failure then shows the place.
fn lines(bytes: &[u8]) -> Vec<String> {
    let line = |chunk: &[u8]| {
        let codes: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        codes.join(" ")
    };
    bytes.chunks(4).map(line).collect()
}

#[track_caller]
fn emits(request: Request<'_>, answer: Answer, name: &str) {
    let mut bytes = Vec::new();
    request.emit(28, 7, answer, &mut bytes);
    assert_eq!(lines(&bytes), lines(&golden::bytes(name)), "{name}");
}

#[track_caller]
fn acknowledged(request: Request<'_>, name: &str) {
    emits(request, Answer::Acknowledge, name);
}

#[test]
fn requests_about_services_are_the_bytes_written_by_hand() {
    let key = tcp("10.0.0.100:80");
    acknowledged(Request::AddService(&key, &plain("wrr")), "ours/add_service");
    let sh_port = ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(2),
        ..plain("sh")
    };
    acknowledged(Request::EditService(&key, &sh_port), "ours/edit_service");
    acknowledged(Request::DeleteService(&key), "ours/delete_service");
    acknowledged(Request::ZeroService(&key), "ours/zero_service");
    emits(Request::GetService(&key), Answer::Plain, "ours/get_service");
}

#[test]
fn a_service_with_everything_set_is_the_bytes_written_by_hand() {
    let sip = ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(0b101),
        one_packet: true,
        persistence: Some(Seconds(120)),
        granularity: mask("255.255.255.0"),
        engine: PersistenceEngine::new("sip"),
        ..plain("rr")
    };
    let key = service(Protocol::Udp, "10.0.0.100:5060");
    emits(
        Request::AddService(&key, &sip),
        Answer::Plain,
        "ours/add_service_sip",
    );
}

#[test]
fn an_ipv6_netmask_is_a_prefix_length_in_the_machines_order() {
    let key = service(Protocol::Sctp, "[fd00::100]:9899");
    acknowledged(
        Request::AddService(&key, &persistent("lblcr", 3000, Granularity::Prefix(48))),
        "ours/add_service_v6",
    );
    acknowledged(
        Request::AddService(&mark(u32::MAX, AddressFamily::Ipv6), &plain("rr")),
        "ours/add_service_fwmark6",
    );
}

#[test]
fn a_service_by_mark_has_neither_protocol_nor_address_nor_port() {
    let key = mark(7, AddressFamily::Ipv4);
    acknowledged(
        Request::AddService(&key, &persistent("wlc", 600, mask("255.255.0.0"))),
        "ours/add_service_fwmark",
    );
    acknowledged(
        Request::AddServer(
            &key,
            &server("10.1.1.11:0"),
            &real(ForwardingMethod::DirectRouting, 0),
        ),
        "ours/add_server_fwmark",
    );
}

#[test]
fn requests_about_servers_name_their_service_by_its_identity_alone() {
    let key = tcp("10.0.0.100:80");
    let masquerading = limited(ForwardingMethod::Masquerading, 2_147_483_647, 1000, 800);
    acknowledged(
        Request::AddServer(&key, &server("10.1.1.11:8080"), &masquerading),
        "ours/add_server",
    );
    let routed = limited(ForwardingMethod::DirectRouting, 7, 10, 0);
    acknowledged(
        Request::EditServer(&key, &server("10.1.1.12:80"), &routed),
        "ours/edit_server",
    );
    acknowledged(
        Request::DeleteServer(&key, &server("[fd00::9]:80")),
        "ours/delete_server",
    );
    emits(
        Request::ListServers(&key),
        Answer::Dump,
        "ours/list_servers",
    );
}

#[test]
fn tunneled_servers_say_how_they_are_wrapped() {
    let key = tcp("10.0.0.100:80");
    let gue = tunnel(TunnelKind::Gue { port: 6080 }, TunnelChecksum::Remote);
    let gre = tunnel(TunnelKind::Gre, TunnelChecksum::Full);
    let ipip = ForwardingMethod::Tunneling(Tunnel::IPIP);
    for (at, method, name) in [
        ("192.0.2.2:80", gue, "ours/add_server_gue"),
        ("192.0.2.3:80", gre, "ours/add_server_gre"),
        ("[fd00::9]:80", ipip, "ours/add_server_v6_tunnel"),
    ] {
        acknowledged(
            Request::AddServer(&key, &server(at), &real(method, 1)),
            name,
        );
    }
}

#[test]
fn requests_about_sync_daemons_are_the_bytes_written_by_hand() {
    let group = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    let master = SyncDaemon {
        role: SyncRole::Master,
        interface: "d0".to_owned(),
        sync_id: 7,
        max_length: 1400,
        group: group("224.1.2.3"),
        port: 9000,
        ttl: 3,
    };
    let backup = SyncDaemon {
        role: SyncRole::Backup,
        sync_id: 255,
        max_length: 0,
        group: group("ff05::56"),
        port: 9001,
        ttl: 5,
        ..master.clone()
    };
    let defaults = SyncDaemon {
        interface: "fifteen-letters".to_owned(),
        sync_id: 0,
        max_length: 0,
        group: None,
        port: 0,
        ttl: 0,
        ..master.clone()
    };
    acknowledged(Request::StartDaemon(&master), "ours/start_master");
    acknowledged(Request::StartDaemon(&backup), "ours/start_backup");
    acknowledged(Request::StartDaemon(&defaults), "ours/start_master_plain");
    acknowledged(Request::StopDaemon(SyncRole::Backup), "ours/stop_backup");
    emits(Request::ListDaemons, Answer::Dump, "ours/list_daemons");
}

#[test]
fn requests_about_the_whole_are_the_bytes_written_by_hand() {
    let timeouts = Timeouts {
        tcp: Seconds(901),
        tcp_fin: Seconds(121),
        udp: Seconds(301),
    };
    acknowledged(Request::SetTimeouts(timeouts), "ours/set_timeouts");
    emits(Request::GetTimeouts, Answer::Plain, "ours/get_timeouts");
    emits(Request::GetInfo, Answer::Plain, "ours/get_info");
    emits(Request::ListServices, Answer::Dump, "ours/list_services");
    acknowledged(Request::ZeroAll, "ours/zero_all");
    acknowledged(Request::Flush, "ours/flush");
    let mut bytes = Vec::new();
    emit_get_family(&mut bytes, 7, FAMILY_NAME);
    assert_eq!(lines(&bytes), lines(&golden::bytes("ours/get_family")));
    let mut bytes = Vec::new();
    emit_fence(&mut bytes, 7);
    assert_eq!(lines(&bytes), lines(&golden::bytes("ours/fence")));
}
