// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of a configuration in another language.

use super::{Exported, to_ipvsadm, to_keepalived};
use crate::config::parse;
use crate::model::Config;

/// What keepalived does when nobody says otherwise, in our words.
const AS_KEEPALIVED: &str = "
ipvs: {expire_nodest_conn: keep, expire_quiescent_template: keep, conn_lfactor: keep}
defaults:
  min_healthy: 0
  drain: none
  check: {interval: 6s, interval_from: end, timeout: 3s, rise: 1, fall: 2, first_failure: decides, retry_delay: 1s, initial: up}
";

fn config(text: &str) -> Config {
    parse("test.yaml", text.as_bytes()).unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
}

fn keepalived(text: &str) -> Exported {
    to_keepalived(&config(&format!("{AS_KEEPALIVED}{text}")))
}

/// What is not exported, a line each.
fn told(exported: &Exported) -> Vec<String> {
    exported.omissions.iter().map(ToString::to_string).collect()
}

#[test]
fn a_service_that_means_what_keepalived_means_loses_nothing() {
    let exported = keepalived(
        "
virtual_services:
  - address: 192.0.2.10:80
    scheduler: mh
    scheduler_flags: [mh-port, mh-fallback]
    forwarding: nat
    persistence: {timeout: 50s, granularity: 24}
    quorum: {weight: 3, hysteresis: 1}
    sorry_server: {address: 10.0.0.9:80, forwarding: dr, check: none}
    servers:
      - {address: 10.0.0.2:8080, weight: 2, upper_threshold: 100, lower_threshold: 50, inhibit_on_failure: true}
      - {address: 10.0.0.3:8080, check: {http: {path: /up, host: a.example, status: [200-299, 401]}, initial: down}}
",
    );
    let expected = "\
# Written by director export --to keepalived.
virtual_server 192.0.2.10 80 {
    protocol TCP
    lvs_sched mh
    mh-fallback
    mh-port
    persistence_timeout 50
    persistence_granularity 255.255.255.0
    lvs_method NAT
    quorum 3
    hysteresis 1
    real_server 10.0.0.2 8080 {
        weight 2
        uthreshold 100
        lthreshold 50
        inhibit_on_failure
        TCP_CHECK {
            connect_timeout 3
            delay_loop 6
            retry 1
            delay_before_retry 1
            warmup 1
        }
    }
    real_server 10.0.0.3 8080 {
        weight 1
        HTTP_GET {
            url {
                path /up
                status_code 200-299 401
                virtualhost a.example
            }
            connect_timeout 3
            delay_loop 6
            retry 1
            delay_before_retry 1
            warmup 1
            alpha on
        }
    }
    sorry_server 10.0.0.9 80
    sorry_server_lvs_method DR
}
";
    assert_eq!(exported.text, expected);
    assert_eq!(told(&exported), Vec::<String>::new());
}

#[test]
fn every_kind_of_check_that_has_an_equal_is_written() {
    let exported = keepalived(
        "
virtual_services:
  - address: 192.0.2.10:53
    protocol: udp
    servers:
      - {address: 10.0.0.2, check: {udp: {port: 54, send: ping}, source: 10.0.0.1, interface: eth1, fwmark: 7}}
      - {address: 10.0.0.3, check: {dns: {name: www.example, type: AAAA}}}
      - {address: 10.0.0.4, check: icmp}
      - {address: 10.0.0.5, check: {smtp: {helo: lvs.example}}}
      - {address: 10.0.0.6, check: {https: {port: 443, host: a.example, verify: false, contains: all is well}}}
",
    );
    for lines in [
        "UDP_CHECK {\n payload 70696e67\n connect_port 54\n bindto 10.0.0.1\n fwmark 7\n bind_if eth1\n",
        "DNS_CHECK {\n type AAAA\n name www.example\n connect_timeout",
        "PING_CHECK {\n connect_timeout",
        "SMTP_CHECK {\n helo_name lvs.example\n connect_port 25\n",
        "SSL_GET {\n enable_sni\n url {\n path /\n status_code 200-299\n virtualhost a.example\n regex \"all is well\"\n }\n connect_port 443\n",
    ] {
        let text: Vec<&str> = exported.text.lines().map(str::trim).collect();
        let text = text.join("\n ");
        assert!(text.contains(lines), "{lines}\n in {text}");
    }
    assert_eq!(told(&exported), Vec::<String>::new());
}

#[test]
fn a_program_is_timed_as_keepalived_times_it() {
    let exported = keepalived(
        "
virtual_services:
  - address: 192.0.2.10:80
    check: {exec: {command: [/x/foo, -p, '80'], dynamic: true, user: me}, interval_from: start, fast_interval: 2s, timeout: 1500ms}
    servers: [10.0.0.2]
",
    );
    let expected = "        MISC_CHECK {
            misc_path \"/x/foo -p 80\"
            misc_dynamic
            user me
            misc_timeout 2
            delay_loop 6
            retry 1
            delay_before_retry 2
            warmup 1
        }
";
    assert!(exported.text.contains(expected), "{}", exported.text);
    let globals = "global_defs {\n    enable_script_security\n}\n";
    assert!(exported.text.contains(globals), "{}", exported.text);
    assert_eq!(
        told(&exported),
        [
            "real server 10.0.0.2:80 of TCP 192.0.2.10:80: check exec: keepalived gives the program no \
             LVS_ADDRESS and no LVS_PORT; timeout: keepalived counts whole seconds for a program"
        ]
    );
}

#[test]
fn a_check_that_keepalived_does_not_know_becomes_a_connection_and_is_named() {
    let exported = keepalived(
        "
virtual_services:
  - address: 192.0.2.10:5672
    servers:
      - {address: 10.0.0.2, check: amqp}
      - {address: 10.0.0.3, check: {each: [tls, {http: {user: a, password_file: /etc/p}}, {agent: {port: 99}}]}}
",
    );
    assert_eq!(
        exported.text.matches("TCP_CHECK").count(),
        2,
        "{}",
        exported.text
    );
    let of = "of TCP 192.0.2.10:5672";
    assert_eq!(
        told(&exported),
        [
            format!(
                "real server 10.0.0.2:5672 {of}: check amqp: keepalived has no such check; it becomes a TCP_CHECK"
            ),
            format!(
                "real server 10.0.0.3:5672 {of}: check agent: keepalived asks no agent; it is left out; \
                 check http with a login: keepalived has no such check; it becomes a TCP_CHECK; \
                 check tls: keepalived has no such check; it becomes a TCP_CHECK"
            ),
        ]
    );
    assert!(!exported.text.contains("/etc/p"), "{}", exported.text);
}

#[test]
fn what_all_servers_or_services_lose_is_told_once() {
    let text = "
defaults: {min_healthy: 1, drain: none, check: none}
ipvs: {expire_nodest_conn: true, expire_quiescent_template: keep, conn_lfactor: keep}
virtual_services:
  - {address: 192.0.2.10:80, slow_start: 60s, scheduler: wrr, servers: [10.0.0.2, 10.0.0.3]}
  - {address: 192.0.2.10:81, servers: [10.0.0.2, {address: 10.0.0.3, backup: true}]}
";
    assert_eq!(
        told(&to_keepalived(&config(text))),
        [
            "ipvs: expire_nodest_conn: run sysctl net.ipv4.vs.expire_nodest_conn=1",
            "all virtual services: min_healthy: keepalived takes the last server out, too",
            "all real servers of TCP 192.0.2.10:80: slow_start: keepalived gives a server its whole weight at once",
            "real server 10.0.0.3:81 of TCP 192.0.2.10:81: backup: keepalived has no backup servers; it is left out",
        ]
    );
}

#[test]
fn a_quorum_in_servers_is_one_in_weights_when_all_weigh_the_same() {
    let quorum = |servers: &str, quorum: &str| {
        let exported = keepalived(&format!(
            "virtual_services: [{{address: 192.0.2.10:80, quorum: {quorum}, servers: [{servers}]}}]"
        ));
        let lines = exported.text.lines().map(str::trim);
        let lines = lines.filter(|it| it.starts_with("quorum") || it.starts_with("hysteresis"));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        (lines.join(", "), exported.omissions.len())
    };
    let two = |weight: u32| {
        format!("{{address: 10.0.0.2, weight: 5}}, {{address: 10.0.0.3, weight: {weight}}}")
    };
    assert_eq!(quorum(&two(5), "1"), (String::new(), 0));
    assert_eq!(quorum(&two(5), "{weight: 1}"), ("quorum 1".to_owned(), 0));
    let exact = ("quorum 10, hysteresis 5".to_owned(), 0);
    assert_eq!(quorum(&two(5), "{servers: 2, hysteresis: 1}"), exact);
    assert_eq!(quorum(&two(7), "2"), ("quorum 10".to_owned(), 1));
}

const PAIR: &str = "
ipvs: {expire_nodest_conn: keep, expire_quiescent_template: keep, conn_lfactor: keep, tcp_timeout: 15m, udp_timeout: 5m}
director: {real_time: 10, lock_memory: true}
connection_sync: {interface: eth1, id: 7, port: 9000, longest_send: 0s}
virtual_routers:
  - interface: eth0
    vrid: 51
    addresses: [192.0.2.10/24]
    priority: 150
    interval: 200ms
    preempt: 30s
    hold: 0s
    refresh: none
    group: both
    track:
      - {interface: eth0}
      - {interface: eth2, weight: -20}
      - {script: {command: [/x/uplink, eth1], interval: 10s, timeout: 2s, fall: 3, rise: 2, user: me}, weight: 30}
      - {file: /run/priority, weight: 1}
      - {process: nginx}
  - {interface: eth1, vrid: 52, addresses: [10.0.0.1/24], priority: 150, preempt: 30s, hold: 0s, refresh: 60s, group: both}
virtual_services: []
";

const PAIR_IN_KEEPALIVED: &str = "# Written by director export --to keepalived.
global_defs {
    lvs_timeouts tcp 900 udp 300
    lvs_sync_daemon eth1 inst eth0/51 id 7 port 9000
    vrrp_rt_priority 10
    vrrp_no_swap
    checker_no_swap
    enable_script_security
}
vrrp_script script_1 {
    script \"/x/uplink eth1\"
    interval 10
    timeout 2
    fall 3
    rise 2
    user me
}
track_file file_2 {
    file /run/priority
    weight 0
}
vrrp_track_process process_3 {
    process nginx
    weight 0
}
vrrp_sync_group both {
    group {
        eth0/51
        eth1/52
    }
    track_interface {
        eth2 weight -20
    }
    track_script {
        script_1 weight 30
    }
    track_file {
        file_2 weight 1
    }
    track_process {
        process_3
    }
}
vrrp_instance eth0/51 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 150
    version 3
    advert_int 0.2
    preempt_delay 30
    virtual_ipaddress {
        192.0.2.10/24
    }
}
vrrp_instance eth1/52 {
    state BACKUP
    interface eth1
    virtual_router_id 52
    priority 150
    version 3
    advert_int 1
    preempt_delay 30
    garp_master_refresh 60
    virtual_ipaddress {
        10.0.0.1/24
    }
}
";

#[test]
fn virtual_routers_move_together_and_watch_what_they_watched() {
    let exported = to_keepalived(&config(PAIR));
    assert_eq!(exported.text, PAIR_IN_KEEPALIVED);
    assert_eq!(
        told(&exported),
        [
            "connection_sync: roles: keepalived's daemons follow one virtual router, here the first one"
        ]
    );
}

#[test]
fn no_secret_is_in_the_text_and_what_stands_for_it_is_named() {
    let router = |authentication: &str, version: u8| {
        let text = format!(
            "virtual_routers: [{{interface: eth0, vrid: 51, addresses: [192.0.2.10/24], version: {version}, hold: 0s, \
             source: 192.0.2.1, peers: [192.0.2.3], virtual_mac: true, authentication: {authentication}}}]\n\
             virtual_services: []"
        );
        to_keepalived(&config(&text))
    };
    let password = router("{password_file: /etc/vrrp.password}", 2);
    for line in [
        "unicast_src_ip 192.0.2.1",
        "unicast_peer {",
        "vmac_xmit_base",
        "auth_type PASS",
        "auth_pass FILL_IN",
    ] {
        assert!(password.text.contains(line), "{line}: {}", password.text);
    }
    let told_of = |exported: &Exported| told(exported).pop().unwrap_or_default();
    assert_eq!(
        told_of(&password),
        "virtual router eth0/51: password_file: write the first line of /etc/vrrp.password in place of FILL_IN"
    );
    let signed = router(
        "{hmac: {keys: [{id: 2, key_file: /etc/a.key}, {id: 1, key_file: /etc/b.key}]}}",
        3,
    );
    let block = "    auth_hmac {\n        key 2 file:/etc/a.key\n        key 1 file:/etc/b.key\n        \
                 active_key 2\n        mode enforce\n        anti_replay time\n    }\n}\n";
    assert!(signed.text.ends_with(block), "{}", signed.text);
    assert!(told_of(&signed).contains("keepalived 2.4.2 or later"));
}

#[test]
fn a_text_that_keepalived_would_read_otherwise_is_not_written() {
    let exported = keepalived(
        "
virtual_services:
  - address: 192.0.2.10:80
    servers:
      - {address: 10.0.0.2, check: {http: {path: '/$A'}}}
      - {address: 10.0.0.3, check: {exec: {command: [/x/foo, 'a; b']}}}
      - {address: 10.0.0.4, check: {http: {contains: 'a.*b'}}}
",
    );
    for wrong in ["$A", "a; b", "regex"] {
        assert!(!exported.text.contains(wrong), "{}", exported.text);
    }
    assert_eq!(exported.omissions.len(), 3, "{:?}", told(&exported));
}

#[test]
fn the_lines_for_ipvsadm_are_those_of_a_table_whose_servers_are_all_up() {
    let text = format!(
        "{AS_KEEPALIVED}
connection_sync: {{interface: eth1, id: 7, roles: both}}
virtual_services:
  - {{address: 192.0.2.10:80, scheduler: rr, check: none, servers: [10.0.0.2, {{address: 10.0.0.3, backup: true}}]}}
  - {{fwmark: 7, family: ipv6, scheduler: sh, scheduler_flags: [sh-port], servers: ['2001:db8::2']}}
"
    );
    let exported = to_ipvsadm(&config(&text));
    assert_eq!(
        exported.text,
        "-A -t 192.0.2.10:80 -s rr\n\
         -a -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 1\n\
         -A -f 7 -6 -s sh -b sh-port\n\
         -a -f 7 -6 -r [2001:db8::2]:0 -g -w 1\n"
    );
    assert_eq!(
        told(&exported),
        [
            "connection_sync: the lines have no daemons: run ipvsadm --start-daemon",
            "real server 10.0.0.3:80 of TCP 192.0.2.10:80: backup: it is not in the table while the others are up",
        ]
    );
}
