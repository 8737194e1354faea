// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings compared with the output of ipvsadm 1.31 for the same tables.

use std::net::SocketAddr;

use super::*;
use crate::kernel::IpvsError;
use crate::model::{
    AddressFamily, ConnectionCounts, Fwmark, Granularity, PersistenceEngine, RealServer, Scheduler,
    SchedulerFlags, Seconds, ServerKey, ServiceSettings, Thresholds, Weight,
};

const TABLE: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.0.0.100:0 lc persistent 360
  -> 10.1.2.12:0                  Route   1      0          0         
TCP  10.0.0.100:80 wrr
  -> 10.1.1.11:80                 Masq    3      2          2         
  -> 10.1.2.12:8080               Masq    1      1          1         
TCP  10.0.0.100:443 sh (sh-fallback,sh-port)
  -> 10.1.2.12:443                Route   10     0          0         
  -> 192.0.2.7:443                Tunnel  0      0          0         
TCP  10.0.0.100:1000 rr (flag-1,flag-2,flag-3)
  -> 127.0.0.1:1000               Route   1      0          0         
TCP  10.0.0.100:8080 rr persistent 300 mask 255.255.255.0
  -> 10.1.1.11:8080               Masq    1      3          0         
TCP  10.0.0.101:80 none
UDP  10.0.0.100:53 mh (mh-fallback,mh-port) ops
  -> 10.1.1.11:53                 Masq    1      0          0         
UDP  10.0.0.100:5060 rr persistent 120 pe sip ops
  -> 10.1.1.11:5060               Masq    1      0          0         
SCTP 10.0.0.100:9899 wlc
  -> 10.1.1.11:9899               Masq    1      0          0         
TCP  [2001:db8:1111:2222:3333:4444:5555:6666]:65535 lblcr persistent 3000 mask 48
  -> [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535 Route   65535  0          0         
TCP  [fd00::100]:80 dh
  -> 10.1.2.12:80                 Tunnel  1      0          0         
  -> [fd01::11]:80                Masq    1      0          0         
FWM  7 wlc persistent 600 mask 255.255.0.0
  -> 10.1.1.11:0                  Masq    5      0          0         
FWM  8 IPv6 rr persistent 90 mask 64
  -> [fd01::11]:0                 Route   1      0          0         
";

fn tcp(at: &str) -> ServiceKey {
    ServiceKey::tcp(at.parse().unwrap())
}

fn udp(at: &str) -> ServiceKey {
    ServiceKey::udp(at.parse().unwrap())
}

fn sctp(at: &str) -> ServiceKey {
    let at: SocketAddr = at.parse().unwrap();
    ServiceKey::Address {
        protocol: Protocol::Sctp,
        address: at.ip(),
        port: at.port(),
    }
}

fn mark(mark: u32, family: AddressFamily) -> ServiceKey {
    ServiceKey::Fwmark {
        mark: Fwmark::new(mark).unwrap(),
        family,
    }
}

fn scheduled(scheduler: &str, flags: u8) -> ServiceSettings {
    ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(flags),
        ..ServiceSettings::new(Scheduler::new(scheduler).unwrap())
    }
}

/// A netmask as `-M` takes it, of either family.
fn persistent(scheduler: &str, timeout: u32, mask: &str) -> ServiceSettings {
    let granularity = match mask.parse() {
        Ok(mask) => Granularity::mask(mask),
        Err(_) => Granularity::prefix(mask.parse().unwrap()).unwrap(),
    };
    ServiceSettings {
        persistence: Some(Seconds(timeout)),
        granularity,
        ..scheduled(scheduler, 0)
    }
}

fn service(
    key: ServiceKey,
    settings: ServiceSettings,
    servers: impl Into<Vec<ServerEntry>>,
) -> ListedService {
    let counters = Counters::default();
    ListedService {
        service: ServiceEntry {
            key,
            settings,
            counters,
        },
        servers: servers.into(),
    }
}

const MASQ: ForwardingMethod = ForwardingMethod::Masquerading;
const ROUTE: ForwardingMethod = ForwardingMethod::DirectRouting;
const IPIP: ForwardingMethod = ForwardingMethod::Tunneling(Tunnel::IPIP);

fn server(
    at: &str,
    forwarding: ForwardingMethod,
    weight: u32,
    active: u32,
    inactive: u32,
) -> ServerEntry {
    ServerEntry {
        key: ServerKey::from(at.parse::<SocketAddr>().unwrap()),
        server: RealServer::new(forwarding, Weight::new(weight).unwrap()),
        connections: ConnectionCounts {
            active,
            inactive,
            persistent: 0,
        },
        counters: Counters::default(),
    }
}

fn listing(services: impl Into<Vec<ListedService>>) -> Listing {
    Listing {
        info: Info {
            version: (1, 2, 1),
            connection_table_size: 4096,
        },
        whole: true,
        services: services.into(),
    }
}

fn print(listing: &Listing, columns: Columns, exact: bool) -> String {
    let format = Format {
        columns,
        exact,
        ..Format::DEFAULT
    };
    let mut out = String::new();
    render(&mut out, listing, format, &Names::default()).unwrap();
    out
}

fn one(services: impl Into<Vec<ListedService>>, columns: Columns) -> String {
    let mut listing = listing(services);
    listing.whole = false;
    print(&listing, columns, false)
}

fn one_packet(settings: ServiceSettings) -> ServiceSettings {
    ServiceSettings {
        one_packet: true,
        ..settings
    }
}

fn sip() -> ServiceSettings {
    let mut settings = one_packet(persistent("rr", 120, "255.255.255.255"));
    settings.engine = PersistenceEngine::new("sip");
    settings
}

fn ipv6_services() -> [ListedService; 2] {
    let longest = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535";
    [
        service(
            tcp("[2001:db8:1111:2222:3333:4444:5555:6666]:65535"),
            persistent("lblcr", 3000, "48"),
            [server(longest, ROUTE, 65535, 0, 0)],
        ),
        service(
            tcp("[fd00::100]:80"),
            scheduled("dh", 0),
            [
                server("10.1.2.12:80", IPIP, 1, 0, 0),
                server("[fd01::11]:80", MASQ, 1, 0, 0),
            ],
        ),
    ]
}

fn table() -> Listing {
    let mut services = vec![
        service(
            tcp("10.0.0.100:0"),
            persistent("lc", 360, "255.255.255.255"),
            [server("10.1.2.12:0", ROUTE, 1, 0, 0)],
        ),
        service(
            tcp("10.0.0.100:80"),
            scheduled("wrr", 0),
            [
                server("10.1.1.11:80", MASQ, 3, 2, 2),
                server("10.1.2.12:8080", MASQ, 1, 1, 1),
            ],
        ),
        service(
            tcp("10.0.0.100:443"),
            scheduled("sh", 3),
            [
                server("10.1.2.12:443", ROUTE, 10, 0, 0),
                server("192.0.2.7:443", IPIP, 0, 0, 0),
            ],
        ),
        service(
            tcp("10.0.0.100:1000"),
            scheduled("rr", 7),
            [server("127.0.0.1:1000", ROUTE, 1, 0, 0)],
        ),
        service(
            tcp("10.0.0.100:8080"),
            persistent("rr", 300, "255.255.255.0"),
            [server("10.1.1.11:8080", MASQ, 1, 3, 0)],
        ),
        service(tcp("10.0.0.101:80"), scheduled("none", 0), []),
        service(
            udp("10.0.0.100:53"),
            one_packet(scheduled("mh", 3)),
            [server("10.1.1.11:53", MASQ, 1, 0, 0)],
        ),
        service(
            udp("10.0.0.100:5060"),
            sip(),
            [server("10.1.1.11:5060", MASQ, 1, 0, 0)],
        ),
        service(
            sctp("10.0.0.100:9899"),
            scheduled("wlc", 0),
            [server("10.1.1.11:9899", MASQ, 1, 0, 0)],
        ),
        service(
            mark(7, AddressFamily::Ipv4),
            persistent("wlc", 600, "255.255.0.0"),
            [server("10.1.1.11:0", MASQ, 5, 0, 0)],
        ),
        service(
            mark(8, AddressFamily::Ipv6),
            persistent("rr", 90, "64"),
            [server("[fd01::11]:0", ROUTE, 1, 0, 0)],
        ),
    ];
    services.splice(9..9, ipv6_services());
    listing(services)
}

#[test]
fn a_table_of_everything_prints_as_ipvsadm_prints_it() {
    assert_eq!(print(&table(), Columns::Settings, false), TABLE);
}

impl Source for Listing {
    /// Not in order.
    fn servers(
        &mut self,
        service: &ServiceKey,
        out: &mut Vec<ServerSummary>,
    ) -> Result<(), IpvsError> {
        let mut services = self.services.iter();
        let listed = services.find(|listed| listed.service.key == *service);
        out.clear();
        out.extend(
            listed
                .unwrap()
                .servers
                .iter()
                .rev()
                .map(ServerSummary::from),
        );
        Ok(())
    }
}

#[test]
fn services_read_one_by_one_print_as_the_whole() {
    let brief = Brief {
        info: table().info,
        services: table().services.into_iter().map(|it| it.service).collect(),
        sorted: true,
    };
    let mut out = String::new();
    render_brief(&mut out, &brief, &mut table()).unwrap();
    assert_eq!(out, TABLE);
}

#[test]
fn a_table_in_any_order_is_sorted_into_ipvsadms() {
    let mut shuffled = table();
    shuffled.services.reverse();
    shuffled
        .services
        .iter_mut()
        .for_each(|listed| listed.servers.reverse());
    shuffled.sort();
    assert_eq!(shuffled, table());
}

fn counted(key: ServiceKey, totals: [u64; 5], servers: Vec<ServerEntry>) -> ListedService {
    let mut listed = service(key, scheduled("wrr", 0), servers);
    listed.service.counters = counters(totals);
    listed
}

/// The same numbers as totals and as rates.
fn counters([connections, in_packets, out_packets, in_bytes, out_bytes]: [u64; 5]) -> Counters {
    Counters {
        connections,
        in_packets,
        out_packets,
        in_bytes,
        out_bytes,
        connection_rate: connections,
        in_packet_rate: in_packets,
        out_packet_rate: out_packets,
        in_byte_rate: in_bytes,
        out_byte_rate: out_bytes,
    }
}

fn with_counters(mut entry: ServerEntry, totals: [u64; 5]) -> ServerEntry {
    entry.counters = counters(totals);
    entry
}

#[test]
fn counters_stand_in_columns_that_long_names_push_aside() {
    let server = with_counters(
        server("10.1.1.11:80", MASQ, 1, 0, 0),
        [4, 20, 14, 1092, 4760],
    );
    let services = [
        counted(tcp("10.0.0.100:80"), [6, 30, 21, 1638, 7140], vec![server]),
        counted(
            tcp("[2001:db8:1111:2222:3333:4444:5555:6666]:65535"),
            [0; 5],
            vec![],
        ),
        counted(mark(8, AddressFamily::Ipv6), [0; 5], vec![]),
    ];
    assert_eq!(
        one(services, Columns::Counters),
        "\
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.0.0.100:80                       6       30       21     1638     7140
  -> 10.1.1.11:80                        4       20       14     1092     4760
TCP  [2001:db8:1111:2222:3333:4444:5555:6666]:65535        0        0        0        0        0
FWM  8 IPv6                              0        0        0        0        0
"
    );
}

#[test]
fn large_numbers_are_shortened_unless_they_are_to_be_exact() {
    let numbers = [
        99_999_999,
        123_456_789,
        12_345_678_901,
        1_234_567_890_123,
        123_456_789_012_345,
    ];
    let server = with_counters(server("10.1.1.11:80", MASQ, 1, 0, 0), numbers);
    let listing = listing([counted(tcp("10.0.0.100:80"), numbers, vec![server])]);
    let last_two = |columns, exact| {
        let text = print(&listing, columns, exact);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len() - 2..].join("\n")
    };
    assert_eq!(
        last_two(Columns::Counters, false),
        "TCP  10.0.0.100:80                99999999  123456K   12345M    1234G     123T\n  \
         -> 10.1.1.11:80                 99999999  123456K   12345M    1234G     123T"
    );
    assert_eq!(
        last_two(Columns::Counters, true),
        "TCP  10.0.0.100:80                99999999 123456789 12345678901 1234567890123 123456789012345\n  \
         -> 10.1.1.11:80                 99999999 123456789 12345678901 1234567890123 123456789012345"
    );
    // Of a server only the byte rates are shortened.
    assert_eq!(
        last_two(Columns::Rates, false),
        "TCP  10.0.0.100:80                99999999  123456K   12345M    1234G     123T\n  \
         -> 10.1.1.11:80                 99999999 123456789 12345678901    1234G     123T"
    );
}

#[test]
fn rates_have_a_title_of_their_own() {
    assert_eq!(
        one([], Columns::Rates),
        "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n  \
         -> RemoteAddress:Port\n"
    );
}

#[test]
fn thresholds_print_as_ipvsadm_prints_them() {
    let mut server = server("10.1.2.12:8080", MASQ, 1, 1, 1);
    server.server.thresholds = Thresholds {
        upper: 1000,
        lower: 800,
    };
    let services = [service(tcp("10.0.0.100:80"), scheduled("wrr", 0), [server])];
    assert_eq!(
        one(services, Columns::Thresholds),
        "\
Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  10.0.0.100:80 wrr
  -> 10.1.2.12:8080               1000       800        1          1         
"
    );
}

#[test]
fn persistent_connections_print_as_ipvsadm_prints_them() {
    let mut server = server("10.1.1.11:8080", MASQ, 1, 3, 0);
    server.connections.persistent = 1;
    let settings = persistent("rr", 300, "255.255.255.0");
    assert_eq!(
        one(
            [service(tcp("10.0.0.100:8080"), settings, [server])],
            Columns::PersistentConnections
        ),
        "\
Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  10.0.0.100:8080 rr persistent 300 mask 255.255.255.0
  -> 10.1.1.11:8080               1         1           3          0         
"
    );
}

#[test]
fn encapsulations_print_as_ipvsadm_prints_them() {
    let gue = TunnelKind::Gue { port: 6080 };
    let tunneled = [
        ("192.0.2.1:1000", TunnelKind::Ipip, TunnelChecksum::None),
        ("192.0.2.2:1000", gue, TunnelChecksum::None),
        ("192.0.2.3:1000", gue, TunnelChecksum::Full),
        ("192.0.2.4:1000", gue, TunnelChecksum::Remote),
        ("192.0.2.5:1000", TunnelKind::Gre, TunnelChecksum::None),
        ("192.0.2.6:1000", TunnelKind::Gre, TunnelChecksum::Full),
    ];
    let mut servers = vec![server("10.1.1.11:80", MASQ, 3, 2, 2)];
    servers.extend(tunneled.map(|(at, kind, checksum)| {
        server(
            at,
            ForwardingMethod::Tunneling(Tunnel { kind, checksum }),
            1,
            0,
            0,
        )
    }));
    assert_eq!(
        one(
            [service(tcp("10.0.0.100:1000"), scheduled("rr", 0), servers)],
            Columns::Tunnels
        ),
        "\
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn
TCP  10.0.0.100:1000 rr
  -> 10.1.1.11:80                 Masq    n/a           3      2          2         
  -> 192.0.2.1:1000               Tunnel  ipip          1      0          0         
  -> 192.0.2.2:1000               Tunnel  gue:6080:-c   1      0          0         
  -> 192.0.2.3:1000               Tunnel  gue:6080:+c   1      0          0         
  -> 192.0.2.4:1000               Tunnel  gue:6080:r+c  1      0          0         
  -> 192.0.2.5:1000               Tunnel  gre:-c        1      0          0         
  -> 192.0.2.6:1000               Tunnel  gre:+c        1      0          0         
"
    );
}

#[test]
fn long_names_end_where_their_column_does_for_ipv4_only() {
    let mut names = Names::default();
    let long = "a-host-with-a-very-long-name.example.org";
    for address in ["10.0.0.100", "10.1.1.11", "fd00::100"] {
        names
            .hosts
            .insert(address.parse().unwrap(), long.to_owned());
    }
    let servers = [server("10.1.1.11:80", MASQ, 1, 0, 0)];
    let mut listing = listing([
        service(tcp("10.0.0.100:80"), scheduled("rr", 0), servers),
        service(tcp("[fd00::100]:80"), scheduled("rr", 0), []),
    ]);
    listing.whole = false;
    let mut out = String::new();
    render(&mut out, &listing, Format::DEFAULT, &names).unwrap();
    let body: Vec<&str> = out.lines().skip(2).collect();
    assert_eq!(
        body,
        [
            "TCP  a-host-with-a-very-long-name rr",
            "  -> a-host-with-a-very-long-name Masq    1      0          0         ",
            "TCP  [a-host-with-a-very-long-name.example.org]:80 rr",
        ]
    );
}

#[test]
fn timeouts_and_daemons_print_as_ipvsadm_prints_them() {
    let mut out = String::new();
    let timeouts = Timeouts {
        tcp: Seconds(900),
        tcp_fin: Seconds(120),
        udp: Seconds(300),
    };
    render_timeouts(&mut out, timeouts).unwrap();
    let master = SyncDaemon {
        role: SyncRole::Master,
        interface: "d0".to_owned(),
        sync_id: 0,
        max_length: 1472,
        group: Some("224.0.0.81".parse().unwrap()),
        port: 8848,
        ttl: 1,
    };
    let backup = SyncDaemon {
        role: SyncRole::Backup,
        interface: "d0".to_owned(),
        sync_id: 255,
        max_length: 1400,
        group: Some("ff05::56".parse().unwrap()),
        port: 9000,
        ttl: 3,
    };
    render_daemons(&mut out, &[master, backup]).unwrap();
    assert_eq!(
        out,
        "\
Timeout (tcp tcpfin udp): 900 120 300
master sync daemon (mcast=d0, syncid=0, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)
backup sync daemon (mcast=d0, syncid=255, maxlen=1400, group=ff05::56, port=9000, ttl=3)
"
    );
}
