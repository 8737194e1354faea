// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections of browsers: so many at a time, so long to ask.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::tls::Certificate;

/// Who has connected. It is an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client(pub(super) SocketAddr);

impl Default for Client {
    /// Nobody: a request that came by no connection.
    fn default() -> Self {
        Self(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))
    }
}

/// What one listener takes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many connections at a time.
    pub connections: usize,
    /// And of one address.
    pub of_one: usize,
    /// A client must have asked in this time, each time. The handshake of TLS has the same.
    pub to_ask: Duration,
    /// A client that takes nothing for so long is gone.
    pub to_take: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            of_one: 128,
            to_ask: Duration::from_secs(10),
            to_take: Duration::from_secs(30),
        }
    }
}

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 << 10;
/// The wait after this host could take no connection: it has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// Answers everybody who connects, for ever. All connections end when this is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Certificate>>,
    router: Router,
    limits: Limits,
) {
    let guests = Guests::default();
    let mut open = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(REST).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        // Above the limit a connection is closed at once.
        if open.len() >= limits.connections {
            continue;
        }
        let Some(place) = guests.admit(network(peer.ip()), limits.of_one) else {
            continue;
        };
        let (tls, router) = (tls.clone(), router.clone());
        let client = Client(peer);
        open.spawn(async move {
            let _place = place;
            // What goes wrong with one connection is its client's to find out.
            let _ = attend(stream, client, tls, router, limits).await;
        });
    }
}

async fn attend(
    stream: TcpStream,
    client: Client,
    tls: Option<Arc<Certificate>>,
    router: Router,
    limits: Limits,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let patience = u32::try_from(limits.to_take.as_millis()).unwrap_or(u32::MAX);
    setsockopt(&stream.as_fd(), sockopt::TcpUserTimeout, &patience)?;
    match tls {
        None => talk(stream, client, router, limits).await,
        Some(tls) => {
            let stream = timeout(limits.to_ask, tls.acceptor().accept(stream)).await??;
            talk(stream, client, router, limits).await
        }
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Client,
    router: Router,
    limits: Limits,
) -> io::Result<()> {
    let router = TowerToHyperService::new(router);
    let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(client);
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.to_ask)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    served.map_err(io::Error::other)
}

/// What counts as one client: who has one IPv6 address has the 2^64 of its network.
pub(super) fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

/// How many connections each address has, or how many of something else.
#[derive(Clone, Default)]
pub(super) struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Guests {
    /// A place for one more of this address; `None` when it has so many.
    pub(super) fn admit(&self, address: IpAddr, most: usize) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            guests: self.clone(),
            address,
        })
    }
}

/// One of those of an address.
pub(super) struct Place {
    guests: Guests,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
