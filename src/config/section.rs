// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sections of a configuration file and their keys.

use super::tree::{Entry, Text};
use crate::diagnostic::{Finding, Findings, Fix, Shown, nearest};

/// A kind of map in the file.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name in messages, with the article.
    pub name: &'static str,
    own: &'static [&'static str],
    shared: &'static [&'static [&'static str]],
}

/// Settings of a virtual service, also under `defaults`.
const SERVICE_SETTINGS: &[&str] = &[
    "scheduler",
    "scheduler_flags",
    "one_packet",
    "persistence",
    "failover",
    "min_healthy",
    "quorum",
    "sorry_server",
];
/// Settings of a real server, also of a virtual service and under `defaults`.
const SERVER_SETTINGS: &[&str] = &[
    "forwarding",
    "tunnel",
    "weight",
    "upper_threshold",
    "lower_threshold",
    "inhibit_on_failure",
    "drain",
    "slow_start",
    "check",
];

/// Settings of a check by HTTP, with or without TLS.
const HTTP_SETTINGS: &[&str] = &[
    "port",
    "address",
    "method",
    "path",
    "host",
    "headers",
    "user",
    "password_file",
    "status",
    "contains",
    "json",
];
/// Settings of every check that speaks TLS.
const TLS_SETTINGS: &[&str] = &[
    "server_name",
    "ca_file",
    "verify",
    "client_certificate",
    "client_key",
    "min_days",
];

/// The file itself.
pub(super) const FILE: Section = Section {
    name: "the file",
    own: &[
        "director",
        "ipvs",
        "virtual_routers",
        "connection_sync",
        "peer",
        "web",
        "checks",
        "defaults",
        "pools",
        "virtual_services",
    ],
    shared: &[],
};
/// `director`.
pub(super) const DIRECTOR: Section = Section {
    name: "director",
    own: &[
        "state_file",
        "remembered_file",
        "remember",
        "socket",
        "repair_interval",
        "real_time",
        "lock_memory",
        "socket_group",
        "socket_readers",
    ],
    shared: &[],
};
/// `ipvs`.
pub(super) const IPVS: Section = Section {
    name: "ipvs",
    own: &[
        "tcp_timeout",
        "tcp_fin_timeout",
        "udp_timeout",
        "expire_nodest_conn",
        "expire_quiescent_template",
        "conn_reuse_mode",
        "conn_lfactor",
        "adopt_connections",
    ],
    shared: &[],
};
/// An item of `virtual_routers`.
pub(super) const VIRTUAL_ROUTER: Section = Section {
    name: "a virtual router",
    own: &[
        "name",
        "interface",
        "vrid",
        "addresses",
        "priority",
        "interval",
        "version",
        "preempt",
        "hold",
        "refresh",
        "source",
        "peers",
        "authentication",
        "track",
        "group",
        "virtual_mac",
    ],
    shared: &[],
};
/// `connection_sync`.
pub(super) const CONNECTION_SYNC: Section = Section {
    name: "connection_sync",
    own: &[
        "interface",
        "id",
        "group",
        "port",
        "ttl",
        "max_length",
        "roles",
        "longest_send",
    ],
    shared: &[],
};
/// `peer`.
pub(super) const PEER: Section = Section {
    name: "peer",
    own: &["address", "bind", "key_file"],
    shared: &[],
};
/// An item of `web`.
pub(super) const WEB: Section = Section {
    name: "web",
    own: &["listen", "path", "refresh", "users_file", "actions", "tls"],
    shared: &[],
};
/// `tls` of an item of `web`.
pub(super) const WEB_TLS: Section = Section {
    name: "web.tls",
    own: &["certificate", "key"],
    shared: &[],
};
/// An item of `track` of a virtual router.
pub(super) const TRACK: Section = Section {
    name: "an object of track",
    own: &[
        "interface",
        "service",
        "route",
        "file",
        "process",
        "script",
        "weight",
    ],
    shared: &[],
};
/// `track.script`.
pub(super) const TRACK_SCRIPT: Section = Section {
    name: "track.script",
    own: &["command", "user", "interval", "timeout", "fall", "rise"],
    shared: &[],
};
/// `authentication` of a virtual router.
pub(super) const AUTHENTICATION: Section = Section {
    name: "authentication",
    own: &["password_file", "hmac"],
    shared: &[],
};
/// `authentication.hmac`.
pub(super) const AUTHENTICATION_HMAC: Section = Section {
    name: "authentication.hmac",
    own: &["keys", "mode", "anti_replay"],
    shared: &[],
};
/// An item of `authentication.hmac.keys`.
pub(super) const AUTHENTICATION_KEY: Section = Section {
    name: "a key of authentication.hmac",
    own: &["id", "key_file"],
    shared: &[],
};
/// `defaults`.
pub(super) const DEFAULTS: Section = Section {
    name: "defaults",
    own: &[],
    shared: &[SERVICE_SETTINGS, SERVER_SETTINGS],
};
/// An item of `virtual_services`.
pub(super) const SERVICE: Section = Section {
    name: "a virtual service",
    own: &["address", "protocol", "fwmark", "family", "pool", "servers"],
    shared: &[SERVICE_SETTINGS, SERVER_SETTINGS],
};
/// An item of `servers` or of a pool.
pub(super) const SERVER: Section = Section {
    name: "a real server",
    own: &["address", "backup"],
    shared: &[SERVER_SETTINGS],
};
/// `persistence`.
pub(super) const PERSISTENCE: Section = Section {
    name: "persistence",
    own: &["timeout", "granularity", "engine"],
    shared: &[],
};
/// `quorum`.
pub(super) const QUORUM: Section = Section {
    name: "quorum",
    own: &["servers", "weight", "hysteresis"],
    shared: &[],
};
/// `tunnel`.
pub(super) const TUNNEL: Section = Section {
    name: "tunnel",
    own: &["type", "port", "checksum"],
    shared: &[],
};
/// `drain`.
pub(super) const DRAIN: Section = Section {
    name: "drain",
    own: &["deadline", "templates"],
    shared: &[],
};
/// `check`.
pub(super) const CHECK: Section = Section {
    name: "check",
    own: &[
        "tcp",
        "tls",
        "http",
        "https",
        "amqp",
        "rabbitmq",
        "udp",
        "dns",
        "icmp",
        "smtp",
        "agent",
        "file",
        "exec",
        "vip",
        "each",
        "need",
        "interval",
        "interval_from",
        "timeout",
        "rise",
        "fall",
        "first_failure",
        "retry_delay",
        "fast_interval",
        "down_interval",
        "hold_down",
        "initial",
        "tripwire",
        "passive",
        "source",
        "interface",
        "fwmark",
    ],
    shared: &[],
};
/// `check.fall`.
pub(super) const CHECK_FALL: Section = Section {
    name: "check.fall",
    own: &["failures", "of"],
    shared: &[],
};
/// `check.hold_down`.
pub(super) const CHECK_HOLD_DOWN: Section = Section {
    name: "check.hold_down",
    own: &["first", "ceiling"],
    shared: &[],
};
/// `check.passive`.
pub(super) const CHECK_PASSIVE: Section = Section {
    name: "check.passive",
    own: &["counts"],
    shared: &[],
};
/// `check.tripwire`.
pub(super) const CHECK_TRIPWIRE: Section = Section {
    name: "check.tripwire",
    own: &["counts"],
    shared: &[],
};
/// `check.tcp`.
pub(super) const CHECK_TCP: Section = Section {
    name: "check.tcp",
    own: &["port", "address", "send", "expect"],
    shared: &[],
};
/// `check.tls`.
pub(super) const CHECK_TLS: Section = Section {
    name: "check.tls",
    own: &["port", "address"],
    shared: &[TLS_SETTINGS],
};
/// `check.http`.
pub(super) const CHECK_HTTP: Section = Section {
    name: "check.http",
    own: &[],
    shared: &[HTTP_SETTINGS],
};
/// `check.https`.
pub(super) const CHECK_HTTPS: Section = Section {
    name: "check.https",
    own: &[],
    shared: &[HTTP_SETTINGS, TLS_SETTINGS],
};

/// `check.amqp`.
pub(super) const CHECK_AMQP: Section = Section {
    name: "check.amqp",
    own: &["port", "address", "user", "password_file", "vhost", "tls"],
    shared: &[],
};

/// `check.amqp.tls`.
pub(super) const CHECK_AMQP_TLS: Section = Section {
    name: "check.amqp.tls",
    own: &[],
    shared: &[TLS_SETTINGS],
};

/// `check.rabbitmq`.
pub(super) const CHECK_RABBITMQ: Section = Section {
    name: "check.rabbitmq",
    own: &[
        "port",
        "address",
        "listener",
        "user",
        "password_file",
        "tls",
    ],
    shared: &[],
};

/// `check.agent`.
pub(super) const CHECK_AGENT: Section = Section {
    name: "check.agent",
    own: &["port", "address", "send"],
    shared: &[],
};

/// `check.file`.
pub(super) const CHECK_FILE: Section = Section {
    name: "check.file",
    own: &["path", "missing"],
    shared: &[],
};

/// `check.exec`.
pub(super) const CHECK_EXEC: Section = Section {
    name: "check.exec",
    own: &["command", "user", "dynamic"],
    shared: &[],
};

/// `check.rabbitmq.tls`.
pub(super) const CHECK_RABBITMQ_TLS: Section = Section {
    name: "check.rabbitmq.tls",
    own: &[],
    shared: &[TLS_SETTINGS],
};

/// `check.dns`.
pub(super) const CHECK_DNS: Section = Section {
    name: "check.dns",
    own: &[
        "port",
        "address",
        "transport",
        "name",
        "type",
        "expect",
        "rcode",
    ],
    shared: &[],
};

/// `check.icmp`.
pub(super) const CHECK_ICMP: Section = Section {
    name: "check.icmp",
    own: &["address"],
    shared: &[],
};

/// `check.smtp`.
pub(super) const CHECK_SMTP: Section = Section {
    name: "check.smtp",
    own: &["port", "address", "helo", "tls"],
    shared: &[],
};

/// `check.smtp.tls`.
pub(super) const CHECK_SMTP_TLS: Section = Section {
    name: "check.smtp.tls",
    own: &[],
    shared: &[TLS_SETTINGS],
};

/// `check.udp`.
pub(super) const CHECK_UDP: Section = Section {
    name: "check.udp",
    own: &["port", "address", "send", "expect"],
    shared: &[],
};

/// `check.vip`.
pub(super) const CHECK_VIP: Section = Section {
    name: "check.vip",
    own: &["address", "port"],
    shared: &[],
};

/// Every section: the whole schema, for documentation and tests.
pub static SECTIONS: [Section; 42] = [
    FILE,
    DIRECTOR,
    IPVS,
    VIRTUAL_ROUTER,
    CONNECTION_SYNC,
    PEER,
    WEB,
    WEB_TLS,
    TRACK,
    TRACK_SCRIPT,
    AUTHENTICATION,
    AUTHENTICATION_HMAC,
    AUTHENTICATION_KEY,
    DEFAULTS,
    SERVICE,
    SERVER,
    PERSISTENCE,
    QUORUM,
    TUNNEL,
    DRAIN,
    CHECK,
    CHECK_FALL,
    CHECK_HOLD_DOWN,
    CHECK_PASSIVE,
    CHECK_TRIPWIRE,
    CHECK_TCP,
    CHECK_TLS,
    CHECK_HTTP,
    CHECK_HTTPS,
    CHECK_AMQP,
    CHECK_AMQP_TLS,
    CHECK_RABBITMQ,
    CHECK_AGENT,
    CHECK_FILE,
    CHECK_EXEC,
    CHECK_RABBITMQ_TLS,
    CHECK_UDP,
    CHECK_VIP,
    CHECK_DNS,
    CHECK_ICMP,
    CHECK_SMTP,
    CHECK_SMTP_TLS,
];

/// Our keys for the words of keepalived and others.
const FOREIGN: &[(&str, &str)] = &[
    (
        "<<",
        "merge keys are not supported: put shared settings into defaults or a pool",
    ),
    ("lb_algo", "the scheduler is set by scheduler"),
    ("lvs_sched", "the scheduler is set by scheduler"),
    ("algorithm", "the scheduler is set by scheduler"),
    ("lb_kind", "forwarding sets the forwarding method"),
    ("lvs_method", "forwarding sets the forwarding method"),
    ("method", "forwarding sets the forwarding method"),
    (
        "delay_loop",
        "write check: {interval: 6s, interval_from: end}",
    ),
    ("payload", "write send: 'PING\\r\\n'"),
    ("require_reply", "write expect: PONG"),
    ("connect_timeout", "write check: {timeout: 3s}"),
    (
        "retry",
        "write check: {fall: 3}, which counts the first failure, too",
    ),
    ("delay_before_retry", "write check: {retry_delay: 3s}"),
    ("alpha", "write check: {initial: down}"),
    ("alpha_mode", "write check: {initial: down}"),
    ("fastinter", "write check: {fast_interval: 500ms}"),
    ("downinter", "write check: {down_interval: 10s}"),
    ("bindto", "write check: {source: 10.0.0.1}"),
    ("bind_if", "write check: {interface: eth1}"),
    ("persistence_timeout", "write persistence: 50s"),
    (
        "persistence_granularity",
        "write persistence: {granularity: 24}",
    ),
    ("persistence_engine", "write persistence: {engine: sip}"),
    ("ops", "one-packet scheduling is set by one_packet"),
    ("uthreshold", "write upper_threshold"),
    ("lthreshold", "write lower_threshold"),
    (
        "virtual_server",
        "virtual services are a list named virtual_services",
    ),
    ("real_server", "real servers are a list named servers"),
    ("real_servers", "real servers are a list named servers"),
    ("backends", "real servers are a list named servers"),
    ("auth_type", "write authentication: {password_file: ...}"),
    ("auth_hmac", "write authentication: {hmac: {keys: ...}}"),
    (
        "password",
        "put it into a file of its own, and write password_file: with its path",
    ),
    ("helo_name", "write check: {smtp: {helo: lvs.example}}"),
    ("sni", "write server_name"),
    ("insecure", "write verify: false"),
    (
        "tls",
        "write check: {https: {}} or check: {tls: {}}; amqp, rabbitmq and smtp have a key tls",
    ),
    (
        "ssl",
        "write check: {https: {}} or check: {tls: {}}; amqp, rabbitmq and smtp have a key tls",
    ),
    ("mask", "write persistence: {granularity: 255.255.255.0}"),
];

impl Section {
    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let shared = self.shared.iter().copied().flatten();
        self.own.iter().chain(shared).copied()
    }

    /// Reports that `entry`, one of `entries`, is not a key here, and suggests another one.
    pub(super) fn unknown_key(&self, entry: &Entry<'_>, entries: &[Entry<'_>], out: &mut Findings) {
        let key = &*entry.key;
        let near = nearest(key, self.keys());
        let message = format!("unknown key \"{}\" in {}", Shown(key), self.name);
        let foreign = FOREIGN.iter().find(|(word, _)| *word == key);
        let help = if let Some(near) = near {
            format!("did you mean {near}?")
        } else if SERVICE_SETTINGS.contains(&key) {
            format!("{key} belongs to the virtual service")
        } else if CHECK.own.contains(&key)
            && !["tcp", "udp", "fwmark"].contains(&key)
            && self.keys().any(|own| own == "check")
        {
            format!("{key} belongs in check")
        } else if key == "port" && self.keys().any(|own| own == "address") {
            "the port is part of the address: 192.0.2.10:5672".to_owned()
        } else if let Some((_, help)) = foreign {
            (*help).to_owned()
        } else {
            let keys: Vec<_> = self.keys().collect();
            format!("known here: {}", keys.join(", "))
        };
        // No fix when the suggested key is there already, or when an alias repeats the entry from elsewhere.
        let fix = near
            .filter(|near| entries.iter().all(|other| &*other.key != *near))
            .filter(|_| matches!(entry.key, Text::Source(_)))
            .map(|near| Fix::replace(entry.span, near));
        out.push(Finding::new(entry.span, message).help(help).fix(fix));
    }
}
