// SPDX-License-Identifier: MIT OR Apache-2.0
//! The check by the way that clients' packets take: it finds a server without the virtual address, which every other
//! check calls up.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Instant;

use lab::question::{Conversation, connect};
use lvs_director::model::Protocol::Tcp;

use super::process::{Files, Running, wait_for_weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage};

/// One failure is a verdict, and no probe is short of time on a busy machine.
const RASH: &str = "interval: 200ms, timeout: 1s, rise: 1, fall: 1, retry_delay: 100ms";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "a_server_without_the_virtual_address_is_down_under_direct_routing",
            || lacks_the_address(&DIRECT),
        ),
        (
            "a_server_without_the_virtual_address_is_down_under_direct_routing_by_ipv6",
            || lacks_the_address(&DIRECT6),
        ),
        (
            "a_server_without_the_virtual_address_is_down_behind_a_tunnel",
            || lacks_the_address(&TUNNEL),
        ),
        (
            "a_server_without_the_virtual_address_is_down_behind_a_tunnel_by_ipv6",
            || lacks_the_address(&TUNNEL6),
        ),
        (
            "a_server_without_the_virtual_address_is_down_behind_a_gre_tunnel",
            || lacks_the_address(&GRE),
        ),
        (
            "a_server_without_the_virtual_address_is_down_behind_a_gue_tunnel",
            || lacks_the_address(&GUE),
        ),
        (
            "a_server_that_passes_packets_on_to_the_virtual_address_of_another_host_is_down",
            passes_on,
        ),
        (
            "a_dead_server_with_a_check_of_the_virtual_address_leaves_and_returns",
            dies,
        ),
        (
            "a_program_that_does_not_listen_at_the_virtual_address_is_found",
            listens_elsewhere,
        ),
    ]
}

/// One way of packets, in one address family.
struct Case {
    /// The settings of the way.
    forwarding: &'static str,
    /// A module that the servers need, and a line of `ip` that makes them take the packets.
    takes: Option<(&'static str, &'static str)>,
    vip: &'static str,
    any: &'static str,
    servers: [&'static str; 2],
    /// What the servers have the virtual address on.
    device: &'static str,
    cause: &'static str,
}

const DIRECT: Case = Case {
    forwarding: "forwarding: dr",
    takes: None,
    vip: "192.168.0.10",
    any: "0.0.0.0",
    servers: ["192.168.0.2", "192.168.0.3"],
    device: "lo",
    cause: "is 192.168.0.10 on its lo?",
};
const DIRECT6: Case = Case {
    vip: "fd00:a::10",
    any: "::",
    servers: ["fd00:a::2", "fd00:a::3"],
    cause: "is fd00:a::10 on its lo?",
    ..DIRECT
};
const TUNNEL: Case = Case {
    forwarding: "forwarding: tun",
    device: "tunl0",
    cause: "is 192.168.0.10 on its tunnel device or its lo,",
    ..DIRECT
};
const TUNNEL6: Case = Case {
    forwarding: "forwarding: tun",
    device: "ip6tnl0",
    cause: "is fd00:a::10 on its tunnel device or its lo,",
    ..DIRECT6
};

const GRE: Case = Case {
    forwarding: "forwarding: tun, tunnel: {type: gre}",
    takes: Some(("ip_gre", "link set gre0 up")),
    device: "gre0",
    ..TUNNEL
};
const GUE: Case = Case {
    forwarding: "forwarding: tun, tunnel: {type: gue, port: 6080}",
    takes: Some(("fou", "fou add port 6080 gue")),
    ..TUNNEL
};

impl Case {
    fn vip(&self) -> IpAddr {
        self.vip.parse().unwrap()
    }

    fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.vip(), port)
    }

    /// Server `index` as the kernel lists it.
    fn server(&self, index: usize, port: u16) -> String {
        SocketAddr::new(self.servers[index].parse().unwrap(), port).to_string()
    }

    /// Two services on the same servers: port 80 has the check, port 81 has a plain TCP check.
    fn yaml(&self) -> String {
        let [one, two] = self.servers;
        let (with, without) = (self.at(80), self.at(81));
        let forwarding = self.forwarding;
        format!(
            "defaults: {{scheduler: rr, {forwarding}, min_healthy: 0}}\nvirtual_services:\n  \
             - {{address: \"{with}\", servers: [\"{one}\", \"{two}\"], check: {{each: [tcp, vip], {RASH}}}}}\n  \
             - {{address: \"{without}\", servers: [\"{one}\", \"{two}\"], check: {{{RASH}}}}}\n"
        )
    }

    /// Waits until the servers with these numbers are in the service that has the check. All are in the other one.
    fn wait(&self, stage: &mut Stage, up: &[usize]) {
        let with = up.iter().map(|index| self.server(*index, 80));
        let without = (0..2).map(|index| self.server(index, 81));
        let expected: Vec<String> = with.chain(without).collect();
        let expected: Vec<(&str, u32)> = expected.iter().map(|it| (it.as_str(), 1)).collect();
        wait_for_weights(stage, &expected);
    }

    fn change(&self, stage: &Stage, index: usize, verb: &str) {
        let (vip, device) = (self.vip, self.device);
        let (length, option) = match (self.vip(), verb) {
            (IpAddr::V4(_), _) => (32, ""),
            (IpAddr::V6(_), "add") => (128, " nodad"),
            (IpAddr::V6(_), _) => (128, ""),
        };
        let line = format!("address {verb} {vip}/{length} dev {device}{option}\n");
        stage.servers[index].ip(&line).unwrap();
    }
}

fn lacks_the_address(case: &Case) {
    let (mut stage, files) = (Stage::new(2), Files::new());
    for port in [80, 81] {
        stage.serve_everywhere(Tcp, SocketAddr::new(case.any.parse().unwrap(), port));
    }
    if let Some((module, line)) = case.takes {
        let status = Command::new("modprobe").arg(module).status();
        assert!(status.is_ok_and(|it| it.success()), "modprobe {module}");
        for server in &stage.servers {
            server.ip(&format!("{line}\n")).unwrap();
        }
    }
    for server in &stage.servers {
        server
            .ip(&format!("link set {} up\n", case.device))
            .unwrap();
    }
    case.change(&stage, 0, "add");
    stage.vip(case.vip());
    files.write(&case.yaml());
    let director = Running::start(&stage.director, &files, &[]);
    case.wait(&mut stage, &[0]);
    let told = director.wait_for(case.cause);
    let own = format!("its own address {} answers", case.server(1, 80));
    assert!(told.contains(&own), "{told}");
    assert!(told.contains(&case.server(1, 80)), "{told}");

    // A client's connection stays while the checks go on.
    let at = case.at(80);
    let held = stage.client.run(|| connect(None, at, PATIENCE).unwrap());
    let mut held = Conversation::new(held).unwrap();
    assert!(held.ask("hello", Instant::now() + PATIENCE).is_ok());

    case.change(&stage, 1, "add");
    case.wait(&mut stage, &[0, 1]);
    // IPVS has the client's connection and no other.
    let connections = stage.connections();
    assert_eq!(connections.len(), 1, "{connections:?}");

    // The same on a host that does not have the virtual address: a backup.
    drop(held);
    let prefix = if case.vip().is_ipv4() { 32 } else { 128 };
    let line = format!("address del {}/{prefix} dev eth0\n", case.vip);
    stage.director.ip(&line).unwrap();
    case.change(&stage, 0, "del");
    case.wait(&mut stage, &[1]);
    case.change(&stage, 0, "add");
    case.wait(&mut stage, &[0, 1]);
    assert!(director.stop().success());
}

/// A host that has the virtual address, too, answers; but not through this server.
fn passes_on() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    stage.serve_everywhere(Tcp, "0.0.0.0:80".parse().unwrap());
    stage.serve_everywhere(Tcp, "0.0.0.0:81".parse().unwrap());
    // The first has the address and answers all who ask for it; the second passes packets on to it.
    stage.servers[0]
        .ip("address add 192.168.0.10/16 dev eth0\n")
        .unwrap();
    stage.servers[1].sysctl("ipv4/ip_forward", "1").unwrap();
    files.write(&DIRECT.yaml());
    let director = Running::start(&stage.director, &files, &[]);
    DIRECT.wait(&mut stage, &[0]);
    director.wait_for(DIRECT.cause);
    assert!(director.stop().success());
}

fn listens_elsewhere() {
    let (mut stage, files) = (Stage::new(2), Files::new());
    stage.vip(DIRECT.vip());
    stage.servers_hold(DIRECT.vip(), "lo");
    stage.serve_everywhere(Tcp, "0.0.0.0:81".parse().unwrap());
    stage.serve(0, Tcp, "0.0.0.0:80".parse().unwrap());
    stage.serve(1, Tcp, "192.168.0.3:80".parse().unwrap());
    files.write(&DIRECT.yaml());
    let director = Running::start(&stage.director, &files, &[]);
    DIRECT.wait(&mut stage, &[0]);
    director.wait_for("connect to 192.168.0.10:80 through this server refused: does its program listen at 192.168.0.10:80?");
    let why = files.why(&stage.director, "192.168.0.3", &[]);
    let check = "  check vip 192.168.0.10:80 through 192.168.0.3\n";
    assert!(why.out.contains(check), "{why:?}");
    assert!(director.stop().success());
}

fn dies() {
    let mut stage = Stage::new(2);
    let files = Files::new();
    stage.vip(DIRECT.vip());
    stage.servers_hold(DIRECT.vip(), "lo");
    stage.serve_everywhere(Tcp, "0.0.0.0:80".parse().unwrap());
    files.write(&format!(
        "virtual_services:\n  - {{address: 192.168.0.10:80, servers: [192.168.0.2, 192.168.0.3], check: {{vip: {{}}, {RASH}}}}}\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    let [one, two] = [0, 1].map(|index| DIRECT.server(index, 80));
    wait_for_weights(&mut stage, &[(&one, 1), (&two, 1)]);
    stage.servers[1].plug(false).unwrap();
    wait_for_weights(&mut stage, &[(&one, 1)]);
    stage.servers[1].plug(true).unwrap();
    wait_for_weights(&mut stage, &[(&one, 1), (&two, 1)]);
    assert!(director.stop().success());
}
