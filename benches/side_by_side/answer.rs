// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that pass every check: in threads of this process, or in a process of their own that can be killed or
//! stopped.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result};
use lab::namespace::Namespace;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
    sockopt,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// This program's argument for being such a process. More arguments follow: `tcp:5672`.
pub(crate) const ARGUMENT: &str = "answer-checks";
/// Connections that wait for a server.
const BACKLOG: i32 = 4096;
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
/// `Connection.Start` of AMQP 0-9-1: no properties, PLAIN, `en_US`.
pub(crate) const AMQP_START: &[u8] =
    b"\x01\0\0\0\0\0\x1c\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US\xce";

/// How a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    /// It takes the connection.
    Tcp,
    /// It answers a request.
    Http,
    /// It greets.
    Amqp,
}

impl Protocol {
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::Http, Self::Amqp];

    /// Its name: the director's type of check.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Amqp => "amqp",
        }
    }

    /// The port of its servers, where there is one server of each.
    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Tcp => 5672,
            Self::Http => 8080,
            Self::Amqp => 5673,
        }
    }

    /// What it says when it is asked; one that says nothing is not asked.
    const fn answer(self) -> Option<&'static [u8]> {
        match self {
            Self::Tcp => None,
            Self::Http => Some(HTTP_ANSWER),
            Self::Amqp => Some(AMQP_START),
        }
    }
}

/// One connection, which counts when it has got its answer.
async fn talk(mut stream: TcpStream, answer: &'static [u8], taken: Arc<AtomicU64>) {
    let is_asked = matches!(stream.read(&mut [0; 1024]).await, Ok(1..));
    if is_asked && stream.write_all(answer).await.is_ok() {
        taken.fetch_add(1, Ordering::Relaxed);
    }
}

/// A listener on all addresses of one device, or of all. Port 0 chooses one.
pub(crate) fn listener(port: u16, device: Option<&str>) -> Result<TcpListener> {
    let open = || -> nix::Result<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        if let Some(device) = device {
            setsockopt(&socket, sockopt::BindToDevice, &OsString::from(device))?;
        }
        let at = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        bind(socket.as_raw_fd(), &SockaddrIn::from(at))?;
        listen(&socket, Backlog::new(BACKLOG)?)?;
        Ok(socket)
    };
    let socket = open().with_context(|| format!("listen on port {port}"))?;
    Ok(socket.into())
}

/// Answers all connections in a thread, for as long as the process lives. The result counts the answered ones.
pub(crate) fn answer(listener: TcpListener, protocol: Protocol) -> Result<Arc<AtomicU64>> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let counted = Arc::new(AtomicU64::new(0));
    let taken = Arc::clone(&counted);
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            // A connection that ended meanwhile is none.
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let taken = Arc::clone(&taken);
            match protocol.answer() {
                None => drop(taken.fetch_add(1, Ordering::Relaxed)),
                Some(answer) => drop(tokio::task::spawn_local(talk(stream, answer, taken))),
            }
        }
    };
    thread::Builder::new().spawn(move || {
        let ended: io::Result<Infallible> = LocalSet::new().block_on(&runtime, serve);
        eprintln!("bench: a server has ended: {ended:?}");
    })?;
    Ok(counted)
}

/// A server process in a namespace: a server for each of these protocols and ports.
pub(crate) fn process(namespace: &Namespace, servers: &[(Protocol, u16)]) -> Result<Child> {
    let program = std::env::current_exe().context("find this program's file")?;
    let mut command = Command::new(program);
    command.arg(ARGUMENT).stdin(Stdio::null());
    command.args(
        servers
            .iter()
            .map(|(protocol, port)| format!("{}:{port}", protocol.word())),
    );
    namespace.adopt(&mut command);
    command.spawn().context("start a server process")
}

/// Is such a process, until it is killed.
pub(crate) fn serve(servers: impl Iterator<Item = String>) -> Result<()> {
    for server in servers {
        let parts = server.split_once(':').and_then(|(word, port)| {
            let protocol = Protocol::ALL.into_iter().find(|it| it.word() == word)?;
            Some((protocol, port.parse().ok()?))
        });
        let (protocol, port) = parts.with_context(|| format!("no server: {server}"))?;
        answer(listener(port, None)?, protocol)?;
    }
    loop {
        thread::park();
    }
}
