// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command needs, takes and refuses.

use super::failure::Failure;
use super::options::Command;

/// What an option is about, which is what may be said only once and what a command takes or refuses: `-t`, `-u`,
/// `--sctp-service` and `-f` are all about the service. In the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Addresses and ports as numbers.
    Numeric,
    /// Connections.
    Connection,
    /// Which service.
    Service,
    /// The scheduler.
    Scheduler,
    /// Persistence.
    Persistent,
    /// Persistence granularity.
    Netmask,
    /// Which real server.
    RealServer,
    /// The forwarding method.
    Forwarding,
    /// The weight.
    Weight,
    /// The upper threshold.
    UpperThreshold,
    /// The lower threshold.
    LowerThreshold,
    /// The sync daemon's interface.
    MulticastInterface,
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
    /// One-packet scheduling.
    OnePacket,
    /// The persistence engine.
    Engine,
    /// Scheduler flags.
    SchedulerFlags,
    /// The sync daemon's group.
    MulticastGroup,
    /// The sync daemon's port.
    MulticastPort,
    /// The sync daemon's time to live.
    MulticastTtl,
    /// The sync daemon's longest message.
    SyncMaxLength,
    /// Encapsulations.
    TunInfo,
    /// The encapsulation.
    TunType,
    /// The encapsulation's port.
    TunPort,
    /// No outer checksum.
    TunNoCsum,
    /// An outer checksum.
    TunCsum,
    /// A remote checksum.
    TunRemCsum,
    /// Listed services.
    FilterService,
    /// Listed servers.
    FilterServer,
    /// Listed states.
    FilterState,
    /// Listed clients.
    FilterClient,
    /// JSON.
    Json,
    /// Replacing the table.
    AtomicReplace,
}

impl Topic {
    /// All, with what messages call them, in the order in which a command line is checked.
    pub const ALL: [(Self, &'static str); 40] = [
        (Self::Numeric, "numeric"),
        (Self::Connection, "connection"),
        (Self::Service, "service-address"),
        (Self::Scheduler, "scheduler"),
        (Self::Persistent, "persistent"),
        (Self::Netmask, "netmask"),
        (Self::RealServer, "real-server"),
        (Self::Forwarding, "forwarding-method"),
        (Self::Weight, "weight"),
        (Self::UpperThreshold, "u-threshold"),
        (Self::LowerThreshold, "l-threshold"),
        (Self::MulticastInterface, "mcast-interface"),
        (Self::Timeout, "timeout"),
        (Self::Daemon, "daemon"),
        (Self::Stats, "stats"),
        (Self::Rate, "rate"),
        (Self::Thresholds, "thresholds"),
        (Self::PersistentConn, "persistent-conn"),
        (Self::NoSort, "nosort"),
        (Self::SyncId, "syncid"),
        (Self::Exact, "exact"),
        (Self::OnePacket, "ops"),
        (Self::Engine, "pe"),
        (Self::SchedulerFlags, "sched-flags"),
        (Self::MulticastGroup, "mcast-group"),
        (Self::MulticastPort, "mcast-port"),
        (Self::MulticastTtl, "mcast-ttl"),
        (Self::SyncMaxLength, "sync-maxlen"),
        (Self::TunInfo, "tun-info"),
        (Self::TunType, "tun-type"),
        (Self::TunPort, "tun-port"),
        (Self::TunNoCsum, "tun-nocsum"),
        (Self::TunCsum, "tun-csum"),
        (Self::TunRemCsum, "tun-remcsum"),
        (Self::FilterService, "service"),
        (Self::FilterServer, "server"),
        (Self::FilterState, "state"),
        (Self::FilterClient, "client"),
        (Self::Json, "json"),
        (Self::AtomicReplace, "atomic-replace"),
    ];

    /// What messages call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(topic, _)| *topic == self);
        named.map_or("", |(_, name)| name)
    }
}

/// Some topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Topics(u64);

impl Topics {
    /// Adds one, and says whether it is new.
    pub const fn insert(&mut self, topic: Topic) -> bool {
        let bit = 1 << topic as u8;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    /// Those of a list.
    const fn of(mut topics: &[Topic]) -> Self {
        let mut all = Self(0);
        while let [topic, rest @ ..] = topics {
            all.insert(*topic);
            topics = rest;
        }
        all
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn contains(self, topic: Topic) -> bool {
        self.0 & 1 << topic as u8 != 0
    }
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

const SERVICE_SETTINGS: &[Topic] = &[
    Topic::Scheduler,
    Topic::Persistent,
    Topic::Netmask,
    Topic::OnePacket,
    Topic::Engine,
    Topic::SchedulerFlags,
];

const SERVER_SETTINGS: &[Topic] = &[
    Topic::Forwarding,
    Topic::Weight,
    Topic::UpperThreshold,
    Topic::LowerThreshold,
    Topic::TunType,
    Topic::TunPort,
    Topic::TunNoCsum,
    Topic::TunCsum,
    Topic::TunRemCsum,
];

const COLUMNS: &[Topic] = &[
    Topic::Numeric,
    Topic::Stats,
    Topic::Rate,
    Topic::Thresholds,
    Topic::PersistentConn,
    Topic::NoSort,
    Topic::SyncId,
    Topic::Exact,
    Topic::TunInfo,
    Topic::FilterService,
    Topic::FilterServer,
    Topic::FilterState,
    Topic::FilterClient,
    Topic::Json,
];

const LISTED: &[Topic] = &[
    Topic::Connection,
    Topic::Service,
    Topic::Timeout,
    Topic::Daemon,
];

const DAEMON_SETTINGS: &[Topic] = &[
    Topic::MulticastInterface,
    Topic::SyncId,
    Topic::MulticastGroup,
    Topic::MulticastPort,
    Topic::MulticastTtl,
    Topic::SyncMaxLength,
];

impl Command {
    /// What it takes.
    #[must_use]
    pub const fn rules(self) -> Rules {
        const SERVICE: &[Topic] = &[Topic::Service];
        const SERVER: &[Topic] = &[Topic::Service, Topic::RealServer];
        let (name, required, optional): (_, &'static [Topic], &'static [Topic]) = match self {
            Self::AddService => ("add-service", SERVICE, SERVICE_SETTINGS),
            Self::EditService => ("edit-service", SERVICE, SERVICE_SETTINGS),
            Self::DeleteService => ("delete-service", SERVICE, &[]),
            Self::Clear => ("flush", &[], &[]),
            Self::Restore => ("restore", &[], &[Topic::AtomicReplace]),
            Self::Save => ("save", &[], &[Topic::Numeric]),
            Self::AddServer => ("add-server", SERVER, SERVER_SETTINGS),
            Self::EditServer => ("edit-server", SERVER, SERVER_SETTINGS),
            Self::DeleteServer => ("delete-server", SERVER, &[]),
            Self::List => ("list", &[], COLUMNS),
            Self::Zero => ("zero", &[], SERVICE),
            Self::SetTimeouts => ("set", &[], &[]),
            Self::StartDaemon => ("start-daemon", &[], DAEMON_SETTINGS),
            Self::StopDaemon => ("stop-daemon", &[], &[Topic::SyncId]),
            Self::Help => ("help", &[], &[]),
            Self::Version => ("version", &[], &[]),
        };
        let exclusive: &[Topic] = match self {
            Self::List => LISTED,
            _ => &[],
        };
        Rules {
            name,
            required,
            exclusive,
            optional,
        }
    }
}

impl Rules {
    /// Whether a command got what it needs and nothing it does not take, topic by topic.
    pub fn check(&self, given: Topics) -> Result<(), Failure> {
        // Most lines of a restore are as they should be: only the others are looked at topic by topic.
        let required = Topics::of(self.required).0;
        let taken = required | Topics::of(self.optional).0;
        if given.0 & required == required && given.0 & !taken == 0 {
            return Ok(());
        }
        let command = self.name;
        let mut exclusive: Option<&str> = None;
        for (topic, name) in Topic::ALL {
            if !given.contains(topic) {
                if self.required.contains(&topic) {
                    return Err(Failure::usage(format!(
                        "You need to supply the '{name}' option for the '{command}' command"
                    )));
                }
            } else if self.exclusive.contains(&topic) {
                if let Some(earlier) = exclusive {
                    return Err(Failure::usage(format!(
                        "The option '{name}' conflicts with the '{earlier}' option in the '{command}' command"
                    )));
                }
                exclusive = Some(name);
            } else if !self.required.contains(&topic) && !self.optional.contains(&topic) {
                return Err(Failure::usage(format!(
                    "Illegal '{name}' option with the '{command}' command"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_checked_in_their_order() {
        assert!(Topic::ALL.is_sorted_by_key(|(topic, _)| *topic));
    }
}
