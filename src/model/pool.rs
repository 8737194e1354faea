// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the servers of a service stand in for each other: the rules, and how it is now.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ServerKey, ServiceKey};

/// The rules of a service for its servers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRules {
    /// With fewer healthy servers than this, the last known good ones stay in the table.
    pub min_healthy: MinHealthy,
    /// With fewer primaries than this, the backup servers and the sorry server stand in.
    pub quorum: Quorum,
}

/// How many primaries a service needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// What counts.
    pub unit: QuorumUnit,
    /// How much.
    pub needed: u32,
    /// It is lost below `needed` less this, and regained at `needed` and this.
    pub hysteresis: u32,
}

/// What counts for a quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuorumUnit {
    /// Each server.
    Servers,
    /// The weight of each server.
    Weight,
}

impl Quorum {
    /// One server.
    pub const ONE: Self = Self {
        unit: QuorumUnit::Servers,
        needed: 1,
        hysteresis: 0,
    };

    /// Whether this much is enough. It always is when everything is there: `all`.
    #[must_use]
    pub fn is_met(self, much: u64, was_lost: bool, all: u64) -> bool {
        let (needed, hysteresis) = (u64::from(self.needed), u64::from(self.hysteresis));
        let enough = if was_lost {
            needed + hysteresis
        } else {
            needed.saturating_sub(hysteresis)
        };
        much >= enough.min(all).max(1)
    }
}

impl fmt::Display for Quorum {
    /// `2 servers`, `weight 20`, each with `, hysteresis 5` if there is one
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.unit, self.needed) {
            (QuorumUnit::Servers, 1) => f.write_str("1 server")?,
            (QuorumUnit::Servers, needed) => write!(f, "{needed} servers")?,
            (QuorumUnit::Weight, needed) => write!(f, "weight {needed}")?,
        }
        match self.hysteresis {
            0 => Ok(()),
            hysteresis => write!(f, ", hysteresis {hysteresis}"),
        }
    }
}

/// What a server is in its service.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// One of those that serve.
    #[default]
    Primary,
    /// It serves while the primaries have lost their quorum.
    Backup,
    /// It serves when the backup servers are not enough, either.
    Sorry,
}

impl PoolRules {
    /// No rule: each server is on its own.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            min_healthy: MinHealthy::Servers(0),
            quorum: Quorum::ONE,
        }
    }
}

impl Default for PoolRules {
    /// A server that may serve is better than none.
    fn default() -> Self {
        Self {
            min_healthy: MinHealthy::Servers(1),
            quorum: Quorum::ONE,
        }
    }
}

/// A number of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinHealthy {
    /// This many.
    Servers(u32),
    /// So many per cent of the servers that the service has, rounded up.
    Percent(u8),
}

impl MinHealthy {
    /// How many that is of so many servers; never more than there are.
    #[must_use]
    pub fn of(self, servers: usize) -> usize {
        let wanted = match self {
            Self::Servers(number) => usize::try_from(number).unwrap_or(usize::MAX),
            Self::Percent(share) => servers.saturating_mul(share.into()).div_ceil(100),
        };
        wanted.min(servers)
    }
}

impl fmt::Display for MinHealthy {
    /// `2`, `50%`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(number) => number.fmt(f),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// How the servers of a service are together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolState {
    /// Too few servers are healthy; `None` when there are enough.
    pub shortage: Option<Shortage>,
    /// The primaries have lost their quorum; `None` while they have it, and when nothing depends on it.
    pub lost: Option<LostQuorum>,
    /// Whether the primaries have no quorum, also when nothing depends on it.
    pub unmet: bool,
    /// Those that are held down and serve all the same: they pass their checks, and too few others are healthy.
    pub held: Box<[ServerKey]>,
}

/// The primaries of a service have lost their quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostQuorum {
    /// How much of it is left.
    pub left: u64,
    /// The quorum.
    pub quorum: Quorum,
    /// Who stands in; `None` when nobody can.
    pub stands_in: Option<Rank>,
}

impl fmt::Display for LostQuorum {
    /// `0 left, quorum is 1 server; backup servers stand in`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, quorum, .. } = self;
        write!(f, "{left} left, quorum is {quorum}; ")?;
        f.write_str(match self.stands_in {
            None | Some(Rank::Primary) => "nobody stands in",
            Some(Rank::Backup) => "backup servers stand in",
            Some(Rank::Sorry) => "the sorry server stands in",
        })
    }
}

/// Too few servers are healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// How many are.
    pub healthy: usize,
    /// Of so many.
    pub servers: usize,
    /// What the service wants.
    pub wanted: MinHealthy,
    /// Those that are down and serve all the same.
    pub kept: Box<[ServerKey]>,
    /// How many ask for no new connections.
    pub unwilling: usize,
}

impl PoolState {
    /// Whether this server is held down and serves all the same.
    #[must_use]
    pub fn uses_held(&self, server: &ServerKey) -> bool {
        self.held.contains(server)
    }

    /// Whether any server is down and serves all the same.
    #[must_use]
    pub fn keeps_any(&self) -> bool {
        let shortage = self.shortage.as_ref();
        shortage.is_some_and(|shortage| !shortage.kept.is_empty())
    }

    /// Whether this server is down and serves all the same.
    #[must_use]
    pub fn keeps(&self, server: &ServerKey) -> bool {
        let shortage = self.shortage.as_ref();
        shortage.is_some_and(|shortage| shortage.kept.contains(server))
    }
}

impl fmt::Display for Shortage {
    /// `0 of 3, min_healthy is 1; 10.0.0.1:80 is down and stays in`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        let Self {
            healthy,
            servers,
            wanted,
            kept,
            unwilling,
        } = self;
        write!(f, "{healthy} of {servers}, min_healthy is {wanted}; ")?;
        match (unwilling, kept.is_empty()) {
            (0, true) => return f.write_str("none was good before"),
            (0, false) => {}
            (1, _) => f.write_str("1 asks for no new connections")?,
            (many, _) => write!(f, "{many} ask for no new connections")?,
        }
        let names = kept.iter().take(SHOWN).map(ToString::to_string);
        let names = names.collect::<Vec<_>>().join(", ");
        if *unwilling > 0 && !kept.is_empty() {
            f.write_str("; ")?;
        }
        match kept.len() {
            0 => Ok(()),
            1 => write!(f, "{names} is down and stays in"),
            2..=SHOWN => write!(f, "{names} are down and stay in"),
            many => write!(f, "{names} and {} more are down and stay in", many - SHOWN),
        }
    }
}

/// The services whose servers are not as usual.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pools(BTreeMap<ServiceKey, PoolState>);

impl Pools {
    /// No service.
    pub const NONE: Self = Self(BTreeMap::new());

    /// How the servers of this service are; `None` when they are as usual.
    #[must_use]
    pub fn get(&self, service: &ServiceKey) -> Option<&PoolState> {
        self.0.get(service)
    }

    /// Notes how they are now. Returns how they were.
    pub fn set(&mut self, service: ServiceKey, state: PoolState) -> PoolState {
        let before = if state == PoolState::default() {
            self.0.remove(&service)
        } else {
            self.0.insert(service, state)
        };
        before.unwrap_or_default()
    }

    /// Forgets all other services.
    pub fn retain(&mut self, keep: impl Fn(&ServiceKey) -> bool) {
        self.0.retain(|service, _| keep(service));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_servers_is_rounded_up_and_never_more_than_there_are() {
        let table = [
            (MinHealthy::Servers(0), 3, 0),
            (MinHealthy::Servers(2), 3, 2),
            (MinHealthy::Servers(9), 3, 3),
            (MinHealthy::Servers(1), 0, 0),
            (MinHealthy::Percent(0), 3, 0),
            (MinHealthy::Percent(1), 3, 1),
            (MinHealthy::Percent(50), 3, 2),
            (MinHealthy::Percent(100), 3, 3),
        ];
        for (wanted, servers, number) in table {
            assert_eq!(wanted.of(servers), number, "{wanted} of {servers}");
        }
    }

    #[test]
    fn a_shortage_is_told_with_those_that_stay() {
        let told = |number: u8, unwilling: usize| {
            let kept = (1..=number).map(|n| format!("10.0.0.{n}:80").parse().unwrap());
            Shortage {
                healthy: 0,
                servers: 9,
                wanted: MinHealthy::Percent(50),
                kept: kept.collect(),
                unwilling,
            }
            .to_string()
        };
        let text = "0 of 9, min_healthy is 50%; ";
        assert_eq!(told(0, 0), format!("{text}none was good before"));
        assert_eq!(
            told(1, 0),
            format!("{text}10.0.0.1:80 is down and stays in")
        );
        let asks = "1 asks for no new connections";
        assert_eq!(told(0, 1), format!("{text}{asks}"));
        assert_eq!(
            told(1, 1),
            format!("{text}{asks}; 10.0.0.1:80 is down and stays in")
        );
        assert!(told(0, 3).ends_with("; 3 ask for no new connections"));
        assert!(told(5, 0).ends_with("10.0.0.4:80 and 1 more are down and stay in"));
    }
}
