// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread of the virtual routers. It reads no file, starts no program, and waits for nobody: neither the engine nor
//! the log can delay an advertisement.

mod member;
mod seat;
mod view;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use nix::sys::eventfd::{EfdFlags, EventFd};

use self::member::Member;
pub(super) use self::view::RouterViews;
use self::watch::Watch;
use super::clock::Clock;
use crate::engine::Engine;
use crate::model::{Config, ConfiguredRouter, Timestamp};

/// What the rest of the program wants of the thread.
#[derive(Debug)]
enum Order {
    /// The table is in the kernel: an address of ours may become local.
    Begin,
    /// These are the virtual routers from now on.
    Change(Routers),
    /// Let other hosts be master of these.
    HandOver(Vec<String>),
    /// Leave, release the addresses, and end.
    End,
}

/// Virtual routers by their names.
type Routers = BTreeMap<Box<str>, ConfiguredRouter>;

/// Takes the virtual routers of which this host is now master. It never waits.
pub(super) type TellMasters = Box<dyn Fn(BTreeSet<Box<str>>) + Send>;

/// Hands orders to the thread, and wakes it.
#[derive(Debug, Clone)]
pub(super) struct VrrpOrders {
    orders: Sender<Order>,
    bell: Arc<EventFd>,
    /// Whether the thread knows that the table is in the kernel.
    has_begun: bool,
    /// The virtual routers that it knows of.
    routers: Routers,
}

impl VrrpOrders {
    /// Tells the thread when the table is in the kernel, and when others are configured. So an address becomes local
    /// after its services have come.
    pub(super) fn follow(&mut self, engine: &Engine, now: Timestamp) {
        let routers = &engine.config().routers;
        if !self.has_begun && engine.has_begun(now) {
            self.has_begun = true;
            self.order(Order::Begin);
        }
        if self.has_begun && *routers != self.routers {
            self.routers.clone_from(routers);
            self.order(Order::Change(routers.clone()));
        }
    }

    /// Lets other hosts be master of these.
    pub(super) fn hand_over(&self, routers: &[String]) {
        self.order(Order::HandOver(routers.to_vec()));
    }

    fn order(&self, order: Order) {
        // The thread may have ended by a defect; a full counter wakes it, too.
        let _ = self.orders.send(order);
        let _ = self.bell.write(1);
    }
}

/// The thread.
pub(super) struct VrrpThread {
    orders: VrrpOrders,
    views: RouterViews,
    thread: JoinHandle<()>,
}

impl VrrpThread {
    /// Starts it. No address becomes local before [`VrrpOrders::begin`].
    pub(super) fn start(config: &Config, clock: Clock, tell: TellMasters) -> io::Result<Self> {
        let members = config.routers.iter();
        let began = clock.now();
        let members = members.map(|(name, router)| Member::new(name, router.clone(), began));
        let members: Vec<Member> = members.collect();
        let (orders, inbox) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = Arc::new(EventFd::from_value_and_flags(0, flags)?);
        let views = RouterViews::default();
        let watch = Watch::new(
            members,
            clock,
            (inbox, Arc::clone(&bell)),
            views.clone(),
            tell,
        );
        let thread = thread::Builder::new()
            .name("vrrp".to_owned())
            .spawn(move || watch.run())?;
        let orders = VrrpOrders {
            orders,
            bell,
            has_begun: false,
            routers: config.routers.clone(),
        };
        Ok(Self {
            orders,
            views,
            thread,
        })
    }

    /// For those who give orders.
    pub(super) fn orders(&self) -> VrrpOrders {
        self.orders.clone()
    }

    /// For those who look.
    pub(super) fn views(&self) -> RouterViews {
        self.views.clone()
    }

    /// Has the peers take over, releases the addresses, and ends. Afterwards no address of ours is local.
    pub(super) fn end(self) {
        self.orders.order(Order::End);
        // A thread that ended by a defect has released nothing, and nobody else can.
        let _ = self.thread.join();
    }
}
