// SPDX-License-Identifier: MIT OR Apache-2.0
//! One virtual router on this host: its machine, and what carries its actions out.

mod addresses;
mod seated;

use std::fmt::Display;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use tracing::{info, warn};

use super::seat::Seat;
use super::secrets::Secrets;
use super::trust::Trust;
use super::view::RouterView;
use crate::codec::vrrp::{Advertisement, MOST_BYTES, group};
use crate::control::TrackedStatus;
use crate::daemon::state::Mastership;
use crate::kernel::Route;
use crate::model::{ChecksumForm, ConfiguredRouter, HostEvent, Priority, Timestamp, TrackedObject};
use crate::vrrp::{Action, Event, Instance, Reading, Reason, State, Tracker};

/// What peers get before anything was heard of them: keepalived and others by RFC 5798 know no other form.
const FIRST_FORM: ChecksumForm = ChecksumForm::PseudoHeader;
/// So many advertisements are read before something else has its turn.
const MOST_AT_ONCE: u32 = 64;

/// One virtual router.
pub(super) struct Member {
    name: Box<str>,
    router: ConfiguredRouter,
    machine: Option<Instance>,
    seat: Option<Seat>,
    /// Whether the table is in the kernel.
    may_begin: bool,
    /// For how long the process before has been silent, if this one goes on where it was.
    resumes: Option<Duration>,
    /// Whether the addresses should be local.
    holds: bool,
    /// When the kernel must hear again that the addresses are here.
    next_renewal: Timestamp,
    /// When this began.
    began: Timestamp,
    /// Why it is in its state.
    why: Option<Reason>,
    /// Why it has no seat, as it was told last.
    complaint: Option<String>,
    trust: Trust,
    tracker: Tracker,
    /// What the kernel has dropped of the sockets that are closed.
    unread: u64,
    /// How often an address was put back.
    put_back: u64,
    /// How often another host said that an address of ours is there.
    disputes: u64,
    /// Not before that is it told again.
    next_defence: Timestamp,
}

impl Member {
    pub(super) fn new(
        name: &str,
        router: ConfiguredRouter,
        began: Timestamp,
        secrets: &Secrets,
    ) -> Self {
        Self {
            name: name.into(),
            trust: Trust::new(&router, secrets),
            tracker: tracker(&router),
            router,
            machine: None,
            seat: None,
            may_begin: false,
            resumes: None,
            holds: false,
            next_renewal: began,
            began,
            why: None,
            complaint: None,
            unread: 0,
            put_back: 0,
            disputes: 0,
            next_defence: began,
        }
    }

    /// As others see it.
    pub(super) fn view(&self) -> RouterView {
        let machine = self.machine.as_ref();
        RouterView {
            name: self.name.clone(),
            interface: self.router.interface.clone(),
            vrid: self.router.vrid,
            state: self.state(),
            since: machine.map_or(self.began, Instance::since),
            why: self.why.clone(),
            priority: machine.map_or(self.router.priority, Instance::priority),
            master: machine.and_then(Instance::master),
            addresses: self.router.addresses.clone(),
            counts: machine.map(|it| it.counts().clone()).unwrap_or_default(),
            malformed: self.trust.refused().clone(),
            unread: self.unread(),
            put_back: self.put_back,
            disputes: self.disputes,
            group: self.router.group.clone(),
            tracked: tracked(&self.tracker),
            problem: self.complaint.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    pub(super) const fn router(&self) -> &ConfiguredRouter {
        &self.router
    }

    /// Its machine; `None` before it is known where it speaks from.
    pub(super) const fn machine(&self) -> Option<&Instance> {
        self.machine.as_ref()
    }

    /// Its state.
    pub(super) fn state(&self) -> State {
        let machine = self.machine.as_ref();
        machine.map_or(State::Initialize, Instance::state)
    }

    /// When its machine wants to be called, its addresses want to be renewed, or its sockets may be read again.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let machine = self.machine.as_ref().and_then(Instance::deadline);
        let renewal = self.holds.then_some(self.next_renewal);
        let reading = self.seat.as_ref().and_then(Seat::reads_again_at);
        [machine, renewal, reading].into_iter().flatten().min()
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.seat.iter().flat_map(Seat::descriptors)
    }

    /// Takes for each of these whether there is something to read.
    pub(super) fn find_readable(&mut self, answers: &mut impl Iterator<Item = bool>) {
        if let Some(seat) = &mut self.seat {
            seat.find_readable(answers);
        }
    }

    /// From now on its addresses may become local.
    pub(super) fn begin(&mut self, now: Timestamp, route: &mut Route) {
        if self.may_begin {
            return;
        }
        self.may_begin = true;
        self.release_leftovers(route);
        self.settle(now, route);
    }

    /// Goes on where the process before was, which has been silent for so long.
    pub(super) fn resume(&mut self, now: Timestamp, silent: Duration, route: &mut Route) {
        self.may_begin = true;
        self.resumes = Some(silent);
        self.settle(now, route);
        self.resumes = None;
        if !self.holds {
            self.release_leftovers(route);
        }
    }

    /// Has the peers wait, and the kernel keep the addresses, for the process that comes next. What that must know, if this
    /// host is master. `since_boot` is the moment on the clock that both know.
    pub(super) fn suspend(
        &mut self,
        now: Timestamp,
        since_boot: Timestamp,
        route: &mut Route,
    ) -> Option<Mastership> {
        self.handle(now, Event::Suspend, route);
        let advertised = self.machine.as_ref().and_then(Instance::advertised)?;
        self.take_addresses(now, route);
        let advertised = since_boot.before(now.since(advertised));
        Some(Mastership::of(&self.name, &self.router, advertised))
    }

    /// Goes on with this configuration, which differs only in how it proves who it is and in what it watches, and with
    /// what the files say now.
    pub(super) fn renew(
        &mut self,
        now: Timestamp,
        router: Option<ConfiguredRouter>,
        secrets: &Secrets,
        route: &mut Route,
    ) {
        if let Some(router) = router {
            self.router = router;
            self.tracker = tracker(&self.router);
        }
        self.trust.renew(&self.router, secrets);
        self.settle(now, route);
    }

    /// What was found out about objects that it may watch.
    pub(super) fn track<'a>(
        &mut self,
        now: Timestamp,
        readings: impl IntoIterator<Item = (&'a TrackedObject, &'a Reading)>,
        route: &mut Route,
    ) {
        for (object, reading) in readings {
            let _ = self.tracker.read(object, *reading);
        }
        // Nothing happens when it is worth what it was.
        self.handle(now, Event::Tracked(self.tracker.effective()), route);
    }

    /// Lets another host be master.
    pub(super) fn hand_over(&mut self, now: Timestamp, route: &mut Route) {
        self.handle(now, Event::HandOver, route);
    }

    /// Leaves for good.
    pub(super) fn end(&mut self, now: Timestamp, route: &mut Route) {
        self.handle(now, Event::Stop, route);
    }

    /// Something happened on this host.
    pub(super) fn happened(&mut self, now: Timestamp, event: &HostEvent, route: &mut Route) {
        match event {
            HostEvent::LinkChanged(link) | HostEvent::LinkGone(link)
                if *link.name == *self.router.interface =>
            {
                self.settle(now, route);
            }
            HostEvent::LinkChanged(link) | HostEvent::LinkGone(link) if self.is_port(link) => {
                self.mend_port(now, route);
            }
            HostEvent::AddressRemoved(gone) if self.is_ours(gone) => {
                self.put_back(now, gone.address, route);
            }
            HostEvent::AddressAdded(it) | HostEvent::AddressRemoved(it)
                if self
                    .seat
                    .as_ref()
                    .is_none_or(|seat| seat.source == it.address) =>
            {
                self.settle(now, route);
            }
            HostEvent::Lost => {
                self.settle(now, route);
                if self.holds {
                    self.take_addresses(now, route);
                }
            }
            HostEvent::LinkChanged(_)
            | HostEvent::LinkGone(_)
            | HostEvent::AddressAdded(_)
            | HostEvent::AddressRemoved(_)
            | HostEvent::NeighbourChanged(_)
            | HostEvent::NeighbourGone(_)
            | HostEvent::RouteChanged(_)
            | HostEvent::RouteGone(_) => {}
        }
    }

    /// Reads what has come in. Returns how many packets there were.
    pub(super) fn hear(&mut self, now: Timestamp, route: &mut Route) -> u32 {
        let Some(seat) = &mut self.seat else {
            return 0;
        };
        let heard = seat.hear_arp(now, &self.router.addresses);
        if heard.any {
            // A blocked port of a switch lets no ARP through.
            self.handle(now, Event::LinkPasses, route);
        }
        if let Some((address, who)) = heard.dispute {
            self.defend(now, address, who);
        }
        let mut bytes = [0; MOST_BYTES + 64];
        for packets in 0..MOST_AT_ONCE {
            let Some(seat) = &mut self.seat else {
                return packets;
            };
            match seat.receive(now, &mut bytes) {
                Ok(Some(arrived)) => {
                    let payload = bytes.get(arrived.begin..arrived.end).unwrap_or_default();
                    let heard = self.trust.read(now, &self.name, payload, &arrived.delivery);
                    if let Some(heard) = heard {
                        self.handle(now, Event::Heard(heard), route);
                    }
                }
                Ok(None) => return packets,
                Err(_) => {
                    self.settle(now, route);
                    return packets;
                }
            }
        }
        MOST_AT_ONCE
    }

    /// Calls the machine when its time has come.
    pub(super) fn wake(&mut self, now: Timestamp, route: &mut Route) {
        let machine = self.machine.as_ref().and_then(Instance::deadline);
        if machine.is_some_and(|at| at <= now) {
            self.handle(now, Event::Deadline, route);
        }
        // The machine may have found that it was asleep, and that the addresses are another's.
        if self.holds && self.next_renewal <= now {
            self.take_addresses(now, route);
        }
    }

    /// Hands an event to its machine, and carries out what follows.
    pub(super) fn handle(&mut self, now: Timestamp, event: Event, route: &mut Route) {
        let Some(machine) = &mut self.machine else {
            return;
        };
        let mut actions = Vec::new();
        machine.handle(now, event, &mut actions);
        for action in actions {
            self.carry_out(now, action, route);
        }
    }

    fn carry_out(&mut self, now: Timestamp, action: Action, route: &mut Route) {
        let name = &self.name;
        match action {
            Action::Advertise { priority, form } => {
                if !self.holds && priority != Priority::LEAVES {
                    self.open_port(route);
                }
                self.advertise(priority, form);
            }
            Action::TakeAddresses => {
                self.holds = true;
                self.take_addresses(now, route);
            }
            Action::ReleaseAddresses => {
                self.holds = false;
                self.release_addresses(route);
            }
            Action::Announce(reason) => self.announce(reason),
            Action::Tell { from, to, why } => {
                match to {
                    State::Fault => warn!("virtual router {name}: {from} -> {to} ({why})"),
                    State::Initialize | State::Backup | State::Master => {
                        info!("virtual router {name}: {from} -> {to} ({why})");
                    }
                }
                self.why = Some(why);
            }
            Action::Notice { source, notice } => {
                warn!("virtual router {name}: {source} {notice}");
            }
        }
    }

    /// A failure is no news: the next advertisement is due soon, and the link tells when it is down.
    fn advertise(&mut self, priority: Priority, form: Option<ChecksumForm>) {
        let Some(seat) = &self.seat else {
            return;
        };
        let router = &self.router;
        let advertisement = Advertisement {
            version: router.version,
            vrid: router.vrid,
            priority,
            interval: router.interval,
            addresses: router.addresses.iter().map(|it| it.address).collect(),
            password: None,
        };
        let form = form.unwrap_or(FIRST_FORM);
        let everybody = [group(router.family())];
        let peers: &[_] = if router.peers.is_empty() {
            &everybody
        } else {
            &router.peers
        };
        for peer in peers {
            let way = (seat.source, *peer);
            if let Some(payload) = self.trust.write(advertisement.clone(), way, form) {
                let _ = seat.advertise(&payload, *peer);
            }
        }
    }

    /// Tells once why it cannot take part.
    fn complain(&mut self, why: &impl Display) {
        let why = why.to_string();
        if self.complaint.as_ref() != Some(&why) {
            warn!("virtual router {}: {why}", self.name);
            self.complaint = Some(why);
        }
    }
}

/// What a virtual router watches; nothing has been read yet.
fn tracker(router: &ConfiguredRouter) -> Tracker {
    let objects = router.track.iter();
    let objects = objects.map(|it| (it.object.clone(), it.consequence));
    Tracker::new(router.priority, objects)
}

/// As others see it.
fn tracked(tracker: &Tracker) -> Vec<TrackedStatus> {
    let all = tracker
        .objects()
        .map(|(object, consequence, reading)| TrackedStatus {
            object: object.to_string(),
            consequence: consequence.to_string(),
            reading: reading.to_string(),
        });
    all.collect()
}
