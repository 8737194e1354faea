// SPDX-License-Identifier: MIT OR Apache-2.0
//! A service that names the server that answered: each line (TCP) or datagram (UDP) comes back with the server's name
//! before it. After the line [`LAST`] the server closes a connection.

use std::collections::BTreeMap;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Backlog, listen};

/// More connections than this are closed as they come.
const MOST_CONNECTIONS: usize = 16 * 1024;
/// No client sends longer lines; such a connection is closed.
const LONGEST_LINE: usize = 64 * 1024;

/// The server closes a connection when it has answered this line.
pub const LAST: &str = "bye";

/// A running service; it stops when dropped, and its connections close.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Its address; the port is the real one even if port 0 was requested.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it ends by itself, which it does only on failure.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers every line of every connection to `address` with `NAME line`.
pub fn tcp_name_server(address: SocketAddr, name: &str) -> io::Result<NameServer> {
    let listener = TcpListener::bind(address)?;
    listen(&listener, Backlog::new(4096).unwrap_or(Backlog::MAXCONN))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let prefix = format!("{name} ").into_bytes();
    start(address, move |stop| serve_tcp(&listener, &stop, &prefix))
}

/// Answers every datagram to `address` with `NAME datagram`. The answer comes from `address`: give the address that
/// clients ask, not the wildcard, on a host that has several.
pub fn udp_name_server(address: SocketAddr, name: &str) -> io::Result<NameServer> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let prefix = format!("{name} ").into_bytes();
    start(address, move |stop| serve_udp(&socket, &stop, &prefix))
}

fn start(
    address: SocketAddr,
    serve: impl FnOnce(PipeReader) -> io::Result<()> + Send + 'static,
) -> io::Result<NameServer> {
    let (reader, writer) = io::pipe()?;
    let thread = thread::Builder::new()
        .name("name server".to_owned())
        .spawn(move || {
            if let Err(error) = serve(reader) {
                eprintln!("lab: name server {address}: {error}");
            }
        })?;
    Ok(NameServer {
        address,
        stop: Some(writer),
        thread: Some(thread),
    })
}

fn serve_udp(socket: &UdpSocket, stop: &PipeReader, prefix: &[u8]) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut fds = [
            PollFd::new(stop.as_fd(), PollFlags::POLLIN),
            PollFd::new(socket.as_fd(), PollFlags::POLLIN),
        ];
        wait(&mut fds)?;
        if is_ready(fds.first()) {
            return Ok(());
        }
        // A datagram that cannot be received or sent is lost.
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let question = buffer.get(..length).unwrap_or_default();
            let _ = socket.send_to(&[prefix, question].concat(), peer);
        }
    }
}

fn serve_tcp(listener: &TcpListener, stop: &PipeReader, prefix: &[u8]) -> io::Result<()> {
    let mut connections: BTreeMap<u64, Connection> = BTreeMap::new();
    let mut next = 0;
    loop {
        let mut fds = vec![
            PollFd::new(stop.as_fd(), PollFlags::POLLIN),
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(
            connections
                .values()
                .map(|open| PollFd::new(open.stream.as_fd(), open.interest())),
        );
        wait(&mut fds)?;
        if is_ready(fds.first()) {
            return Ok(());
        }
        let accept = is_ready(fds.get(1));
        let ready: Vec<u64> = connections
            .keys()
            .zip(fds.iter().skip(2))
            .filter(|(_, fd)| is_ready(Some(fd)))
            .map(|(&id, _)| id)
            .collect();
        for id in ready {
            if connections
                .get_mut(&id)
                .is_some_and(|open| !open.advance(prefix))
            {
                connections.remove(&id);
            }
        }
        while accept && let Ok((stream, _)) = listener.accept() {
            if connections.len() < MOST_CONNECTIONS && stream.set_nonblocking(true).is_ok() {
                let _ = stream.set_nodelay(true);
                connections.insert(
                    next,
                    Connection {
                        stream,
                        line: Vec::new(),
                        answer: Vec::new(),
                        is_last: false,
                    },
                );
                next += 1;
            }
        }
    }
}

/// One client's connection: the incomplete line, and the answers that are not sent yet.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    line: Vec<u8>,
    answer: Vec<u8>,
    /// Whether the server closes it after the answer.
    is_last: bool,
}

impl Connection {
    fn interest(&self) -> PollFlags {
        // A client must read answers before it may send more questions.
        if self.answer.is_empty() {
            PollFlags::POLLIN
        } else {
            PollFlags::POLLOUT
        }
    }

    /// Reads or writes what is possible; `false` when the connection is over.
    fn advance(&mut self, prefix: &[u8]) -> bool {
        if self.answer.is_empty() {
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => self.line.extend(buffer.iter().take(length)),
                Err(error) => return is_temporary(&error),
            }
            while let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                self.is_last |= line.trim_ascii() == LAST.as_bytes();
                self.answer.extend(prefix.iter().chain(&line));
            }
        }
        while !self.answer.is_empty() {
            match self.stream.write(&self.answer) {
                Ok(length) => drop(self.answer.drain(..length)),
                Err(error) => return is_temporary(&error),
            }
        }
        self.line.len() <= LONGEST_LINE && !self.is_last
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn wait(fds: &mut [PollFd<'_>]) -> io::Result<()> {
    match poll(fds, PollTimeout::NONE) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn is_ready(fd: Option<&PollFd<'_>>) -> bool {
    fd.is_some_and(|fd| fd.any() == Some(true))
}
