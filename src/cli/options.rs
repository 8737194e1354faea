// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command and option of `lvsadm`, once: what the parser takes, what the messages call it, what the help says.

/// What is to be done. The first option of a command line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `-L`.
    List,
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
    /// `-n`.
    Numeric,
    /// `--timeout`.
    Timeout,
    /// `--daemon`.
    Daemon,
    /// `--stats`.
    Stats,
    /// `--rate`.
    Rate,
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
    /// `-X`.
    Exact,
    /// `--syncid`.
    SyncId,
    /// `--json`.
    Json,
}

impl Opt {
    /// What it is about; `None` for what may be said again and everywhere.
    #[must_use]
    pub const fn topic(self) -> Option<Topic> {
        Some(match self {
            Self::TcpService | Self::UdpService | Self::SctpService | Self::FwmarkService => {
                Topic::Service
            }
            Self::Numeric => Topic::Numeric,
            Self::Timeout => Topic::Timeout,
            Self::Daemon => Topic::Daemon,
            Self::Stats => Topic::Stats,
            Self::Rate => Topic::Rate,
            Self::Thresholds => Topic::Thresholds,
            Self::PersistentConn => Topic::PersistentConn,
            Self::TunInfo => Topic::TunInfo,
            Self::NoSort => Topic::NoSort,
            Self::Exact => Topic::Exact,
            Self::SyncId => Topic::SyncId,
            Self::Json => Topic::Json,
            Self::Ipv6 | Self::Sort => return None,
        })
    }
}

/// What an option is about, which is what may be said only once and what a command takes or refuses: `-t`, `-u`,
/// `--sctp-service` and `-f` are all about the service. In the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Addresses and ports as numbers.
    Numeric,
    /// Which service.
    Service,
    /// Connection timeouts.
    Timeout,
    /// Sync daemons.
    Daemon,
    /// Counters.
    Stats,
    /// Rates.
    Rate,
    /// Connection thresholds.
    Thresholds,
    /// Persistent connections.
    PersistentConn,
    /// The kernel's order.
    NoSort,
    /// The sync daemon's number.
    SyncId,
    /// Numbers in full.
    Exact,
    /// Encapsulation.
    TunInfo,
    /// JSON.
    Json,
}

impl Topic {
    /// All, in the order in which a command line is checked.
    pub const ALL: [Self; 13] = [
        Self::Numeric,
        Self::Service,
        Self::Timeout,
        Self::Daemon,
        Self::Stats,
        Self::Rate,
        Self::Thresholds,
        Self::PersistentConn,
        Self::NoSort,
        Self::SyncId,
        Self::Exact,
        Self::TunInfo,
        Self::Json,
    ];

    /// What messages call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Service => "service-address",
            Self::Timeout => "timeout",
            Self::Daemon => "daemon",
            Self::Stats => "stats",
            Self::Rate => "rate",
            Self::Thresholds => "thresholds",
            Self::PersistentConn => "persistent-conn",
            Self::NoSort => "nosort",
            Self::SyncId => "syncid",
            Self::Exact => "exact",
            Self::TunInfo => "tun-info",
            Self::Json => "json",
        }
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

/// What a word on the command line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A command.
    Command(Command),
    /// An option.
    Option(Opt),
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

/// What a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What messages call the command.
    pub name: &'static str,
    /// Topics it cannot do without.
    pub required: &'static [Topic],
    /// Topics of which it takes at most one.
    pub exclusive: &'static [Topic],
    /// Topics it takes as well. All others are illegal.
    pub optional: &'static [Topic],
}

impl Command {
    /// What it takes.
    #[must_use]
    pub const fn rules(self) -> Rules {
        match self {
            Self::List => Rules {
                name: "list",
                required: &[],
                exclusive: &[Topic::Service, Topic::Timeout, Topic::Daemon],
                optional: &[
                    Topic::Numeric,
                    Topic::Stats,
                    Topic::Rate,
                    Topic::Thresholds,
                    Topic::PersistentConn,
                    Topic::NoSort,
                    Topic::SyncId,
                    Topic::Exact,
                    Topic::TunInfo,
                    Topic::Json,
                ],
            },
            Self::Help => nothing("help"),
            Self::Version => nothing("version"),
        }
    }
}

const fn nothing(name: &'static str) -> Rules {
    Rules {
        name,
        required: &[],
        exclusive: &[],
        optional: &[],
    }
}

const fn command(
    command: Command,
    long: &'static str,
    short: &'static str,
    help: &'static str,
) -> Definition {
    Definition {
        meaning: Meaning::Command(command),
        long,
        short,
        value: Value::None,
        help,
    }
}

const fn flag(
    option: Opt,
    long: &'static str,
    short: &'static str,
    help: &'static str,
) -> Definition {
    valued(option, long, short, Value::None, help)
}

const fn valued(
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

/// All of them, in the help's order.
#[rustfmt::skip]
pub const DEFINITIONS: &[Definition] = &[
    command(Command::List, "list", "Ll", "list the table"),
    command(Command::Help, "help", "h", "display this help message"),
    command(Command::Version, "version", "v", "display the version"),
    valued(Opt::TcpService, "tcp-service", "t", ADDRESS, "a TCP service: host[:port]"),
    valued(Opt::UdpService, "udp-service", "u", ADDRESS, "a UDP service: host[:port]"),
    valued(Opt::SctpService, "sctp-service", "", ADDRESS, "an SCTP service: host[:port]"),
    valued(Opt::FwmarkService, "fwmark-service", "f", Value::Required("fwmark"), "a service by firewall mark, 1 to 4294967295"),
    flag(Opt::Ipv6, "ipv6", "6", "the firewall mark is one of IPv6 packets"),
    flag(Opt::Numeric, "numeric", "n", "addresses and ports as numbers"),
    flag(Opt::Timeout, "timeout", "", "list the connection timeouts (tcp tcpfin udp)"),
    flag(Opt::Daemon, "daemon", "", "list the connection sync daemons"),
    flag(Opt::Stats, "stats", "", "list counters"),
    flag(Opt::Rate, "rate", "", "list rates per second"),
    flag(Opt::Exact, "exact", "X", "expand numbers (display exact values)"),
    flag(Opt::Thresholds, "thresholds", "", "list connection thresholds"),
    flag(Opt::PersistentConn, "persistent-conn", "", "list persistent connections"),
    flag(Opt::TunInfo, "tun-info", "", "list encapsulations"),
    flag(Opt::NoSort, "nosort", "", "list in the kernel's order"),
    flag(Opt::Sort, "sort", "", "list sorted, which is the default"),
    flag(Opt::Json, "json", "", "list as JSON"),
    valued(Opt::SyncId, "syncid", "", Value::Required("sid"), "the connection sync daemon's number, 0 to 255"),
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
pub fn by_short(letter: char) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .find(|definition| definition.short.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn topics_are_checked_in_their_order() {
        assert!(Topic::ALL.is_sorted());
    }
}
