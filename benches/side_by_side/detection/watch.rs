// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which servers a program has in use, looked at again and again.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::namespace::Namespace;
use lvs_director::kernel::Ipvs;
use lvs_director::plan::Target as _;

use crate::answer::Protocol;

/// The time between two looks: a figure may be this much too large. Looking costs time that the programs need.
const PAUSE: Duration = Duration::from_millis(100);

/// One server, checked in one way.
pub(super) type Server = (Protocol, Ipv4Addr);

/// Since when each server is out; one that is in is absent.
type Out = BTreeMap<Server, Instant>;

/// Looks at one program until it is dropped.
pub(super) struct Watch {
    /// All that it can have.
    all: BTreeSet<Server>,
    out: Arc<Mutex<Out>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// `look` says which servers are in.
    pub(super) fn begin(
        all: BTreeSet<Server>,
        mut look: impl FnMut() -> Result<BTreeSet<Server>> + Send + 'static,
    ) -> Self {
        let begin = Instant::now();
        let out: Out = all.iter().map(|server| (*server, begin)).collect();
        let (out, ends) = (Arc::new(Mutex::new(out)), Arc::new(AtomicBool::new(false)));
        let (noted, over, each) = (Arc::clone(&out), Arc::clone(&ends), all.clone());
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                // A program that does not answer yet has none in use.
                let found = look().unwrap_or_default();
                let now = Instant::now();
                let mut out = noted.lock().unwrap_or_else(PoisonError::into_inner);
                for server in &each {
                    if found.contains(server) {
                        out.remove(server);
                    } else {
                        out.entry(*server).or_insert(now);
                    }
                }
                drop(out);
                thread::sleep(PAUSE);
            }
        });
        Self {
            all,
            out,
            ends,
            thread: Some(thread),
        }
    }

    /// The kernel's table in a namespace.
    pub(super) fn table(all: BTreeSet<Server>, namespace: &Namespace) -> Result<Self> {
        let mut ipvs = namespace.run(Ipvs::open)?;
        Ok(Self::begin(all, move || {
            let table = ipvs.read()?;
            let servers = table.services.values().flat_map(|it| it.servers.keys());
            let servers = servers.filter_map(|key| match key.address {
                IpAddr::V4(address) => Some((by_port(key.port)?, address)),
                IpAddr::V6(_) => None,
            });
            Ok(servers.collect())
        }))
    }

    /// HAProxy's own list of servers, by its socket.
    pub(super) fn haproxy(all: BTreeSet<Server>, socket: PathBuf) -> Self {
        Self::begin(all, move || haproxy_s_servers(&socket))
    }

    /// Whether it can have this server.
    pub(super) fn has(&self, server: Server) -> bool {
        self.all.contains(&server)
    }

    /// Whether all servers are in.
    pub(super) fn is_whole(&self) -> bool {
        self.with_out(Out::is_empty)
    }

    /// Since when a server is out.
    pub(super) fn out_since(&self, server: Server) -> Option<Instant> {
        self.with_out(|out| out.get(&server).copied())
    }

    fn with_out<T>(&self, ask: impl FnOnce(&Out) -> T) -> T {
        ask(&self.out.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn by_port(port: u16) -> Option<Protocol> {
    Protocol::ALL.into_iter().find(|it| it.port() == port)
}

/// Those that it does not call stopped. Source: HAProxy's management guide, `show servers state`.
fn haproxy_s_servers(socket: &Path) -> Result<BTreeSet<Server>> {
    const STOPPED: &str = "0";
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(b"show servers state\n")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    let server = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let name = words.next()?;
        let protocol = Protocol::ALL.into_iter().find(|it| it.word() == name)?;
        let address = words.nth(2)?.parse().ok()?;
        (words.next()? != STOPPED).then_some((protocol, address))
    };
    Ok(said.lines().filter_map(server).collect())
}
