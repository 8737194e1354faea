// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this host should have. What is absent here stays as it is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{HostPart, HostScope};
use crate::model::{
    AddressKey, AddressLifetime, AddressScope, Host, InterfaceAddress, IpvsSettings, Seconds,
    SyncDaemon, SyncRole, SysctlName, Timeouts, TunnelDevice,
};

/// The wanted objects, each once, in the order of the calls. Plans keep that order within each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DesiredHost {
    pub(super) tunnels: Vec<TunnelDevice>,
    pub(super) links: Vec<(String, bool)>,
    pub(super) settings: Vec<(SysctlName, i32)>,
    /// Those of the settings that are wanted only where the kernel has them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) optional: BTreeSet<SysctlName>,
    pub(super) timeouts: DesiredTimeouts,
    pub(super) sync_daemons: Vec<(SyncRole, Option<SyncDaemon>)>,
    pub(super) addresses: Vec<(AddressKey, Option<AddressSettings>)>,
}

impl DesiredHost {
    /// This tunnel device should exist.
    pub fn tunnel(&mut self, device: TunnelDevice) {
        if !self.tunnels.contains(&device) {
            self.tunnels.push(device);
        }
    }

    /// This interface should be up, or down. Of two calls for one object the last counts, here and below.
    pub fn link(&mut self, interface: &str, up: bool) {
        put(&mut self.links, interface.to_owned(), up);
    }

    /// This setting should have this value.
    pub fn setting(&mut self, name: SysctlName, value: i32) {
        self.optional.remove(&name);
        put(&mut self.settings, name, value);
    }

    /// The same where the kernel has this setting; elsewhere nothing is wanted.
    pub fn optional_setting(&mut self, name: SysctlName, value: i32) {
        self.optional.insert(name.clone());
        put(&mut self.settings, name, value);
    }

    /// The connection timeouts should be these.
    pub const fn timeouts(&mut self, timeouts: DesiredTimeouts) {
        self.timeouts = timeouts;
    }

    /// This sync daemon should run.
    pub fn sync_daemon(&mut self, daemon: SyncDaemon) {
        put(&mut self.sync_daemons, daemon.role, Some(daemon));
    }

    /// No sync daemon of this role should run.
    pub fn no_sync_daemon(&mut self, role: SyncRole) {
        put(&mut self.sync_daemons, role, None);
    }

    /// This address should exist.
    pub fn address(&mut self, key: AddressKey, settings: AddressSettings) {
        put(&mut self.addresses, key, Some(settings));
    }

    /// This address is not to be there.
    pub fn no_address(&mut self, key: AddressKey) {
        put(&mut self.addresses, key, None);
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The parts of a host that [`diff_host`](super::diff_host) needs to know.
    #[must_use]
    pub fn scope(&self) -> HostScope {
        let addresses = !self.addresses.is_empty();
        let links = addresses || !(self.tunnels.is_empty() && self.links.is_empty());
        let parts = [
            (HostPart::Links, links),
            (HostPart::Addresses, addresses),
            (
                HostPart::Timeouts,
                self.timeouts != DesiredTimeouts::default(),
            ),
            (HostPart::SyncDaemons, !self.sync_daemons.is_empty()),
        ];
        let parts = parts.into_iter().filter(|(_, asked)| *asked);
        HostScope {
            parts: parts.map(|(part, _)| part).collect(),
            settings: self.settings.iter().map(|(name, _)| name.clone()).collect(),
            optional: self.optional.clone(),
        }
    }
}

fn put<K: PartialEq, V>(all: &mut Vec<(K, V)>, key: K, value: V) {
    match all.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known = value,
        None => all.push((key, value)),
    }
}

/// The connection timeouts of IPVS. `None` leaves one as the kernel has it, and so do 0 seconds, to the kernel as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DesiredTimeouts {
    /// TCP, ESTABLISHED.
    pub tcp: Option<Seconds>,
    /// TCP after a FIN.
    pub tcp_fin: Option<Seconds>,
    /// UDP.
    pub udp: Option<Seconds>,
}

impl DesiredTimeouts {
    /// What the kernel's timeouts become.
    #[must_use]
    pub fn over(self, now: Timeouts) -> Timeouts {
        let over = |asked: Option<Seconds>, now| match asked {
            None | Some(Seconds(0)) => now,
            Some(asked) => asked,
        };
        Timeouts {
            tcp: over(self.tcp, now.tcp),
            tcp_fin: over(self.tcp_fin, now.tcp_fin),
            udp: over(self.udp, now.udp),
        }
    }
}

/// How to add an address to its interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSettings {
    /// IPv4 only: the name under which ifconfig(8) shows it. `None` accepts a present address with any label, and adds
    /// a new one under the interface's name.
    pub label: Option<String>,
    /// IPv4 only: how far away it may be used. Of an IPv6 address the kernel decides it.
    pub scope: AddressScope,
    /// How long it stays. A limited time is renewed when half of it is over.
    pub lifetime: AddressLifetime,
    /// IPv6 only: use it at once, without duplicate address detection, even if another host has it.
    pub nodad: bool,
}

impl Default for AddressSettings {
    /// As `ip address add` without options.
    fn default() -> Self {
        Self {
            label: None,
            scope: AddressScope::Global,
            lifetime: AddressLifetime::FOREVER,
            nodad: false,
        }
    }
}

impl AddressSettings {
    /// The address as we send it to the kernel.
    #[must_use]
    pub fn at(&self, key: &AddressKey, index: u32) -> InterfaceAddress {
        InterfaceAddress {
            label: self.label.clone(),
            scope: self.scope,
            lifetime: self.lifetime,
            nodad: self.nodad,
            ..InterfaceAddress::new(index, key.address, key.prefix)
        }
    }
}

/// What the `ipvs:` keys of the configuration want of the host.
#[must_use]
pub fn desired_host(settings: &IpvsSettings) -> DesiredHost {
    let IpvsSettings {
        tcp_timeout: tcp,
        tcp_fin_timeout: tcp_fin,
        udp_timeout: udp,
        expire_nodest_conn,
        expire_quiescent_template,
        conn_reuse_mode,
        conn_lfactor,
        adopt_connections: _,
    } = *settings;
    let mut desired = DesiredHost::default();
    desired.timeouts(DesiredTimeouts { tcp, tcp_fin, udp });
    let name = |name| SysctlName::net(&["ipv4", "vs", name]);
    let switch = |on: Option<bool>| on.map(u8::from);
    for (key, value) in [
        ("expire_nodest_conn", switch(expire_nodest_conn)),
        (
            "expire_quiescent_template",
            switch(expire_quiescent_template),
        ),
        ("conn_reuse_mode", conn_reuse_mode),
    ] {
        if let Some(value) = value {
            desired.setting(name(key), value.into());
        }
    }
    // Before Linux 7.1 the table of connections has one size, and the kernel no such setting.
    if let Some(factor) = conn_lfactor {
        desired.optional_setting(name("conn_lfactor"), factor.into());
    }
    desired
}

impl DesiredHost {
    /// TCP connections of which the kernel knows nothing should be taken on in the middle, or not. ICMP errors find the
    /// server of a connection that is not known yet. Source: `tcp_conn_schedule` in
    /// `net/netfilter/ipvs/ip_vs_proto_tcp.c`, `ip_vs_in_icmp` in `ip_vs_core.c`.
    pub fn adopt_connections(&mut self, on: bool) {
        let name = |name| SysctlName::net(&["ipv4", "vs", name]);
        self.setting(name("sloppy_tcp"), on.into());
        self.optional_setting(name("schedule_icmp"), 1);
    }

    /// Whether a host has everything that is wanted.
    #[must_use]
    pub fn is_served_by(&self, host: &Host) -> bool {
        let plan = super::diff_host(self, host);
        plan.steps.is_empty() && plan.missing.is_empty()
    }
}
