// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loop of the thread: waits for advertisements, changes of this host, orders, and deadlines.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use tracing::warn;

use super::crew::{Before, Crews};
use super::member::Member;
use super::resume::resumable;
use super::secrets::Secrets;
use super::view::RouterViews;
use super::{Order, Routers, TellMasters};
use crate::daemon::clock::Clock;
use crate::daemon::state::Mastership;
use crate::kernel::{Monitor, Route};
use crate::model::{ConfiguredRouter, HostEvent, Timestamp, TrackedObject};
use crate::system::{beat, rest};
use crate::vrrp::{Event, Reading, State};

/// What is known of objects that are tracked.
type Readings = BTreeMap<TrackedObject, Reading>;

/// How soon the kernel's netlink is tried again after it could not be opened.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// What only counts is published this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// All virtual routers, and what they share.
pub(super) struct Watch {
    members: Vec<Member>,
    crews: Crews,
    secrets: Secrets,
    /// What is known of the objects that are tracked.
    readings: Readings,
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
    /// The moment when the last turn began, if next to no time has passed since.
    fresh: Option<Timestamp>,
    tell: TellMasters,
    /// What was told last.
    masters: BTreeSet<Box<str>>,
}

impl Watch {
    pub(super) fn new(
        members: Vec<Member>,
        secrets: Secrets,
        clock: Clock,
        (orders, bell): (Receiver<Order>, Arc<EventFd>),
        views: RouterViews,
        tell: TellMasters,
    ) -> Self {
        let last_published = Timestamp::ZERO;
        Self {
            crews: Crews::of(&members),
            members,
            secrets,
            readings: Readings::new(),
            clock,
            orders,
            deferred: VecDeque::new(),
            begun: false,
            bell,
            monitor: None,
            route: None,
            views,
            last_published,
            fresh: None,
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
        rest(patience);
        let _ = ppoll(&mut bell, patience.map(TimeSpec::from_duration), None);
        beat();
        let _ = self.bell.read();
        loop {
            match self.orders.try_recv() {
                Ok(Order::Begin) if self.members.is_empty() => self.begun = true,
                Ok(Order::Read(object, reading)) if self.members.is_empty() => {
                    self.readings.insert(object, reading);
                }
                Ok(Order::Renew(secrets)) if self.members.is_empty() => self.secrets = secrets,
                Ok(
                    order @ (Order::Resume(_)
                    | Order::Begin
                    | Order::Change(_)
                    | Order::Read(..)
                    | Order::Renew(_)
                    | Order::Synced
                    | Order::HandOver(_)
                    | Order::Suspend(..)),
                ) => self.deferred.push_back(order),
                Ok(Order::End | Order::Leave) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    /// Waits once, and handles what has come; `false` at the end.
    fn turn(&mut self, route: &mut Route) -> bool {
        let Woken { news, orders } = if self.deferred.is_empty() {
            self.wait()
        } else {
            Woken {
                news: false,
                orders: true,
            }
        };
        let now = self.clock.now();
        let before: Vec<State> = self.members.iter().map(Member::state).collect();
        let happened = if news { self.happened() } else { Vec::new() };
        let mut packets = 0;
        for number in 0..self.members.len() {
            packets += self.attend(now, number, &happened, route);
        }
        let grouped = self.crews.states(&self.members);
        for event in &happened {
            self.track_links(now, event, route);
        }
        self.settle(now, &grouped, route);
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
        let quiet = !(news || orders || moved) && packets <= 1;
        self.fresh = quiet.then_some(now);
        goes_on
    }

    /// Hands one member what has come. Returns how many packets it has read.
    fn attend(
        &mut self,
        now: Timestamp,
        number: usize,
        happened: &[HostEvent],
        route: &mut Route,
    ) -> u32 {
        let grouped = self.crews.states(&self.members);
        let mut packets = 0;
        if let Some(member) = self.members.get_mut(number) {
            // First of all: after a pause another host may have the addresses.
            member.wake(now, route);
            for event in happened {
                member.happened(now, event, route);
            }
            // What is due when that is done is due at once in the next turn.
            packets = member.hear(now, route);
        }
        self.settle(now, &grouped, route);
        packets
    }

    /// Moves groups after those of their members that have moved. Nobody moves who has not begun.
    fn settle(&mut self, now: Timestamp, grouped: &Before, route: &mut Route) {
        self.crews.settle(now, grouped, &mut self.members, route);
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
            let is_end = matches!(order, Order::End | Order::Leave);
            let is_change = matches!(order, Order::Change(_));
            let mut grouped = self.crews.states(&self.members);
            self.carry_out(now, order, route);
            if is_end {
                return false;
            }
            if is_change {
                // The groups are others now, and nobody of them has moved.
                grouped = self.crews.states(&self.members);
            }
            self.settle(now, &grouped, route);
        }
    }

    fn carry_out(&mut self, now: Timestamp, order: Order, route: &mut Route) {
        let members = self.members.iter_mut();
        match order {
            Order::Resume(left) => self.resume(&left, route),
            Order::Begin => self.begin(now, route),
            Order::Change(routers) => self.change(now, routers, route),
            Order::Read(object, reading) => self.read(now, object, reading, route),
            Order::Renew(secrets) => {
                self.secrets = secrets;
                members.for_each(|it| it.renew(now, None, &self.secrets, route));
            }
            Order::Synced => members.for_each(|it| it.handle(now, Event::Synced, route)),
            Order::HandOver(names) => {
                let meant = members.filter(|it| names.iter().any(|name| name == it.name()));
                meant.for_each(|member| member.hand_over(now, route));
            }
            Order::Suspend(next, answer) => {
                // Whoever waited for it may have ended.
                let _ = answer.send(self.suspend(&next, route));
            }
            Order::End => members.for_each(|member| member.end(now, route)),
            Order::Leave => {
                members.for_each(|it| drop(it.suspend(now, Clock::since_boot(), route)));
            }
        }
    }

    /// Goes on where the process before was, without waiting for anything.
    fn resume(&mut self, left: &[Mastership], route: &mut Route) {
        let silent = resumable(&self.members, left, route);
        let now = self.clock.now();
        self.look_at_links(now, route);
        for (member, silent) in self.members.iter_mut().zip(silent) {
            if let Some(silent) = silent {
                member.track(now, &self.readings, route);
                member.resume(now, silent, route);
            }
        }
        // The engine believes that this host is master of all that was left.
        self.masters = left.iter().map(|it| it.name.clone()).collect();
        self.tell_masters();
    }

    /// Has the peers wait for the next process where it is the same, and take over where it is not.
    fn suspend(&mut self, next: &Routers, route: &mut Route) -> Vec<Mastership> {
        let restless = self.restless(next);
        let (since_boot, now) = (Clock::since_boot(), self.clock.now());
        let mut left = Vec::new();
        for member in &mut self.members {
            if stays(member, next, &restless) {
                left.extend(member.suspend(now, since_boot, route));
            } else {
                member.end(now, route);
            }
        }
        left
    }

    fn tell_masters(&mut self) {
        let masters = self.members.iter().filter(|it| it.state() == State::Master);
        let masters: BTreeSet<Box<str>> = masters.map(|it| it.name().into()).collect();
        if masters != self.masters {
            self.masters.clone_from(&masters);
            (self.tell)(masters);
        }
    }

    /// An object that is tracked is so.
    fn read(&mut self, now: Timestamp, object: TrackedObject, reading: Reading, route: &mut Route) {
        for member in &mut self.members {
            member.track(now, [(&object, &reading)], route);
        }
        self.readings.insert(object, reading);
    }

    /// Looks at an interface that is tracked when something has happened to it.
    fn track_links(&mut self, now: Timestamp, event: &HostEvent, route: &mut Route) {
        match event {
            HostEvent::LinkChanged(link) => {
                let object = TrackedObject::Interface((&*link.name).into());
                self.read_if_tracked(now, object, link.running, route);
            }
            HostEvent::LinkGone(link) => {
                let object = TrackedObject::Interface((&*link.name).into());
                self.read_if_tracked(now, object, false, route);
            }
            HostEvent::Lost => self.look_at_links(now, route),
            HostEvent::AddressAdded(_)
            | HostEvent::AddressRemoved(_)
            | HostEvent::NeighbourChanged(_)
            | HostEvent::NeighbourGone(_)
            | HostEvent::RouteChanged(_)
            | HostEvent::RouteGone(_) => {}
        }
    }

    fn read_if_tracked(
        &mut self,
        now: Timestamp,
        object: TrackedObject,
        good: bool,
        route: &mut Route,
    ) {
        let mut routers = self.members.iter().map(Member::router);
        if routers.any(|it| it.tracked().any(|it| *it == object)) {
            self.read(now, object, Reading::of(good), route);
        }
    }

    /// Looks at every interface that is tracked. What cannot be read stays as it was.
    fn look_at_links(&mut self, now: Timestamp, route: &mut Route) {
        let routers = self.members.iter().map(Member::router);
        let interfaces = routers
            .flat_map(ConfiguredRouter::tracked)
            .filter_map(|it| match it {
                TrackedObject::Interface(name) => Some(name.clone()),
                TrackedObject::Route { .. }
                | TrackedObject::Script(_)
                | TrackedObject::File(_)
                | TrackedObject::Process(_)
                | TrackedObject::Service(_) => None,
            });
        let interfaces: BTreeSet<Box<str>> = interfaces.collect();
        for name in interfaces {
            if let Ok(link) = route.link(&name) {
                let good = link.is_some_and(|it| it.running);
                self.read_if_tracked(now, TrackedObject::Interface(name), good, route);
            }
        }
    }

    fn begin(&mut self, now: Timestamp, route: &mut Route) {
        self.begun = true;
        self.look_at_links(now, route);
        for member in &mut self.members {
            member.track(now, &self.readings, route);
        }
        let members = self.members.iter_mut();
        members.for_each(|member| member.begin(now, route));
    }

    /// Goes on with what is the same, leaves what is not wanted any more, and begins what is new.
    fn change(&mut self, now: Timestamp, mut routers: Routers, route: &mut Route) {
        let restless = self.restless(&routers);
        self.members.retain_mut(|member| {
            let stays = stays(member, &routers, &restless);
            if stays {
                let next = routers.remove(member.name());
                member.renew(now, next, &self.secrets, route);
                member.track(now, &self.readings, route);
            } else {
                member.end(now, route);
            }
            stays
        });
        let mut new = Vec::new();
        for (name, router) in routers {
            let mut member = Member::new(&name, router, now, &self.secrets);
            member.track(now, &self.readings, route);
            self.members.push(member);
            new.push(name);
        }
        self.crews = Crews::of(&self.members);
        // Those that come must know how their links are before they begin.
        self.look_at_links(now, route);
        if self.begun {
            let members = self.members.iter_mut();
            let come = members.filter(|it| new.iter().any(|name| **name == *it.name()));
            come.for_each(|member| member.begin(now, route));
        }
    }

    /// The groups of which a member comes, goes or changes: they leave as a whole, else their peers would take a part.
    fn restless(&self, routers: &Routers) -> BTreeSet<Box<str>> {
        let stays = |name: &str, router: &ConfiguredRouter| {
            let mut members = self.members.iter();
            let member = members.find(|it| it.name() == name);
            member.is_some_and(|it| it.router().is_as(router))
        };
        let come = routers.iter().filter(|(name, it)| !stays(name, it));
        let come = come.map(|(_, it)| it);
        let members = self.members.iter();
        let gone = members.filter(|it| {
            let next = routers.get(it.name());
            next.is_none_or(|next| !next.is_as(it.router()))
        });
        let all = come.chain(gone.map(Member::router));
        all.filter_map(|it| it.group.clone()).collect()
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

    /// Until something can be read, or the next deadline. A turn in which next to nothing was done saves a look at the clock.
    fn wait(&mut self) -> Woken {
        let now = self.fresh.take().unwrap_or_else(|| self.clock.now());
        let deadline = self.members.iter().filter_map(Member::deadline).min();
        let patience = deadline.map(|at| at.since(now));
        let monitor = self.monitor.iter().map(|monitor| monitor.as_fd());
        let sockets = self.members.iter().flat_map(Member::descriptors);
        let all = [self.bell.as_fd()]
            .into_iter()
            .chain(monitor)
            .chain(sockets);
        let mut all: Vec<PollFd<'_>> = all.map(|it| PollFd::new(it, PollFlags::POLLIN)).collect();
        // A signal wakes as well.
        rest(patience);
        let _ = ppoll(&mut all, patience.map(TimeSpec::from_duration), None);
        beat();
        let answers = all.iter().map(|it| it.any().unwrap_or(true));
        let answers: Vec<bool> = answers.collect();
        let mut answers = answers.into_iter();
        let orders = answers.next().unwrap_or_default();
        if orders {
            let _ = self.bell.read();
        }
        let news = self.monitor.is_some() && answers.next().unwrap_or_default();
        for member in &mut self.members {
            member.find_readable(&mut answers);
        }
        Woken { news, orders }
    }
}

/// What has ended a wait.
#[derive(Debug, Clone, Copy)]
struct Woken {
    /// The kernel has news of this host.
    news: bool,
    /// Somebody has given orders.
    orders: bool,
}

/// Whether a member is the same with these virtual routers, and its group is.
fn stays(member: &Member, routers: &Routers, restless: &BTreeSet<Box<str>>) -> bool {
    let next = routers.get(member.name());
    let group = member.router().group.as_ref();
    next.is_some_and(|it| it.is_as(member.router()))
        && group.is_none_or(|group| !restless.contains(group))
}
