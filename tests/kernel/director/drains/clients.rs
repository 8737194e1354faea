// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clients of one service: some open new connections all the time, also from the ports of earlier ones; one holds
//! connections, and asks on each of them all the time.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use fastrand::Rng;
use lab::netns::Host;
use lab::question::{Conversation, connect, connect_again};
use lab::service::LAST;
use nix::sys::socket::{setsockopt, sockopt};

use crate::stage::PATIENCE;

/// So many open new connections to one service.
const OPENERS: usize = 1;
/// So many connections are held.
const HELD: usize = 4;
/// The pause between two: the lab's kernel has one processor.
const BETWEEN: Duration = Duration::from_millis(100);

/// Who ended a connection, or that a reset did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    Client,
    Server,
    Reset,
}

/// A new connection and one question on it.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    pub(super) from: SocketAddr,
    /// How the earlier connection from the same port ended, if there was one.
    pub(super) again: Option<Close>,
    /// The server, or why there was no answer.
    pub(super) outcome: Result<String, String>,
}

/// A connection that stays open.
#[derive(Debug)]
pub(super) struct Held {
    /// Its server.
    pub(super) server: String,
    /// When it was found broken, and how.
    pub(super) broken: Option<(Instant, String)>,
    /// `None` once it is broken, or its client has closed it.
    conversation: Option<Conversation>,
}

/// What they have in common with the test.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    samples: Mutex<Vec<Sample>>,
    /// The server whose connections are closed.
    let_go: Mutex<Option<String>>,
    /// When the last round of questions on the held connections began.
    asked: Mutex<Option<Instant>>,
}

/// The clients at work.
pub(super) struct Clients {
    shared: Arc<Shared>,
    openers: Vec<JoinHandle<()>>,
    holder: JoinHandle<Vec<Held>>,
    /// The servers of the held connections.
    pub(super) held: Vec<String>,
}

impl Clients {
    /// They come from these addresses.
    pub(super) fn start(host: &Host, sources: &[IpAddr], to: SocketAddr, rng: &mut Rng) -> Self {
        let shared = Arc::new(Shared::default());
        let hold = || (0..HELD).map(|index| Held::open(sources[index], to).unwrap());
        let all: Vec<Held> = host.run(|| hold().collect());
        let held = all.iter().map(|it| it.server.clone()).collect();
        let openers = (0..OPENERS).map(|_| {
            let (shared, sources, rng) = (Arc::clone(&shared), sources.to_vec(), rng.fork());
            host.spawn(move || open(&shared, &sources, to, rng))
        });
        let openers = openers.collect();
        let of_holder = Arc::clone(&shared);
        let holder = host.spawn(move || watch(&of_holder, all));
        Self {
            shared,
            openers,
            holder,
            held,
        }
    }

    /// How many new connections have been opened.
    pub(super) fn opened(&self) -> usize {
        self.shared.samples.lock().unwrap().len()
    }

    /// Whether all held connections have been asked on since then.
    pub(super) fn asked_since(&self, then: Instant) -> bool {
        self.shared
            .asked
            .lock()
            .unwrap()
            .is_some_and(|it| it > then)
    }

    /// Those who hold a connection to this server close it.
    pub(super) fn let_go(&self, server: &str) {
        *self.shared.let_go.lock().unwrap() = Some(server.to_owned());
    }

    /// They end their work.
    pub(super) fn stop(self) -> (Vec<Sample>, Vec<Held>) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for opener in self.openers {
            opener.join().unwrap();
        }
        let held = self.holder.join().unwrap();
        let samples = std::mem::take(&mut *self.shared.samples.lock().unwrap());
        (samples, held)
    }
}

impl Held {
    fn open(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let stream = connect(Some(from), to, PATIENCE)?;
        let mut conversation = Conversation::new(stream)?;
        let answer = conversation.ask("here", Instant::now() + PATIENCE)?;
        Ok(Self {
            server: named(&answer),
            broken: None,
            conversation: Some(conversation),
        })
    }

    /// Asks, and sees whether it is broken.
    fn ask(&mut self) {
        let Some(conversation) = &mut self.conversation else {
            return;
        };
        let why = match conversation.ask("here", Instant::now() + PATIENCE) {
            Ok(answer) if named(&answer) == self.server => return,
            Ok(answer) => format!("answered by {answer}"),
            Err(error) => error.to_string(),
        };
        self.broken = Some((Instant::now(), why));
        self.conversation = None;
    }
}

fn named(answer: &str) -> String {
    answer.split(' ').next().unwrap_or_default().to_owned()
}

fn watch(shared: &Shared, mut all: Vec<Held>) -> Vec<Held> {
    while !shared.stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        for held in &mut all {
            let let_go = shared.let_go.lock().unwrap().clone();
            if let_go.as_deref() == Some(&held.server) {
                held.conversation = None;
            }
            held.ask();
        }
        *shared.asked.lock().unwrap() = Some(begun);
        sleep(BETWEEN * 4);
    }
    all
}

/// Opens one connection after the other.
fn open(shared: &Shared, sources: &[IpAddr], to: SocketAddr, mut rng: Rng) {
    let mut used: Vec<(SocketAddr, Close)> = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let again = rng.bool() && !used.is_empty();
        let again = again.then(|| used.swap_remove(rng.usize(..used.len())));
        let fresh = SocketAddr::new(sources[rng.usize(..sources.len())], 0);
        let from = again.map_or(fresh, |(from, _)| from);
        let close = [Close::Client, Close::Server, Close::Reset][rng.usize(..3)];
        let begun = Instant::now();
        let opened = connect_again(from, to, PATIENCE);
        if let (Some(again), Err(error)) = (again, &opened)
            && matches!(
                error.kind(),
                ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
            )
        {
            // Our own host still keeps that port.
            used.push(again);
        } else {
            let from = opened.as_ref().ok().and_then(|it| it.local_addr().ok());
            let answer = opened.and_then(|stream| ask(stream, close));
            let outcome = answer.map_err(|error| error.to_string());
            if let (Some(from), Ok(_)) = (from, &outcome) {
                used.push((from, close));
            }
            shared.samples.lock().unwrap().push(Sample {
                begun,
                ended: Instant::now(),
                from: from.unwrap_or(fresh),
                again: again.map(|(_, close)| close),
                outcome,
            });
        }
        sleep(BETWEEN);
    }
}

/// One question, and the end of the connection.
fn ask(stream: TcpStream, close: Close) -> io::Result<String> {
    let end = Instant::now() + PATIENCE;
    if close == Close::Reset {
        let at_once = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &at_once)?;
    }
    let mut conversation = Conversation::new(stream)?;
    let answer = match close {
        Close::Client | Close::Reset => conversation.ask("hello", end)?,
        Close::Server => {
            let answer = conversation.ask(LAST, end)?;
            conversation.wait_for_end(end)?;
            answer
        }
    };
    Ok(named(&answer))
}
