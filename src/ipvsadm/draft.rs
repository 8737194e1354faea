// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of a command line so far, one after the other: the first error ends it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::{Lookup, endpoint, ipv4_or_host, leading_number, number, number_within};
use super::failure::Failure;
use super::filter::{Filter, Network, ServerPattern, ServicePattern};
use super::options::{Meaning, Opt};
use super::settings::{Method, NamedServer, ServerOptions, ServiceOptions};
use super::topic::{Topic, Topics};
use super::words::{WordError, Words};
use crate::model::{
    AddressFamily, Fwmark, Granularity, PersistenceEngine, Protocol, Scheduler, Seconds, ServerKey,
    ServiceKey, SyncDaemon, SyncRole, Weight,
};

/// The timeout of `-p` without a number.
const DEFAULT_PERSISTENCE: Seconds = Seconds(360);
/// Lengths of names in the kernel, without their NUL.
const LONGEST_NAME: usize = 15;
const LONGEST_ENGINE: usize = 16;

/// The options so far.
pub(super) struct Draft<'a> {
    lookup: &'a dyn Lookup,
    topics: Topics,
    protocol: Option<Protocol>,
    address: Option<(IpAddr, u16)>,
    mark: Option<(Fwmark, AddressFamily)>,
    server: Option<ServerKey>,
    pub(super) service_options: ServiceOptions,
    pub(super) server_options: ServerOptions,
    pub(super) tunnel: TunnelOptions,
    /// It has no interface if none is named.
    pub(super) daemon: SyncDaemon,
    pub(super) filter: Filter,
    /// As ipvsadm does, quirks included.
    pub(super) compat: bool,
}

/// The options that belong to an encapsulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TunnelOptions {
    pub(super) kind: Encapsulation,
    pub(super) port: u16,
}

/// `--tun-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encapsulation {
    #[default]
    Ipip,
    Gue,
    Gre,
}

impl<'a> Draft<'a> {
    pub(super) fn new(lookup: &'a dyn Lookup, compat: bool) -> Self {
        Self {
            lookup,
            topics: Topics::default(),
            protocol: None,
            address: None,
            mark: None,
            server: None,
            service_options: ServiceOptions::default(),
            server_options: ServerOptions::default(),
            tunnel: TunnelOptions::default(),
            daemon: SyncDaemon {
                role: SyncRole::Master,
                interface: String::new(),
                sync_id: 0,
                max_length: 0,
                group: None,
                port: 0,
                ttl: 0,
            },
            filter: Filter::NONE,
            compat,
        }
    }

    /// Reads all options. The caller gets the words that are not options.
    pub(super) fn read(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        let mut own = None;
        while let Some(read) = words.next_option() {
            let (definition, value) = read.map_err(|error| unreadable(words.last(), error))?;
            let Meaning::Option(option) = definition.meaning else {
                return Err(Failure::usage(format!("invalid option `{}'", words.last())));
            };
            if let Some(topic) = definition.legality.topic
                && !self.topics.insert(topic)
            {
                let message = format!("multiple '{}' options specified", topic.name());
                return Err(Failure::usage(message));
            }
            if definition.is_own && option != Opt::Compat {
                own = own.or(Some(definition.long));
            }
            self.option(option, value)?;
            if option == Opt::Compat {
                words.hide_own();
                if let Some(long) = own {
                    return Err(unreadable(&format!("--{long}"), WordError::Unknown));
                }
            }
        }
        Ok(())
    }

    pub(super) const fn topics(&self) -> Topics {
        self.topics
    }

    pub(super) fn has(&self, topic: Topic) -> bool {
        self.topics.contains(topic)
    }

    /// The service that was named.
    pub(super) fn service(&self) -> Option<ServiceKey> {
        if let Some((mark, family)) = self.mark {
            return Some(ServiceKey::Fwmark { mark, family });
        }
        let protocol = self.protocol?;
        self.address.map(|(address, port)| ServiceKey::Address {
            protocol,
            address,
            port,
        })
    }

    /// The sync daemon that was described.
    pub(super) fn sync_daemon(self) -> SyncDaemon {
        let mut daemon = self.daemon;
        if daemon.interface.is_empty() {
            "eth0".clone_into(&mut daemon.interface);
        }
        daemon
    }

    /// The server that was named.
    pub(super) fn server(&self) -> Option<NamedServer> {
        self.server.map(|key| NamedServer {
            key,
            kept_port: self.service().and_then(|service| service.port()),
        })
    }

    fn option(&mut self, option: Opt, value: Option<&str>) -> Result<(), Failure> {
        let text = value.unwrap_or_default();
        match option {
            Opt::TcpService => self.service_at(Protocol::Tcp, text)?,
            Opt::UdpService => self.service_at(Protocol::Udp, text)?,
            Opt::SctpService => self.service_at(Protocol::Sctp, text)?,
            Opt::FwmarkService => self.fwmark(text)?,
            Opt::Ipv6 => self.ipv6()?,
            Opt::Scheduler => self.service_options.scheduler = scheduler(text),
            Opt::SchedulerFlags => self.service_options.flags = Some(flag_names(text)),
            Opt::Persistent => {
                let timeout = value.map(|text| timeout(text, 1)).transpose()?;
                self.service_options.timeout = Some(timeout.unwrap_or(DEFAULT_PERSISTENCE));
            }
            Opt::Netmask => self.netmask(text)?,
            Opt::Engine => {
                let name = shortened(text, LONGEST_ENGINE);
                self.service_options.engine = Some(PersistenceEngine::new(name));
            }
            Opt::OnePacket => self.service_options.one_packet = Some(true),
            Opt::NoOnePacket => self.service_options.one_packet = Some(false),
            Opt::NoPersistence => self.service_options.no_persistence = true,
            Opt::Compat => self.compat = true,
            Opt::RealServer => self.real_server(text)?,
            Opt::Gatewaying => self.server_options.method = Some(Method::Gatewaying),
            Opt::Ipip => self.server_options.method = Some(Method::Ipip),
            Opt::Masquerading => self.server_options.method = Some(Method::Masquerading),
            Opt::Weight => {
                let weight = within(text, 0..=0x7fff_ffff, "weight")?;
                self.server_options.weight = Weight::new(weight);
            }
            Opt::UpperThreshold => {
                self.server_options.upper = Some(within(text, 0..=0x7fff_ffff, "u_threshold")?);
            }
            Opt::LowerThreshold => {
                self.server_options.lower = Some(within(text, 0..=0x7fff_ffff, "l_threshold")?);
            }
            Opt::TunType => self.tunnel.kind = encapsulation(text)?,
            Opt::TunPort => self.tunnel.port = within(text, 1..=0xffff, "tunnel port")?,
            Opt::SyncId => self.daemon.sync_id = within(text, 0..=0xff, "syncid")?,
            Opt::SyncMaxLength => self.daemon.max_length = within(text, 1..=65507, "sync-maxlen")?,
            Opt::MulticastInterface => {
                shortened(text, LONGEST_NAME).clone_into(&mut self.daemon.interface);
            }
            Opt::MulticastGroup => self.daemon.group = Some(multicast_group(text)?),
            Opt::MulticastPort => self.daemon.port = within(text, 1..=0xffff, "mcast-port")?,
            Opt::MulticastTtl => self.daemon.ttl = within(text, 1..=0xff, "mcast-ttl")?,
            Opt::FilterService => self.filter.service = Some(ServicePattern::read(text)?),
            Opt::FilterServer => self.filter.server = Some(ServerPattern::read(text)?),
            Opt::FilterState => self.filter.states = Filter::read_states(text)?,
            Opt::FilterClient => self.filter.client = Some(Network::read(text)?),
            Opt::Numeric
            | Opt::Connection
            | Opt::Timeout
            | Opt::Daemon
            | Opt::Stats
            | Opt::Rate
            | Opt::Exact
            | Opt::Thresholds
            | Opt::PersistentConn
            | Opt::TunInfo
            | Opt::TunNoCsum
            | Opt::TunCsum
            | Opt::TunRemCsum
            | Opt::NoSort
            | Opt::Sort
            | Opt::Json
            | Opt::AtomicReplace => {}
        }
        Ok(())
    }

    fn service_at(&mut self, protocol: Protocol, text: &str) -> Result<(), Failure> {
        let (address, port) = endpoint(text, Some(protocol), self.lookup)
            .ok_or_else(|| Failure::usage("illegal virtual server address[:port] specified"))?;
        self.protocol = Some(protocol);
        self.address = Some((address, port.unwrap_or(0)));
        if address.is_ipv6() {
            self.service_options.granularity = None;
        }
        Ok(())
    }

    fn fwmark(&mut self, text: &str) -> Result<(), Failure> {
        let mark = number(text)
            .and_then(|mark| u32::try_from(mark).ok())
            .and_then(Fwmark::new)
            .ok_or_else(|| Failure::usage(format!("invalid fwmark value `{text}' specified")))?;
        // The names of its servers' ports are those of TCP.
        self.protocol = Some(Protocol::Tcp);
        self.mark = Some((mark, AddressFamily::Ipv4));
        Ok(())
    }

    fn ipv6(&mut self) -> Result<(), Failure> {
        let Some((_, family)) = &mut self.mark else {
            // As newer builds of ipvsadm 1.31 (Debian 13's 1.31-5) say it.
            return Err(Failure::usage("-6 must follow -f\n"));
        };
        *family = AddressFamily::Ipv6;
        // The mask given before was of the other family.
        self.service_options.granularity = None;
        Ok(())
    }

    fn netmask(&mut self, text: &str) -> Result<(), Failure> {
        let family = self.service().map(|service| service.family());
        let granularity = if family == Some(AddressFamily::Ipv6) {
            let length = leading_number(text).and_then(|length| u8::try_from(length).ok());
            length
                .and_then(Granularity::prefix)
                .ok_or_else(|| Failure::usage("illegal ipv6 netmask specified"))?
        } else {
            ipv4_or_host(text, self.lookup)
                .map(Granularity::mask)
                .ok_or_else(|| Failure::usage("illegal virtual server persistent mask specified"))?
        };
        self.service_options.granularity = Some(granularity);
        Ok(())
    }

    /// A server without a port has the service's, if that was named before.
    fn real_server(&mut self, text: &str) -> Result<(), Failure> {
        let (address, port) = endpoint(text, self.protocol, self.lookup)
            .ok_or_else(|| Failure::usage("illegal real server address[:port] specified"))?;
        let service_port = self.address.map_or(0, |(_, port)| port);
        self.server = Some(ServerKey::new(address, port.unwrap_or(service_port)));
        Ok(())
    }
}

fn unreadable(word: &str, error: WordError) -> Failure {
    Failure {
        message: format!("{word}: {error}"),
        status: 255,
    }
}

/// A timeout in seconds, from `lowest` to 31 days.
pub(super) fn timeout(text: &str, lowest: i64) -> Result<Seconds, Failure> {
    number_within(text, lowest, Seconds::MAX.0.into())
        .map(Seconds)
        .ok_or_else(|| Failure::usage(format!("invalid timeout value `{text}' specified")))
}

fn within<T: TryFrom<i64>>(
    text: &str,
    range: std::ops::RangeInclusive<i64>,
    name: &str,
) -> Result<T, Failure> {
    number_within(text, *range.start(), *range.end())
        .ok_or_else(|| Failure::usage(format!("illegal {name} specified")))
}

/// The part of a name that fits into the kernel.
fn shortened(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest))
        .unwrap_or(text)
}

/// `None` for an empty name, which means the default.
fn scheduler(text: &str) -> Option<Scheduler> {
    Scheduler::new(shortened(text, LONGEST_NAME)).ok()
}

fn flag_names(text: &str) -> Vec<String> {
    let names = text.split(',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn encapsulation(text: &str) -> Result<Encapsulation, Failure> {
    match text {
        "ipip" => Ok(Encapsulation::Ipip),
        "gue" => Ok(Encapsulation::Gue),
        "gre" => Ok(Encapsulation::Gre),
        _ => Err(Failure::usage("illegal tunnel type specified")),
    }
}

fn multicast_group(text: &str) -> Result<IpAddr, Failure> {
    let (family, group) = if text.contains(':') {
        let group = text.parse::<Ipv6Addr>().ok();
        ("IPv6", group.filter(Ipv6Addr::is_multicast).map(IpAddr::V6))
    } else {
        let group = text.parse::<Ipv4Addr>().ok();
        ("IPv4", group.filter(Ipv4Addr::is_multicast).map(IpAddr::V4))
    };
    group.ok_or_else(|| Failure::usage(format!("invalid {family} mcast-group `{text}'")))
}
