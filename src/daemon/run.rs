// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director run`: the threads, the signals, the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tracing::{info, warn};
use tracing_subscriber::filter::LevelFilter;

use super::args::Failure;
use super::bulk::Bulk;
use super::clock::Clock;
use super::desk::{self, Desk, HandOver};
use super::door::Door;
use super::ending::{Ending, Signals, heed_and_tell, leave};
use super::exchange::{Exchange, TableEvent, table_events};
use super::kernel::LocalKernel;
use super::lan;
use super::loader::Loader;
use super::log::{self, Levels, LogFormat};
use super::oneshot::{follow, not_open};
use super::pair::{self, KeyFile, PairChannel, PeerSender};
use super::published::Published;
use super::recorder::Recorder;
use super::shell::{ReadBack, Shell};
use super::state::{
    Confirming, Mastership, OwnedFile, Recollection, RememberedFile, RememberedWriter,
    WRITE_INTERVAL, WallTime, take_mastership,
};
use super::supervision::Supervision;
use super::vrrp::{RouterViews, VrrpFollower, VrrpOrders, VrrpThread};
use super::web;
use crate::config::Follower;
use crate::control::ControlSocket;
use crate::engine::{Command, Engine, Event, PeerNews, ReloadId, Start, count};
use crate::health::{ProbeRequest, RunId, WireId};
use crate::kernel::Lookout;
use crate::model::{Config, DirectorSettings, ProbeReport, Recalled, Timestamp, WireNews};
use crate::probe::{self, WireOrder};
use crate::system::{Pulse, keep_memory_small, lock_memory};

/// Descriptors kept back from probes: sockets, log, state files, control clients.
const RESERVED_DESCRIPTORS: u64 = 128;
/// The largest number of probes at a time, for any number of descriptors.
const MOST_PROBES: u64 = 16_384;
/// And of held connections.
const MOST_WIRES: u64 = 65_536;
/// A director that ends for this one needs at most so long: for the last note, a recording, and goodbyes to servers.
const LONGEST_END: Duration = Duration::from_secs(10);

/// The options of `director run`.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) release: bool,
    pub(super) level: LevelFilter,
    pub(super) format: LogFormat,
    pub(super) record: Option<PathBuf>,
}

/// The command.
pub(super) fn run(path: &Path, options: &Options) -> Result<ExitCode, Failure> {
    keep_memory_small();
    let log = log::start(options.level, options.format)
        .map_err(|error| Failure::failed(format!("start the log's thread: {error}")))?;
    // As whoever is elsewhere finds it.
    let path = &std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Use the log: standard error may be a pipe that nobody reads.
    run_until_stopped(path, options, log.levels()).or_else(|failure| {
        log.line(&failure.message);
        Ok(failure.code)
    })
}

fn run_until_stopped(path: &Path, options: &Options, levels: Levels) -> Result<ExitCode, Failure> {
    let (runtime, signals) = runtime()?;
    let mut follower = Follower::default();
    let config = first_reading(&mut follower, path)?;
    keep_in_memory(&config.director);
    let door = door(&runtime, &config.director)?;
    let (events, inbox) = channel();
    let (probes, requests) = unbounded_channel();
    let (wires, orders) = unbounded_channel();
    let clock = Clock::start();
    let virtual_routers = virtual_routers(&config, clock, &events)?;
    let pair = Pair::new(&config, clock, &events);
    let senders = Senders {
        probes,
        wires,
        virtual_routers: virtual_routers.follower(&config),
        peer: pair.sender.clone(),
    };
    let (shell, start, left) = furnish(config, options, (clock, pair.instance), senders)?;
    let published = Arc::clone(&shell.published);
    let written = shell.remembered.tried();
    let begun = begin(shell, start, inbox)?;
    virtual_routers.resume(left);
    let orders_to_routers = (virtual_routers.orders(), pair.keys);
    let loader = Loader::new(path, follower, &events, orders_to_routers, &door);
    let supervision = supervision(begun.pulse, &virtual_routers, &published, &loader);
    let bulk = bulk(&published, virtual_routers.views(), clock)?;
    let desk = with_pages(Desk {
        published: Arc::clone(&published),
        bulk: bulk.clone(),
        routers: virtual_routers.views(),
        channel: pair.channel.view(),
        hand_over: hand_over_by(virtual_routers.orders()),
        reload: reload_by(&loader),
        order: orders_to(&events),
        written,
        commands: AtomicU64::new(0),
        levels,
        clock,
        path: path.to_owned(),
    })?;
    let tables = (pair.tables, pair.sender);
    let exchange = exchange(tables, &bulk, &published, &virtual_routers);
    let (room, local) = (room(), LocalSet::new());
    let report = wire_reporter(&events);
    let mut wires = Box::pin(probe::hold_wires(orders, room.wires, report));
    let (ending, holds) = local.block_on(&runtime, async {
        tokio::select! {
            () = probe::run(requests, room.probes, move || clock.now(), reporter(&events)) => (Ending::Stop, true),
            () = &mut wires => (Ending::Stop, false),
            () = pair.channel.keep(Arc::clone(&published)) => (Ending::Stop, true),
            () = exchange.run() => (Ending::Stop, true),
            () = lan::listen(&published, &events) => (Ending::Stop, true),
            () = supervision.keep() => (Ending::Stop, true),
            ending = heed_and_tell(signals, &loader, &door, &bulk) => (ending, true),
            _ = begun.ended => (Ending::Stop, true),
            () = desk::serve(&door, desk) => (Ending::Stop, true),
        }
    });
    supervision.ends();
    let rest = Rest {
        runtime: &runtime,
        local: &local,
        events,
        engine: begun.thread,
        wires: holds.then_some(wires),
    };
    let ended = end(ending, options.release, virtual_routers, rest);
    // A thread that reads a password from a disk that hangs must not keep the director.
    runtime.shutdown_background();
    ended
}

/// The configuration that the director starts with. What is to be said of it goes to the log.
fn first_reading(follower: &mut Follower, path: &Path) -> Result<Arc<Config>, Failure> {
    let read = follow(follower, path, true)?;
    read.log();
    Ok(read.config)
}

/// The desk, and the thread that shows browsers what it says.
fn with_pages(desk: Desk) -> Result<Arc<Desk>, Failure> {
    let desk = Arc::new(desk);
    let failed = |error| Failure::failed(format!("start the thread of the status page: {error}"));
    web::start(&desk).map_err(failed)?;
    Ok(desk)
}

/// The control socket, when the director before has left it.
fn door(runtime: &Runtime, settings: &DirectorSettings) -> Result<Arc<Door>, Failure> {
    let socket = ControlSocket::open_after(&settings.socket, LONGEST_END);
    let socket = runtime.block_on(socket).map_err(Failure::failed)?;
    Ok(Door::new(socket))
}

/// The runtime of the main thread, and the signals, which are heeded from now on.
fn runtime() -> Result<(Runtime, Signals), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("start the runtime: {error}")))?;
    let signals = {
        let _inside = runtime.enter();
        Signals::listen()
            .map_err(|error| Failure::failed(format!("listen for signals: {error}")))?
    };
    Ok((runtime, signals))
}

/// Ends all, in the order that connections of clients want.
fn end(
    ending: Ending,
    release: bool,
    virtual_routers: VrrpThread,
    rest: Rest<'_, impl Future<Output = ()>>,
) -> Result<ExitCode, Failure> {
    match ending {
        Ending::Stop => {
            // The addresses go first: afterwards nobody sends packets for the virtual services here.
            virtual_routers.end();
            rest.end(release)
        }
        Ending::HandOver => {
            virtual_routers.end();
            rest.end(false)
        }
        Ending::ForNext(next) => {
            // The last advertisement comes last: the peers begin to wait with it.
            let ended = rest.end(false);
            leave(virtual_routers, &next);
            ended
        }
    }
}

/// What ends beside the virtual routers.
struct Rest<'a, W> {
    runtime: &'a Runtime,
    local: &'a LocalSet,
    events: Sender<Event>,
    engine: JoinHandle<ExitCode>,
    /// The connections that are held, if they are.
    wires: Option<W>,
}

impl<W: Future<Output = ()>> Rest<'_, W> {
    fn end(self, release: bool) -> Result<ExitCode, Failure> {
        // The engine may have ended by itself: then nobody receives this.
        let _ = self.events.send(Event::Stop { release });
        let ended = self
            .engine
            .join()
            .map_err(|_| Failure::failed("the engine ended by a defect; this is a bug"));
        if let Some(wires) = self.wires {
            // The engine orders no more connections. Those that are held get a proper end.
            self.local.block_on(self.runtime, wires);
        }
        ended
    }
}

/// Has the kernel swap nothing of this process out, if it is asked for. Without it, the director goes on.
fn keep_in_memory(settings: &DirectorSettings) {
    if settings.lock_memory
        && let Err(error) = lock_memory()
    {
        warn!(
            "director: lock_memory: {error}; the director needs an infinite limit of locked memory for it \
             (LimitMEMLOCK=infinity in its unit); it goes on without"
        );
    }
}

/// The engine's thread.
struct Begun {
    thread: JoinHandle<ExitCode>,
    /// Closed when it ends, by a defect, too.
    ended: oneshot::Receiver<()>,
    pulse: Arc<Pulse>,
}

/// Starts the engine's thread.
fn begin(
    shell: Shell<LocalKernel>,
    start: Start,
    inbox: Receiver<Event>,
) -> Result<Begun, Failure> {
    let pulse = Pulse::begin();
    let own = Arc::clone(&pulse);
    let (running, ended) = oneshot::channel::<()>();
    let thread = thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            let _running = running;
            own.adopt_when_watched();
            shell.run(Event::Start(Box::new(start)), &inbox)
        })
        .map_err(|error| Failure::failed(format!("start the engine's thread: {error}")))?;
    Ok(Begun {
        thread,
        ended,
        pulse,
    })
}

/// What systemd hears, of the engine with this pulse and of the others.
fn supervision(
    engine: Arc<Pulse>,
    virtual_routers: &VrrpThread,
    published: &Arc<Published>,
    loader: &Arc<Loader>,
) -> Supervision {
    let pulses = [("engine", engine), ("vrrp", virtual_routers.pulse())];
    let views = virtual_routers.views();
    Supervision::new(pulses, Arc::clone(published), views, loader.asked())
}

fn virtual_routers(
    config: &Config,
    clock: Clock,
    events: &Sender<Event>,
) -> Result<VrrpThread, Failure> {
    let events = events.clone();
    // The engine may have ended by itself.
    let tell = Box::new(move |masters| drop(events.send(Event::MasterOf(masters))));
    let failed = |error| format!("start the thread of the virtual routers: {error}");
    VrrpThread::start(config, clock, tell).map_err(|error| Failure::failed(failed(error)))
}

fn bulk(published: &Arc<Published>, routers: RouterViews, clock: Clock) -> Result<Bulk, Failure> {
    let failed = |error| format!("start the thread that sends connections: {error}");
    let bulk = Bulk::start(Arc::clone(published), routers, clock);
    bulk.map_err(|error| Failure::failed(failed(error)))
}

/// The ends of the channel to the other director.
struct Pair {
    channel: PairChannel,
    sender: PeerSender,
    /// Where the file with the key goes when it was read again.
    keys: watch::Sender<Option<KeyFile>>,
    /// A number by chance: this process.
    instance: u64,
    /// What the other one says of its connections.
    tables: mpsc::Receiver<TableEvent>,
}

impl Pair {
    /// What comes from there goes to the engine.
    fn new(config: &Config, clock: Clock, events: &Sender<Event>) -> Self {
        let instance = fastrand::u64(1..);
        let keys = watch::Sender::new(config.peer.as_ref().map(KeyFile::read_warning));
        let events = events.clone();
        let (tell_of_tables, tables) = table_events();
        let tell = Box::new(move |news: PeerNews| {
            if let Some(table) = TableEvent::of(&news) {
                // When many wait, one more says nothing new.
                let _ = tell_of_tables.try_send(table);
            }
            // The engine may have ended by itself.
            drop(events.send(Event::Peer(news)));
        });
        let (channel, sender) = pair::channel(keys.subscribe(), tell, clock, instance);
        Self {
            channel,
            sender,
            keys,
            instance,
            tables,
        }
    }
}

/// What has the connections of the two directors go to the other kernel.
fn exchange(
    (events, peer): (mpsc::Receiver<TableEvent>, PeerSender),
    bulk: &Bulk,
    published: &Arc<Published>,
    virtual_routers: &VrrpThread,
) -> Exchange {
    Exchange {
        events,
        peer,
        bulk: bulk.clone(),
        published: Arc::clone(published),
        routers: virtual_routers.views(),
        virtual_routers: virtual_routers.orders(),
    }
}

/// Hands the orders of operators to the virtual routers.
fn hand_over_by(orders: VrrpOrders) -> HandOver {
    Box::new(move |routers| orders.hand_over(routers))
}

/// Hands the wish for a reload to the loader.
fn reload_by(loader: &Arc<Loader>) -> Box<dyn Fn() -> ReloadId + Send + Sync> {
    let loader = Arc::clone(loader);
    Box::new(move || loader.ask())
}

/// Hands the orders of operators to the engine.
fn orders_to(events: &Sender<Event>) -> Box<dyn Fn(Command) + Send + Sync> {
    let events = events.clone();
    // The engine may have ended by itself.
    Box::new(move |command| drop(events.send(Event::Ordered(Box::new(command)))))
}

/// To whom the shell sends.
struct Senders {
    probes: UnboundedSender<ProbeRequest>,
    wires: UnboundedSender<WireOrder>,
    virtual_routers: VrrpFollower,
    peer: PeerSender,
}

/// The shell with everything that it owns, the engine's first event, and of what the director before was master.
fn furnish(
    config: Arc<Config>,
    options: &Options,
    (clock, instance): (Clock, u64),
    senders: Senders,
) -> Result<(Shell<LocalKernel>, Start, Vec<Mastership>), Failure> {
    let mut owned = OwnedFile::open(&config.director.state_file).map_err(Failure::failed)?;
    let left = take_mastership(&config.director.state_file);
    let configured = config.routers.iter();
    let still =
        configured.filter(|(name, router)| left.iter().any(|left| left.is_of(name, router)));
    let needs_ipvs = !config.services.is_empty() || config.connection_sync.is_some();
    let remembered = &config.director.remembered_file;
    let mut remembered = RememberedFile::open(remembered).map_err(Failure::failed)?;
    let start = Start {
        owned: owned.read().map_err(Failure::failed)?,
        recalled: recall(&mut remembered, &config),
        orders: remembered.orders().to_vec(),
        drains: remembered.drains(WallTime::now()),
        slow_starts: remembered.slow_starts(WallTime::now()),
        masters: still.map(|(name, _)| name.clone()).collect(),
        ledger: remembered.ledger().to_vec(),
        origin: instance,
        config,
    };
    let kernel = LocalKernel::open(needs_ipvs).map_err(not_open)?;
    if matches!(kernel, LocalKernel::Without) {
        info!("this kernel has no IPVS; without virtual services nothing here needs it");
    }
    let remembered = RememberedWriter::start(remembered, WRITE_INTERVAL)
        .map_err(|error| Failure::failed(format!("start the thread that remembers: {error}")))?;
    let seed = u64::from(std::process::id());
    let recorder = options.record.as_deref();
    let recorder = recorder.map(|path| Recorder::begin(path, seed));
    let shell = Shell {
        engine: Engine::new(seed),
        kernel,
        lookout: Lookout::new(),
        clock,
        owned,
        remembered,
        probes: senders.probes,
        wires: senders.wires,
        peer: senders.peer,
        published: Arc::new(Published::default()),
        recorder: recorder.transpose().map_err(Failure::failed)?,
        set_aside: None,
        last_published: clock.now(),
        read_back: ReadBack::default(),
        news: false,
        drain_begun: false,
        verdicts: false,
        last_noted: Timestamp::ZERO,
        virtual_routers: senders.virtual_routers,
        confirming: Confirming::new(clock.now(), WallTime::now()),
        end: None,
    };
    Ok((shell, start, left))
}

/// The standings in the remembered file that are young enough.
fn recall(file: &mut RememberedFile, config: &Config) -> Vec<Recalled> {
    let limit = config.director.remember;
    let Recollection { young, too_old } = file.recalled(WallTime::now(), limit.unwrap_or_default());
    if let (Some(limit), 1..) = (limit, too_old) {
        info!(
            "{} of the remembered file {} not used: last known {} s ago or more (director: remember), or, by this \
             host's clock, in the future",
            count(too_old, "standing"),
            config.director.remembered_file.display(),
            limit.as_secs()
        );
    }
    young
}

/// Hands the reports of probes to the engine.
fn reporter(events: &Sender<Event>) -> impl Fn(RunId, ProbeReport) + Clone + 'static {
    let events = events.clone();
    let hand_over = move |reports| {
        // The engine may have ended by itself.
        let _ = events.send(Event::Probed(reports));
    };
    probe::together(hand_over)
}

/// Hands what held connections tell to the engine.
fn wire_reporter(events: &Sender<Event>) -> impl Fn(WireId, WireNews) + Clone + 'static {
    let events = events.clone();
    // The engine may have ended by itself.
    move |wire, news| drop(events.send(Event::WireTold(wire, news)))
}

/// How many descriptors there are for probes, and how many for held connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    probes: usize,
    wires: u32,
}

impl Room {
    /// The share of each when this many files can be open. Held connections get a quarter, so that they never take the
    /// descriptors of the probes.
    fn of(limit: u64) -> Self {
        let free = limit.saturating_sub(RESERVED_DESCRIPTORS);
        let wires = (free / 4).min(MOST_WIRES);
        let probes = (free - wires).clamp(16, MOST_PROBES);
        Self {
            probes: usize::try_from(probes).unwrap_or(16),
            wires: u32::try_from(wires).unwrap_or(0),
        }
    }
}

/// The room by the limit of descriptors, which it first raises as far as possible.
fn room() -> Room {
    let limit = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard))
            if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() =>
        {
            hard
        }
        Ok((soft, _)) => soft,
        Err(errno) => {
            warn!("read the limit of open files: {errno}; probing 512 servers at a time");
            512 + RESERVED_DESCRIPTORS
        }
    };
    Room::of(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_connections_leave_the_probes_their_descriptors() {
        for (limit, probes, wires) in [
            (64, 16, 0),
            (256, 96, 32),
            (1024, 672, 224),
            (65_536, 16_384, 16_352),
            (1 << 20, 16_384, 65_536),
        ] {
            assert_eq!(Room::of(limit), Room { probes, wires }, "{limit}");
        }
    }
}
