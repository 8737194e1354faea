// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of hosts and ports, as the C library knows them: files, DNS, and others by `nsswitch.conf`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_char};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{SockaddrLike as _, SockaddrStorage};

use crate::model::Protocol;

/// How many look-ups run at once.
const THREADS: usize = 32;
/// The resolver of the C library needs some 100 KiB.
const STACK: usize = 256 * 1024;

/// An object that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Hosts by address.
    pub hosts: BTreeMap<IpAddr, String>,
    /// Services by protocol and port.
    pub ports: BTreeMap<(Protocol, u16), String>,
}

enum Question {
    Host(IpAddr),
    Port(Protocol, u16),
}

enum Answer {
    Host(IpAddr, String),
    Port(Protocol, u16, String),
}

/// Looks up names for a limited time.
#[derive(Debug)]
pub struct Resolver {
    names: Names,
    asked: (BTreeSet<IpAddr>, BTreeSet<(Protocol, u16)>),
    deadline: Instant,
}

impl Resolver {
    /// Looks up names for this long in all, from now on.
    #[expect(
        clippy::disallowed_methods,
        reason = "the rim: how long resolvers may take"
    )]
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            names: Names::default(),
            asked: Default::default(),
            deadline: Instant::now() + patience,
        }
    }

    /// Looks up the names that it has not looked up before, all at once. Returns when all have come or the time is
    /// over.
    ///
    /// A look-up that is still open then goes on alone: its thread ends when the resolver gives up, or with the
    /// program.
    pub fn learn(
        &mut self,
        mut addresses: BTreeSet<IpAddr>,
        mut ports: BTreeSet<(Protocol, u16)>,
    ) -> &Names {
        addresses.retain(|address| self.asked.0.insert(*address));
        ports.retain(|port| self.asked.1.insert(*port));
        // Ports come first: they are usually in a file, and must not wait for a slow name server.
        let ports = ports
            .into_iter()
            .map(|(protocol, port)| Question::Port(protocol, port));
        let questions: Vec<_> = ports
            .chain(addresses.into_iter().map(Question::Host))
            .collect();
        if !questions.is_empty() {
            collect(&ask(questions), self.deadline, &mut self.names);
        }
        &self.names
    }
}

fn ask(questions: Vec<Question>) -> mpsc::Receiver<Answer> {
    let (sender, receiver) = mpsc::channel();
    let threads = questions.len().min(THREADS);
    let queue = Arc::new(Mutex::new(questions.into_iter()));
    for _ in 0..threads {
        let (queue, sender) = (Arc::clone(&queue), sender.clone());
        let next = move || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = move || {
            while let Some(question) = next() {
                if let Some(answer) = answer(&question)
                    && sender.send(answer).is_err()
                {
                    return;
                }
            }
        };
        // Without a thread some names stay numbers.
        let _ = thread::Builder::new().stack_size(STACK).spawn(work);
    }
    receiver
}

#[expect(
    clippy::disallowed_methods,
    reason = "the rim: how long resolvers may take"
)]
fn collect(answers: &mpsc::Receiver<Answer>, deadline: Instant, names: &mut Names) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match answers.recv_timeout(left) {
            Ok(Answer::Host(address, name)) => drop(names.hosts.insert(address, name)),
            Ok(Answer::Port(protocol, port, name)) => {
                names.ports.insert((protocol, port), name);
            }
            Err(_) => return,
        }
    }
}

fn answer(question: &Question) -> Option<Answer> {
    match *question {
        Question::Host(address) => host_name(address).map(|name| Answer::Host(address, name)),
        Question::Port(protocol, port) => {
            port_name(protocol, port).map(|name| Answer::Port(protocol, port, name))
        }
    }
}

/// The name of a host, from files or DNS. May take as long as the resolver's patience: many seconds.
#[expect(unsafe_code, reason = "getnameinfo of the C library")]
fn host_name(address: IpAddr) -> Option<String> {
    let address = SockaddrStorage::from(SocketAddr::new(address, 0));
    let mut name: [c_char; libc::NI_MAXHOST as usize] = [0; libc::NI_MAXHOST as usize];
    // SAFETY: the address is a whole sockaddr of the length given, the buffer is as long as said, no service is
    // asked for, and the call is thread-safe.
    let failed = unsafe {
        libc::getnameinfo(
            address.as_ptr(),
            address.len(),
            name.as_mut_ptr(),
            libc::NI_MAXHOST,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if failed != 0 {
        return None;
    }
    // SAFETY: on success the buffer holds a string with its NUL.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    name.to_str().ok().map(str::to_owned)
}

/// `getservbyport` and `getservbyname` answer in one buffer of the whole process.
static SERVICES: Mutex<()> = Mutex::new(());

/// The name of a port: `http`.
#[expect(unsafe_code, reason = "getservbyport of the C library")]
#[must_use]
pub fn port_name(protocol: Protocol, port: u16) -> Option<String> {
    let protocol = protocol_name(protocol)?;
    let _alone = SERVICES.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the protocol is a string with its NUL.
    let entry = unsafe { libc::getservbyport(port.to_be().into(), protocol.as_ptr()) };
    // SAFETY: the answer is null or an entry that stays whole until the next call, which the lock keeps away.
    let name = unsafe { CStr::from_ptr(entry.as_ref()?.s_name) };
    name.to_str().ok().map(str::to_owned)
}

/// The port of a name: 80.
#[expect(unsafe_code, reason = "getservbyname of the C library")]
#[must_use]
pub fn port_number(protocol: Protocol, name: &str) -> Option<u16> {
    let (name, protocol) = (CString::new(name).ok()?, protocol_name(protocol)?);
    let _alone = SERVICES.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: both are strings with their NULs.
    let entry = unsafe { libc::getservbyname(name.as_ptr(), protocol.as_ptr()) };
    // SAFETY: the answer is null or an entry that stays whole until the next call, which the lock keeps away.
    let port = unsafe { entry.as_ref()?.s_port };
    u16::try_from(port).ok().map(u16::from_be)
}

/// The first IPv4 address of a host, from files or DNS. May take many seconds.
#[must_use]
pub fn host_address(name: &str) -> Option<Ipv4Addr> {
    let mut addresses = (name, 0).to_socket_addrs().ok()?;
    addresses.find_map(|address| match address.ip() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    })
}

const fn protocol_name(protocol: Protocol) -> Option<&'static CStr> {
    match protocol {
        Protocol::Tcp => Some(c"tcp"),
        Protocol::Udp => Some(c"udp"),
        Protocol::Sctp => Some(c"sctp"),
        Protocol::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_have_a_name_has_none() {
        assert_eq!(port_name(Protocol::Other(200), 80), None);
        assert_eq!(port_number(Protocol::Tcp, "no\0name"), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "patience is measured")]
    fn nobody_is_waited_for_beyond_the_deadline() {
        let (sender, answers) = mpsc::channel();
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let localhost = "localhost".to_owned();
        sender.send(Answer::Host(address, localhost)).unwrap();
        let mut names = Names::default();
        collect(
            &answers,
            Instant::now() + Duration::from_millis(1),
            &mut names,
        );
        assert_eq!(
            names.hosts.get(&address).map(String::as_str),
            Some("localhost")
        );
        drop(sender);
    }
}
