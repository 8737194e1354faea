// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server that does with every connection what the test tells it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::netns::Host;

/// It takes connections and never answers.
pub(super) const HANGS: u16 = 0;

/// The server, until it is dropped.
pub(super) struct Peer {
    acts: Arc<AtomicU16>,
    ends: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// A server on this port of a host. Unless it hangs, it talks with each connection as `acts` says.
    pub(super) fn start(
        host: &Host,
        port: u16,
        acts: u16,
        talk: impl Fn(TcpStream, u16) + Send + 'static,
    ) -> Self {
        let at = SocketAddr::from(([0; 4], port));
        let listener = host.run(|| TcpListener::bind(at).unwrap());
        listener.set_nonblocking(true).unwrap();
        let (acts, ends) = (
            Arc::new(AtomicU16::new(acts)),
            Arc::new(AtomicBool::new(false)),
        );
        let (now, over) = (Arc::clone(&acts), Arc::clone(&ends));
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let thread = thread::spawn(move || {
            let mut held = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let accepted = listener.accept();
                count.fetch_add(usize::from(accepted.is_ok()), Ordering::Relaxed);
                match (accepted, now.load(Ordering::Relaxed)) {
                    (Ok((stream, _)), HANGS) => held.push(stream),
                    (Ok((stream, _)), acts) => {
                        let _ = stream.set_nonblocking(false);
                        talk(stream, acts);
                    }
                    (Err(_), _) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self {
            acts,
            ends,
            taken,
            thread: Some(thread),
        }
    }

    /// From now on it acts so.
    pub(super) fn acts(&self, acts: u16) {
        self.acts.store(acts, Ordering::Relaxed);
    }

    /// How many connections it has taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}
