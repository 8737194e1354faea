// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client that opens a new connection every few milliseconds, and notes what becomes of each.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use lab::netns::Host;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The time from one new connection to the next.
pub(super) const EVERY: Duration = Duration::from_millis(4);
const QUESTION: &[u8] = b"hello\n";

/// One connection: opened, asked, answered, closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// Whether there was an answer within the client's patience.
    pub(super) answered: bool,
}

/// The client, until it is stopped.
pub(super) struct Stream {
    over: Arc<AtomicBool>,
    made: Arc<Mutex<Vec<Attempt>>>,
    thread: JoinHandle<Result<()>>,
}

impl Stream {
    /// Each connection may take this long.
    pub(super) fn start(client: &Host, to: SocketAddr, patience: Duration) -> Self {
        let (over, made) = (Arc::default(), Arc::default());
        let (ends, notes) = (Arc::clone(&over), Arc::clone(&made));
        let thread = client.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            LocalSet::new().block_on(&runtime, open_many(to, patience, &ends, &notes));
            Ok(())
        });
        Self { over, made, thread }
    }

    /// The connections that have come to an end so far.
    pub(super) fn so_far(&self) -> Vec<Attempt> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.clone()
    }

    /// The first connection that was begun after this moment and answered.
    pub(super) fn first_after(&self, moment: Instant) -> Option<Attempt> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut later = made.iter().filter(|it| it.began > moment && it.answered);
        later.next().copied()
    }

    /// Opens no more, waits for those that are open, and returns all.
    pub(super) fn stop(self) -> Result<Vec<Attempt>> {
        self.over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the client has panicked"))??;
        Ok(self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone())
    }
}

async fn open_many(
    to: SocketAddr,
    patience: Duration,
    over: &AtomicBool,
    made: &Arc<Mutex<Vec<Attempt>>>,
) {
    let mut turns = interval(EVERY);
    // One that was late does not open several at once.
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = tokio::task::JoinSet::new();
    while !over.load(Ordering::Relaxed) {
        turns.tick().await;
        let made = Arc::clone(made);
        open.spawn_local(async move {
            let began = Instant::now();
            let answered = matches!(timeout(patience, ask(to)).await, Ok(Ok(())));
            let attempt = Attempt {
                began,
                ended: Instant::now(),
                answered,
            };
            made.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(attempt);
        });
        while open.try_join_next().is_some() {}
    }
    while open.join_next().await.is_some() {}
}

async fn ask(to: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(QUESTION).await?;
    let mut answer = [0; 64];
    match stream.read(&mut answer).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
