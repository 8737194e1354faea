// SPDX-License-Identifier: MIT OR Apache-2.0
//! The meaning of files, layer by layer.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{
    Checks, ConfiguredServer, ConfiguredService, Fall, ForwardingMethod, Granularity, Need,
    ServerKey, ServiceKey, Tunnel, TunnelKind, Weight,
};

fn good(text: &str) -> Config {
    parse("test.yaml", text.as_bytes()).unwrap()
}

fn bad(text: &str) -> String {
    parse("test.yaml", text.as_bytes()).unwrap_err().to_string()
}

fn service(config: &Config) -> &ConfiguredService {
    config.services.values().next().unwrap()
}

fn server<'c>(config: &'c Config, key: &str) -> &'c ConfiguredServer {
    let key = ServerKey::from(key.parse::<std::net::SocketAddr>().unwrap());
    &service(config).servers[&key]
}

fn checked(server: &ConfiguredServer) -> String {
    server.checks.each[0].probe.target.to_string()
}

#[test]
fn the_smallest_file_gets_every_default() {
    let config = good("virtual_services:\n- {address: 10.0.0.1:80, servers: [10.0.0.2]}\n");
    let (key, service) = config.services.first_key_value().unwrap();
    assert_eq!(*key, ServiceKey::tcp("10.0.0.1:80".parse().unwrap()));
    assert_eq!(service.settings.scheduler.name(), "wlc");
    assert_eq!(service.settings.persistence, None);
    let server = server(&config, "10.0.0.2:80");
    assert_eq!(
        server.real_server.forwarding,
        ForwardingMethod::DirectRouting
    );
    assert_eq!(server.real_server.weight, Weight::ONE);
    assert_eq!(checked(server), "10.0.0.2:80");
    let schedule = &server.checks.each[0].schedule;
    assert_eq!((schedule.rise, schedule.fall), (2, Fall::InARow(3)));
    assert_eq!(config.ipvs.expire_nodest_conn, Some(true));
    assert_eq!(config.ipvs.expire_quiescent_template, Some(true));
    assert_eq!(config.ipvs.conn_lfactor, Some(-8));
    assert_eq!(config.director.repair_interval, Duration::from_secs(10));
}

#[test]
fn a_load_factor_is_a_whole_number_from_minus_8_to_8_or_keep() {
    let text = |factor| {
        let service = "virtual_services: [{address: 10.0.0.1:80, servers: []}]";
        format!("ipvs: {{conn_lfactor: {factor}}}\n{service}\n")
    };
    for (written, factor) in [
        ("-8", Some(-8)),
        ("0", Some(0)),
        ("8", Some(8)),
        ("keep", None),
    ] {
        assert_eq!(good(&text(written)).ipvs.conn_lfactor, factor, "{written}");
    }
    for written in [
        "-9", "9", "+4", "--4", "'- 4'", "'-'", "-04", "04", "4.0", "none", "-256", "''",
    ] {
        let wrong = bad(&text(written));
        assert!(
            wrong.contains("conn_lfactor must be -8 to 8, or keep, got "),
            "{written}: {wrong}"
        );
    }
}

#[test]
fn inner_layers_win_key_by_key() {
    let config = good(
        "
defaults:
  weight: 5
  check: {interval: 9s, fall: 7, tcp: {port: 99}}
  persistence: {timeout: 40s, granularity: 24}
virtual_services:
- address: 10.0.0.1:80
  check: {interval: 8s}
  persistence: 30s
  servers:
  - 10.0.0.2
  - {address: 10.0.0.3, weight: 6, check: {rise: 4, tcp: {address: 10.9.9.9}}}
  - {address: 10.0.0.4, check: none}
",
    );
    let (second, third) = (
        server(&config, "10.0.0.2:80"),
        server(&config, "10.0.0.3:80"),
    );
    assert_eq!(
        (
            second.real_server.weight.get(),
            third.real_server.weight.get()
        ),
        (5, 6)
    );
    let schedule = &third.checks.each[0].schedule;
    assert_eq!(schedule.interval, Duration::from_secs(8));
    assert_eq!((schedule.rise, schedule.fall), (4, Fall::InARow(7)));
    assert_eq!(
        (checked(second), checked(third)),
        ("10.0.0.2:99".into(), "10.9.9.9:99".into())
    );
    assert_eq!(server(&config, "10.0.0.4:80").checks, Checks::NONE);
    let settings = &service(&config).settings;
    assert_eq!(settings.persistence.unwrap().0, 30);
    assert_eq!(
        settings.granularity,
        Granularity::Mask([255, 255, 255, 0].into())
    );
}

#[test]
fn options_of_an_outer_layer_that_do_not_fit_are_left_out() {
    let config = good(
        "
defaults:
  scheduler: mh
  scheduler_flags: [mh-port]
  forwarding: tun
  tunnel: {type: gue, port: 6080, checksum: remote}
virtual_services:
- address: 10.0.0.1:80
  scheduler: rr
  servers: [10.0.0.2, {address: 10.0.0.3, tunnel: {type: ipip}}, {address: 10.0.0.4, forwarding: nat}]
",
    );
    assert!(service(&config).settings.scheduler_flags.is_empty());
    let forwarding = |key| server(&config, key).real_server.forwarding;
    assert_eq!(
        forwarding("10.0.0.3:80"),
        ForwardingMethod::Tunneling(Tunnel::IPIP)
    );
    assert_eq!(forwarding("10.0.0.4:80"), ForwardingMethod::Masquerading);
    let ForwardingMethod::Tunneling(tunnel) = forwarding("10.0.0.2:80") else {
        panic!("not tunneled");
    };
    assert_eq!(tunnel.kind, TunnelKind::Gue { port: 6080 });
}

#[test]
fn only_tcp_servers_with_a_port_are_checked_unasked() {
    let checked = |service: &str| {
        let text = format!("virtual_services: [{{{service}, servers: [10.0.0.2]}}]");
        let config = good(&text);
        let server = super::tests::service(&config).servers.values().next();
        let check = server.unwrap().checks.each.first();
        check.map(|check| check.probe.to_string())
    };
    let tcp = Some("tcp 10.0.0.2:53".to_owned());
    assert_eq!(checked("address: 10.0.0.1:53"), tcp);
    let udp = "address: 10.0.0.1:53, protocol: udp";
    assert_eq!(checked(udp), None);
    let asked = Some("udp 10.0.0.2:53".to_owned());
    assert_eq!(checked(&format!("{udp}, check: {{interval: 1s}}")), asked);
    for service in [
        "address: 10.0.0.1:53, protocol: sctp",
        "address: 10.0.0.1:0, persistence: 1m",
        "fwmark: 7",
    ] {
        let text = |check| format!("virtual_services: [{{{service}, servers: [10.0.0.2]{check}}}]");
        let config = good(&format!(
            "defaults: {{check: {{interval: 1s}}}}\n{}",
            text("")
        ));
        let server = super::tests::service(&config)
            .servers
            .values()
            .next()
            .unwrap();
        assert_eq!(server.checks, Checks::NONE, "{service}");
        good(&text(", check: {tcp: {port: 9}}"));
        for check in [", check: tcp", ", check: {interval: 1s}"] {
            let said = bad(&text(check));
            assert!(said.contains("a check needs a port here"), "{said}");
        }
    }
}

#[test]
fn places_survive_comments_in_any_script_crlf_and_a_byte_order_mark() {
    let text = "\u{feff}# 全局配置\r\nvirtual_services: # 列表\r\n\r\n- address: 10.0.0.1:80 # é\r\n  \
                \"w\\u0065ight\": \"-１\"\r\n  'servers': ['10.0.0.2']\r\n";
    let said = bad(text);
    assert!(
        said.contains("test.yaml:5:18: weight must be 0 to 2147483647, got -１"),
        "{said}"
    );
    good(&text.replace("-１", "1"));
}

#[test]
fn every_key_that_a_section_lists_is_read() {
    for section in &SECTIONS {
        for key in section.keys() {
            let text = match section.name {
                "the file" => format!("{key}:\n"),
                name @ ("director" | "ipvs" | "connection_sync" | "peer" | "defaults") => {
                    format!("{name}: {{{key}: }}")
                }
                "a virtual service" => format!("virtual_services: [{{{key}: }}]"),
                "web" => format!("web: [{{{key}: }}]"),
                "web.tls" => format!("web: [{{tls: {{{key}: }}}}]"),
                "a virtual router" => format!("virtual_routers: [{{{key}: }}]"),
                "an object of track" => format!("virtual_routers: [{{track: [{{{key}: }}]}}]"),
                "track.script" => {
                    format!("virtual_routers: [{{track: [{{script: {{{key}: }}}}]}}]")
                }
                "authentication" => format!("virtual_routers: [{{authentication: {{{key}: }}}}]"),
                "authentication.hmac" => {
                    format!("virtual_routers: [{{authentication: {{hmac: {{{key}: }}}}}}]")
                }
                "a key of authentication.hmac" => format!(
                    "virtual_routers: [{{authentication: {{hmac: {{keys: [{{{key}: }}]}}}}}}]"
                ),
                "a real server" => format!("pools: {{p: [{{{key}: }}]}}"),
                name if let Some(kind) = name.strip_prefix("check.") => {
                    let depth = kind.split('.').count();
                    let kind = kind.replace('.', ": {");
                    let end = "}".repeat(depth);
                    format!("defaults: {{check: {{{kind}: {{{key}: {end}}}}}")
                }
                name => format!("defaults: {{{name}: {{{key}: }}}}"),
            };
            assert!(
                !bad(&text).contains("unknown key"),
                "{text}: {}",
                bad(&text)
            );
        }
    }
}

#[test]
fn wrong_bytes_are_named_with_their_place() {
    let said = |bytes: &[u8]| parse("test.yaml", bytes).unwrap_err().to_string();
    assert!(
        said(b"ipvs:\n  # \xc3\xa9\xff\n").starts_with("test.yaml:2:6: not UTF-8: byte 0xff\n")
    );
    assert!(said(b"\xff\xfea\0").contains("UTF-16"));
    assert!(said(b"a: \0\n").starts_with("test.yaml:1:4: not YAML: a NUL byte is not allowed"));
    // Nothing after a NUL may be overlooked.
    let good = "virtual_services: [{address: 10.0.0.1:80, servers: []}]\n";
    assert!(
        said(format!("{good}\0 more").as_bytes())
            .starts_with("test.yaml:2:1: not YAML: a NUL byte")
    );
    let escape = said(b"# \xc3\xa9 \x1b[31m\n");
    assert!(
        escape.starts_with("test.yaml:1:5: not YAML: the control character U+001B"),
        "{escape}"
    );
    assert!(!escape.contains("tab"), "{escape}");
    assert!(said(&vec![b' '; MAX_BYTES + 1]).contains("longer than 16 MiB"));
}

#[test]
fn an_alias_counts_as_if_it_were_written_out() {
    let servers = "servers: &s [10.0.0.2, 10.0.0.3]";
    let config = good(&format!(
        "virtual_services:\n- {{address: 10.0.0.1:80, {servers}}}\n- {{address: 10.0.0.1:81, servers: *s}}\n"
    ));
    assert_eq!(
        config
            .services
            .values()
            .map(|it| it.servers.len())
            .sum::<usize>(),
        4
    );
    let twin = "virtual_services:\n- &a {address: 10.0.0.1:80, servers: []}\n- *a\n";
    assert!(bad(twin).contains("duplicate virtual service TCP 10.0.0.1:80, first on line 2"));
    assert!(bad("pools: &a [*a]").contains("contains itself"));
    let nested = format!(
        "a: &a {}x{}\nb: {}*a{}\n",
        "[".repeat(40),
        "]".repeat(40),
        "[".repeat(40),
        "]".repeat(40)
    );
    assert!(
        bad(&nested).starts_with("test.yaml:2:44: nested deeper than 64 levels"),
        "{}",
        bad(&nested)
    );
}

#[test]
fn what_stays_is_shared_with_the_running_configuration() {
    let text = |weight| {
        format!(
            "defaults: {{check: {{tcp: {{}}}}}}\nvirtual_services:\n  - {{address: '10.0.0.1:80', servers: [10.0.0.2, 10.0.0.3]}}\n  \
             - {{address: '10.0.0.1:81', servers: [{{address: 10.0.0.2, weight: {weight}}}, 10.0.0.3]}}\n"
        )
    };
    let mut follower = Follower::default();
    let running = follower.read("a.yaml", text(1).into()).unwrap();
    let next = follower.read("a.yaml", text(2).into()).unwrap();
    let shared = |(old, new): (&ConfiguredService, &ConfiguredService)| {
        let servers = Arc::ptr_eq(&old.servers, &new.servers);
        let pairs = old.servers.values().zip(new.servers.values());
        let mut checks =
            pairs.flat_map(|(old, new)| old.checks.each.iter().zip(new.checks.each.iter()));
        (servers, checks.all(|(old, new)| Arc::ptr_eq(old, new)))
    };
    let pairs = running.services.values().zip(next.services.values());
    assert_eq!(
        pairs.map(shared).collect::<Vec<_>>(),
        [(true, true), (false, true)]
    );
    assert_eq!(*next, parse("a.yaml", text(2).as_bytes()).unwrap());
}

#[test]
fn checks_of_a_list_take_from_the_outer_layers_what_they_do_not_say() {
    let config = good(
        "defaults: {check: {interval: 5s, need: any, http: {path: /up}}}\nvirtual_services:\n- address: 10.0.0.1:80\n  \
         check: {rise: 1, each: [tcp, {http: {port: 8080}, interval: 10s}]}\n  servers: [10.0.0.2, {address: 10.0.0.3, check: tcp}]\n",
    );
    let several = &server(&config, "10.0.0.2:80").checks;
    assert_eq!(several.need, Need::Any);
    let told: Vec<String> = several
        .each
        .iter()
        .map(|check| {
            let schedule = &check.schedule;
            format!("{} {:?} {}", check.probe, schedule.interval, schedule.rise)
        })
        .collect();
    assert_eq!(
        told,
        ["tcp 10.0.0.2:80 5s 1", "http 10.0.0.2:8080/up 10s 1",]
    );
    // An inner layer with one check wins over the list.
    let one = &server(&config, "10.0.0.3:80").checks;
    assert_eq!((one.need, one.each.len()), (Need::All, 1));
}

#[test]
fn all_services_of_a_server_share_one_probe_by_icmp() {
    let config = good(
        "defaults: {check: icmp}\nvirtual_services:\n- {address: 10.0.0.1:80, servers: [10.0.0.2]}\n- {address: 10.0.0.1:53, \
         protocol: udp, servers: [10.0.0.2]}\n- {fwmark: 7, servers: [10.0.0.2]}\n",
    );
    let servers = config.services.values().flat_map(|it| it.servers.values());
    let probes: Vec<_> = servers.map(|it| &it.checks.each[0].probe).collect();
    assert_eq!(probes.len(), 3);
    assert!(probes.iter().all(|it| *it == probes[0]));
    assert_eq!(probes[0].to_string(), "icmp 10.0.0.2");
}

#[test]
fn a_name_stands_for_what_is_written_there_in_its_layer() {
    let services = "defaults: {check: {timeout: 3s, http: {host: a}}}
pools: {p: [10.0.0.4, {address: 10.0.0.5, check: WEB}]}
virtual_services:
- {address: 10.0.0.1:80, check: WEB, servers: [10.0.0.2, {address: 10.0.0.3, check: {rise: 7, http: {port: 8080}}}]}
- {address: 10.0.0.1:81, check: {interval: 9s, each: [tcp, WEB, {amqp: {}}]}, servers: [10.0.0.2]}
- {address: 10.0.0.1:82, pool: p, sorry_server: {address: 10.0.0.9, check: WEB}}
- {address: 10.0.0.1:83, check: BOTH, servers: [10.0.0.2, {address: 10.0.0.3, check: none}]}
- {address: 10.0.0.1:84, protocol: udp, check: WEB, servers: [10.0.0.2:84]}
";
    let web = "{http: {path: /up, port: 80}, interval: 5s, initial: up}";
    let both = "{need: any, each: [tcp, {http: {path: /x}}]}";
    let text = services.replace("WEB", "web").replace("BOTH", "both");
    let named = good(&format!(
        "checks: {{web: {web}, both: {both}, plain: udp}}\n{text}"
    ));
    let behind = good(&format!("{text}checks: {{web: {web}, both: {both}}}\n"));
    let written = good(&services.replace("WEB", web).replace("BOTH", both));
    assert_eq!(named, written);
    assert_eq!(behind, written);
    assert_eq!(good(&to_yaml(&named)), written);
    let json = r#"{"checks": {"a b": {"http": {}}}, "virtual_services": [
        {"address": "10.0.0.1:80", "check": "a b", "servers": ["10.0.0.2"]}]}"#;
    let config = good(json);
    let check = &server(&config, "10.0.0.2:80").checks.each[0];
    assert_eq!(check.probe.to_string(), "http 10.0.0.2:80/");
}

#[test]
fn an_anchor_can_be_a_named_check_and_a_part_of_one() {
    let text = "checks:\n  web: &w {http: {path: &p /up}}\n  other: {http: {path: *p}, interval: 1s}\n\
                virtual_services:\n- {address: 10.0.0.1:80, check: *w, servers: [10.0.0.2]}\n\
                - {address: 10.0.0.1:81, check: web, servers: ['10.0.0.2:81']}\n";
    let config = good(text);
    let mut checks = config.services.values().map(|it| {
        let server = it.servers.values().next().unwrap();
        server.checks.each[0].probe.kind.clone()
    });
    assert_eq!(checks.next(), checks.next());
}
