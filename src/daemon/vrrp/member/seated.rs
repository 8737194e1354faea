// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a member is on this host, and what its machine learns of that.

use std::sync::Arc;

use super::Member;
use crate::daemon::vrrp::seat::{NoPlace, Place, Seat};
use crate::kernel::Route;
use crate::model::{Timestamp, VirtualRouter};
use crate::vrrp::{AnnounceReason, Event, Instance};

impl Member {
    /// Looks where it is on this host, and tells the machine what has changed.
    pub(in crate::daemon::vrrp) fn settle(&mut self, now: Timestamp, route: &mut Route) {
        if !self.may_begin {
            return;
        }
        if let Some(problem) = self.trust.problem().cloned() {
            self.complain(&problem);
            return self.leave_seat(now, route);
        }
        let place = match Place::look(route, &self.router) {
            Ok(place) => place,
            // What is, stays.
            Err(error @ NoPlace::Unread(_)) => return self.complain(&error),
            Err(error @ (NoPlace::NoSource(..) | NoPlace::Foreign(..))) => {
                self.complain(&error);
                return self.leave_seat(now, route);
            }
        };
        let moves = !self.seat.as_ref().is_some_and(|seat| seat.is_at(&place));
        if moves {
            match Seat::take(&self.router, &place) {
                Ok(seat) => self.sit(Some(seat)),
                Err(error) => {
                    let interface = &self.router.interface;
                    self.complain(&format!("open its sockets on {interface}: {error}"));
                    return self.leave_seat(now, route);
                }
            }
        }
        self.complaint = None;
        self.meet(now, &place, route);
        if moves && self.holds {
            // Another hardware address, perhaps.
            self.announce(AnnounceReason::TookOver);
        }
    }

    /// Another seat, or none. What the sockets of the old one have lost stays counted.
    pub(super) fn sit(&mut self, mut seat: Option<Seat>) {
        self.unread = self.unread();
        if let (Some(old), Some(new)) = (&mut self.seat, &mut seat) {
            new.keep_port(old);
        }
        self.seat = seat;
    }

    /// Packets that the kernel dropped before they could be read.
    pub(super) fn unread(&self) -> u64 {
        let lost = |seat: &Seat| seat.dropped(self.router.family());
        self.unread + self.seat.as_ref().map_or(0, lost)
    }

    /// Without a place it takes no part. The addresses go while it is known where they are.
    pub(super) fn leave_seat(&mut self, now: Timestamp, route: &mut Route) {
        self.handle(now, Event::LinkDown, route);
        self.sit(None);
    }

    /// The machine exists as soon as it is known where it speaks from.
    pub(super) fn meet(&mut self, now: Timestamp, place: &Place, route: &mut Route) {
        let source_changed = |it: &Instance| it.router().source != place.source;
        if self.machine.as_ref().is_some_and(source_changed) {
            // Another address makes it another router for its peers.
            self.handle(now, Event::Stop, route);
            self.machine = None;
        }
        let link = if place.running {
            Event::LinkUp
        } else {
            Event::LinkDown
        };
        if self.machine.is_none() {
            let router: VirtualRouter = self.router.from_source(&self.name, place.source);
            let machine = Instance::new(Arc::new(router));
            self.machine = Some(match &self.router.group {
                Some(_) => machine.in_group(),
                None => machine,
            });
            self.handle(now, link, route);
            self.handle(now, Event::Tracked(self.tracker.effective()), route);
            let start = self.resumes.take().map_or(Event::Start, Event::Resume);
            return self.handle(now, start, route);
        }
        self.handle(now, link, route);
    }
}
