// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets of TCP probes. One that has connected is disconnected and used again: that takes two system calls a probe in
//! place of nine.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::system::disconnect;

/// So many of one family are kept for the next probes.
const MOST: usize = 32;

/// Sockets that are not connected.
#[derive(Default)]
pub(super) struct Spare {
    v4: RefCell<Vec<Socket>>,
    v6: RefCell<Vec<Socket>>,
}

/// One that connects as the kernel routes. A connection that it has when it is dropped is reset.
///
/// The runtime does not know it while it is kept: the kernel calls a socket that is not connected one whose other end has
/// hung up, the runtime never forgets that, and its thread would ask a silent server without end and do nothing else.
pub(super) struct Socket(OwnedFd);

impl Spare {
    /// A socket for a connection to `at`.
    pub(super) fn take(&self, at: SocketAddr) -> io::Result<Socket> {
        let kept = self.of(at).borrow_mut().pop();
        kept.map_or_else(|| Socket::new(at), Ok)
    }

    /// Resets the connection to `at` that this socket has, and keeps the socket.
    pub(super) fn keep(&self, socket: Socket, at: SocketAddr) {
        let mut kept = self.of(at).borrow_mut();
        if kept.len() < MOST && disconnect(&socket.0).is_ok() {
            kept.push(socket);
        }
    }

    const fn of(&self, at: SocketAddr) -> &RefCell<Vec<Socket>> {
        match at {
            SocketAddr::V4(_) => &self.v4,
            SocketAddr::V6(_) => &self.v6,
        }
    }
}

impl Socket {
    fn new(at: SocketAddr) -> io::Result<Self> {
        let family = match at {
            SocketAddr::V4(_) => AddressFamily::Inet,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(family, SockType::Stream, flags, None)?;
        let reset = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&socket, sockopt::Linger, &reset)?;
        Ok(Self(socket))
    }

    /// Connects to `at`.
    pub(super) async fn connect(self, at: SocketAddr) -> io::Result<Self> {
        let address = SockaddrStorage::from(at);
        // The kernel tells by the second call what became of the first.
        let ask = |socket| -> io::Result<()> {
            match connect(socket, &address) {
                Ok(()) | Err(Errno::EISCONN) => Ok(()),
                Err(Errno::EINPROGRESS | Errno::EALREADY) => Err(io::ErrorKind::WouldBlock.into()),
                Err(errno) => Err(errno.into()),
            }
        };
        for _ in 0..2 {
            // A server that is near has answered before the call returns.
            match ask(self.0.as_raw_fd()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done.map(|()| self),
            }
        }
        let stream = TcpStream::from_std(self.0.into())?;
        let socket = stream.as_raw_fd();
        stream.async_io(Interest::WRITABLE, || ask(socket)).await?;
        Ok(Self(stream.into_std()?.into()))
    }

    /// Its own end of the connection.
    pub(super) fn is_at(&self, at: SocketAddr) -> bool {
        let name = nix::sys::socket::getsockname::<SockaddrStorage>(self.0.as_raw_fd());
        name.is_ok_and(|name| name == SockaddrStorage::from(at))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    fn on_a_runtime<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work)
    }

    #[test]
    fn one_socket_visits_server_after_server_and_resets_each_connection() {
        on_a_runtime(async {
            let spare = Spare::default();
            let mut used = None;
            for address in ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.1:0"] {
                let server = TcpListener::bind(address).unwrap();
                let at = server.local_addr().unwrap();
                let socket = spare.take(at).unwrap();
                assert_eq!(
                    *used.get_or_insert(socket.0.as_raw_fd()),
                    socket.0.as_raw_fd()
                );
                let socket = socket.connect(at).await.unwrap();
                spare.keep(socket, at);
                let (mut client, _) = server.accept().unwrap();
                let end = client.read(&mut [0]).map_err(|error| error.kind());
                assert_eq!(end, Err(io::ErrorKind::ConnectionReset));
            }
        });
    }

    #[test]
    fn a_socket_that_is_used_again_tells_of_its_new_server_only() {
        on_a_runtime(async {
            let spare = Spare::default();
            let server = TcpListener::bind("[::1]:0").unwrap();
            let at = server.local_addr().unwrap();
            let socket = spare.take(at).unwrap().connect(at).await.unwrap();
            spare.keep(socket, at);
            drop(server);
            let socket = spare.take(at).unwrap();
            let refused = socket.connect(at).await.err().map(|error| error.kind());
            assert_eq!(refused, Some(io::ErrorKind::ConnectionRefused));
        });
    }

    #[test]
    fn a_server_that_answers_late_is_waited_for() {
        on_a_runtime(async {
            let spare = Spare::default();
            let first = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = first.local_addr().unwrap();
            let socket = spare.take(at).unwrap().connect(at).await.unwrap();
            spare.keep(socket, at);
            // A full backlog: the kernel drops what comes until somebody takes these.
            let late = tokio::net::TcpSocket::new_v4().unwrap();
            late.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let late = late.listen(1).unwrap();
            let at = late.local_addr().unwrap();
            let full = (0..2).map(|_| std::net::TcpStream::connect(at).unwrap());
            let full: Vec<_> = full.collect();
            let socket = spare.take(at).unwrap();
            let (connected, ()) = tokio::join!(socket.connect(at), async {
                for _ in &full {
                    late.accept().await.unwrap();
                }
            });
            connected.unwrap();
        });
    }

    #[test]
    fn a_socket_that_was_kept_does_not_keep_its_thread_busy_at_a_silent_server() {
        on_a_runtime(async {
            let spare = Spare::default();
            let first = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = first.local_addr().unwrap();
            let socket = spare.take(at).unwrap().connect(at).await.unwrap();
            spare.keep(socket, at);
            // The runtime hears all that happens to the sockets it has.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let silent = tokio::net::TcpSocket::new_v4().unwrap();
            silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let silent = silent.listen(1).unwrap();
            let at = silent.local_addr().unwrap();
            let full = (0..2).map(|_| std::net::TcpStream::connect(at).unwrap());
            let _full: Vec<_> = full.collect();
            let connecting = spare.take(at).unwrap().connect(at);
            let ended = tokio::time::timeout(Duration::from_millis(100), connecting).await;
            assert!(ended.is_err());
        });
    }

    #[test]
    fn the_sockets_that_are_kept_are_few() {
        on_a_runtime(async {
            let spare = Spare::default();
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = server.local_addr().unwrap();
            let sockets: Vec<_> = (0..=MOST).map(|_| spare.take(at).unwrap()).collect();
            for socket in sockets {
                let socket = socket.connect(at).await.unwrap();
                spare.keep(socket, at);
            }
            assert_eq!(spare.v4.borrow().len(), MOST);
        });
    }
}
