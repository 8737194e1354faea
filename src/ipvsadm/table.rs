// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command and option of `lvsadm`, once. This table makes the parser, the help, the manual page, the completions
//! and the rules for combining options.

use super::options::{Argument, Command, Definition, Opt, Value, command, option};
use super::rules::Legality;
use super::topic::Topic;
use crate::model::Scheduler;

const NONE: Value = Value::None;
const ADDRESS: Value = one("service-address");
const NUMBER: Value = one("number");
const ROLE: Value = one_of("master|backup", &["master", "backup"]);

/// May be repeated, and goes with every command.
const ALWAYS: Legality = Legality::ALWAYS;
/// The service: `-L` lists one service, or something else.
const SERVICE: Legality = required(&[
    Command::AddService,
    Command::EditService,
    Command::DeleteService,
    Command::AddServer,
    Command::EditServer,
    Command::DeleteServer,
])
.exclusive(&[Command::List])
.optional(&[Command::Zero])
.about(Topic::Service)
.called("service-address");
/// Which real server.
const REAL_SERVER: Legality = required(&[
    Command::AddServer,
    Command::EditServer,
    Command::DeleteServer,
])
.about(Topic::RealServer);
/// How a server is reached.
const FORWARDING: Legality = SERVER_SETTING
    .about(Topic::Forwarding)
    .called("forwarding-method");
/// Settings of a service.
const SERVICE_SETTING: Legality = optional(&[Command::AddService, Command::EditService]);
/// Settings of a server.
const SERVER_SETTING: Legality = optional(&[Command::AddServer, Command::EditServer]);
/// What is listed, of which there can be one.
const LISTED: Legality = Legality::NEVER.exclusive(&[Command::List]);
/// How something is listed.
const LISTING: Legality = optional(&[Command::List]);
/// Settings of a sync daemon.
const SYNC_SETTING: Legality = optional(&[Command::StartDaemon]);

const fn one(name: &'static str) -> Value {
    Value::Required(Argument::of(name))
}

const fn one_of(name: &'static str, choices: &'static [&'static str]) -> Value {
    Value::Required(Argument { name, choices })
}

const fn required(commands: &[Command]) -> Legality {
    Legality::NEVER.required(commands)
}

const fn optional(commands: &[Command]) -> Legality {
    Legality::NEVER.optional(commands)
}

/// All commands and options in the help's order: names, value, the commands that take it, help.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    command(Command::AddService, "add-service", "A", NONE, "add a virtual service"),
    command(Command::EditService, "edit-service", "E", NONE, "edit a virtual service; settings that are not given stay"),
    command(Command::DeleteService, "delete-service", "D", NONE, "delete a virtual service with its real servers"),
    command(Command::Clear, "clear", "C", NONE, "delete all virtual services").called("flush"),
    command(Command::Restore, "restore", "R", NONE, "carry out the command lines on standard input"),
    command(Command::Save, "save", "S", NONE, "print the command lines that make the table"),
    command(Command::AddServer, "add-server", "a", NONE, "add a real server to a virtual service"),
    command(Command::EditServer, "edit-server", "e", NONE, "edit a real server; settings that are not given stay"),
    command(Command::DeleteServer, "delete-server", "d", NONE, "delete a real server from a virtual service"),
    command(Command::List, "list", "Ll", NONE, "list the table"),
    command(Command::Zero, "zero", "Z", NONE, "zero the counters of a virtual service, or of all"),
    command(Command::SetTimeouts, "set", "", NONE, "set the connection timeouts: tcp tcpfin udp, in seconds, 0 to keep one"),
    command(Command::StartDaemon, "start-daemon", "", ROLE, "start a connection sync daemon"),
    command(Command::StopDaemon, "stop-daemon", "", ROLE, "stop a connection sync daemon"),
    command(Command::Help, "help", "h", NONE, "display this help message"),
    command(Command::Version, "version", "v", NONE, "display the version"),
    option(Opt::TcpService, "tcp-service", "t", ADDRESS, SERVICE, "a TCP service: host[:port]"),
    option(Opt::UdpService, "udp-service", "u", ADDRESS, SERVICE, "a UDP service: host[:port]"),
    option(Opt::SctpService, "sctp-service", "", ADDRESS, SERVICE, "an SCTP service: host[:port]"),
    option(Opt::FwmarkService, "fwmark-service", "f", one("fwmark"), SERVICE, "a service by firewall mark, 1 to 4294967295"),
    option(Opt::Ipv6, "ipv6", "6", NONE, ALWAYS, "the firewall mark is for IPv6 packets"),
    option(Opt::Scheduler, "scheduler", "s", one_of("scheduler", &Scheduler::KNOWN), SERVICE_SETTING.about(Topic::Scheduler), "rr, wrr, lc, wlc (the default), lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos, none"),
    option(Opt::SchedulerFlags, "sched-flags", "b", one("flags"), SERVICE_SETTING.about(Topic::SchedulerFlags), "scheduler flags, separated by commas: sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3"),
    option(Opt::Persistent, "persistent", "p", Value::Optional(Argument::of("timeout")), SERVICE_SETTING.about(Topic::Persistent), "persistent service, 1 to 2678400 seconds, 360 when not given"),
    option(Opt::Netmask, "netmask", "M", one("netmask"), SERVICE_SETTING.about(Topic::Netmask), "persistence granularity: an IPv4 mask, or an IPv6 prefix length after the service"),
    option(Opt::Engine, "pe", "", one_of("engine", &["sip"]), SERVICE_SETTING.about(Topic::Engine), "persistence engine: sip"),
    option(Opt::OnePacket, "ops", "o", NONE, SERVICE_SETTING.about(Topic::OnePacket), "one-packet scheduling, for UDP and firewall marks"),
    option(Opt::NoPersistence, "no-persistent", "", NONE, SERVICE_SETTING.about(Topic::Persistent), "with -E: end persistence").own(),
    option(Opt::NoOnePacket, "no-ops", "", NONE, SERVICE_SETTING.about(Topic::OnePacket), "with -E: end one-packet scheduling").own(),
    option(Opt::RealServer, "real-server", "r", one("server-address"), REAL_SERVER, "a real server: host[:port]"),
    option(Opt::Gatewaying, "gatewaying", "g", NONE, FORWARDING, "direct routing (the default)"),
    option(Opt::Ipip, "ipip", "i", NONE, FORWARDING, "tunneling"),
    option(Opt::Masquerading, "masquerading", "m", NONE, FORWARDING, "masquerading (NAT)"),
    option(Opt::TunType, "tun-type", "", one_of("type", &["ipip", "gue", "gre"]), SERVER_SETTING.about(Topic::TunType), "encapsulation: ipip (the default), gue, gre"),
    option(Opt::TunPort, "tun-port", "", one("port"), SERVER_SETTING.about(Topic::TunPort), "destination port of the encapsulation, for gue"),
    option(Opt::TunNoCsum, "tun-nocsum", "", NONE, SERVER_SETTING.about(Topic::TunNoCsum), "encapsulation without checksum (the default)"),
    option(Opt::TunCsum, "tun-csum", "", NONE, SERVER_SETTING.about(Topic::TunCsum), "encapsulation with checksum"),
    option(Opt::TunRemCsum, "tun-remcsum", "", NONE, SERVER_SETTING.about(Topic::TunRemCsum), "encapsulation with remote checksum"),
    option(Opt::Weight, "weight", "w", NUMBER, SERVER_SETTING.about(Topic::Weight), "weight, 0 to 2147483647, 1 when not given; 0 quiesces the server"),
    option(Opt::UpperThreshold, "u-threshold", "x", NUMBER, SERVER_SETTING.about(Topic::UpperThreshold), "at this many connections the server gets no new ones; 0 for no limit"),
    option(Opt::LowerThreshold, "l-threshold", "y", NUMBER, SERVER_SETTING.about(Topic::LowerThreshold), "below this many connections it gets new ones again"),
    option(Opt::Numeric, "numeric", "n", NONE, optional(&[Command::Save, Command::List]).about(Topic::Numeric), "addresses and ports as numbers"),
    option(Opt::Connection, "connection", "c", NONE, LISTED.about(Topic::Connection), "list the connections"),
    option(Opt::Timeout, "timeout", "", NONE, LISTED.about(Topic::Timeout), "list the connection timeouts (tcp tcpfin udp)"),
    option(Opt::Daemon, "daemon", "", NONE, LISTED.about(Topic::Daemon), "list the connection sync daemons"),
    option(Opt::Stats, "stats", "", NONE, LISTING.about(Topic::Stats), "list counters"),
    option(Opt::Rate, "rate", "", NONE, LISTING.about(Topic::Rate), "list rates per second"),
    option(Opt::Exact, "exact", "X", NONE, LISTING.about(Topic::Exact), "expand numbers (display exact values)"),
    option(Opt::Thresholds, "thresholds", "", NONE, LISTING.about(Topic::Thresholds), "list connection thresholds"),
    option(Opt::PersistentConn, "persistent-conn", "", NONE, LISTING.about(Topic::PersistentConn), "list persistent connections"),
    option(Opt::TunInfo, "tun-info", "", NONE, LISTING.about(Topic::TunInfo), "list encapsulations"),
    option(Opt::NoSort, "nosort", "", NONE, LISTING.about(Topic::NoSort), "list in the kernel's order"),
    option(Opt::Sort, "sort", "", NONE, ALWAYS, "list sorted (the default)"),
    option(Opt::FilterService, "service", "", one("service"), LISTING.about(Topic::FilterService), "with -L: list only this service, for example tcp:192.0.2.10:80, 192.0.2.10, fwm:7").own(),
    option(Opt::FilterServer, "server", "", one("address[:port]"), LISTING.about(Topic::FilterServer), "with -L: list only this real server, with its services").own(),
    option(Opt::FilterState, "state", "", one("state"), LISTING.about(Topic::FilterState), "with -c: list only connections in this state, or in several, separated by commas").own(),
    option(Opt::FilterClient, "client", "", one("address[/prefix]"), LISTING.about(Topic::FilterClient), "with -c: list only connections of this client or network").own(),
    option(Opt::Json, "json", "", NONE, LISTING.about(Topic::Json), "list as JSON").own(),
    option(Opt::Compat, "compat", "", NONE, ALWAYS, "do exactly as ipvsadm does: for example, -E and -e reset settings that are not given").own(),
    option(Opt::AtomicReplace, "atomic-replace", "", NONE, optional(&[Command::Restore]).about(Topic::AtomicReplace), "with -R: make the table equal to the input, with the fewest changes").own(),
    option(Opt::SyncId, "syncid", "", one("sid"), optional(&[Command::List, Command::StartDaemon, Command::StopDaemon]).about(Topic::SyncId), "the sync daemon's number, 0 (the default) to 255"),
    option(Opt::SyncMaxLength, "sync-maxlen", "", one("length"), SYNC_SETTING.about(Topic::SyncMaxLength), "the sync daemon's longest message, 1 to 65507 bytes"),
    option(Opt::MulticastInterface, "mcast-interface", "", one("interface"), SYNC_SETTING.about(Topic::MulticastInterface), "the sync daemon's interface, eth0 when not given"),
    option(Opt::MulticastGroup, "mcast-group", "", one("address"), SYNC_SETTING.about(Topic::MulticastGroup), "the sync daemon's group, 224.0.0.81 when not given"),
    option(Opt::MulticastPort, "mcast-port", "", one("port"), SYNC_SETTING.about(Topic::MulticastPort), "the sync daemon's UDP port, 8848 when not given"),
    option(Opt::MulticastTtl, "mcast-ttl", "", one("ttl"), SYNC_SETTING.about(Topic::MulticastTtl), "the sync daemon's time to live, 1 when not given"),
];
