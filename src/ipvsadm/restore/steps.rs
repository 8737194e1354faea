// SPDX-License-Identifier: MIT OR Apache-2.0
//! The changes of a restore, kept until all of the input has been checked, in a tenth of the memory that they take one
//! by one: fresh memory costs more than reading the lines does.
//!
//! Most lines repeat what the lines before them say: a server is added to the service of the line before it, in the same
//! way and at the same thresholds; a service has the scheduler and the persistence of the one before it. Of such a line
//! only the address and the port are kept, and the weight where it is another. Every other line is kept whole.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{Protocol, RealServer, ServerKey, ServiceKey, ServiceSettings, Step, Weight};

/// Changes in their order, with the line of each.
#[derive(Debug, Default)]
pub struct Steps {
    kept: Vec<Kept>,
    /// How many changes these are.
    count: u32,
    whole: Vec<Step>,
    /// Where line numbers do not go on by one: an index, and its line.
    lines: Vec<(u32, u32)>,
    context: Repeated,
}

/// What is kept of a change.
#[derive(Debug, Clone, Copy)]
enum Kept {
    /// A service like the one made last, elsewhere.
    Service(Ipv4Addr, u16),
    /// A server like the one added last, in the latest service.
    Server(Ipv4Addr, u16),
    /// No change: the server that follows has this weight.
    Weight(Weight),
    /// The next one that is kept whole.
    Whole,
}

impl Steps {
    /// Nothing yet, with room for so many.
    pub(super) fn with_room(count: usize) -> Self {
        Self {
            kept: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, step: Step, line: u32) {
        let index = self.count;
        let goes_on = self.lines.last();
        if goes_on.is_none_or(|(first, start)| line - start != index - first) {
            self.lines.push((index, line));
        }
        let kept = self.context.shorten(&step);
        if let (Kept::Server(..), Step::AddServer(_, _, server)) = (kept, &step)
            && self.context.weigh(server.weight)
        {
            self.kept.push(Kept::Weight(server.weight));
        }
        self.context.note(&step);
        if matches!(kept, Kept::Whole) {
            self.whole.push(step);
        }
        self.kept.push(kept);
        self.count += 1;
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Step> {
        let mut context = Repeated::default();
        let mut whole = self.whole.iter();
        self.kept.iter().filter_map(move |kept| {
            let step = match *kept {
                Kept::Service(address, port) => context.service_at(address, port),
                Kept::Server(address, port) => context.server_at(address, port),
                Kept::Weight(weight) => {
                    context.weigh(weight);
                    None
                }
                Kept::Whole => whole.next().cloned(),
            }?;
            context.note(&step);
            Some(step)
        })
    }

    /// The line of the change of this index.
    #[must_use]
    pub fn line(&self, index: usize) -> u32 {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let after = self.lines.partition_point(|(first, _)| *first <= index);
        let run = after.checked_sub(1).and_then(|run| self.lines.get(run));
        run.map_or(0, |(first, line)| line + (index - first))
    }
}

/// What the changes so far have said, as far as those that follow may repeat it.
#[derive(Debug, Default)]
struct Repeated {
    protocol: Option<Protocol>,
    settings: Option<ServiceSettings>,
    service: Option<ServiceKey>,
    server: Option<RealServer>,
}

impl Repeated {
    fn note(&mut self, step: &Step) {
        match step {
            Step::AddService(key, settings) => {
                if let ServiceKey::Address { protocol, .. } = key {
                    self.protocol = Some(*protocol);
                }
                if self.settings.as_ref() != Some(settings) {
                    self.settings = Some(settings.clone());
                }
                self.service = Some(*key);
            }
            Step::AddServer(key, _, server) => {
                self.service = Some(*key);
                self.server = Some(*server);
            }
            Step::EditService(..)
            | Step::DeleteService(_)
            | Step::EditServer(..)
            | Step::DeleteServer(..) => {}
        }
    }

    fn shorten(&self, step: &Step) -> Kept {
        match step {
            Step::AddService(
                ServiceKey::Address {
                    protocol,
                    address: IpAddr::V4(address),
                    port,
                },
                settings,
            ) if self.protocol == Some(*protocol) && self.settings.as_ref() == Some(settings) => {
                Kept::Service(*address, *port)
            }
            Step::AddServer(
                service,
                ServerKey {
                    address: IpAddr::V4(address),
                    port,
                },
                server,
            ) if self.service.as_ref() == Some(service) && self.is_like_the_last(server) => {
                Kept::Server(*address, *port)
            }
            _ => Kept::Whole,
        }
    }

    /// Whether the server added last was the same but for its weight.
    fn is_like_the_last(&self, server: &RealServer) -> bool {
        self.server.is_some_and(|last| {
            let weight = server.weight;
            *server == RealServer { weight, ..last }
        })
    }

    /// Gives the server added last another weight, and says whether it is another.
    fn weigh(&mut self, weight: Weight) -> bool {
        self.server
            .as_mut()
            .is_some_and(|last| std::mem::replace(&mut last.weight, weight) != weight)
    }

    fn service_at(&self, address: Ipv4Addr, port: u16) -> Option<Step> {
        let key = ServiceKey::Address {
            protocol: self.protocol?,
            address: address.into(),
            port,
        };
        Some(Step::AddService(key, self.settings.clone()?))
    }

    fn server_at(&self, address: Ipv4Addr, port: u16) -> Option<Step> {
        let key = ServerKey::new(address.into(), port);
        Some(Step::AddServer(self.service?, key, self.server?))
    }
}

const _: () = assert!(size_of::<Kept>() == 8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ForwardingMethod, Scheduler, Seconds, Thresholds};
    use proptest::prelude::*;

    fn service() -> impl Strategy<Value = ServiceKey> {
        let address = prop::sample::select(vec!["10.0.0.1", "10.0.0.2", "fd00::1"]);
        (address, 1_u16..3, any::<bool>()).prop_map(|(address, port, tcp)| {
            let at = (address.parse::<IpAddr>().unwrap(), port).into();
            if tcp {
                ServiceKey::tcp(at)
            } else {
                ServiceKey::udp(at)
            }
        })
    }

    fn settings() -> impl Strategy<Value = ServiceSettings> {
        (any::<bool>(), prop::sample::select(vec!["rr", "own"])).prop_map(|(persistent, name)| {
            let mut settings = ServiceSettings::new(Scheduler::new(name).unwrap());
            settings.persistence = persistent.then_some(Seconds(50));
            settings
        })
    }

    fn server() -> impl Strategy<Value = (ServerKey, RealServer)> {
        let address = prop::sample::select(vec!["10.1.0.1", "10.1.0.2", "fd00::2"]);
        (address, 1_u16..3, any::<bool>(), 0_u32..3, 0_u32..2).prop_map(
            |(address, port, routed, weight, upper)| {
                let forwarding = if routed {
                    ForwardingMethod::DirectRouting
                } else {
                    ForwardingMethod::Masquerading
                };
                let mut real = RealServer::new(forwarding, Weight::new(weight).unwrap());
                real.thresholds = Thresholds { upper, lower: 0 };
                (ServerKey::new(address.parse().unwrap(), port), real)
            },
        )
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (service(), settings()).prop_map(|(key, it)| Step::AddService(key, it)),
            9 => (service(), server()).prop_map(|(key, (at, it))| Step::AddServer(key, at, it)),
            1 => (service(), settings()).prop_map(|(key, it)| Step::EditService(key, it)),
            1 => service().prop_map(Step::DeleteService),
            1 => (service(), server()).prop_map(|(key, (at, it))| Step::EditServer(key, at, it)),
            1 => (service(), server()).prop_map(|(key, (at, _))| Step::DeleteServer(key, at)),
        ]
    }

    proptest! {
        #[test]
        fn what_was_kept_comes_back(changes in prop::collection::vec((step(), 1_u32..3), 0..60)) {
            let (mut steps, mut number) = (Steps::default(), 0);
            let mut expected = Vec::new();
            for (step, lines) in changes {
                number += lines;
                steps.push(step.clone(), number);
                expected.push((step, number));
            }
            let numbers = (0..steps.len()).map(|index| steps.line(index));
            let back: Vec<_> = steps.iter().zip(numbers).collect();
            prop_assert_eq!(back, expected);
        }
    }

    #[test]
    fn an_ordinary_table_is_kept_short() {
        let mut steps = Steps::default();
        let real = RealServer::new(ForwardingMethod::DirectRouting, Weight::ONE);
        for port in 1..=100 {
            let key = ServiceKey::tcp(([10, 0, 0, 1], port).into());
            let settings = ServiceSettings::new(Scheduler::WLC);
            steps.push(Step::AddService(key, settings), u32::from(port) * 2);
            let at = ServerKey::new([10, 1, 0, 1].into(), port);
            steps.push(Step::AddServer(key, at, real), u32::from(port) * 2 + 1);
        }
        assert_eq!(
            (steps.len(), steps.whole.len(), steps.lines.len()),
            (200, 2, 1)
        );
    }
}
