// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loop of the thread: waits for advertisements, changes of this host, orders, and deadlines.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use tracing::warn;

use super::member::Member;
use super::view::RouterViews;
use super::{Order, Routers, TellMasters};
use crate::daemon::clock::Clock;
use crate::kernel::{Monitor, Route};
use crate::model::{HostEvent, Timestamp};
use crate::vrrp::State;

/// How soon the kernel's netlink is tried again after it could not be opened.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// What only counts is published this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// All virtual routers, and what they share.
pub(super) struct Watch {
    members: Vec<Member>,
    clock: Clock,
    orders: Receiver<Order>,
    /// Orders that wait for netlink.
    deferred: VecDeque<Order>,
    /// Whether the table is in the kernel.
    begun: bool,
    bell: Arc<EventFd>,
    monitor: Option<Monitor>,
    route: Option<Route>,
    views: RouterViews,
    last_published: Timestamp,
    tell: TellMasters,
    /// What was told last.
    masters: BTreeSet<Box<str>>,
}

impl Watch {
    pub(super) fn new(
        members: Vec<Member>,
        clock: Clock,
        (orders, bell): (Receiver<Order>, Arc<EventFd>),
        views: RouterViews,
        tell: TellMasters,
    ) -> Self {
        let last_published = Timestamp::ZERO;
        Self {
            members,
            clock,
            orders,
            deferred: VecDeque::new(),
            begun: false,
            bell,
            monitor: None,
            route: None,
            views,
            last_published,
            tell,
            masters: BTreeSet::new(),
        }
    }

    /// Until it is ordered to end.
    pub(super) fn run(mut self) {
        loop {
            if self.members.is_empty() && self.deferred.is_empty() {
                // Without a virtual router nobody needs netlink, or its memory.
                (self.monitor, self.route) = (None, None);
                if self.is_over_after(None) {
                    return;
                }
                continue;
            }
            let Some(mut route) = self.open() else {
                // Without netlink no address can be taken: the peer has to serve.
                if self.is_over_after(Some(TRY_AGAIN)) {
                    return;
                }
                continue;
            };
            let goes_on = self.turn(&mut route);
            self.route = Some(route);
            if !goes_on {
                return;
            }
        }
    }

    /// Netlink for addresses and links.
    fn open(&mut self) -> Option<Route> {
        if self.monitor.is_none() {
            match Monitor::open_for_links_and_addresses() {
                Ok(monitor) => self.monitor = Some(monitor),
                Err(error) => {
                    warn!("virtual routers: {error}");
                    return None;
                }
            }
        }
        let route = self.route.take().map_or_else(Route::open, Ok);
        route
            .inspect_err(|error| warn!("virtual routers: {error}"))
            .ok()
    }

    /// Rests for so long, or until orders come. They are followed in the next turn, but that to end: then this is `true`.
    fn is_over_after(&mut self, patience: Option<Duration>) -> bool {
        let mut bell = [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        // A signal wakes as well.
        let _ = ppoll(&mut bell, patience.map(TimeSpec::from_duration), None);
        let _ = self.bell.read();
        loop {
            match self.orders.try_recv() {
                Ok(Order::Begin) if self.members.is_empty() => self.begun = true,
                Ok(order @ (Order::Begin | Order::Change(_) | Order::HandOver(_))) => {
                    self.deferred.push_back(order);
                }
                Ok(Order::End) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    /// Waits once, and handles what has come; `false` at the end.
    fn turn(&mut self, route: &mut Route) -> bool {
        if self.deferred.is_empty() {
            self.wait();
        }
        let _ = self.bell.read();
        let now = self.clock.now();
        let before: Vec<State> = self.members.iter().map(Member::state).collect();
        let happened = self.happened();
        for member in &mut self.members {
            // First of all: after a pause another host may have the addresses.
            member.wake(now, route);
            for event in &happened {
                member.happened(now, event, route);
            }
            member.hear(now, route);
            member.wake(self.clock.now(), route);
        }
        let goes_on = self.follow_orders(now, route);
        let moved = !self.members.iter().map(Member::state).eq(before);
        if moved {
            self.tell_masters();
        }
        if moved || now.since(self.last_published) >= PUBLISH_EVERY {
            self.last_published = now;
            let views = self.members.iter().map(Member::view);
            self.views.publish(views.collect());
        }
        goes_on
    }

    fn follow_orders(&mut self, now: Timestamp, route: &mut Route) -> bool {
        loop {
            let next = self
                .deferred
                .pop_front()
                .map_or_else(|| self.orders.try_recv(), Ok);
            let order = match next {
                Ok(order) => order,
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => Order::End,
            };
            match order {
                Order::Begin => self.begin(now, route),
                Order::Change(routers) => self.change(now, routers, route),
                Order::HandOver(names) => {
                    let members = self.members.iter_mut();
                    let meant = members.filter(|it| names.iter().any(|name| name == it.name()));
                    meant.for_each(|member| member.hand_over(now, route));
                }
                Order::End => {
                    let members = self.members.iter_mut();
                    members.for_each(|member| member.end(now, route));
                    return false;
                }
            }
        }
    }

    fn tell_masters(&mut self) {
        let masters = self.members.iter().filter(|it| it.state() == State::Master);
        let masters: BTreeSet<Box<str>> = masters.map(|it| it.name().into()).collect();
        if masters != self.masters {
            self.masters.clone_from(&masters);
            (self.tell)(masters);
        }
    }

    fn begin(&mut self, now: Timestamp, route: &mut Route) {
        self.begun = true;
        let members = self.members.iter_mut();
        members.for_each(|member| member.begin(now, route));
    }

    /// Goes on with what is the same, leaves what is not wanted any more, and begins what is new.
    fn change(&mut self, now: Timestamp, mut routers: Routers, route: &mut Route) {
        self.members.retain_mut(|member| {
            let stays = routers.get(member.name()) == Some(member.router());
            if stays {
                routers.remove(member.name());
            } else {
                member.end(now, route);
            }
            stays
        });
        for (name, router) in routers {
            let mut member = Member::new(&name, router, now);
            if self.begun {
                member.begin(now, route);
            }
            self.members.push(member);
        }
    }

    /// What the kernel reports. An error counts as lost events.
    fn happened(&mut self) -> Vec<HostEvent> {
        let mut happened = Vec::new();
        let Some(monitor) = &mut self.monitor else {
            return happened;
        };
        loop {
            match monitor.next_if_any() {
                Ok(Some(event)) => happened.push(event),
                Ok(None) => return happened,
                Err(_) => {
                    self.monitor = None;
                    happened.push(HostEvent::Lost);
                    return happened;
                }
            }
        }
    }

    /// Until something can be read, or the next deadline.
    fn wait(&self) {
        let now = self.clock.now();
        let deadline = self.members.iter().filter_map(Member::deadline).min();
        let patience = deadline.map(|at| TimeSpec::from_duration(at.since(now)));
        let monitor = self.monitor.iter().map(|monitor| monitor.as_fd());
        let sockets = self.members.iter().flat_map(Member::descriptors);
        let all = [self.bell.as_fd()]
            .into_iter()
            .chain(monitor)
            .chain(sockets);
        let mut all: Vec<PollFd<'_>> = all.map(|it| PollFd::new(it, PollFlags::POLLIN)).collect();
        // A signal wakes as well.
        let _ = ppoll(&mut all, patience, None);
    }
}
