// SPDX-License-Identifier: MIT OR Apache-2.0
//! The TCP checker: connect, and close.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _};
use std::sync::LazyLock;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, getsockname, setsockopt, sockopt};
use tokio::net::{TcpSocket, TcpStream};

use super::conversation::Time;
use super::{Answer, path};
use crate::model::ProbePath;
use crate::system::acknowledge_with_data;

/// Connects to `at` by `path`, or as the kernel routes, within `timeout`. A reset closes the connection: thousands of
/// probes a second leave nothing behind on either side. RabbitMQ (3.10, default log level) does not log it.
pub(super) async fn probe(at: SocketAddr, path: Option<&ProbePath>, timeout: Duration) -> Answer {
    let time = Time::from_now(timeout);
    match time.within(open(at, path, First::They)).await {
        Some(connected) => connected.map_or_else(|answer| answer, |_| Answer::up()),
        None => time
            .missed()
            .unwrap_or_else(|| Answer::silent("connect timed out")),
    }
}

/// Who says something first on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// The probe does, at once.
    We,
    /// The server does, or nobody.
    They,
}

/// A connection to `at` that a reset will close, or the answer of a probe that could not open it.
pub(super) async fn open(
    at: SocketAddr,
    path: Option<&ProbePath>,
    first: First,
) -> Result<TcpStream, Answer> {
    let socket = match at {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket
        .and_then(|socket| socket.set_zero_linger().map(|()| socket))
        .map_err(|error| no_socket(&error))?;
    if let Some(path) = path {
        path::set_out(&socket, path).map_err(Answer::could_not_run)?;
    }
    if first == First::We {
        // Without this there is a packet more, and nothing else.
        let _ = acknowledge_with_data(&socket);
    }
    match socket.connect(at).await {
        Ok(stream) if is_connected_to_itself(&stream, at) => Err(met_itself()),
        Ok(stream) => Ok(stream),
        Err(error) => Err(not_connected(&error, path)),
    }
}

/// What an error of `connect` says. A route that was closed on purpose gives EACCES or EINVAL; so may a source or an
/// interface that does not fit. The kernel's route tells whether it was that.
pub(super) fn not_connected(error: &io::Error, path: Option<&ProbePath>) -> Answer {
    let chosen = path.is_some_and(|path| path.source.is_some() || path.interface.is_some());
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EINVAL) if !chosen => {
            Answer::silent("connect: the route is a blackhole (EINVAL)")
        }
        Some(Errno::EACCES) if !chosen => {
            Answer::silent("connect: the route prohibits it (EACCES)")
        }
        Some(Errno::ECONNREFUSED) => Answer::refused(describe("connect", error)),
        _ => failed("connect", error),
    }
}

/// What an error of a connection says.
pub(super) fn failed(operation: &str, error: &io::Error) -> Answer {
    let reason = describe(operation, error);
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EHOSTUNREACH | Errno::ETIMEDOUT) => Answer::silent(reason),
        _ if lies_with_this_host(error) => Answer::could_not_run(reason),
        _ => Answer::down(reason),
    }
}

pub(super) fn no_socket(error: &io::Error) -> Answer {
    Answer::could_not_run(describe("open a socket", error))
}

pub(super) fn met_itself() -> Answer {
    Answer::down("nobody listens: the probe met itself")
}

/// A connection to a free port of this very host can, by chance, be given that same port as its source.
pub(super) fn is_connected_to_itself(socket: &impl AsFd, at: SocketAddr) -> bool {
    let own = || getsockname::<SockaddrStorage>(socket.as_fd().as_raw_fd());
    may_be_given(at.port()) && own().is_ok_and(|own| own == SockaddrStorage::from(at))
}

/// Has a reset end the connection when the socket is closed.
pub(super) fn reset_at_close(socket: &impl AsFd) -> Result<(), Errno> {
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(socket, sockopt::Linger, &at_once)
}

/// Whether the kernel may give this port to a connection that names none. Most servers have others; they are not asked
/// for.
fn may_be_given(port: u16) -> bool {
    const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
    static FIRST: LazyLock<u16> = LazyLock::new(|| {
        let range = std::fs::read_to_string(RANGE).unwrap_or_default();
        let first = range.split_whitespace().next();
        first.and_then(|first| first.parse().ok()).unwrap_or(0)
    });
    port >= *FIRST
}

/// Errors that say something about this host and nothing about the server.
fn lies_with_this_host(error: &io::Error) -> bool {
    let errno = error
        .raw_os_error()
        .map_or(Errno::UnknownErrno, Errno::from_raw);
    matches!(
        errno,
        Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOMEM
            | Errno::ENOBUFS
            | Errno::EPERM
            | Errno::EACCES
            | Errno::EADDRNOTAVAIL
            | Errno::EADDRINUSE
            | Errno::EAFNOSUPPORT
            | Errno::EPROTONOSUPPORT
            | Errno::EINVAL
            | Errno::ENETDOWN
            | Errno::ENETUNREACH
            | Errno::UnknownErrno
    )
}

/// Whether a firewall can refuse it.
fn sends(operation: &str) -> bool {
    operation == "connect" || operation.starts_with("send")
}

pub(super) fn describe(operation: &str, error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) => format!("{operation} refused"),
        Some(Errno::ETIMEDOUT) => format!("{operation} timed out"),
        Some(Errno::EMFILE) => {
            format!("{operation}: too many open files (EMFILE); raise the limit (LimitNOFILE=)")
        }
        Some(Errno::ECONNRESET) => format!(
            "{operation}: the server, or something on the way to it, has reset the connection (ECONNRESET)"
        ),
        Some(Errno::EADDRNOTAVAIL) => format!(
            "{operation}: this host has no free source port, or no address, to reach it from (EADDRNOTAVAIL); widen \
             net.ipv4.ip_local_port_range, or give the host an address"
        ),
        Some(Errno::ENETUNREACH) => format!(
            "{operation}: this host has no route to it (ENETUNREACH); add one (ip route get ADDRESS shows the way)"
        ),
        Some(Errno::EPERM) if sends(operation) => format!(
            "{operation}: this host's own firewall forbids it (EPERM); allow it there (nft list ruleset)"
        ),
        Some(errno) => format!("{operation}: {} ({errno:?})", errno.desc()),
        None => format!("{operation}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProbeOutcome;

    fn run_by(path: Option<&ProbePath>, at: SocketAddr) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(probe(at, path, Duration::from_secs(30)))
    }

    fn run(at: SocketAddr) -> Answer {
        run_by(None, at)
    }

    #[test]
    fn a_listening_server_is_up_and_a_closed_port_down() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        assert_eq!(run(at), Answer::up());
        drop(listener);
        assert_eq!(run(at), Answer::refused("connect refused"));
    }

    #[test]
    fn a_server_that_accepts_nothing_is_down_when_the_deadline_comes() {
        // A full backlog of one: further SYNs are dropped.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let at = listener.local_addr().unwrap();
        let fill: Vec<_> = (0..8)
            .map(|_| std::net::TcpStream::connect_timeout(&at, Duration::from_millis(50)))
            .collect();
        // Long enough that a busy machine does not make the end late.
        let timeout = Duration::from_secs(2);
        let answer = runtime.block_on(probe(at, None, timeout));
        assert_eq!(answer, Answer::silent("connect timed out"));
        drop(fill);
    }

    #[test]
    fn no_source_address_says_nothing_of_the_server() {
        let error = io::Error::from_raw_os_error(libc::EADDRNOTAVAIL);
        assert!(lies_with_this_host(&error));
        assert!(!lies_with_this_host(&io::Error::from_raw_os_error(
            libc::EHOSTUNREACH
        )));
    }

    #[test]
    fn failures_of_this_host_name_the_remedy() {
        for (operation, errno, words) in [
            (
                "connect",
                Errno::EADDRNOTAVAIL,
                "; widen net.ipv4.ip_local_port_range",
            ),
            (
                "connect",
                Errno::ENETUNREACH,
                "no route to it (ENETUNREACH); add one",
            ),
            (
                "send",
                Errno::EPERM,
                "this host's own firewall forbids it (EPERM); allow",
            ),
            (
                "send a packet",
                Errno::EPERM,
                "this host's own firewall forbids it (EPERM); allow",
            ),
            (
                "connect",
                Errno::ECONNRESET,
                "has reset the connection (ECONNRESET)",
            ),
            (
                "set mark 7 on a probe",
                Errno::EPERM,
                "not permitted (EPERM)",
            ),
        ] {
            let said = describe(operation, &errno.into());
            assert!(
                said.starts_with(operation) && said.contains(words),
                "{said}"
            );
        }
    }

    #[test]
    fn a_probe_leaves_from_its_source() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let path = ProbePath {
            source: Some("127.0.0.77".parse().unwrap()),
            ..ProbePath::default()
        };
        assert_eq!(
            run_by(Some(&path), listener.local_addr().unwrap()),
            Answer::up()
        );
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(Some(peer.ip()), path.source);
    }

    #[test]
    fn a_way_that_this_host_does_not_have_says_nothing_of_the_server() {
        let at = "127.0.0.1:9".parse().unwrap();
        let by_address = ProbePath {
            source: Some("192.0.2.254".parse().unwrap()),
            ..ProbePath::default()
        };
        assert_eq!(
            run_by(Some(&by_address), at),
            Answer::could_not_run(
                "probe from 192.0.2.254: this host does not have the address (EADDRNOTAVAIL)"
            )
        );
        let by_interface = ProbePath {
            interface: Some("no-such-card".into()),
            ..ProbePath::default()
        };
        let answer = run_by(Some(&by_interface), at);
        assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun);
        assert!(
            answer.reason.starts_with("probe by interface no-such-card"),
            "{answer:?}"
        );
    }
}
