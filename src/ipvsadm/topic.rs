// SPDX-License-Identifier: MIT OR Apache-2.0
//! What options are about.

use super::options::DEFINITIONS;

/// The topic of an option. A topic may be given only once, and a command takes or refuses it: `-t`, `-u`,
/// `--sctp-service` and `-f` all have the service as their topic. They are checked in this order.
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
    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut rows = DEFINITIONS.iter();
        let row = rows.find(|row| row.legality.topic == Some(self));
        row.map_or("", |row| row.legality.name.unwrap_or(row.long))
    }
}

/// Some topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Topics(u64);

impl Topics {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Adds one, and returns whether it is new.
    pub const fn insert(&mut self, topic: Topic) -> bool {
        let bit = 1 << topic as u8;
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    /// These and others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of the others are among them.
    #[must_use]
    pub const fn contain(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn contains(self, topic: Topic) -> bool {
        self.0 & 1 << topic as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_ipvsadms_names() {
        for (topic, name) in [
            (Topic::Service, "service-address"),
            (Topic::Forwarding, "forwarding-method"),
            (Topic::Persistent, "persistent"),
            (Topic::OnePacket, "ops"),
            (Topic::UpperThreshold, "u-threshold"),
        ] {
            assert_eq!(topic.name(), name);
        }
    }
}
