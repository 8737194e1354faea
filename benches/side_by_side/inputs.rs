// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same table for each program, in its own language.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use anyhow::Result;
use lvs_director::model::{
    ForwardingMethod, RealServer, Scheduler, Seconds, ServerKey, ServiceKey, ServiceSettings,
    Weight,
};
use lvs_director::plan::Step;

/// How large the table is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) services: u32,
    pub(crate) servers: u32,
}

/// The one port of everything.
pub(crate) const PORT: u16 = 5672;
/// Where servers are checked that will fail together, each by itself.
pub(crate) const FAILING_PORT: u16 = 5673;
/// Where the server is checked that all services have.
pub(crate) const SHARED_PORT: u16 = 5674;
/// Its address.
const SHARED_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 1);

impl Scale {
    /// How many rules ipvsadm needs for it.
    pub(crate) fn rules(self) -> u32 {
        self.services * (self.servers + 1)
    }

    /// How many real servers there are.
    pub(crate) fn all_servers(self) -> u32 {
        self.services * self.servers
    }

    /// The virtual address of a service.
    pub(crate) fn virtual_address(service: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 0, 0).to_bits() + 1 + service)
    }

    /// A server's address: all of 127/8 is this host, so every check finds a listener.
    pub(crate) fn server_address(self, service: u32, server: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(
            Ipv4Addr::new(127, 1, 0, 0).to_bits() + 1 + service * self.servers + server,
        )
    }

    /// The input of `ipvsadm-restore`. The scheduler's own work is the same for every program; `rr` has the least:
    /// `wrr` looks at all servers of a service whenever one is added.
    pub(crate) fn for_ipvsadm(self) -> String {
        let mut text = String::new();
        for service in 0..self.services {
            let address = Self::virtual_address(service);
            let _ = writeln!(text, "-A -t {address}:{PORT} -s rr -p 50");
            for server in 0..self.servers {
                let real = self.server_address(service, server);
                let _ = writeln!(text, "-a -t {address}:{PORT} -r {real}:{PORT} -g -w 1");
            }
        }
        text
    }

    /// The same as changes.
    pub(crate) fn steps(self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for service in 0..self.services {
            let key = ServiceKey::tcp((Self::virtual_address(service), PORT).into());
            let mut settings = ServiceSettings::new(Scheduler::new("rr")?);
            settings.persistence = Some(Seconds(50));
            steps.push(Step::AddService(key, settings));
            for server in 0..self.servers {
                let at = ServerKey::new(self.server_address(service, server).into(), PORT);
                let real = RealServer::new(ForwardingMethod::DirectRouting, Weight::ONE);
                steps.push(Step::AddServer(key, at, real));
            }
        }
        Ok(steps)
    }

    /// A `director.yaml`. The first server of the last service has this weight.
    pub(crate) fn for_director(self, directory: &str, weight: u32) -> String {
        const DEFAULTS: &str =
            "persistence: 50s, check: {interval: 60s, timeout: 3s, fall: 3, retry_delay: 3s}";
        self.director_yaml(directory, DEFAULTS, "", |service, server| {
            let weight = self.weight_of(service, server, weight);
            format!(", weight: {weight}")
        })
    }

    /// A `director.yaml` that checks the first server of each of the first services often, and no other server.
    pub(crate) fn for_verdicts(self, directory: &str, checked: u32) -> String {
        const DEFAULTS: &str = "check: {interval: 200ms, timeout: 1s, rise: 1, fall: 1}";
        self.director_yaml(directory, DEFAULTS, "", |service, server| {
            let is_checked = server == 0 && service < checked;
            let check = if is_checked { "" } else { ", check: none" };
            check.to_owned()
        })
    }

    /// A `director.yaml` that checks every server this often, in seconds. With `failing` the first server of each
    /// service is checked at [`FAILING_PORT`], and each service has a server more: one host for all of them.
    pub(crate) fn for_checks(self, directory: &str, interval: u32, failing: bool) -> String {
        let defaults =
            format!("check: {{interval: {interval}s, timeout: 3s, fall: 3, retry_delay: 1s}}");
        let check = |port: u16| format!(", check: {{tcp: {{port: {port}}}}}");
        let shared = format!(
            "      - {{address: {SHARED_ADDRESS}{}}}\n",
            check(SHARED_PORT)
        );
        let shared = if failing { &*shared } else { "" };
        self.director_yaml(directory, &defaults, shared, |_, server| {
            let fails = failing && server == 0;
            check(if fails { FAILING_PORT } else { PORT })
        })
    }

    /// A `director.yaml`. `settings` are those of a server (by service and server), behind its address; `shared` has the
    /// lines of servers that every service has besides.
    fn director_yaml(
        self,
        directory: &str,
        defaults: &str,
        shared: &str,
        settings: impl Fn(u32, u32) -> String,
    ) -> String {
        let mut text = format!(
            "director: {{state_file: {directory}/state.json, socket: {directory}/director.sock}}\n\
             defaults: {{scheduler: wrr, forwarding: dr, {defaults}}}\n\
             virtual_services:\n"
        );
        for service in 0..self.services {
            let address = Self::virtual_address(service);
            let _ = writeln!(text, "  - address: {address}:{PORT}\n    servers:");
            for server in 0..self.servers {
                let real = self.server_address(service, server);
                let settings = settings(service, server);
                let _ = writeln!(text, "      - {{address: {real}{settings}}}");
            }
            text.push_str(shared);
        }
        text
    }

    /// A `keepalived.conf` that checks every server this often, in seconds.
    pub(crate) fn for_keepalived(self, weight: u32, delay_loop: u32) -> String {
        let mut text = String::new();
        for service in 0..self.services {
            let address = Self::virtual_address(service);
            let _ = writeln!(
                text,
                "virtual_server {address} {PORT} {{\n  delay_loop {delay_loop}\n  lvs_sched wrr\n  lvs_method DR\n  \
                 persistence_timeout 50\n  protocol TCP"
            );
            for server in 0..self.servers {
                let real = self.server_address(service, server);
                let weight = self.weight_of(service, server, weight);
                let _ = writeln!(
                    text,
                    "  real_server {real} {PORT} {{\n    weight {weight}\n    TCP_CHECK {{\n      connect_timeout 3\n      \
                     retry 3\n      delay_before_retry 3\n    }}\n  }}"
                );
            }
            text.push_str("}\n");
        }
        text
    }

    fn weight_of(self, service: u32, server: u32, changed: u32) -> u32 {
        if service + 1 == self.services && server == 0 {
            changed
        } else {
            1
        }
    }
}
