// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of checks.

use super::facts::Facts;
use super::finding::{Fact, Finding, Severity, Trouble};
use super::{
    addresses, conntrack, files, forwarding, ipvs, modules, process, surroundings, ways, wire,
};

/// One check of facts of this kind.
pub struct Check<F> {
    /// Its section in `docs/troubleshooting.md`.
    pub topic: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// What is wrong. An error when a fact that it needs could not be read.
    pub look: fn(&F) -> Fact<Vec<Trouble>>,
}

impl<F> Check<F> {
    /// A row of a table.
    pub const fn new(
        topic: &'static str,
        about: &'static str,
        look: fn(&F) -> Fact<Vec<Trouble>>,
    ) -> Self {
        Self { topic, about, look }
    }

    fn findings(&self, facts: &F) -> Vec<Finding> {
        let alone = |severity, what: String, why: &str| {
            vec![Finding {
                severity,
                topic: self.topic.to_owned(),
                what,
                why: (!why.is_empty()).then(|| why.to_owned()),
                mend: None,
            }]
        };
        match (self.look)(facts) {
            Ok(found) if found.is_empty() => alone(Severity::Ok, self.about.to_owned(), ""),
            Ok(found) => {
                let of = |trouble| Finding::of(self.topic, trouble);
                found.into_iter().map(of).collect()
            }
            Err(unread) => alone(
                Severity::Note,
                format!("could not look at {}: {unread}", self.about),
                "Something may be wrong there that nobody sees.",
            ),
        }
    }
}

/// What these checks find in these facts.
#[must_use]
pub fn examine<F>(checks: &[Check<F>], facts: &F) -> Vec<Finding> {
    let each = checks.iter().flat_map(|check| check.findings(facts));
    each.collect()
}

/// The checks of a director. To add one, write its function, its row here, its section in the docs, and its row in the table
/// of tests.
pub const CHECKS: &[Check<Facts>] = &[
    Check::new("configuration", "the configuration", files::configuration),
    Check::new("module-ip-vs", "the module ip_vs", modules::ip_vs),
    Check::new(
        "scheduler-module",
        "modules of schedulers",
        modules::schedulers,
    ),
    Check::new("ip-vs-ftp", "the module ip_vs_ftp", modules::ftp),
    Check::new("virtual-mac-module", "the module macvlan", modules::macvlan),
    Check::new(
        "vip-missing",
        "virtual addresses on this host",
        addresses::missing,
    ),
    Check::new(
        "vip-on-lo",
        "virtual addresses on lo, and ARP",
        addresses::on_lo,
    ),
    Check::new(
        "vip-duplicate-ipv6",
        "duplicates of IPv6 addresses",
        addresses::refused,
    ),
    Check::new(
        "director-is-server",
        "real servers that are this host",
        addresses::own_server,
    ),
    Check::new(
        "ip-forward",
        "forwarding for masquerading",
        forwarding::forward,
    ),
    Check::new(
        "send-redirects",
        "redirects for masquerading",
        forwarding::redirects,
    ),
    Check::new("rp-filter", "reverse path filters", forwarding::rp_filter),
    Check::new(
        "conn-reuse-mode",
        "net.ipv4.vs.conn_reuse_mode",
        ipvs::conn_reuse_mode,
    ),
    Check::new(
        "expire-nodest-conn",
        "net.ipv4.vs.expire_nodest_conn",
        ipvs::expire_nodest_conn,
    ),
    Check::new(
        "expire-quiescent-template",
        "net.ipv4.vs.expire_quiescent_template",
        ipvs::expire_quiescent_template,
    ),
    Check::new("sloppy-tcp", "net.ipv4.vs.sloppy_tcp", ipvs::sloppy_tcp),
    Check::new(
        "schedule-icmp",
        "net.ipv4.vs.schedule_icmp",
        ipvs::schedule_icmp,
    ),
    Check::new("pmtu-disc", "net.ipv4.vs.pmtu_disc", ipvs::pmtu_disc),
    Check::new("defence", "the kernel's defence modes", ipvs::defence),
    Check::new("backup-only", "net.ipv4.vs.backup_only", ipvs::backup_only),
    Check::new(
        "connection-table",
        "the size of the connection table",
        ipvs::connection_table,
    ),
    Check::new(
        "ipvs-conntrack",
        "net.ipv4.vs.conntrack",
        conntrack::with_reuse,
    ),
    Check::new(
        "conntrack-full",
        "the table of nf_conntrack",
        conntrack::full,
    ),
    Check::new("tcp-loose", "nf_conntrack_tcp_loose", conntrack::tcp_loose),
    Check::new("no-route", "routes to real servers", ways::no_route),
    Check::new(
        "dr-gateway",
        "routers before servers reached by dr",
        ways::dr_gateway,
    ),
    Check::new(
        "source-address",
        "source addresses towards real servers",
        ways::source,
    ),
    Check::new("tunnel-mtu", "room for tunnels", ways::tunnel_mtu),
    Check::new(
        "duplicate-vip",
        "other hosts that answer for virtual addresses",
        wire::claims,
    ),
    Check::new(
        "duplicate-vrid",
        "other hosts that use our VRIDs",
        wire::speakers,
    ),
    Check::new("capabilities", "capabilities", process::capabilities),
    Check::new("open-files", "the limit of open files", process::open_files),
    Check::new("clock", "the clock", process::clock),
    Check::new(
        "second-balancer",
        "other balancers",
        surroundings::balancers,
    ),
    Check::new(
        "foreign-services",
        "services of others",
        surroundings::foreign_services,
    ),
    Check::new("networkd", "systemd-networkd", surroundings::networkd),
    Check::new(
        "network-manager",
        "NetworkManager",
        surroundings::network_manager,
    ),
    Check::new(
        "state-directory",
        "directories of the director's files",
        files::directories,
    ),
    Check::new("disk-full", "room for the director's files", files::room),
];
