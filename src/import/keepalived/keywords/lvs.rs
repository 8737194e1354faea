// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keywords of the LVS side.

use super::{Block, Keyword, read};

const LOGGING: &str = "the director logs each failure that changes something";
const MAIL: &str = "the director sends no mail: have its log or its metrics watched";
const SNMP: &str = "the director speaks no SNMP";
const WARMUP: &str = "the director spreads its first probes itself";
const SCRIPT: &str = "the director runs no script for this: follow its events";
const SERVER_SCRIPT: &str = "the director runs no script for a server: follow its events";

/// `virtual_server`
pub(super) const VIRTUAL_SERVER: &[Keyword] = &[
    read("ip_family"),
    read("delay_loop"),
    read("lvs_sched"),
    read("lb_algo").old("lvs_sched"),
    read("lvs_method"),
    read("lb_kind").old("lvs_method"),
    read("hashed").needless("no scheduler has it"),
    read("flag-1"),
    read("flag-2"),
    read("flag-3"),
    read("sh-port"),
    read("sh-fallback"),
    read("mh-port"),
    read("mh-fallback"),
    read("ops"),
    read("persistence_engine"),
    read("persistence_timeout"),
    read("persistence_granularity"),
    read("protocol"),
    read("warmup").needless(WARMUP),
    read("retry"),
    read("delay_before_retry"),
    read("connect_timeout"),
    read("weight"),
    read("alpha"),
    read("omega").needless("the director runs no scripts of servers"),
    read("quorum"),
    read("hysteresis"),
    read("quorum_up").lost(SCRIPT),
    read("quorum_down").lost(SCRIPT),
    read("ha_suspend").lost("checks run also while this host has no VIP"),
    read("inhibit_on_failure"),
    read("sorry_server"),
    read("sorry_server_inhibit"),
    read("sorry_server_lvs_method"),
    read("virtualhost"),
    read("smtp_alert").lost(MAIL),
    read("snmp_name").needless(SNMP),
    read("real_server").holds(Block::RealServer),
];

/// `real_server`
pub(super) const REAL_SERVER: &[Keyword] = &[
    read("weight"),
    read("lvs_method"),
    read("uthreshold"),
    read("lthreshold"),
    read("inhibit_on_failure"),
    read("notify_up").lost(SERVER_SCRIPT),
    read("notify_down").lost(SERVER_SCRIPT),
    read("alpha"),
    read("retry"),
    read("delay_before_retry"),
    read("warmup").needless(WARMUP),
    read("connect_timeout"),
    read("delay_loop"),
    read("smtp_alert").lost(MAIL),
    read("virtualhost"),
    read("snmp_name").needless(SNMP),
    read("log_all_failures").needless(LOGGING),
    read("TCP_CHECK").holds(Block::TcpCheck),
    read("HTTP_GET").holds(Block::HttpGet),
    read("SSL_GET").holds(Block::SslGet),
    read("SMTP_CHECK").holds(Block::SmtpCheck),
    read("DNS_CHECK").holds(Block::DnsCheck),
    read("MISC_CHECK").holds(Block::MiscCheck),
    read("BFD_CHECK").holds(Block::BfdCheck),
    read("PING_CHECK").holds(Block::PingCheck),
    read("UDP_CHECK").holds(Block::UdpCheck),
    read("FILE_CHECK").holds(Block::FileCheck),
];

/// What every checker has that connects.
pub(super) const CHECKER: &[Keyword] = &[
    read("connect_ip"),
    read("connect_port"),
    read("bindto"),
    read("bind_port").lost("the kernel chooses the port that a check comes from"),
    read("bind_if"),
    read("fwmark"),
    read("alpha"),
    read("connect_timeout"),
    read("retry"),
    read("delay_before_retry"),
    read("warmup").needless(WARMUP),
    read("delay_loop"),
    read("log_all_failures").needless(LOGGING),
];

/// `HTTP_GET` only, beside [`HTTP_GET`].
pub(super) const PLAIN_HTTP_GET: &[Keyword] =
    &[read("enable_sni").needless("HTTP_GET speaks no TLS: there is no one to tell the name")];

/// `HTTP_GET` and `SSL_GET`, beside [`CHECKER`].
pub(super) const HTTP_GET: &[Keyword] = &[
    read("url").holds(Block::Url),
    read("http_protocol"),
    read("fast_recovery"),
    read("virtualhost"),
    read("nb_get_retry").old("retry"),
];

/// `SSL_GET`, beside [`HTTP_GET`] and [`CHECKER`].
pub(super) const SSL_GET: &[Keyword] = &[
    read("enable_sni").needless("a server is always told the name that it is asked for"),
    read("sni_name"),
];

/// `url`
pub(super) const URL: &[Keyword] = &[
    read("path"),
    read("digest"),
    read("status_code"),
    read("virtualhost"),
    read("regex"),
    read("regex_no_match"),
    read("regex_options"),
    read("regex_stack"),
    read("regex_min_offset"),
    read("regex_max_offset"),
    read("tls_compliant"),
];

/// `SMTP_CHECK`, beside [`CHECKER`].
pub(super) const SMTP_CHECK: &[Keyword] = &[read("helo_name"), read("host").holds(Block::SmtpHost)];

/// `host`
pub(super) const SMTP_HOST: &[Keyword] = &[
    read("connect_ip"),
    read("connect_port"),
    read("bindto"),
    read("bind_port").lost("the kernel chooses the port that a check comes from"),
    read("bind_if"),
    read("fwmark"),
    read("connect_timeout"),
];

/// `DNS_CHECK`, beside [`CHECKER`].
pub(super) const DNS_CHECK: &[Keyword] = &[read("type"), read("name")];

/// `MISC_CHECK`
pub(super) const MISC_CHECK: &[Keyword] = &[
    read("misc_path"),
    read("misc_timeout"),
    read("misc_dynamic"),
    read("user"),
    read("alpha"),
    read("connect_timeout").needless("a program connects to nothing: misc_timeout counts"),
    read("retry"),
    read("delay_before_retry"),
    read("warmup").needless(WARMUP),
    read("delay_loop"),
    read("log_all_failures").needless(LOGGING),
];

/// `BFD_CHECK`
pub(super) const BFD_CHECK: &[Keyword] = &[read("name"), read("alpha")];

/// `PING_CHECK`
pub(super) const PING_CHECK: &[Keyword] = &[
    read("connect_ip"),
    read("connect_port").needless("a ping has no port"),
    read("bindto"),
    read("bind_port").lost("the kernel chooses the port that a check comes from"),
    read("bind_if"),
    read("fwmark"),
    read("alpha"),
    read("connect_timeout"),
    read("retry"),
    read("delay_before_retry"),
    read("warmup").needless(WARMUP),
    read("delay_loop"),
    read("log_all_failures").needless(LOGGING),
];

/// `UDP_CHECK`, beside [`CHECKER`].
pub(super) const UDP_CHECK: &[Keyword] = &[
    read("payload"),
    read("require_reply"),
    read("min_reply_length"),
    read("max_reply_length"),
];

/// `FILE_CHECK`
pub(super) const FILE_CHECK: &[Keyword] = &[
    read("track_file"),
    read("weight"),
    read("dynamic"),
    read("alpha"),
    read("log_all_failures").needless(LOGGING),
];

/// `SSL`
pub(super) const SSL: &[Keyword] = &[
    read("password"),
    read("ca"),
    read("certificate"),
    read("key"),
];
