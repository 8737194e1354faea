// SPDX-License-Identifier: MIT OR Apache-2.0
//! One service, the drain of one of its servers, and what must be true of it.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::clients::{Held, Sample};

pub(super) const SERVERS: u8 = 3;
const FIRST_PORT: u16 = 5000;
/// So much of what is wrong with one service is told.
const TOLD: usize = 3;
/// A drain that ends by its connections, or not at all, may have this deadline.
const FAR: u64 = 600;

/// Where the servers of a service are, and how packets get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    Direct6,
    Masquerading,
    Tunneling,
}

impl Way {
    pub(super) const ALL: [Self; 4] = [
        Self::Direct,
        Self::Direct6,
        Self::Masquerading,
        Self::Tunneling,
    ];

    pub(super) fn vip(self) -> IpAddr {
        let vip = match self {
            Self::Direct => "192.168.0.10",
            Self::Direct6 => "fd00:a::10",
            Self::Masquerading => "10.9.0.10",
            Self::Tunneling => "192.168.0.20",
        };
        vip.parse().unwrap()
    }

    /// The device that servers have the virtual address on.
    pub(super) fn device(self) -> Option<&'static str> {
        match self {
            Self::Direct | Self::Direct6 => Some("lo"),
            Self::Masquerading => None,
            Self::Tunneling => Some("tunl0"),
        }
    }

    /// The addresses that clients come from.
    pub(super) fn sources(self) -> Vec<IpAddr> {
        let source = |number: u8| match self {
            Self::Direct | Self::Tunneling => format!("192.168.3.{number}"),
            Self::Direct6 => format!("fd00:a::3:{number}"),
            Self::Masquerading => format!("10.9.0.{}", 200 + number),
        };
        (1..=8).map(|it| source(it).parse().unwrap()).collect()
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Direct | Self::Direct6 => "dr",
            Self::Masquerading => "nat",
            Self::Tunneling => "tun",
        }
    }

    fn server(self, index: u8) -> IpAddr {
        let last = index + 2;
        let address = match self {
            Self::Direct | Self::Masquerading | Self::Tunneling => format!("192.168.0.{last}"),
            Self::Direct6 => format!("fd00:a::{last:x}"),
        };
        address.parse().unwrap()
    }
}

/// What begins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `director drain`.
    Ordered,
    /// `director weight 0`: it has no end.
    Weight,
    /// The server leaves the file.
    LeavesFile,
}

/// What ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The clients close their connections.
    Closed,
    Deadline,
    /// The order is taken back, or the server is back in the file.
    Back,
}

/// A service, and its drain.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) vip: SocketAddr,
    pub(super) way: Way,
    /// Lines of the file.
    settings: String,
    weights: [u32; 3],
    pub(super) kind: Kind,
    pub(super) end: End,
    deadline: Option<u64>,
    templates: bool,
    /// The server that drains.
    pub(super) target: u8,
    /// Whether the file has it.
    pub(super) is_in_file: bool,
    /// Just before it was ordered.
    pub(super) asked: Option<Instant>,
    /// Just after the director had answered: from now on it gets nothing new.
    pub(super) answered: Option<Instant>,
    /// Just before it was taken back.
    pub(super) back: Option<Instant>,
}

impl Service {
    pub(super) fn random(rng: &mut Rng, number: u16) -> Self {
        let schedulers = ["rr", "wrr", "lc", "wlc", "sed", "nq", "mh", "lblcr", "sh"];
        let way = Way::ALL[rng.usize(..4)];
        let kind =
            [Kind::Ordered, Kind::LeavesFile, Kind::Weight][[0, 0, 0, 1, 1, 2][rng.usize(..6)]];
        let persistence = rng.bool();
        let templates = kind == Kind::Ordered && rng.u8(..4) == 0;
        let end = match (kind, rng.u8(..3)) {
            (Kind::Weight, _) | (_, 0) => End::Back,
            (_, 1) => End::Deadline,
            _ if templates && persistence => End::Back,
            _ => End::Closed,
        };
        let deadline = match (kind, end) {
            (Kind::Weight, _) => None,
            (_, End::Deadline) => Some(rng.u64(3..8)),
            _ => rng.bool().then_some(FAR),
        };
        let scheduler = schedulers[rng.usize(..schedulers.len())];
        let mut settings = format!("    scheduler: {scheduler}\n");
        if ["mh", "sh"].contains(&scheduler) {
            // Without it the clients of a server of weight 0 get no server.
            let _ = writeln!(settings, "    scheduler_flags: [{scheduler}-fallback]");
        }
        if persistence {
            settings.push_str("    persistence: 50s\n");
        }
        if rng.bool() {
            settings.push_str("    check: none\n");
        }
        if let (Kind::LeavesFile, Some(deadline)) = (kind, deadline) {
            let _ = writeln!(settings, "    drain: {deadline}s");
        }
        Self {
            vip: SocketAddr::new(way.vip(), FIRST_PORT + number),
            way,
            settings,
            weights: [1; 3],
            kind,
            end,
            deadline,
            templates,
            target: rng.u8(..SERVERS),
            is_in_file: true,
            asked: None,
            answered: None,
            back: None,
        }
    }

    pub(super) fn key(&self) -> String {
        format!("TCP {}", self.vip)
    }

    pub(super) fn server(&self, index: u8) -> SocketAddr {
        SocketAddr::new(self.way.server(index), self.vip.port())
    }

    /// The name by which the draining server answers.
    pub(super) fn name(&self) -> String {
        format!("rs{}", self.target + 1)
    }

    /// Mostly one with a connection that is held.
    pub(super) fn choose_target(&mut self, rng: &mut Rng, held: &[String]) {
        if self.end == End::Deadline || rng.u8(..4) > 0 {
            let name = &held[rng.usize(..held.len())];
            self.target = name.trim_start_matches("rs").parse::<u8>().unwrap() - 1;
        }
    }

    /// Other weights for the servers that do not drain.
    pub(super) fn reweigh(&mut self, rng: &mut Rng) {
        for (index, weight) in (0..).zip(&mut self.weights) {
            if index != self.target {
                *weight = rng.u32(1..4);
            }
        }
    }

    /// The words after `director`.
    pub(super) fn order(&self) -> Vec<String> {
        let mut words = match self.kind {
            Kind::Weight => vec!["weight".to_owned(), "0".to_owned()],
            Kind::Ordered | Kind::LeavesFile => vec!["drain".to_owned()],
        };
        if self.kind == Kind::Ordered {
            if let Some(deadline) = self.deadline {
                words.extend(["--deadline".to_owned(), deadline.to_string()]);
            }
            words.extend(self.templates.then(|| "--templates".to_owned()));
        }
        words.extend(self.whom(&[self.target]));
        words
    }

    /// These servers of this service, as words.
    pub(super) fn whom(&self, servers: &[u8]) -> Vec<String> {
        let servers = servers.iter().map(|it| self.server(*it).to_string());
        ["--service".to_owned(), self.key()]
            .into_iter()
            .chain(servers)
            .collect()
    }

    pub(super) fn others(&self) -> Vec<u8> {
        (0..SERVERS).filter(|it| *it != self.target).collect()
    }

    pub(super) fn yaml(&self) -> String {
        let mut yaml = format!(
            "  - address: \"{}\"\n    forwarding: {}\n{}",
            self.vip,
            self.way.word(),
            self.settings
        );
        yaml.push_str("    servers:\n");
        for (index, weight) in (0..SERVERS).zip(self.weights) {
            if index != self.target || self.is_in_file {
                let at = self.server(index);
                let _ = writeln!(yaml, "      - {{address: \"{at}\", weight: {weight}}}");
            }
        }
        yaml
    }

    /// What is wrong with what its clients have seen.
    pub(super) fn judge(&self, samples: &[Sample], held: &[Held]) -> Vec<String> {
        let mut wrong = Vec::new();
        let answered = self.answered.unwrap();
        let after = |it: Instant| it.saturating_duration_since(answered).as_secs_f64();
        for it in samples {
            let when = format!(
                "from {}, {:?}, begun {:.3} s and ended {:.3} s after the answer",
                it.from,
                it.again,
                after(it.begun),
                after(it.ended)
            );
            match &it.outcome {
                Ok(server) if *server != self.name() || it.begun < answered => {}
                Ok(_) if self.back.is_some_and(|back| it.ended >= back) => {}
                Ok(_) => wrong.push(format!("a new connection reached the server: {when}")),
                // It was one of the old ones when its deadline came.
                Err(_) if it.begun < answered && self.may_break(it.ended) => {}
                Err(why) => wrong.push(format!("a new connection failed ({why}): {when}")),
            }
        }
        for it in held {
            match &it.broken {
                Some((at, _)) if it.server == self.name() && self.may_break(*at) => {}
                Some((at, why)) => wrong.push(format!(
                    "a connection to {} broke ({why}) {:.3} s after the answer",
                    it.server,
                    after(*at)
                )),
                None if it.server == self.name() && self.end == End::Deadline => {
                    wrong.push("a connection outlived the deadline".to_owned());
                }
                None => {}
            }
        }
        let about = format!("{} {self:?}", self.key());
        let wrong = wrong.into_iter().take(TOLD);
        wrong.map(|it| format!("{it}; {about}")).collect()
    }

    /// Whether a connection to the draining server may be broken then.
    fn may_break(&self, at: Instant) -> bool {
        let deadline = Duration::from_secs(self.deadline.unwrap_or(u64::MAX));
        let end = self.asked.and_then(|asked| asked.checked_add(deadline));
        end.is_some_and(|end| at >= end)
    }
}
