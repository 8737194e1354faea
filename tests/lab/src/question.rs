// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asking a service, from a chosen source address, with a deadline over the whole.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect as connect_socket,
    getsockopt, setsockopt, socket, sockopt,
};
use std::os::fd::AsRawFd;

/// Connects to `to` from source address `from`, or whichever the kernel chooses.
pub fn connect(from: Option<IpAddr>, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    connect_by(from.map(|from| SocketAddr::new(from, 0)), to, timeout)
}

/// Connects to `to` from this address and port, which an earlier connection may have had.
pub fn connect_again(from: SocketAddr, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    connect_by(Some(from), to, timeout)
}

fn connect_by(
    from: Option<SocketAddr>,
    to: SocketAddr,
    timeout: Duration,
) -> io::Result<TcpStream> {
    let deadline = Instant::now() + timeout;
    let family = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Stream, flags, None)?;
    if let Some(from) = from {
        if from.port() != 0 {
            setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        }
        bind(socket.as_raw_fd(), &SockaddrStorage::from(from))?;
    }
    match connect_socket(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) => {}
        Err(Errno::EINPROGRESS) => {
            wait_writable(&socket, deadline)?;
            let error = getsockopt(&socket, sockopt::SocketError)?;
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
        }
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects, sends one line, reads one line, closes.
pub fn ask_tcp(from: Option<IpAddr>, to: SocketAddr, timeout: Duration) -> io::Result<String> {
    let deadline = Instant::now() + timeout;
    let stream = connect(from, to, timeout)?;
    let mut conversation = Conversation::new(stream)?;
    conversation.ask("hello", deadline)
}

/// Sends one datagram and returns the answer.
pub fn ask_udp(from: Option<IpAddr>, to: SocketAddr, timeout: Duration) -> io::Result<String> {
    ask_by(&udp_socket(from, to)?, timeout)
}

/// A socket for datagrams to `to` from source address `from`, or whichever the kernel chooses. Sockets that are open at
/// the same time have different ports.
pub fn udp_socket(from: Option<IpAddr>, to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(from.unwrap_or(any), 0))?;
    socket.connect(to)?;
    Ok(socket)
}

/// Sends one datagram by a socket of [`udp_socket`] and returns the answer.
pub fn ask_by(socket: &UdpSocket, timeout: Duration) -> io::Result<String> {
    socket.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    socket.send(b"hello")?;
    let mut buffer = vec![0; 64 * 1024];
    let length = socket.recv(&mut buffer).map_err(timed_out)?;
    Ok(String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned())
}

/// A connection for questions and answers, line by line.
#[derive(Debug)]
pub struct Conversation {
    reader: BufReader<TcpStream>,
}

impl Conversation {
    /// Over an open connection.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::new(stream),
        })
    }

    /// Sends `line` and returns the line that answers it, without its end.
    pub fn ask(&mut self, line: &str, deadline: Instant) -> io::Result<String> {
        self.say(line, deadline)?;
        self.hear(deadline)
    }

    /// Sends `line`, and does not wait for what answers it.
    pub fn say(&mut self, line: &str, deadline: Instant) -> io::Result<()> {
        let stream = self.reader.get_mut();
        stream.set_write_timeout(Some(left(deadline)?))?;
        stream
            .write_all(format!("{line}\n").as_bytes())
            .map_err(timed_out)
    }

    /// Returns the next line that comes, without its end.
    pub fn hear(&mut self, deadline: Instant) -> io::Result<String> {
        self.reader
            .get_mut()
            .set_read_timeout(Some(left(deadline)?))?;
        let mut answer = String::new();
        if self.reader.read_line(&mut answer).map_err(timed_out)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "closed without an answer",
            ));
        }
        Ok(answer.trim_end().to_owned())
    }

    /// Waits until the server closes the connection.
    pub fn wait_for_end(&mut self, deadline: Instant) -> io::Result<()> {
        self.reader
            .get_mut()
            .set_read_timeout(Some(left(deadline)?))?;
        let mut more = String::new();
        match self.reader.read_line(&mut more).map_err(timed_out)? {
            0 => Ok(()),
            _ => Err(io::Error::other("more than an answer")),
        }
    }
}

fn wait_writable(socket: &impl AsFd, deadline: Instant) -> io::Result<()> {
    loop {
        let timeout = PollTimeout::try_from(left(deadline)?).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The time until `deadline`, at least a millisecond; an error when it is over.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::ErrorKind::TimedOut.into())
    } else {
        Ok(left.max(Duration::from_millis(1)))
    }
}

/// A socket reports its time limit as "would block"; we say what it means.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        io::ErrorKind::TimedOut.into()
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::{ask_tcp, ask_udp};
    use crate::service::{tcp_name_server, udp_name_server};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_server_puts_its_name_before_the_question() {
        let local = "127.0.0.1:0".parse().unwrap();
        let tcp = tcp_name_server(local, "rs1").unwrap();
        assert_eq!(ask_tcp(None, tcp.address(), SECOND).unwrap(), "rs1 hello");
        assert_eq!(
            ask_tcp(Some("127.0.0.9".parse().unwrap()), tcp.address(), SECOND).unwrap(),
            "rs1 hello"
        );
        let udp = udp_name_server(local, "rs2").unwrap();
        assert_eq!(ask_udp(None, udp.address(), SECOND).unwrap(), "rs2 hello");
    }

    #[test]
    fn a_stopped_server_refuses() {
        let server = tcp_name_server("127.0.0.1:0".parse().unwrap(), "rs1").unwrap();
        let address = server.address();
        drop(server);
        let error = ask_tcp(None, address, SECOND).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
