// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread of the virtual routers. It reads no file, starts no program, and waits for nobody: neither the engine nor
//! the log can delay an advertisement.

mod allowance;
mod crew;
mod member;
mod observers;
mod port;
mod resume;
mod scripts;
mod seat;
mod secrets;
mod trust;
mod view;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use tracing::warn;

use self::member::Member;
use self::observers::Observers;
pub(super) use self::secrets::{Secrets, readable_by_all};
pub(super) use self::view::RouterViews;
use self::watch::Watch;
use super::clock::Clock;
use super::state::Mastership;
use crate::engine::Engine;
use crate::model::{
    Config, ConfiguredRouter, RealTimePriority, ServiceKey, Timestamp, TrackedObject,
};
use crate::system::{Pulse, go_first};
use crate::vrrp::Reading;

/// What the rest of the program wants of the thread.
#[derive(Debug)]
enum Order {
    /// Go on where the process before was master of these: the addresses are local already.
    Resume(Vec<Mastership>),
    /// The table is in the kernel: an address of ours may become local.
    Begin,
    /// These are the virtual routers from now on.
    Change(Routers),
    /// An object that is tracked is so.
    Read(TrackedObject, Reading),
    /// The files with secrets were read again.
    Renew(Secrets),
    /// The master of all has sent its connections.
    Synced,
    /// Let other hosts be master of these.
    HandOver(Vec<String>),
    /// Say of which this host is master, for the next process. It will have these virtual routers: let other hosts be
    /// master of what is not the same there.
    Suspend(Routers, Sender<Vec<Mastership>>),
    /// Leave, release the addresses, and end.
    End,
    /// End, and leave the addresses to the next process.
    Leave,
}

/// The thread says within this time of what this host is master.
const LONGEST_ANSWER: Duration = Duration::from_secs(1);

/// Virtual routers by their names.
type Routers = BTreeMap<Box<str>, ConfiguredRouter>;

/// Takes the virtual routers of which this host is now master. It never waits.
pub(super) type TellMasters = Box<dyn Fn(BTreeSet<Box<str>>) + Send>;

/// Hands orders to the thread, and wakes it.
#[derive(Debug, Clone)]
pub(super) struct VrrpOrders {
    orders: Sender<Order>,
    bell: Arc<EventFd>,
}

/// Tells the thread what the engine knows, and what is found out about what is tracked.
#[derive(Debug)]
pub(super) struct VrrpFollower {
    orders: VrrpOrders,
    /// Whether the thread knows that the table is in the kernel.
    has_begun: bool,
    /// The virtual routers that it knows of.
    routers: Routers,
    /// The services that are tracked, and whether they had their quorum when it was told last.
    services: BTreeMap<ServiceKey, Option<Reading>>,
    observers: Observers,
}

impl VrrpFollower {
    fn new(orders: VrrpOrders, routers: &Routers) -> Self {
        let mut follower = Self {
            orders,
            has_begun: false,
            routers: routers.clone(),
            services: BTreeMap::new(),
            observers: Observers::default(),
        };
        follower.track(routers);
        follower
    }

    /// Tells the thread when the table is in the kernel, and when others are configured. So an address becomes local
    /// after its services have come.
    pub(super) fn follow(&mut self, engine: &Engine, now: Timestamp) {
        let routers = &engine.config().routers;
        let begins = !self.has_begun && engine.has_begun(now);
        self.has_begun |= begins;
        let changed = self.has_begun && *routers != self.routers;
        if changed {
            self.routers.clone_from(routers);
            self.track(routers);
        }
        // First of all: who begins must not believe that all is well.
        self.read_services(engine);
        if begins {
            self.orders.order(Order::Begin);
        }
        if changed {
            self.orders.order(Order::Change(routers.clone()));
        }
    }

    /// Looks at what these virtual routers track, and at nothing else.
    fn track(&mut self, routers: &Routers) {
        let (mut services, mut observed) = (BTreeMap::new(), BTreeSet::new());
        for object in routers.values().flat_map(ConfiguredRouter::tracked) {
            match object {
                TrackedObject::Service(key) => {
                    let known = self.services.get(key).copied().flatten();
                    services.insert(*key, known);
                }
                // The thread of the virtual routers hears of it itself.
                TrackedObject::Interface(_) => {}
                TrackedObject::Route { .. }
                | TrackedObject::Script(_)
                | TrackedObject::File(_)
                | TrackedObject::Process(_) => {
                    observed.insert(object.clone());
                }
            }
        }
        self.services = services;
        self.observers.observe(&observed, &self.orders);
    }

    fn read_services(&mut self, engine: &Engine) {
        if !self.has_begun {
            return;
        }
        for (key, known) in &mut self.services {
            let reading = Reading::of(engine.has_quorum(key));
            if known.replace(reading) != Some(reading) {
                self.orders.read(TrackedObject::Service(*key), reading);
            }
        }
    }
}

impl VrrpOrders {
    /// An object that is tracked is so.
    fn read(&self, object: TrackedObject, reading: Reading) {
        self.order(Order::Read(object, reading));
    }

    /// From now on these secrets count, also for virtual routers that come later.
    pub(super) fn renew(&self, secrets: Secrets) {
        self.order(Order::Renew(secrets));
    }

    /// The connections of the other director have come.
    pub(super) fn synced(&self) {
        self.order(Order::Synced);
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
    pulse: Arc<Pulse>,
}

impl VrrpThread {
    /// Starts it. No address becomes local before [`VrrpFollower::follow`] says so.
    pub(super) fn start(config: &Config, clock: Clock, tell: TellMasters) -> io::Result<Self> {
        let secrets = Secrets::read(&config.routers);
        let began = clock.now();
        let of = |name: &str, router: &ConfiguredRouter| {
            Member::new(name, router.clone(), began, &secrets)
        };
        let members = config.routers.iter();
        let members: Vec<Member> = members.map(|(name, router)| of(name, router)).collect();
        let (orders, inbox) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = Arc::new(EventFd::from_value_and_flags(0, flags)?);
        let views = RouterViews::default();
        let inbox = (inbox, Arc::clone(&bell));
        let watch = Watch::new(members, secrets, clock, inbox, views.clone(), tell);
        let real_time = config.director.real_time;
        let pulse = Pulse::begin();
        let own = Arc::clone(&pulse);
        let thread = thread::Builder::new()
            .name("vrrp".to_owned())
            .spawn(move || {
                own.adopt_when_watched();
                run_first(real_time);
                watch.run();
            })?;
        let orders = VrrpOrders { orders, bell };
        Ok(Self {
            orders,
            views,
            thread,
            pulse,
        })
    }

    /// For those who give orders.
    pub(super) fn orders(&self) -> VrrpOrders {
        self.orders.clone()
    }

    /// Its sign of life.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// For the engine's shell. What is tracked is looked at from now on.
    pub(super) fn follower(&self, config: &Config) -> VrrpFollower {
        VrrpFollower::new(self.orders(), &config.routers)
    }

    /// For those who look.
    pub(super) fn views(&self) -> RouterViews {
        self.views.clone()
    }

    /// Goes on where the process before was master of these. Its table is in the kernel, and its addresses are local: nothing
    /// is gained by waiting, and the peers do not wait long.
    pub(super) fn resume(&self, left: Vec<Mastership>) {
        if !left.is_empty() {
            self.orders.order(Order::Resume(left));
        }
    }

    /// Of what this host is master. The next process has this configuration: what is not the same there goes to the peers
    /// now.
    pub(super) fn suspend(&self, next: &Config) -> Vec<Mastership> {
        let (answer, masterships) = channel();
        self.orders
            .order(Order::Suspend(next.routers.clone(), answer));
        // Without netlink, or after a defect, nothing can be said of the addresses.
        let masterships = masterships.recv_timeout(LONGEST_ANSWER);
        masterships.unwrap_or_default()
    }

    /// Ends, and leaves the addresses to the next process, for which the peers wait.
    pub(super) fn leave(self) {
        self.orders.order(Order::Leave);
        let _ = self.thread.join();
    }

    /// Has the peers take over, releases the addresses, and ends. Afterwards no address of ours is local.
    pub(super) fn end(self) {
        self.orders.order(Order::End);
        // A thread that ended by a defect has released nothing, and nobody else can.
        let _ = self.thread.join();
    }
}

/// Gives the calling thread its real-time priority. Without it, it goes on as the others.
fn run_first(priority: Option<RealTimePriority>) {
    let Some(priority) = priority.map(RealTimePriority::get) else {
        return;
    };
    if let Err(error) = go_first(priority) {
        warn!(
            "director: real_time: give the virtual routers the real-time priority {priority}: {error}; the director needs \
             CAP_SYS_NICE for it (CapabilityBoundingSet of its unit), or a limit (LimitRTPRIO={priority}); they go on \
             without it"
        );
    }
}
