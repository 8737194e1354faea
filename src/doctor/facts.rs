// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a host that is, or shall be, a director.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use super::finding::{Fact, Unread};
use crate::model::{
    Config, ConfiguredServer, ConfiguredService, ForwardingMethod, InterfaceAddress, Link,
    LinkLayerAddress, NextHop, ServerKey, ServiceKey, SysctlName,
};

/// Of so many virtual addresses of an interface it is asked on the wire who has them. More would be a flood.
pub const CLAIMS_AT_MOST: usize = 256;

/// Everything that the checks know. What nobody asked for is empty.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The version of the kernel.
    pub kernel: Fact<KernelVersion>,
    /// The configuration.
    pub config: Fact<Config>,
    /// The director that runs; `None` when none does.
    pub running: Fact<Option<Running>>,
    /// Settings; `None` for one that this kernel does not have.
    pub settings: BTreeMap<SysctlName, Fact<Option<i32>>>,
    /// The interfaces.
    pub links: Fact<Vec<Link>>,
    /// The addresses of all interfaces.
    pub addresses: Fact<Vec<InterfaceAddress>>,
    /// The way to each virtual address and each real server, and under [`Self::anywhere`] to the rest of the world; `None`
    /// when there is none.
    pub ways: BTreeMap<IpAddr, Fact<Option<NextHop>>>,
    /// Modules by name.
    pub modules: BTreeMap<String, Fact<ModuleState>>,
    /// The services in the kernel.
    pub table: Fact<BTreeSet<ServiceKey>>,
    /// How many connections the kernel's table has, those that end included.
    pub connections: Fact<u64>,
    /// How many buckets the kernel's table of connections has, as a power of two; `None` when it does not say.
    pub table_bits: Fact<Option<u32>>,
    /// The services that a director made, by its state file.
    pub owned: Fact<BTreeSet<ServiceKey>>,
    /// The effective capabilities of the running director, otherwise of this process: a bit each.
    pub capabilities: Fact<u64>,
    /// How many files the running director may open; `None` when none runs.
    pub open_files: Fact<Option<u64>>,
    /// Whether somebody keeps the clock right.
    pub synchronised: Fact<bool>,
    /// Other balancers that run, by the names of their processes.
    pub balancers: Fact<Vec<String>>,
    /// Programs that look after interfaces.
    pub caretakers: Fact<Vec<Caretaker>>,
    /// The directories of the director's files.
    pub places: Vec<Place>,
    /// Who answers for virtual addresses, by IPv4 address.
    pub claims: BTreeMap<IpAddr, Fact<Claim>>,
    /// Who speaks as a virtual router of ours, by its name.
    pub speakers: BTreeMap<Box<str>, Fact<Vec<Speaker>>>,
}

/// The first two numbers of a release: Linux 6.1 is `(6, 1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion(pub u32, pub u32);

impl KernelVersion {
    /// Of a release as uname(2) has it: `6.1.0-18-amd64`.
    #[must_use]
    pub fn of_release(release: &str) -> Option<Self> {
        let mut numbers = release.split(|it: char| !it.is_ascii_digit());
        let mut next = || numbers.next()?.parse().ok();
        Some(Self(next()?, next()?))
    }
}

impl std::fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Linux {}.{}", self.0, self.1)
    }
}

/// What the running director says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Its virtual routers, by name.
    pub routers: BTreeMap<Box<str>, RouterState>,
}

/// The state of a virtual router, as far as it decides who should answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouterState {
    /// This host has the addresses.
    Master,
    /// Another host has them, or nobody.
    Other,
}

/// What is known of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleState {
    /// It is loaded, or built into the kernel.
    There,
    /// The kernel can load it.
    OnDisk,
    /// This kernel does not come with it.
    Missing,
}

/// A capability of capabilities(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Programs IPVS, addresses, interfaces.
    NetAdmin,
    /// Sends and hears packets past the kernel's IP.
    NetRaw,
    /// Runs as another user.
    Setuid,
    /// Runs in another group.
    Setgid,
    /// Runs before other threads.
    SysNice,
    /// Keeps memory in memory.
    IpcLock,
}

impl Capability {
    /// Its bit (`linux/capability.h`).
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << match self {
            Self::Setgid => 6,
            Self::Setuid => 7,
            Self::NetAdmin => 12,
            Self::NetRaw => 13,
            Self::IpcLock => 14,
            Self::SysNice => 23,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setgid => "CAP_SETGID",
            Self::Setuid => "CAP_SETUID",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
            Self::IpcLock => "CAP_IPC_LOCK",
            Self::SysNice => "CAP_SYS_NICE",
        }
    }
}

/// A program that looks after an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caretaker {
    /// systemd-networkd.
    Networkd {
        /// The interface.
        interface: String,
        /// The file that configures it.
        file: PathBuf,
        /// Whether it leaves addresses of others (`KeepConfiguration=`).
        keeps: bool,
    },
    /// `NetworkManager`.
    NetworkManager {
        /// The interface.
        interface: String,
    },
}

/// A directory of the director's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which one.
    pub directory: PathBuf,
    /// How it is; `None` when it does not exist.
    pub state: Fact<Option<PlaceState>>,
}

/// How a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceState {
    /// Whether others than its owner may write to it.
    pub writable_by_others: bool,
    /// Whether its file system is read-only.
    pub read_only: bool,
    /// How many bytes are left for the director.
    pub free_bytes: u64,
    /// How many files are left; `None` where the file system does not count them.
    pub free_files: Option<u64>,
}

/// Who answered the question who has a virtual address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// The interface where it was asked.
    pub interface: String,
    /// Others than this host.
    pub others: BTreeSet<LinkLayerAddress>,
}

/// A host that advertises a virtual router of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speaker {
    /// Where it speaks from.
    pub source: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// The addresses that it says it has.
    pub addresses: BTreeSet<IpAddr>,
}

impl Facts {
    /// Nothing is known yet.
    #[must_use]
    pub fn unknown() -> Self {
        let why = || Unread("nobody looked".to_owned());
        Self {
            kernel: Err(why()),
            config: Err(why()),
            running: Err(why()),
            settings: BTreeMap::new(),
            links: Err(why()),
            addresses: Err(why()),
            ways: BTreeMap::new(),
            modules: BTreeMap::new(),
            table: Err(why()),
            connections: Err(why()),
            table_bits: Err(why()),
            owned: Err(why()),
            capabilities: Err(why()),
            open_files: Err(why()),
            synchronised: Err(why()),
            balancers: Err(why()),
            caretakers: Err(why()),
            places: Vec::new(),
            claims: BTreeMap::new(),
            speakers: BTreeMap::new(),
        }
    }

    /// The address that stands for the rest of the world: the way to it is the default route's.
    #[must_use]
    pub const fn anywhere() -> IpAddr {
        // Of a network for documentation (RFC 5737), so that no route is more special.
        IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1))
    }

    /// The settings that the checks ask for, on a host with these interfaces.
    #[must_use]
    pub fn settings_of_interest(links: &[Link]) -> Vec<SysctlName> {
        let vs = [
            "conn_reuse_mode",
            "expire_nodest_conn",
            "expire_quiescent_template",
            "sloppy_tcp",
            "schedule_icmp",
            "pmtu_disc",
            "drop_entry",
            "drop_packet",
            "secure_tcp",
            "backup_only",
            "conntrack",
        ];
        let filter = [
            "nf_conntrack_count",
            "nf_conntrack_max",
            "nf_conntrack_tcp_loose",
        ];
        let interfaces = links.iter().map(|link| link.name.as_str()).chain(["all"]);
        let of_interfaces = interfaces.flat_map(|interface| {
            let keys = ["arp_ignore", "arp_announce", "rp_filter", "send_redirects"];
            keys.map(|key| SysctlName::ipv4_conf(interface, key))
        });
        vs.map(Self::vs)
            .into_iter()
            .chain(filter.map(|key| SysctlName::net(&["netfilter", key])))
            .chain([Self::forwarding(false), Self::forwarding(true)])
            .chain(of_interfaces)
            .collect()
    }

    /// The modules that the checks ask for.
    #[must_use]
    pub fn modules_of_interest(config: &Config) -> BTreeSet<String> {
        let services = config.services.values();
        let schedulers = services.map(|it| scheduler_module(&it.settings.scheduler));
        let fixed = ["ip_vs", "ip_vs_ftp", "macvlan"].map(str::to_owned);
        schedulers.chain(fixed).collect()
    }

    /// A setting of IPVS.
    #[must_use]
    pub fn vs(key: &str) -> SysctlName {
        SysctlName::net(&["ipv4", "vs", key])
    }

    /// The setting that lets packets of others pass this host.
    #[must_use]
    pub fn forwarding(ipv6: bool) -> SysctlName {
        if ipv6 {
            SysctlName::net(&["ipv6", "conf", "all", "forwarding"])
        } else {
            SysctlName::net(&["ipv4", "ip_forward"])
        }
    }

    /// The value of a setting; `None` when this kernel does not have it.
    pub(super) fn setting(&self, name: &SysctlName) -> Fact<Option<i32>> {
        let value = self.settings.get(name).cloned();
        value.unwrap_or_else(|| Err(Unread(format!("nobody looked at {name}"))))
    }

    /// The value of an interface's setting of which the kernel takes the greater one of the interface and `all`.
    pub(super) fn greater(&self, interface: &str, key: &str) -> Fact<i32> {
        let of = |interface| self.setting(&SysctlName::ipv4_conf(interface, key));
        Ok(of("all")?.unwrap_or(0).max(of(interface)?.unwrap_or(0)))
    }

    /// The configuration.
    pub(super) fn config(&self) -> Fact<&Config> {
        known(self.config.as_ref())
    }

    /// The interfaces.
    pub(super) fn links(&self) -> Fact<&[Link]> {
        known(self.links.as_deref())
    }

    /// The addresses.
    pub(super) fn addresses(&self) -> Fact<&[InterfaceAddress]> {
        known(self.addresses.as_deref())
    }

    /// The director that runs.
    pub(super) fn running(&self) -> Fact<Option<&Running>> {
        Ok(known(self.running.as_ref())?.as_ref())
    }

    /// The way to an address, as far as anybody asked.
    pub(super) fn way(&self, to: IpAddr) -> Fact<Option<NextHop>> {
        let way = self.ways.get(&to).cloned();
        way.unwrap_or_else(|| Err(Unread(format!("nobody asked for the way to {to}"))))
    }

    /// The interface with this number.
    pub(super) fn link(&self, index: u32) -> Fact<Option<&Link>> {
        Ok(self.links()?.iter().find(|link| link.index == index))
    }

    /// The name of an interface, or its number for want of one.
    pub(super) fn interface(&self, index: u32) -> Fact<String> {
        let link = self.link(index)?;
        Ok(link.map_or_else(|| format!("interface {index}"), |link| link.name.clone()))
    }

    /// The interfaces that have this address of their own.
    pub(super) fn holders(&self, address: IpAddr) -> Fact<Vec<&Link>> {
        let mut holders = Vec::new();
        for found in self.addresses()?.iter().filter(|it| it.address == address) {
            holders.extend(self.link(found.index)?);
        }
        Ok(holders)
    }

    /// The interface by which an address is on the link, with that network's address of this host.
    pub(super) fn network_of(&self, address: IpAddr) -> Fact<Option<(&Link, &InterfaceAddress)>> {
        for found in self.addresses()?.iter().filter(|it| it.is_on_link(address)) {
            if let Some(link) = self.link(found.index)?.filter(|link| link.name != "lo") {
                return Ok(Some((link, found)));
            }
        }
        Ok(None)
    }
}

fn known<T>(fact: Result<T, &Unread>) -> Fact<T> {
    fact.map_err(Clone::clone)
}

/// The module of a scheduler.
pub(super) fn scheduler_module(scheduler: &crate::model::Scheduler) -> String {
    format!("ip_vs_{}", scheduler.name())
}

/// All real servers of all services.
pub(super) fn servers(
    config: &Config,
) -> impl Iterator<Item = (&ServiceKey, &ServerKey, &ConfiguredServer)> {
    let services = config.services.iter();
    services.flat_map(|(key, service)| in_service(key, service))
}

fn in_service<'a>(
    key: &'a ServiceKey,
    service: &'a ConfiguredService,
) -> impl Iterator<Item = (&'a ServiceKey, &'a ServerKey, &'a ConfiguredServer)> {
    let servers = service.servers.iter();
    servers.map(move |(server, it)| (key, server, it))
}

/// The virtual addresses of the services, each with the first service that has it.
pub(super) fn vips(config: &Config) -> BTreeMap<IpAddr, &ServiceKey> {
    let mut vips = BTreeMap::new();
    for key in config.services.keys() {
        if let Some(address) = key.address() {
            vips.entry(address).or_insert(key);
        }
    }
    vips
}

/// The virtual router that has an address, by name.
pub(super) fn router_of(config: &Config, address: IpAddr) -> Option<&str> {
    let mut routers = config.routers.iter();
    let found = routers.find(|(_, it)| it.addresses.iter().any(|own| own.address == address));
    found.map(|(name, _)| &**name)
}

/// The first masqueraded server of one family, with its service.
pub(super) fn masqueraded(config: &Config, ipv6: bool) -> Option<(&ServiceKey, &ServerKey)> {
    let is = |it: &(&ServiceKey, &ServerKey, &ConfiguredServer)| {
        it.2.real_server.forwarding == ForwardingMethod::Masquerading
            && it.1.address.is_ipv6() == ipv6
    };
    let (service, server, _) = servers(config).find(is)?;
    Some((service, server))
}

/// The first service at this port with a masqueraded server.
pub(super) fn masqueraded_at(config: &Config, port: u16) -> Option<&ServiceKey> {
    let is = |it: &(&ServiceKey, &ServerKey, &ConfiguredServer)| {
        it.2.real_server.forwarding == ForwardingMethod::Masquerading && it.0.port() == Some(port)
    };
    servers(config).find(is).map(|(service, _, _)| service)
}
