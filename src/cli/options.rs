// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command and option of `lvsadm`, once: what the parser takes and what the help says.

use super::rules::Topic;
use crate::model::Scheduler;

/// What is to be done. The first option of a command line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `-A`.
    AddService,
    /// `-E`.
    EditService,
    /// `-D`.
    DeleteService,
    /// `-C`.
    Clear,
    /// `-R`.
    Restore,
    /// `-S`.
    Save,
    /// `-a`.
    AddServer,
    /// `-e`.
    EditServer,
    /// `-d`.
    DeleteServer,
    /// `-L`.
    List,
    /// `-Z`.
    Zero,
    /// `--set`.
    SetTimeouts,
    /// `--start-daemon`.
    StartDaemon,
    /// `--stop-daemon`.
    StopDaemon,
    /// `-h`.
    Help,
    /// `-v`.
    Version,
}

/// An option after the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opt {
    /// `-t`.
    TcpService,
    /// `-u`.
    UdpService,
    /// `--sctp-service`.
    SctpService,
    /// `-f`.
    FwmarkService,
    /// `-6`.
    Ipv6,
    /// `-s`.
    Scheduler,
    /// `-b`.
    SchedulerFlags,
    /// `-p`.
    Persistent,
    /// `-M`.
    Netmask,
    /// `--pe`.
    Engine,
    /// `-o`.
    OnePacket,
    /// `--no-persistent`.
    NoPersistence,
    /// `--no-ops`.
    NoOnePacket,
    /// `-r`.
    RealServer,
    /// `-g`.
    Gatewaying,
    /// `-i`.
    Ipip,
    /// `-m`.
    Masquerading,
    /// `--tun-type`.
    TunType,
    /// `--tun-port`.
    TunPort,
    /// `--tun-nocsum`.
    TunNoCsum,
    /// `--tun-csum`.
    TunCsum,
    /// `--tun-remcsum`.
    TunRemCsum,
    /// `-w`.
    Weight,
    /// `-x`.
    UpperThreshold,
    /// `-y`.
    LowerThreshold,
    /// `-n`.
    Numeric,
    /// `-c`.
    Connection,
    /// `--timeout`.
    Timeout,
    /// `--daemon`.
    Daemon,
    /// `--stats`.
    Stats,
    /// `--rate`.
    Rate,
    /// `-X`.
    Exact,
    /// `--thresholds`.
    Thresholds,
    /// `--persistent-conn`.
    PersistentConn,
    /// `--tun-info`.
    TunInfo,
    /// `--nosort`.
    NoSort,
    /// `--sort`.
    Sort,
    /// `--service`.
    FilterService,
    /// `--server`.
    FilterServer,
    /// `--state`.
    FilterState,
    /// `--client`.
    FilterClient,
    /// `--json`.
    Json,
    /// `--compat`.
    Compat,
    /// `--atomic-replace`.
    AtomicReplace,
    /// `--syncid`.
    SyncId,
    /// `--sync-maxlen`.
    SyncMaxLength,
    /// `--mcast-interface`.
    MulticastInterface,
    /// `--mcast-group`.
    MulticastGroup,
    /// `--mcast-port`.
    MulticastPort,
    /// `--mcast-ttl`.
    MulticastTtl,
}

impl Opt {
    /// What it is about; `None` for what may be said again and everywhere.
    #[must_use]
    pub const fn topic(self) -> Option<Topic> {
        Some(match self {
            Self::TcpService | Self::UdpService | Self::SctpService | Self::FwmarkService => {
                Topic::Service
            }
            Self::Gatewaying | Self::Ipip | Self::Masquerading => Topic::Forwarding,
            Self::Scheduler => Topic::Scheduler,
            Self::SchedulerFlags => Topic::SchedulerFlags,
            Self::Persistent | Self::NoPersistence => Topic::Persistent,
            Self::Netmask => Topic::Netmask,
            Self::Engine => Topic::Engine,
            Self::OnePacket | Self::NoOnePacket => Topic::OnePacket,
            Self::RealServer => Topic::RealServer,
            Self::TunType => Topic::TunType,
            Self::TunPort => Topic::TunPort,
            Self::TunNoCsum => Topic::TunNoCsum,
            Self::TunCsum => Topic::TunCsum,
            Self::TunRemCsum => Topic::TunRemCsum,
            Self::Weight => Topic::Weight,
            Self::UpperThreshold => Topic::UpperThreshold,
            Self::LowerThreshold => Topic::LowerThreshold,
            Self::Numeric => Topic::Numeric,
            Self::Connection => Topic::Connection,
            Self::Timeout => Topic::Timeout,
            Self::Daemon => Topic::Daemon,
            Self::Stats => Topic::Stats,
            Self::Rate => Topic::Rate,
            Self::Exact => Topic::Exact,
            Self::Thresholds => Topic::Thresholds,
            Self::PersistentConn => Topic::PersistentConn,
            Self::TunInfo => Topic::TunInfo,
            Self::NoSort => Topic::NoSort,
            Self::FilterService => Topic::FilterService,
            Self::FilterServer => Topic::FilterServer,
            Self::FilterState => Topic::FilterState,
            Self::FilterClient => Topic::FilterClient,
            Self::Json => Topic::Json,
            Self::SyncId => Topic::SyncId,
            Self::SyncMaxLength => Topic::SyncMaxLength,
            Self::MulticastInterface => Topic::MulticastInterface,
            Self::MulticastGroup => Topic::MulticastGroup,
            Self::MulticastPort => Topic::MulticastPort,
            Self::MulticastTtl => Topic::MulticastTtl,
            Self::AtomicReplace => Topic::AtomicReplace,
            Self::Ipv6 | Self::Sort | Self::Compat => return None,
        })
    }

    /// Whether only lvsadm has it.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(
            self,
            Self::FilterService
                | Self::FilterServer
                | Self::FilterState
                | Self::FilterClient
                | Self::Json
                | Self::Compat
                | Self::AtomicReplace
                | Self::NoPersistence
                | Self::NoOnePacket
        )
    }
}

/// Whether a value follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// None does.
    None,
    /// One does, of this name in the help.
    Required(&'static str),
    /// One may: the next word, unless that starts with a dash.
    Optional(&'static str),
}

impl Value {
    /// What it can be, where that is known.
    #[must_use]
    pub fn choices(self) -> &'static [&'static str] {
        let (Self::Required(name) | Self::Optional(name)) = self else {
            return &[];
        };
        match name {
            "scheduler" => &Scheduler::KNOWN,
            "type" => &["ipip", "gue", "gre"],
            "engine" => &["sip"],
            "master|backup" => &["master", "backup"],
            "client|server|service" => super::top::TABLES,
            "column" => &[
                "address",
                "servers",
                "active",
                "inactive",
                "conns",
                "in-packets",
                "in-bytes",
                "out-bytes",
            ],
            _ => &[],
        }
    }
}

/// What a word on the command line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A command.
    Command(Command),
    /// An option.
    Option(Opt),
}

impl Meaning {
    /// Whether only lvsadm has it.
    #[must_use]
    pub const fn is_own(self) -> bool {
        matches!(self, Self::Option(option) if option.is_own())
    }
}

/// How a command or option is written, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// What it stands for.
    pub meaning: Meaning,
    /// Its name after two dashes.
    pub long: &'static str,
    /// Its letters after one dash.
    pub short: &'static str,
    /// Whether a value follows.
    pub value: Value,
    /// One line of help.
    pub help: &'static str,
}

const fn command(
    command: Command,
    long: &'static str,
    short: &'static str,
    value: Value,
    help: &'static str,
) -> Definition {
    Definition {
        meaning: Meaning::Command(command),
        long,
        short,
        value,
        help,
    }
}

const fn option(
    option: Opt,
    long: &'static str,
    short: &'static str,
    value: Value,
    help: &'static str,
) -> Definition {
    Definition {
        meaning: Meaning::Option(option),
        long,
        short,
        value,
        help,
    }
}

const ADDRESS: Value = Value::Required("service-address");
const ROLE: Value = Value::Required("master|backup");
const NUMBER: Value = Value::Required("number");
const NONE: Value = Value::None;

/// All of them, in the help's order.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    command(Command::AddService, "add-service", "A", NONE, "add a virtual service"),
    command(Command::EditService, "edit-service", "E", NONE, "edit a virtual service; what is not given stays"),
    command(Command::DeleteService, "delete-service", "D", NONE, "delete a virtual service with its real servers"),
    command(Command::Clear, "clear", "C", NONE, "delete all virtual services"),
    command(Command::Restore, "restore", "R", NONE, "carry out the command lines on standard input"),
    command(Command::Save, "save", "S", NONE, "print the command lines that make the table"),
    command(Command::AddServer, "add-server", "a", NONE, "add a real server to a virtual service"),
    command(Command::EditServer, "edit-server", "e", NONE, "edit a real server; what is not given stays"),
    command(Command::DeleteServer, "delete-server", "d", NONE, "delete a real server from a virtual service"),
    command(Command::List, "list", "Ll", NONE, "list the table"),
    command(Command::Zero, "zero", "Z", NONE, "zero the counters of a virtual service, or of all"),
    command(Command::SetTimeouts, "set", "", NONE, "set the connection timeouts: tcp tcpfin udp, in seconds, 0 to keep one"),
    command(Command::StartDaemon, "start-daemon", "", ROLE, "start a connection sync daemon"),
    command(Command::StopDaemon, "stop-daemon", "", ROLE, "stop a connection sync daemon"),
    command(Command::Help, "help", "h", NONE, "display this help message"),
    command(Command::Version, "version", "v", NONE, "display the version"),
    option(Opt::TcpService, "tcp-service", "t", ADDRESS, "a TCP service: host[:port]"),
    option(Opt::UdpService, "udp-service", "u", ADDRESS, "a UDP service: host[:port]"),
    option(Opt::SctpService, "sctp-service", "", ADDRESS, "an SCTP service: host[:port]"),
    option(Opt::FwmarkService, "fwmark-service", "f", Value::Required("fwmark"), "a service by firewall mark, 1 to 4294967295"),
    option(Opt::Ipv6, "ipv6", "6", NONE, "the firewall mark is one of IPv6 packets"),
    option(Opt::Scheduler, "scheduler", "s", Value::Required("scheduler"), "rr, wrr, lc, wlc (the default), lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos, none"),
    option(Opt::SchedulerFlags, "sched-flags", "b", Value::Required("flags"), "scheduler flags, separated by commas: sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3"),
    option(Opt::Persistent, "persistent", "p", Value::Optional("timeout"), "persistent service, 1 to 2678400 seconds, 360 when not given"),
    option(Opt::Netmask, "netmask", "M", Value::Required("netmask"), "persistence granularity: an IPv4 mask, or an IPv6 prefix length after the service"),
    option(Opt::Engine, "pe", "", Value::Required("engine"), "persistence engine: sip"),
    option(Opt::OnePacket, "ops", "o", NONE, "one-packet scheduling, for UDP and firewall marks"),
    option(Opt::NoPersistence, "no-persistent", "", NONE, "end persistence, with -E"),
    option(Opt::NoOnePacket, "no-ops", "", NONE, "end one-packet scheduling, with -E"),
    option(Opt::RealServer, "real-server", "r", Value::Required("server-address"), "a real server: host[:port]"),
    option(Opt::Gatewaying, "gatewaying", "g", NONE, "direct routing (the default)"),
    option(Opt::Ipip, "ipip", "i", NONE, "tunneling"),
    option(Opt::Masquerading, "masquerading", "m", NONE, "masquerading (NAT)"),
    option(Opt::TunType, "tun-type", "", Value::Required("type"), "encapsulation: ipip (the default), gue, gre"),
    option(Opt::TunPort, "tun-port", "", Value::Required("port"), "destination port of the encapsulation, for gue"),
    option(Opt::TunNoCsum, "tun-nocsum", "", NONE, "encapsulation without checksum (the default)"),
    option(Opt::TunCsum, "tun-csum", "", NONE, "encapsulation with checksum"),
    option(Opt::TunRemCsum, "tun-remcsum", "", NONE, "encapsulation with remote checksum"),
    option(Opt::Weight, "weight", "w", NUMBER, "weight, 0 to 2147483647, 1 when not given; 0 quiesces the server"),
    option(Opt::UpperThreshold, "u-threshold", "x", NUMBER, "connections from which the server gets no new ones, 0 for none"),
    option(Opt::LowerThreshold, "l-threshold", "y", NUMBER, "connections below which it gets new ones again"),
    option(Opt::Numeric, "numeric", "n", NONE, "addresses and ports as numbers"),
    option(Opt::Connection, "connection", "c", NONE, "list the connections"),
    option(Opt::Timeout, "timeout", "", NONE, "list the connection timeouts (tcp tcpfin udp)"),
    option(Opt::Daemon, "daemon", "", NONE, "list the connection sync daemons"),
    option(Opt::Stats, "stats", "", NONE, "list counters"),
    option(Opt::Rate, "rate", "", NONE, "list rates per second"),
    option(Opt::Exact, "exact", "X", NONE, "expand numbers (display exact values)"),
    option(Opt::Thresholds, "thresholds", "", NONE, "list connection thresholds"),
    option(Opt::PersistentConn, "persistent-conn", "", NONE, "list persistent connections"),
    option(Opt::TunInfo, "tun-info", "", NONE, "list encapsulations"),
    option(Opt::NoSort, "nosort", "", NONE, "list in the kernel's order"),
    option(Opt::Sort, "sort", "", NONE, "list sorted, which is the default"),
    option(Opt::FilterService, "service", "", Value::Required("service"), "with -L: list this service only, as tcp:192.0.2.10:80, 192.0.2.10, fwm:7"),
    option(Opt::FilterServer, "server", "", Value::Required("address[:port]"), "with -L: list this real server only, with its services"),
    option(Opt::FilterState, "state", "", Value::Required("state"), "with -c: list connections of this state only, or of several, separated by commas"),
    option(Opt::FilterClient, "client", "", Value::Required("address[/prefix]"), "with -c: list connections of this client or network only"),
    option(Opt::Json, "json", "", NONE, "list as JSON"),
    option(Opt::Compat, "compat", "", NONE, "do exactly as ipvsadm does: -E and -e reset what is not given, and so on"),
    option(Opt::AtomicReplace, "atomic-replace", "", NONE, "with -R: make the table equal to the input, with as few changes as that takes"),
    option(Opt::SyncId, "syncid", "", Value::Required("sid"), "the sync daemon's number, 0 (the default) to 255"),
    option(Opt::SyncMaxLength, "sync-maxlen", "", Value::Required("length"), "the sync daemon's longest message, 1 to 65507 bytes"),
    option(Opt::MulticastInterface, "mcast-interface", "", Value::Required("interface"), "the sync daemon's interface, eth0 when not given"),
    option(Opt::MulticastGroup, "mcast-group", "", Value::Required("address"), "the sync daemon's group, 224.0.0.81 when not given"),
    option(Opt::MulticastPort, "mcast-port", "", Value::Required("port"), "the sync daemon's UDP port, 8848 when not given"),
    option(Opt::MulticastTtl, "mcast-ttl", "", Value::Required("ttl"), "the sync daemon's time to live, 1 when not given"),
];

/// The command or option of this name.
#[must_use]
pub fn by_long(name: &str) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .find(|definition| definition.long == name)
}

/// The command or option of this letter.
#[must_use]
pub fn by_short(letter: u8) -> Option<&'static Definition> {
    /// Every option of every line of a restore is looked up: the place in [`DEFINITIONS`] of each letter.
    static PLACES: [Option<u8>; 128] = places();
    let place = (*PLACES.get(usize::from(letter))?)?;
    DEFINITIONS.get(usize::from(place))
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "carried out by the compiler, which refuses what is out of bounds"
)]
const fn places() -> [Option<u8>; 128] {
    let mut places = [None; 128];
    let mut place = 0;
    while place < DEFINITIONS.len() {
        let letters = DEFINITIONS[place].short.as_bytes();
        let mut index = 0;
        while index < letters.len() {
            places[letters[index] as usize] = Some(place as u8);
            index += 1;
        }
        place += 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_of_some_is_one_of_these() {
        for definition in DEFINITIONS {
            if let Value::Required(name) = definition.value
                && name.contains('|')
            {
                let choices: Vec<&str> = name.split('|').collect();
                assert_eq!(definition.value.choices(), choices, "{}", definition.long);
            }
        }
    }

    #[test]
    fn no_name_and_no_letter_stands_for_two_things() {
        for (index, one) in DEFINITIONS.iter().enumerate() {
            assert_eq!(by_long(one.long), Some(one));
            for other in &DEFINITIONS[index + 1..] {
                assert!(
                    one.short
                        .chars()
                        .all(|letter| !other.short.contains(letter))
                );
            }
        }
    }
}
