// SPDX-License-Identifier: MIT OR Apache-2.0
//! One reading of the kernel's list of connections, sent while it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use super::{Outcome, Route};
use crate::codec::connection::Connection;
use crate::codec::sync::{SyncConnection, SyncMessage};
use crate::control::SentConnections;
use crate::daemon::clock::Clock;
use crate::kernel::{CONNECTIONS, ConnectionLines, Ipvs, connections};
use crate::model::Timestamp;
use crate::net::MulticastSocket;
use crate::plan::{Copies, LeftOut, Pace, Target as _};

/// What takes less is done twice. Datagrams get lost without a word. And before Linux 6.14 the kernel finds its place in the
/// list by counting: when connections end while it is read, others are passed over.
const SHORT: Duration = Duration::from_millis(2_500);

/// Everything that is used while connections are sent. Its size does not depend on how many there are.
pub(super) struct Pass<'a> {
    route: &'a Route,
    clock: Clock,
    is_wanted: &'a dyn Fn() -> bool,
    copies: Copies,
    socket: MulticastSocket,
    message: SyncMessage,
    pace: Pace,
    connections: u64,
    left_out: BTreeMap<LeftOut, u64>,
}

impl<'a> Pass<'a> {
    /// Sends all connections but those to the addresses in `elsewhere`, as long as it is wanted.
    pub(super) fn send_all(
        route: &'a Route,
        elsewhere: BTreeSet<IpAddr>,
        clock: Clock,
        is_wanted: &'a dyn Fn() -> bool,
    ) -> Outcome {
        let began = clock.now();
        let mut pass = Self::new(route, elsewhere, clock, is_wanted)?;
        pass.once(began)?;
        if clock.now().since(began) < SHORT {
            pass.once(began)?;
        }
        let took = clock.now().since(began).as_millis();
        let left_out = pass.left_out.iter();
        Ok(SentConnections {
            connections: pass.connections,
            left_out: left_out
                .map(|(why, count)| (why.to_string(), *count))
                .collect(),
            milliseconds: u64::try_from(took).unwrap_or(u64::MAX),
            to: route.to_string(),
        })
    }

    fn new(
        route: &'a Route,
        elsewhere: BTreeSet<IpAddr>,
        clock: Clock,
        is_wanted: &'a dyn Fn() -> bool,
    ) -> Result<Self, String> {
        let mut ipvs = Ipvs::open().map_err(|error| error.to_string())?;
        let table = ipvs.read().map_err(|error| error.to_string())?;
        let socket = MulticastSocket::open(route.group, &route.interface, route.hops);
        Ok(Self {
            route,
            clock,
            is_wanted,
            copies: Copies::new(table, elsewhere),
            socket: socket.map_err(|error| failed(route, error))?,
            message: SyncMessage::new(route.sync_id, route.longest),
            pace: Pace::new(clock.now()),
            connections: 0,
            left_out: BTreeMap::new(),
        })
    }

    /// Reads the list once, and sends what is in it.
    fn once(&mut self, began: Timestamp) -> Result<(), String> {
        self.connections = 0;
        self.left_out.clear();
        let unread = |error: std::io::Error| format!("read {CONNECTIONS}: {error}");
        let input = connections().map_err(unread)?;
        let mut lines = ConnectionLines::behind_title(input).map_err(unread)?;
        let mut line = String::new();
        while lines.next(&mut line).map_err(unread)? {
            let connection = Connection::parse(&line);
            let connection = connection.map_err(|error| format!("read {CONNECTIONS}: {error}"))?;
            match self.copies.of(&connection) {
                Ok(copy) => self.add(&copy, began)?,
                Err(why) => *self.left_out.entry(why).or_default() += 1,
            }
        }
        self.flush(began)
    }

    fn add(&mut self, copy: &SyncConnection<'_>, began: Timestamp) -> Result<(), String> {
        if !self.message.push(copy) {
            self.flush(began)?;
            // Every one has room in an empty message.
            let _ = self.message.push(copy);
        }
        self.connections += 1;
        Ok(())
    }

    /// Sends what is in the message, at its time.
    #[expect(clippy::disallowed_methods, reason = "the pace of messages is a time")]
    fn flush(&mut self, began: Timestamp) -> Result<(), String> {
        if self.message.connections() == 0 {
            return Ok(());
        }
        loop {
            if !(self.is_wanted)() {
                let seconds = self.clock.now().since(began).as_secs_f64();
                let sent = self.connections;
                let why = format!("nobody waits for it after {seconds:.1} s, {sent} were sent");
                return Err(failed(self.route, why));
            }
            let wait = self.pace.next(self.clock.now());
            if wait.is_zero() {
                break;
            }
            sleep(wait);
        }
        let sent = self.socket.send(self.message.bytes());
        self.message.clear();
        sent.map_err(|error| failed(self.route, error))
    }
}

fn failed(route: &Route, why: impl Display) -> String {
    format!("send all connections to {route}: {why}")
}
