// SPDX-License-Identifier: MIT OR Apache-2.0
//! One router under test, with a clock.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use lvs_director::model::{
    Centiseconds, ChecksumForm, Preempt, Priority, Timestamp, VirtualRouter, Vrid,
};
use lvs_director::vrrp::{Action, Effective, Event, Heard, Instance, Reason, State};

pub(crate) const FORM: ChecksumForm = ChecksumForm::PseudoHeader;

pub(crate) fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

/// A router that preempts and does not hold, at 192.0.2.20.
pub(crate) fn router(priority: u8) -> VirtualRouter {
    VirtualRouter {
        name: "front".into(),
        version: lvs_director::model::VrrpVersion::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(priority),
        interval: Centiseconds::SECOND,
        preempt: Preempt::Always,
        hold: Duration::ZERO,
        source: address(20),
        peers: Vec::new(),
        addresses: vec![address(100)],
        refresh: Some(VirtualRouter::REFRESH),
    }
}

/// What such a router hears from another one.
pub(crate) fn heard(from: u8, priority: u8) -> Heard {
    let like = router(priority);
    Heard {
        source: address(from),
        multicast: true,
        version: like.version,
        vrid: like.vrid,
        priority: like.priority,
        interval: like.interval,
        addresses: like.addresses,
        form: FORM,
    }
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A router and its clock.
pub(crate) struct Node {
    pub(crate) instance: Instance,
    pub(crate) now: Timestamp,
    /// Why its state changed last.
    pub(crate) why: Option<Reason>,
}

impl Node {
    pub(crate) fn new(router: VirtualRouter) -> Self {
        Self {
            instance: Instance::new(Arc::new(router)),
            now: Timestamp::after_start(Duration::from_secs(1000)),
            why: None,
        }
    }

    /// Started, and master or backup by itself.
    pub(crate) fn started(router: VirtualRouter) -> Self {
        let mut node = Self::new(router);
        node.event(Event::Start);
        node
    }

    /// A backup that has become master.
    pub(crate) fn master(router: VirtualRouter) -> Self {
        let mut node = Self::started(router);
        node.deadline();
        assert_eq!(node.state(), State::Master);
        node
    }

    pub(crate) fn state(&self) -> State {
        self.instance.state()
    }

    /// Hands in an event; gives what it asks for, without what it only tells.
    pub(crate) fn event(&mut self, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        self.instance.handle(self.now, event, &mut out);
        for action in &out {
            if let Action::Tell { why, .. } = action {
                self.why = Some(why.clone());
            }
        }
        out.retain(|action| !matches!(action, Action::Tell { .. }));
        out
    }

    pub(crate) fn hears(&mut self, from: u8, priority: u8) -> Vec<Action> {
        self.event(Event::Heard(heard(from, priority)))
    }

    pub(crate) fn after(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// How long until its deadline.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.instance.deadline().map(|at| at.since(self.now))
    }

    /// Goes to its deadline, and hands it in.
    pub(crate) fn deadline(&mut self) -> Vec<Action> {
        self.now = self.instance.deadline().unwrap();
        let actions = self.event(Event::Deadline);
        let next = self.instance.deadline();
        assert!(next.is_none_or(|at| at > self.now), "the deadline stays");
        actions
    }

    /// Runs for so many seconds; in the middle of each, something happens.
    pub(crate) fn runs(&mut self, seconds: u64, mut each: impl FnMut(&mut Self)) {
        for _ in 0..seconds {
            self.run_until(self.now + ms(500));
            each(self);
            self.run_until(self.now + ms(500));
        }
    }

    fn run_until(&mut self, end: Timestamp) {
        while self.instance.deadline().is_some_and(|at| at <= end) {
            self.deadline();
        }
        self.now = end;
    }
}

/// An advertisement of this priority.
pub(crate) fn sends(priority: u8, form: Option<ChecksumForm>) -> Action {
    Action::Advertise {
        priority: Priority(priority),
        form,
    }
}

/// What is tracked makes this priority.
pub(crate) fn tracked(priority: u8) -> Event {
    Event::Tracked(Effective::Priority(Priority(priority)))
}

/// What is tracked is bad.
pub(crate) fn fault() -> Event {
    Event::Tracked(Effective::Fault("script probe failed".into()))
}
