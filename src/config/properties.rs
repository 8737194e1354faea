// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every file and every configuration.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::router_strategy::routers;
use super::{Follower, parse, to_yaml};
use crate::diagnostic::{SourceMap, apply};
use crate::model::{
    AddressFamily, Adoption, AgentProbe, AmqpLogin, AmqpProbe, Check, CheckSchedule, Checks,
    ClientCertificate, Config, ConfiguredServer, ConfiguredService, ConnectionSync, Counts,
    DirectorSettings, DnsName, DnsProbe, DnsRcode, DnsTransport, DnsType, DrainTerms, ExecProbe,
    Failover, Fall, FileProbe, FirstFailure, ForwardingMethod, Fwmark, Granularity, HoldDown,
    HttpMethod, HttpProbe, Initial, IntervalFrom, IpvsSettings, JsonMatch, JsonScalar, Login,
    MinHealthy, MissingFile, Need, Payload, Peer, PersistenceEngine, PoolRules, Probe, ProbeKind,
    ProbePath, Protocol, Quorum, QuorumUnit, RabbitmqProbe, Rank, RealServer, RealTimePriority,
    Retry, Scheduler, SchedulerFlags, Seconds, ServerKey, ServiceKey, ServiceSettings, SmtpProbe,
    StatusRange, SyncRoles, TcpTalk, Thresholds, Tls, Tunnel, TunnelChecksum, TunnelKind, UdpProbe,
    WebListener, WebPath, WebTls, Weight,
};

fn address(family: AddressFamily) -> BoxedStrategy<IpAddr> {
    match family {
        AddressFamily::Ipv4 => (0_u32..0x00ff_ffff)
            .prop_map(|host| IpAddr::V4((0x0a00_0000 + host).into()))
            .boxed(),
        AddressFamily::Ipv6 => any::<u64>()
            .prop_map(|host| IpAddr::V6(((0x2001_0db8_u128 << 96) | u128::from(host)).into()))
            .boxed(),
    }
}

fn family() -> impl Strategy<Value = AddressFamily> {
    prop_oneof![Just(AddressFamily::Ipv4), Just(AddressFamily::Ipv6)]
}

fn milliseconds(range: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn seconds() -> impl Strategy<Value = Seconds> {
    (1..=Seconds::MAX.0).prop_map(Seconds)
}

fn key() -> impl Strategy<Value = ServiceKey> {
    let protocol = prop_oneof![
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Sctp)
    ];
    let by_address = (protocol, family().prop_flat_map(address), any::<u16>());
    let by_mark = (1_u32.., family());
    prop_oneof![
        by_address.prop_map(|(protocol, address, port)| ServiceKey::Address {
            protocol,
            address,
            port
        }),
        by_mark.prop_map(|(mark, family)| ServiceKey::Fwmark {
            mark: Fwmark::new(mark).unwrap(),
            family
        }),
    ]
}

fn persistent(
    family: AddressFamily,
    settings: ServiceSettings,
) -> impl Strategy<Value = ServiceSettings> {
    let granularity = (1..=family.bits()).prop_map(move |length| match family {
        AddressFamily::Ipv4 => Granularity::mask((u32::MAX << (32 - length)).into()),
        AddressFamily::Ipv6 => Granularity::prefix(length).unwrap(),
    });
    let engine = option::of("[a-m]{1,16}".prop_map(|name| PersistenceEngine::new(&name).unwrap()));
    (seconds(), granularity, engine).prop_map(move |(timeout, granularity, engine)| {
        ServiceSettings {
            persistence: Some(timeout),
            granularity,
            engine,
            ..settings.clone()
        }
    })
}

fn settings(key: ServiceKey) -> impl Strategy<Value = ServiceSettings> {
    let udp = matches!(
        key,
        ServiceKey::Fwmark { .. }
            | ServiceKey::Address {
                protocol: Protocol::Udp,
                ..
            }
    );
    let scheduler = prop::sample::select(Scheduler::KNOWN.as_slice());
    let plain =
        (scheduler, 0_u8..8, any::<bool>()).prop_map(move |(scheduler, flags, one_packet)| {
            ServiceSettings {
                scheduler_flags: SchedulerFlags::from_bits(flags),
                one_packet: one_packet && udp,
                ..ServiceSettings::new(Scheduler::new(scheduler).unwrap())
            }
        });
    plain.prop_flat_map(move |plain| {
        let persistent = persistent(key.family(), plain.clone());
        if key.port() == Some(0) {
            persistent.boxed()
        } else {
            prop_oneof![Just(plain), persistent].boxed()
        }
    })
}

fn tunnel() -> impl Strategy<Value = Tunnel> {
    use TunnelChecksum::{Full, None, Remote};
    let gue = (1_u16.., prop::sample::select(vec![None, Full, Remote]));
    prop_oneof![
        Just(Tunnel::IPIP),
        gue.prop_map(|(port, checksum)| Tunnel {
            kind: TunnelKind::Gue { port },
            checksum
        }),
        prop::sample::select(vec![None, Full]).prop_map(|checksum| Tunnel {
            kind: TunnelKind::Gre,
            checksum
        }),
    ]
}

fn path(family: AddressFamily) -> impl Strategy<Value = Option<Box<ProbePath>>> {
    let interface = option::of("[a-z0-9.@é\"\\\\-]{1,7}".prop_map(Into::into));
    let mark = option::of((1_u32..).prop_map(|mark| Fwmark::new(mark).unwrap()));
    (option::of(address(family)), interface, mark).prop_map(|(source, interface, mark)| {
        ProbePath {
            source,
            interface,
            mark,
        }
        .chosen()
    })
}

fn login() -> impl Strategy<Value = Login> {
    ("[^:\\p{C}]{1,20}", "/[^\0/]{0,20}x").prop_map(|(user, file)| Login {
        user: user.into(),
        password_file: PathBuf::from(file).into(),
    })
}

/// Bytes of a probe, written as every byte can be.
fn payload(length: std::ops::Range<usize>) -> impl Strategy<Value = Payload> {
    vec(any::<u8>(), length).prop_map(|bytes| {
        let escape = |text: String, byte: &u8| text + &format!("\\x{byte:02x}");
        let text = bytes.iter().fold(String::new(), escape);
        Payload::parse(&text).unwrap()
    })
}

fn json() -> impl Strategy<Value = Box<[JsonMatch]>> {
    let value = prop_oneof![
        Just(JsonScalar::Null),
        any::<bool>().prop_map(JsonScalar::Bool),
        any::<i64>().prop_map(|number| JsonScalar::Number(number.to_string().into())),
        "-?[1-9]{1,3}[.][0-9]{1,3}(e-?[0-9]{1,2})?"
            .prop_map(|number| JsonScalar::Number(number.into())),
        "(true|null|~|[0-9]{1,3}|\\PC{0,9})".prop_map(|text| JsonScalar::Text(text.into())),
    ];
    btree_map("(/([^\\p{C}~]|~0|~1){0,9})?", value, 0..3).prop_map(|map| {
        let each = map.into_iter().map(|(pointer, value)| JsonMatch {
            pointer: pointer.into(),
            value,
        });
        each.collect()
    })
}

fn tls() -> impl Strategy<Value = Tls> {
    let name = prop_oneof![
        "[a-z][a-z0-9_]{0,9}([.][a-z][a-z0-9]{0,9}){0,2}",
        family()
            .prop_flat_map(address)
            .prop_map(|ip| ip.to_string())
    ];
    let file = || "/[^\0/]{0,20}x".prop_map(|file| PathBuf::from(file).into_boxed_path());
    let client = (file(), file());
    let client = client.prop_map(|(certificate, key)| ClientCertificate { certificate, key });
    (
        option::of(name.prop_map(Into::into)),
        option::of(file()),
        any::<bool>(),
        option::of(client),
        option::of(1_u16..=3650),
    )
        .prop_map(|(server_name, ca_file, verify, client, min_days)| Tls {
            server_name,
            ca_file,
            verify,
            client,
            min_days,
        })
}

fn dns() -> impl Strategy<Value = ProbeKind> {
    let name = || {
        "([!-~&&[^.\"\\\\]]{1,9}([.][!-~&&[^.\"\\\\]]{1,9}){0,2}|[.])"
            .prop_map(|name| DnsName::parse(&name).unwrap())
    };
    let expected = prop_oneof![
        any::<[u8; 4]>().prop_map(|it| ("a", std::net::Ipv4Addr::from(it).to_string())),
        any::<[u8; 16]>().prop_map(|it| ("aaaa", std::net::Ipv6Addr::from(it).to_string())),
        (any::<u16>(), name()).prop_map(|(number, name)| ("mx", format!("{number} {name}"))),
        name().prop_map(|name| ("cname", name.to_string())),
        "\\PC{1,20}".prop_map(|text| ("txt", text)),
    ];
    let expected = expected.prop_map(|(word, text)| (DnsType::of(word).unwrap(), Some(text)));
    let any_type = (1_u16..).prop_map(|kind| (DnsType(kind), None));
    let transport = prop::sample::select(vec![DnsTransport::Udp, DnsTransport::Tcp]);
    let rcodes = vec((0..=DnsRcode::MAX).prop_map(DnsRcode), 1..4);
    let asked = (transport, name(), prop_oneof![expected, any_type], rcodes);
    asked.prop_map(|(transport, name, (kind, expect), rcodes)| {
        ProbeKind::Dns(Arc::new(DnsProbe {
            transport,
            name,
            kind,
            expect: expect.into_iter().map(Into::into).collect(),
            rcodes: rcodes.into(),
        }))
    })
}

/// Agents, mail and DNS servers, and what sends no packets.
fn more_kinds() -> impl Strategy<Value = ProbeKind> {
    let agent = option::of("\\PC{1,20}".prop_map(Into::into))
        .prop_map(|send| ProbeKind::Agent(Arc::new(AgentProbe { send })));
    let missing = prop::sample::select(vec![
        MissingFile::Up,
        MissingFile::Down,
        MissingFile::Ignore,
    ]);
    let file = ("/[^\0/]{0,20}x", missing).prop_map(|(path, missing)| {
        let path = PathBuf::from(path).into();
        ProbeKind::File(Arc::new(FileProbe { path, missing }))
    });
    let user = option::of("\\PC{1,20}".prop_map(Into::into));
    let exec = ("/\\PC{0,20}x", vec("\\PC{0,20}", 0..3), user, any::<bool>()).prop_map(
        |(program, arguments, user, dynamic)| {
            let words = std::iter::once(program).chain(arguments);
            ProbeKind::Exec(Arc::new(ExecProbe {
                command: words.map(Into::into).collect(),
                user,
                dynamic,
            }))
        },
    );
    let helo = option::of("[!-~]{1,20}".prop_map(Into::into));
    let smtp = (helo, option::of(tls()))
        .prop_map(|(helo, tls)| ProbeKind::Smtp(Arc::new(SmtpProbe { helo, tls })));
    prop_oneof![agent, file, exec, smtp, dns()]
}

fn probe_kind() -> impl Strategy<Value = ProbeKind> {
    let method = prop::sample::select(vec![HttpMethod::Get, HttpMethod::Head, HttpMethod::Options]);
    let status = (200_u16..=599, 200_u16..=599).prop_map(|(one, other)| StatusRange {
        first: one.min(other),
        last: one.max(other),
    });
    let host = option::of("[a-zA-Z0-9.:_-]{1,20}".prop_map(Into::into));
    let headers = btree_map("X-[a-zA-Z]{1,9}", "[!-~]([ -~]{0,9}[!-~])?", 0..3);
    let contains = option::of("\\PC{1,20}".prop_map(Into::into));
    let more = (
        headers,
        option::of(login()),
        contains,
        json(),
        option::of(tls()),
    );
    let http = (method, "/[!-~]{0,20}", host, vec(status, 1..4), more).prop_map(
        |(method, path, host, statuses, (headers, login, contains, json, tls))| {
            // A name there is the server's name, too, unless another one is written.
            let host = host.filter(|_| tls.as_ref().is_none_or(|tls| tls.server_name.is_some()));
            ProbeKind::Http(Arc::new(HttpProbe {
                method,
                path: path.into(),
                host,
                headers: headers
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
                login,
                statuses: statuses.into(),
                contains: contains.filter(|_| method != HttpMethod::Head),
                json: if method == HttpMethod::Head {
                    Box::default()
                } else {
                    json
                },
                tls,
            }))
        },
    );
    let amqp = (option::of((login(), "\\PC{1,20}")), option::of(tls()));
    let amqp = amqp.prop_map(|(login, tls)| {
        let login = login.map(|(who, vhost)| AmqpLogin {
            who,
            vhost: vhost.into(),
        });
        ProbeKind::Amqp(Arc::new(AmqpProbe { login, tls }))
    });
    let rabbitmq = (option::of(login()), 1_u16.., option::of(tls()));
    let rabbitmq = rabbitmq.prop_map(|(login, listener, tls)| {
        ProbeKind::Rabbitmq(Arc::new(RabbitmqProbe {
            login,
            listener,
            tls,
        }))
    });
    let talk = (payload(0..9), payload(1..9))
        .prop_map(|(send, expect)| ProbeKind::TcpTalk(Arc::new(TcpTalk { send, expect })));
    let udp = (payload(0..9), option::of(payload(1..9)))
        .prop_map(|(send, expect)| ProbeKind::Udp(Arc::new(UdpProbe { send, expect })));
    let tls = tls().prop_map(|tls| ProbeKind::Tls(Arc::new(tls)));
    prop_oneof![
        Just(ProbeKind::Tcp),
        Just(ProbeKind::Icmp),
        talk,
        tls,
        http,
        amqp,
        rabbitmq,
        udp,
        more_kinds()
    ]
}

fn schedule() -> impl Strategy<Value = CheckSchedule> {
    let interval = || milliseconds(10..=3_600_000);
    let retry = prop_oneof![
        interval().prop_map(Retry::Delay),
        interval().prop_map(Retry::FastInterval)
    ];
    let times = (
        interval(),
        milliseconds(1..=60_000),
        retry,
        option::of(interval()),
    );
    let some_of = (1_u32..100, 1_u32..100).prop_map(|(one, other)| Fall::OfTheLast {
        failures: one.min(other),
        of: one.max(other) + 1,
    });
    let fall = prop_oneof![(1_u32..=100).prop_map(Fall::InARow), some_of];
    let hold_down = (milliseconds(10..=86_400_000), milliseconds(10..=86_400_000));
    let hold_down = option::of(hold_down.prop_map(|(one, other)| HoldDown {
        first: one.min(other),
        ceiling: one.max(other),
    }));
    let initial = prop::sample::select(Initial::ALL.map(|(_, initial)| initial).to_vec());
    let words = (
        prop::sample::select(IntervalFrom::ALL.map(|(_, from)| from).to_vec()),
        prop::sample::select(FirstFailure::ALL.map(|(_, first)| first).to_vec()),
        initial,
    );
    let counts = (1_u32..=100, fall, hold_down, words, counted());
    (times, counts).prop_map(
        |((interval, timeout, retry, down_interval), (rise, fall, hold_down, words, passive))| {
            let (interval_from, first_failure, initial) = words;
            CheckSchedule {
                interval,
                interval_from,
                timeout,
                rise,
                fall,
                first_failure,
                retry,
                down_interval,
                hold_down,
                tripwire: None,
                initial,
                passive,
            }
        },
    )
}

/// Whether a sign beside the probes is wanted, and what it counts for.
fn counted() -> impl Strategy<Value = Option<Counts>> {
    option::of(prop::sample::select(
        Counts::ALL.map(|(_, counts)| counts).to_vec(),
    ))
}

/// Where a connection may be held.
fn may_be_held(kind: &ProbeKind, port: u16) -> bool {
    match kind {
        ProbeKind::Tcp | ProbeKind::TcpTalk(_) | ProbeKind::Tls(_) => ![5671, 5672].contains(&port),
        ProbeKind::Amqp(amqp) => amqp.login.is_some(),
        ProbeKind::Http(_) => true,
        ProbeKind::Rabbitmq(_)
        | ProbeKind::Udp(_)
        | ProbeKind::Dns(_)
        | ProbeKind::Icmp
        | ProbeKind::Smtp(_)
        | ProbeKind::Agent(_)
        | ProbeKind::Vip(_)
        | ProbeKind::File(_)
        | ProbeKind::Exec(_) => false,
    }
}

fn check() -> impl Strategy<Value = Check> {
    let at = family().prop_flat_map(|family| (address(family), 1_u16.., path(family)));
    let schedule = (schedule(), counted());
    (at, probe_kind(), schedule).prop_map(|((ip, port, path), kind, (schedule, wire))| Check {
        schedule: Arc::new(CheckSchedule {
            tripwire: wire.filter(|_| may_be_held(&kind, port)),
            ..schedule
        }),
        probe: Probe {
            target: SocketAddr::new(ip, if kind == ProbeKind::Icmp { 0 } else { port }),
            kind,
            path,
        },
    })
}

fn drain() -> impl Strategy<Value = Option<DrainTerms>> {
    let terms = (1..=2_592_000_u64, any::<bool>()).prop_map(|(seconds, templates)| DrainTerms {
        deadline: Some(Duration::from_secs(seconds)),
        templates,
    });
    prop::option::of(terms)
}

/// None, one, or several different ones, of this server.
fn checks(service: ServiceKey, server: ServerKey) -> impl Strategy<Value = Checks> {
    let need = prop_oneof![
        Just(Need::All),
        Just(Need::Any),
        (1_u32..=3).prop_map(Need::AtLeast)
    ];
    (vec(check(), 0..4), need).prop_map(move |(checks, need)| {
        let mut each: Vec<Arc<Check>> = Vec::new();
        for mut check in checks {
            if service.protocol() != Some(Protocol::Tcp) {
                Arc::make_mut(&mut check.schedule).passive = None;
            }
            if !check.probe.uses_network() {
                check.probe.target = SocketAddr::new(server.address, server.port);
                check.probe.path = None;
            }
            if each.iter().all(|it| it.probe != check.probe) {
                each.push(Arc::new(check));
            }
        }
        let need = match need {
            _ if each.is_empty() => Need::All,
            Need::AtLeast(number) => Need::AtLeast(number.min(each.len().try_into().unwrap())),
            need => need,
        };
        Checks {
            need,
            each: each.into(),
        }
    })
}

fn server(service: ServiceKey) -> impl Strategy<Value = (ServerKey, ConfiguredServer)> {
    let forwarding = prop_oneof![
        Just(ForwardingMethod::DirectRouting),
        Just(ForwardingMethod::Masquerading),
        tunnel().prop_map(ForwardingMethod::Tunneling),
    ];
    let addresses = (
        address(service.family()),
        family().prop_flat_map(address),
        1_u16..,
    );
    let limits = (
        0..=Weight::MAX.get(),
        0..=Weight::MAX.get(),
        0..=Weight::MAX.get(),
    );
    let gently = (drain(), option::of(1_u64..=86_400));
    (forwarding, addresses, limits, any::<bool>(), gently).prop_flat_map(
        move |(forwarding, (own, any, port), (weight, one, other), inhibit_on_failure, gently)| {
            let (drain, slow_start) = gently;
            let tunneled = matches!(forwarding, ForwardingMethod::Tunneling(_));
            let kept = service.port().unwrap_or(0);
            let address = if tunneled { any } else { own };
            let key = ServerKey::new(address, if forwarding.keeps_port() { kept } else { port });
            let real_server = RealServer {
                forwarding,
                weight: Weight::new(weight).unwrap(),
                thresholds: Thresholds {
                    upper: one.max(other),
                    lower: one.min(other),
                },
            };
            checks(service, key).prop_map(move |checks| {
                let server = ConfiguredServer {
                    real_server,
                    checks,
                    inhibit_on_failure,
                    rank: Rank::Primary,
                    drain,
                    slow_start: slow_start.map(Duration::from_secs),
                };
                (key, server)
            })
        },
    )
}

fn pool() -> impl Strategy<Value = PoolRules> {
    let min_healthy = prop_oneof![
        (0_u32..=200_000).prop_map(MinHealthy::Servers),
        (0_u8..=100).prop_map(MinHealthy::Percent),
    ];
    min_healthy.prop_map(|min_healthy| PoolRules {
        min_healthy,
        quorum: Quorum::ONE,
    })
}

/// The second of several servers is a backup, the last one is the sorry server; and a quorum that can be met.
fn ranked(
    servers: &mut BTreeMap<ServerKey, ConfiguredServer>,
    by_weight: bool,
    random: u32,
) -> Quorum {
    let last = servers.len();
    for (number, server) in servers.values_mut().enumerate().skip(1) {
        server.rank = if number + 1 == last {
            Rank::Sorry
        } else {
            Rank::Backup
        };
    }
    let first = servers.values().next();
    let weight = first.map_or(0, |server| server.real_server.weight.get());
    if !by_weight || weight == 0 {
        return Quorum::ONE;
    }
    let needed = random % weight + 1;
    Quorum {
        unit: QuorumUnit::Weight,
        needed,
        hysteresis: random % needed,
    }
}

fn service() -> impl Strategy<Value = (ServiceKey, ConfiguredService)> {
    key().prop_flat_map(|key| {
        let standby = (any::<bool>(), any::<bool>(), any::<u32>());
        (settings(key), vec(server(key), 0..5), pool(), standby).prop_map(
            move |(settings, servers, mut pool, (standby, by_weight, random))| {
                let mut servers: BTreeMap<_, _> = servers.into_iter().collect();
                if standby {
                    pool.quorum = ranked(&mut servers, by_weight, random);
                }
                for server in servers.values_mut() {
                    if server.rank != Rank::Primary || !settings.shares_by_weight() {
                        server.slow_start = None;
                    }
                }
                let same_everywhere = |it: &ConfiguredServer| {
                    it.real_server.thresholds.upper == 0 && it.slow_start.is_none()
                };
                let flags = SchedulerFlags::names(&Scheduler::MH);
                let flags = flags
                    .iter()
                    .filter_map(|name| SchedulerFlags::by_name(name, &Scheduler::MH));
                let failover = if settings.scheduler == Scheduler::MH
                    && flags.fold(SchedulerFlags::NONE, SchedulerFlags::union)
                        == settings.scheduler_flags
                    && servers.values().all(same_everywhere)
                {
                    Failover::KeepConnections
                } else {
                    Failover::Usual
                };
                let service = ConfiguredService {
                    settings,
                    servers: Arc::new(servers),
                    pool,
                    failover,
                };
                (key, service)
            },
        )
    })
}

fn connection_sync() -> impl Strategy<Value = ConnectionSync> {
    let numbers = (
        any::<u8>(),
        any::<u16>(),
        any::<u8>(),
        option::of(576..=65507_u16),
        milliseconds(0..=60_000),
    );
    (numbers, any::<bool>()).prop_map(|((id, port, ttl, max_length, longest_send), has_group)| {
        ConnectionSync {
            roles: SyncRoles::Both,
            interface: "eth1".into(),
            id,
            group: has_group.then_some([224, 0, 1, 81].into()),
            port,
            ttl,
            max_length: max_length.unwrap_or_default(),
            longest_send,
        }
    })
}

fn director_settings() -> BoxedStrategy<DirectorSettings> {
    let settings = (
        // Different ones, and each the path of a file.
        "/a/[^\0/]{0,20}x",
        "/b/[^\0/]{0,20}x",
        "/c/[^\0/]{0,20}x",
        milliseconds(1_000..=3_600_000),
        option::of(milliseconds(60_000..=2_678_400_000)),
        (option::of(1_u8..=99), any::<bool>()),
        (
            option::of("a[a-z0-9_-]{0,8}"),
            option::of("r[a-z0-9_-]{0,8}"),
        ),
    );
    settings
        .prop_map(
            |(
                state_file,
                remembered_file,
                socket,
                repair_interval,
                remember,
                (real_time, lock),
                (all, readers),
            )| {
                DirectorSettings {
                    state_file: state_file.into(),
                    remembered_file: remembered_file.into(),
                    socket: socket.into(),
                    repair_interval,
                    remember,
                    real_time: real_time.and_then(RealTimePriority::new),
                    lock_memory: lock,
                    socket_group: all.map(Into::into),
                    socket_readers: readers.map(Into::into),
                }
            },
        )
        .boxed()
}

fn peer() -> impl Strategy<Value = Peer> {
    let bind = option::of((1..=254_u8, 1..=u16::MAX));
    (1..=254_u8, 1..=u16::MAX, bind, "/k/[^\0/]{0,20}x").prop_map(|(last, port, bind, file)| Peer {
        address: ([192, 0, 2, last], port).into(),
        bind: bind.map(|(last, port)| ([192, 0, 3, last], port).into()),
        key_file: std::path::Path::new(&file).into(),
    })
}

/// Each at a port of its own.
fn web() -> impl Strategy<Value = Vec<WebListener>> {
    let tls = ("/k/[^\0/]{0,20}x", "/k/[^\0/]{0,20}x");
    let tls = tls.prop_map(|(certificate, key)| WebTls {
        certificate: std::path::Path::new(&certificate).into(),
        key: std::path::Path::new(&key).into(),
    });
    let one = (
        prop_oneof![
            Just("127.0.0.1"),
            Just("0.0.0.0"),
            Just("::"),
            Just("2001:db8::1")
        ],
        "(/[a-z0-9._~-]{0,5}[a-z]){0,3}",
        milliseconds(1_000..=3_600_000),
        option::of("/k/[^\0/]{0,20}x"),
        any::<bool>(),
        option::of(tls),
    );
    vec(one, 0..3).prop_map(|all| {
        let all = all.into_iter().zip(8100..);
        let all = all.map(
            |((ip, path, refresh, users, actions, tls), port)| WebListener {
                listen: (ip.parse::<std::net::IpAddr>().unwrap(), port).into(),
                path: WebPath::new(if path.is_empty() { "/" } else { &path }).unwrap(),
                refresh,
                actions: actions && users.is_some(),
                users_file: users.map(|it| std::path::Path::new(&it).into()),
                tls,
            },
        );
        all.collect()
    })
}

pub(crate) fn config() -> impl Strategy<Value = Config> {
    let ipvs = (
        option::of(seconds()),
        option::of(seconds()),
        option::of(seconds()),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        option::of(0..=2_u8),
        option::of(-8..=8_i8),
        prop_oneof![
            Just(Adoption::Always),
            milliseconds(1_000..=86_400_000).prop_map(Adoption::For),
        ],
    );
    let ipvs = ipvs.prop_map(
        |(
            tcp_timeout,
            tcp_fin_timeout,
            udp_timeout,
            expire_nodest_conn,
            template,
            conn_reuse_mode,
            conn_lfactor,
            adopt_connections,
        )| IpvsSettings {
            tcp_timeout,
            tcp_fin_timeout,
            udp_timeout,
            expire_nodest_conn,
            expire_quiescent_template: template,
            conn_reuse_mode,
            conn_lfactor,
            adopt_connections,
        },
    );
    (
        vec(service(), 0..4),
        ipvs,
        director_settings(),
        routers().boxed(),
        // On the heap: a thread of a test has little stack.
        (option::of(connection_sync()), option::of(peer()), web()).boxed(),
    )
        .prop_map(
            |(services, ipvs, director, routers, (connection_sync, peer, web))| Config {
                services: services.into_iter().collect(),
                ipvs,
                director,
                connection_sync,
                peer,
                web,
                routers,
            },
        )
}

const GOOD: [&str; 3] = [
    include_str!("../../examples/rabbitmq.yaml"),
    include_str!("../../examples/tunnel.yaml"),
    include_str!("../../tests/config/good-everything.yaml"),
];

/// A good file with some stretches replaced by other bytes.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..6),
        "[-\\[\\]{}:,&*!|>'\"%@`#?\t\r\n \u{85}\u{feff}aé0-9]{0,8}".prop_map(String::into_bytes),
        prop::sample::select(GOOD.as_slice()).prop_flat_map(|text| {
            (0..text.len(), 0_usize..40).prop_map(move |(start, length)| {
                text.as_bytes()[start..]
                    .iter()
                    .copied()
                    .take(length)
                    .collect()
            })
        }),
    ];
    let edits = vec((any::<prop::sample::Index>(), (0_usize..8, bytes)), 1..5);
    (prop::sample::select(GOOD.as_slice()), edits).prop_map(|(text, edits)| {
        let mut file = text.as_bytes().to_vec();
        for (at, (length, bytes)) in edits {
            let start = at.index(file.len() + 1);
            let end = (start + length).min(file.len());
            file.splice(start..end, bytes);
        }
        file
    })
}

fn holds(bytes: &[u8]) {
    match parse("fuzz.yaml", bytes) {
        Ok(config) => assert_eq!(parse("effective", to_yaml(&config).as_bytes()), Ok(config)),
        Err(diagnostics) => {
            let lines = String::from_utf8_lossy(bytes).split('\n').count();
            for diagnostic in &diagnostics {
                assert!((1..=lines).contains(&diagnostic.line()) && diagnostic.column() > 0);
                assert!(!diagnostic.message().contains('\n'));
            }
            assert!(diagnostics.count() > 0);
            let text = diagnostics.render(false);
            assert!(text.starts_with("fuzz.yaml:"), "{text}");
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
            assert!(!diagnostics.render(true).is_empty());
            let text = String::from_utf8_lossy(bytes);
            let applied = apply(&SourceMap::of("fuzz.yaml", text), diagnostics.fixes());
            assert!(applied.left.is_empty(), "{:?}", applied.left);
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_out_reads_back(config in config()) {
        let text = to_yaml(&config);
        prop_assert_eq!(parse("effective", text.as_bytes()), Ok(config), "{}", text);
    }

    /// The running configuration has some of the same services, and some of the same servers in others.
    #[test]
    fn a_file_means_the_same_whatever_runs(config in config(), changes in vec(0_u8..4, 4)) {
        let mut running = config.clone();
        for (service, change) in running.services.values_mut().zip(changes) {
            let servers = Arc::make_mut(&mut service.servers);
            match change {
                0 => {}
                1 => drop(servers.pop_last()),
                2 => servers.clear(),
                _ => servers.values_mut().for_each(|it| it.checks = Checks::NONE),
            }
        }
        let text = to_yaml(&config);
        let mut follower = Follower::default();
        let before = to_yaml(&running).into_bytes();
        prop_assert_eq!(follower.read("effective", before).map(Arc::unwrap_or_clone), Ok(running));
        prop_assert_eq!(follower.read("effective", text.into_bytes()).map(Arc::unwrap_or_clone), Ok(config));
    }

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..200)) {
        holds(&bytes);
    }

    #[test]
    fn any_yaml_like_text_is_answered(text in "([-?:,\\[\\]{}#&*!|>'\"%@` \t\r\na-c0]|: |- |\n  |---\n|\\PC){0,60}") {
        holds(text.as_bytes());
    }

    #[test]
    fn any_edit_of_a_good_file_is_answered(bytes in mutated()) {
        holds(&bytes);
    }
}
