// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client, a director and real servers on one bridge, each a network namespace.
//!
//! All are in 192.168.0.0/16 and `fd00:a::/64`. Client and director are also in 10.9.0.0/24 and `fd00:9::/64`. The
//! servers reach these networks only through the director: virtual services for masquerading are there.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

use lab::netns::{Host, Net};
use lab::question::{ask_tcp, ask_udp};
use lab::service::{NameServer, tcp_name_server, udp_name_server};
use lvs_director::codec::ipvs::ServerEntry;
use lvs_director::config;
use lvs_director::kernel::Ipvs;
use lvs_director::model::{AllUp, Config, IpvsTable, Protocol, Role, ServiceKey};
use lvs_director::plan::{Target as _, desired, diff, execute};

/// Longer than anything takes that works, even on a busy machine. A drain takes ten seconds, and some more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

const CONN_LFACTOR: &str = "ipv4/vs/conn_lfactor";

/// What a configuration asks of the kernel.
pub(crate) trait Table {
    /// The table when every server is up.
    fn table(&self) -> IpvsTable;
}

impl Table for Config {
    fn table(&self) -> IpvsTable {
        desired(self, &AllUp, Role::Serving, &IpvsTable::new())
    }
}

/// The hosts, the services that run on them, and the director's IPVS.
pub(crate) struct Stage {
    pub(crate) client: Host,
    pub(crate) director: Host,
    pub(crate) servers: Vec<Host>,
    pub(crate) ipvs: Ipvs,
    running: Vec<(usize, SocketAddr, NameServer)>,
    net: Net,
}

impl Stage {
    /// Real servers `rs1`, `rs2`, ... with the last numbers 2, 3, ... and their default route through the director.
    pub(crate) fn new(servers: u8) -> Self {
        load_tunnels();
        let net = Net::new().unwrap();
        let client = ["192.168.0.100/16", "10.9.0.100/24"];
        let client6 = ["fd00:a::100/64", "fd00:9::100/64"];
        let client = net.host("client", &[client, client6].concat()).unwrap();
        let director = ["192.168.0.11/16", "10.9.0.11/24"];
        let director6 = ["fd00:a::11/64", "fd00:9::11/64"];
        let director = a_director(&net, "director", &[director, director6].concat());
        // All are on one network: the director would tell hosts the shorter way past it.
        let no_redirects = "ipv6/conf/eth0/accept_redirects";
        client.sysctl(no_redirects, "0").unwrap();
        let servers = (1..=servers).map(|number| {
            let server = real_server(&net, number);
            server.sysctl(no_redirects, "0").unwrap();
            server
        });
        Self {
            servers: servers.collect(),
            ipvs: director.run(|| Ipvs::open().unwrap()),
            client,
            director,
            running: Vec::new(),
            net,
        }
    }

    /// Gives the director a virtual address.
    pub(crate) fn vip(&self, vip: IpAddr) {
        hold_vip(&self.director, vip);
    }

    /// Another director at the last number 12, without a virtual address.
    pub(crate) fn other_director(&self) -> Host {
        a_director(&self.net, "other", &["192.168.0.12/16", "fd00:a::12/64"])
    }

    /// Makes every real server accept packets for `vip`: it has the address on `device`, and does not announce it.
    pub(crate) fn servers_hold(&self, vip: IpAddr, device: &str) {
        for server in &self.servers {
            server
                .ip(&format!(
                    "link set {device} up\naddress add {} dev {device}{}\n",
                    single(vip),
                    nodad(vip)
                ))
                .unwrap();
        }
    }

    /// Starts a service on real server `index` (from 0) that answers with the server's name.
    pub(crate) fn serve(&mut self, index: usize, protocol: Protocol, at: SocketAddr) {
        let server = &self.servers[index];
        let name = server.name();
        let running = server.run(|| match protocol {
            Protocol::Tcp => tcp_name_server(at, name),
            Protocol::Udp => udp_name_server(at, name),
            Protocol::Sctp | Protocol::Other(_) => unreachable!("nobody asks by these"),
        });
        self.running.push((index, at, running.unwrap()));
    }

    /// Stops the services of real server `index` at `at`; their connections close.
    pub(crate) fn stop_serving(&mut self, index: usize, at: SocketAddr) {
        self.running
            .retain(|(server, address, _)| (*server, *address) != (index, at));
    }

    /// Switches the bridge between all hosts on or off. Every cable keeps its carrier.
    pub(crate) fn switch(&self, on: bool) {
        let state = if on { "up" } else { "down" };
        let line = format!("link set lan {state}\n");
        self.net.bridge().ip(&line).unwrap();
    }

    /// On every real server.
    pub(crate) fn serve_everywhere(&mut self, protocol: Protocol, at: SocketAddr) {
        (0..self.servers.len()).for_each(|index| self.serve(index, protocol, at));
    }

    /// Direct routing by IPv4: `vip` on the director and, silently, on the servers, with a TCP service on each.
    pub(crate) fn direct_routing(servers: u8, vips: &[SocketAddr]) -> Self {
        let mut stage = Self::new(servers);
        for ip in vips.iter().map(SocketAddr::ip).collect::<BTreeSet<_>>() {
            stage.vip(ip);
            stage.servers_hold(ip, "lo");
        }
        for vip in vips {
            stage.serve_everywhere(Protocol::Tcp, *vip);
        }
        stage
    }

    /// Makes the director's table as this configuration says, with every server up.
    pub(crate) fn program(&mut self, yaml: &str) {
        let config = config::parse("director.yaml", yaml.as_bytes())
            .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
        let (desired, observed) = (config.table(), self.ipvs.read().unwrap());
        let ours = config.services.keys().copied().collect();
        let outcome = execute(&mut self.ipvs, &diff(&desired, &observed, &ours)).unwrap();
        assert!(outcome.is_complete(), "{:?}", outcome.failures);
        assert_eq!(self.ipvs.read().unwrap(), desired);
    }

    /// Asks once, from this address of the client or any; the answer is the name of a server.
    pub(crate) fn ask(&self, protocol: Protocol, from: Option<&str>, to: SocketAddr) -> String {
        let from = from.map(|from| from.parse().unwrap());
        let answer = self.client.run(|| match protocol {
            Protocol::Tcp => ask_tcp(from, to, PATIENCE),
            Protocol::Udp => ask_udp(from, to, PATIENCE),
            Protocol::Sctp | Protocol::Other(_) => unreachable!("nobody asks by these"),
        });
        let answer = answer.unwrap_or_else(|error| panic!("ask {to} by {protocol}: {error}"));
        answer.strip_suffix(" hello").unwrap_or(&answer).to_owned()
    }

    /// Whether the kernel's table of connections grows while it is in use: it does in Linux 7.1 and later.
    pub(crate) fn has_growing_table(&self) -> bool {
        self.load_factor().is_some()
    }

    /// At how many connections for each bucket the director's table of them grows, as a power of two.
    pub(crate) fn load_factor(&self) -> Option<i32> {
        let path = Path::new("/proc/sys/net").join(CONN_LFACTOR);
        let text = self.director.run(|| fs::read_to_string(path)).ok()?;
        Some(text.trim().parse().unwrap())
    }

    /// Somebody changes it by hand.
    pub(crate) fn set_load_factor(&self, factor: i32) {
        let written = self.director.sysctl(CONN_LFACTOR, &factor.to_string());
        written.unwrap();
    }

    /// A table of connections that grows has its full size from the ninth connection on. While it grows, the kernel can
    /// take a new connection for an earlier one from the same port (`traffic::growth` shows it).
    pub(crate) fn grow_table_early(&self) {
        if self.has_growing_table() {
            self.set_load_factor(-8);
        }
    }

    /// The real servers of a service as the kernel lists them, newest first.
    pub(crate) fn entries(&mut self, service: &ServiceKey) -> Vec<ServerEntry> {
        self.ipvs.servers(service).unwrap()
    }

    /// The kernel's connection entries, persistence templates among them, one line each.
    pub(crate) fn connections(&self) -> Vec<String> {
        let path = "/proc/thread-self/net/ip_vs_conn";
        let text = self.director.run(|| fs::read_to_string(path).unwrap());
        text.lines().skip(1).map(str::to_owned).collect()
    }
}

fn a_director(net: &Net, name: &str, addresses: &[&str]) -> Host {
    let director = net.host(name, addresses).unwrap();
    for (name, value) in [
        ("ipv4/ip_forward", "1"),
        ("ipv6/conf/all/forwarding", "1"),
        ("ipv4/conf/all/send_redirects", "0"),
        ("ipv4/conf/eth0/send_redirects", "0"),
    ] {
        director.sysctl(name, value).unwrap();
    }
    director
}

/// Gives a director a virtual address. An IPv6 one is deprecated from the start: otherwise the kernel would choose it as
/// the source of tunneled packets. Servers have that address themselves, and drop such packets.
pub(crate) fn hold_vip(director: &Host, vip: IpAddr) {
    let deprecated = if vip.is_ipv6() {
        " preferred_lft 0"
    } else {
        ""
    };
    let options = format!("{}{deprecated}", nodad(vip));
    let line = format!("address add {} dev eth0{options}\n", single(vip));
    director.ip(&line).unwrap();
}

fn real_server(net: &Net, number: u8) -> Host {
    let last = number + 1;
    let addresses = [
        format!("192.168.0.{last}/16"),
        format!("fd00:a::{last:x}/64"),
    ];
    let addresses = addresses.each_ref().map(String::as_str);
    let host = net.host(&format!("rs{number}"), &addresses).unwrap();
    for (name, value) in [
        ("all/arp_ignore", "1"),
        ("all/arp_announce", "2"),
        ("all/rp_filter", "0"),
        ("tunl0/rp_filter", "0"),
    ] {
        host.sysctl(&format!("ipv4/conf/{name}"), value).unwrap();
    }
    host.ip("route add default via 192.168.0.11\nroute add default via fd00:a::11\n")
        .unwrap();
    host
}

/// The devices `tunl0`, `ip6tnl0` and `sit0`, which every namespace made afterwards has.
fn load_tunnels() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for module in ["ipip", "ip6_tunnel", "sit"] {
            let status = Command::new("modprobe").arg(module).status();
            assert!(status.is_ok_and(|it| it.success()), "modprobe {module}");
        }
    });
}

fn single(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

fn nodad(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "" } else { " nodad" }
}

/// How many packets came in by a device of `host`.
pub(crate) fn received(host: &Host, device: &str) -> u64 {
    let text = host.run(|| fs::read_to_string("/proc/thread-self/net/dev").unwrap());
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(&format!("{device}:")));
    let packets = line.and_then(|line| line.split_whitespace().nth(1));
    packets.expect("a device with counters").parse().unwrap()
}

/// Waits until `condition` gives something, which `what` describes.
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
