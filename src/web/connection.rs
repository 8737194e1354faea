// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections of browsers: so many at a time, so long to ask.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

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
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
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
        let Some(place) = guests.admit(peer.ip(), limits.of_one) else {
            continue;
        };
        let (tls, router) = (tls.clone(), router.clone());
        open.spawn(async move {
            let _place = place;
            // What goes wrong with one connection is its client's to find out.
            let _ = attend(stream, tls, router, limits).await;
        });
    }
}

async fn attend(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let patience = u32::try_from(limits.to_take.as_millis()).unwrap_or(u32::MAX);
    setsockopt(&stream.as_fd(), sockopt::TcpUserTimeout, &patience)?;
    match tls {
        None => talk(stream, router, limits).await,
        Some(tls) => {
            let stream = timeout(limits.to_ask, tls.accept(stream)).await??;
            talk(stream, router, limits).await
        }
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: Limits,
) -> io::Result<()> {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.to_ask)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    served.map_err(io::Error::other)
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Guests {
    /// A place for a connection of this address; `None` when it has so many.
    fn admit(&self, address: IpAddr, most: usize) -> Option<Place> {
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

/// One connection of an address.
struct Place {
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
