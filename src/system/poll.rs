// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many sockets that tokio waits for as one. Each is made known once, and not for each connection that it opens.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// So much is told at a time.
const MOST: usize = 64;

/// Sockets of which somebody wants to know when they can be written to. Source: epoll(7).
#[derive(Debug)]
pub struct Poll(AsyncFd<Descriptor>);

/// What has happened to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Happened {
    /// The number under which it is known.
    pub number: u64,
    /// Whether it has an error, or its other end is gone; otherwise it can be written to.
    pub failed: bool,
}

#[derive(Debug)]
struct Descriptor(Epoll);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl Poll {
    /// It knows no socket yet.
    ///
    /// # Errors
    ///
    /// The kernel's, when there is no descriptor left.
    #[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
    pub fn new() -> io::Result<Self> {
        let descriptor = Descriptor(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        // SAFETY: the value owns one descriptor, gives it in `as_raw_fd` each time, and closes it when it is dropped. It
        // moves into the `AsyncFd`, which never gives it away.
        let known = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        known.map(Self).map_err(io::Error::from)
    }

    /// Tells from now on under this number of each change of a socket. A socket that is closed is forgotten.
    ///
    /// # Errors
    ///
    /// The kernel's, when it has no memory for it.
    pub fn add(&self, socket: &impl AsFd, number: u64) -> Result<(), Errno> {
        let changes = EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        let epoll = &self.0.get_ref().0;
        epoll.add(socket.as_fd(), EpollEvent::new(changes, number))
    }

    /// Waits until something has happened, and gives some of it.
    ///
    /// # Errors
    ///
    /// The runtime's, when it ends.
    pub async fn wait(&self) -> io::Result<Vec<Happened>> {
        loop {
            let mut ready = self.0.readable().await?;
            let happened = self.now();
            if happened.len() < MOST {
                ready.clear_ready();
            }
            if !happened.is_empty() {
                return Ok(happened);
            }
        }
    }

    /// Some of what has happened until now.
    #[must_use]
    pub fn now(&self) -> Vec<Happened> {
        let mut events = [EpollEvent::empty(); MOST];
        let epoll = &self.0.get_ref().0;
        // When a signal comes there is nothing.
        let found = epoll.wait(&mut events, EpollTimeout::ZERO);
        let events = events.iter().take(found.unwrap_or_default());
        events.map(happened).collect()
    }
}

fn happened(event: &EpollEvent) -> Happened {
    Happened {
        number: event.data(),
        failed: event
            .events()
            .intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP),
    }
}
