// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a probe asks an agent, and what agents tell.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::model::{AskedWeight, Standing};

/// A question to an agent that speaks HAProxy's agent-check protocol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentProbe {
    /// The line that is sent first: 1 to 1024 bytes without control characters. `None` when nothing is sent.
    pub send: Option<Box<str>>,
}

impl AgentProbe {
    /// What it asks, and of whom: as [`super::Probe`] is printed.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agent {at}")?;
        let send = self.send.as_ref();
        send.map_or(Ok(()), |send| write!(f, " send {send:?}"))
    }
}

/// What an agent has told; `None` where it has told nothing.
///
/// The three are independent of each other, as in HAProxy: a server that is drained can be down, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentState {
    /// Whether it serves.
    pub health: Option<AgentHealth>,
    /// What its administrator wants.
    pub admin: Option<AgentAdmin>,
    /// Its weight.
    pub weight: Option<AskedWeight>,
}

/// Whether a server serves, as its agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentHealth {
    /// `up`
    Up,
    /// `down`, `fail`, `stopped`
    Down,
}

/// What the administrator of a server wants, as its agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentAdmin {
    /// `ready`: neither of the others.
    Ready,
    /// `drain`
    Drain,
    /// `maint`
    Maintenance,
}

impl AgentState {
    /// Nothing has been told.
    pub const NOTHING: Self = Self {
        health: None,
        admin: None,
        weight: None,
    };

    /// What an agent must have told of a server with this standing.
    #[must_use]
    pub const fn behind(standing: Standing) -> Self {
        let (health, admin, weight) = match standing {
            Standing::Unknown => (None, None, None),
            Standing::Up(weight) => (None, None, weight),
            Standing::Down => (Some(AgentHealth::Down), None, None),
            Standing::Drain => (None, Some(AgentAdmin::Drain), None),
            Standing::Maintenance => (None, Some(AgentAdmin::Maintenance), None),
        };
        Self {
            health,
            admin,
            weight,
        }
    }

    /// Adds what is told now: it replaces what was told of the same before.
    pub fn add(&mut self, told: Self) {
        self.health = told.health.or(self.health);
        self.admin = told.admin.or(self.admin);
        self.weight = told.weight.or(self.weight);
    }

    /// The standing that follows. Maintenance wins, then down, then drain.
    #[must_use]
    pub const fn standing(self) -> Standing {
        match (self.admin, self.health) {
            (Some(AgentAdmin::Maintenance), _) => Standing::Maintenance,
            (_, Some(AgentHealth::Down)) => Standing::Down,
            (Some(AgentAdmin::Drain), _) => Standing::Drain,
            (Some(AgentAdmin::Ready) | None, Some(AgentHealth::Up) | None) => {
                Standing::Up(self.weight)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Percent;

    const HALF: AskedWeight = AskedWeight::Percent(Percent(50));

    #[test]
    fn what_an_agent_told_lasts_until_it_tells_otherwise() {
        let health = |it| AgentState {
            health: Some(it),
            ..AgentState::NOTHING
        };
        let admin = |it| AgentState {
            admin: Some(it),
            ..AgentState::NOTHING
        };
        let weight = AgentState {
            weight: Some(HALF),
            ..AgentState::NOTHING
        };
        let mut state = AgentState::NOTHING;
        for (told, standing) in [
            (weight, Standing::Up(Some(HALF))),
            (admin(AgentAdmin::Drain), Standing::Drain),
            // It does not undo the drain.
            (health(AgentHealth::Up), Standing::Drain),
            (weight, Standing::Drain),
            (health(AgentHealth::Down), Standing::Down),
            (admin(AgentAdmin::Maintenance), Standing::Maintenance),
            (admin(AgentAdmin::Ready), Standing::Down),
            (weight, Standing::Down),
            (health(AgentHealth::Up), Standing::Up(Some(HALF))),
        ] {
            state.add(told);
            assert_eq!(state.standing(), standing, "{told:?}");
        }
    }

    #[test]
    fn what_is_behind_a_standing_gives_that_standing() {
        for standing in [
            Standing::UP,
            Standing::Up(Some(HALF)),
            Standing::Down,
            Standing::Drain,
            Standing::Maintenance,
        ] {
            assert_eq!(AgentState::behind(standing).standing(), standing);
        }
    }
}
