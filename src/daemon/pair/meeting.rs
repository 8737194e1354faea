// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the two directors come to one connection: both listen, both connect, and of two connections both keep the same.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::TellPeerNews;
use super::handshake::{Proved, Refused, Side, prove};
use super::key::PairKey;
use super::link::carry;
use super::view::ChannelView;
use crate::daemon::clock::Clock;
use crate::engine::PeerNews;
use crate::model::Peer;
use crate::pair::Message;

/// From the first byte to the hello of the other side.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// Between two tries to connect, or to listen.
const RETRY: Duration = Duration::from_secs(1);
/// So many connections may be in their handshake at a time.
const MOST_STRANGERS: usize = 4;
/// The kernel keeps so many more waiting.
const BACKLOG: u32 = 16;

/// Everything that a meeting with this peer needs.
pub(super) struct Meeting<'a> {
    pub(super) peer: &'a Peer,
    pub(super) key: &'a PairKey,
    pub(super) instance: u64,
    pub(super) view: &'a ChannelView,
    pub(super) tell: &'a TellPeerNews,
    pub(super) clock: Clock,
}

/// A connection whose other end has proved who it is.
struct Come {
    proved: Proved<TcpStream>,
    side: Side,
}

impl Meeting<'_> {
    /// For ever.
    pub(super) async fn go_on(&self, outbox: &mut mpsc::Receiver<Message>, overrun: &AtomicBool) {
        let (come, mut comers) = mpsc::channel(MOST_STRANGERS);
        let linked = Cell::new(false);
        tokio::select! {
            () = self.listen(&come) => {}
            () = self.connect(&come, &linked) => {}
            () = self.hold(&mut comers, outbox, overrun, &linked) => {}
        }
    }

    /// Holds one connection after the other.
    async fn hold(
        &self,
        comers: &mut mpsc::Receiver<Come>,
        outbox: &mut mpsc::Receiver<Message>,
        overrun: &AtomicBool,
        linked: &Cell<bool>,
    ) {
        let mut next = None;
        loop {
            let come = if let Some(come) = next.take() {
                come
            } else {
                tokio::select! {
                    Some(come) = comers.recv() => come,
                    // Nobody hears it. Who comes next is told everything.
                    Some(_) = outbox.recv() => continue,
                    else => return,
                }
            };
            linked.set(true);
            // What waits is for the connection before.
            while outbox.try_recv().is_ok() {}
            overrun.store(false, Ordering::Relaxed);
            self.view.linked(self.clock.now());
            let Come { proved, side } = come;
            let (instance, program) = (proved.hello.instance, proved.hello.program.clone());
            (self.tell)(PeerNews::Came(program));
            let now = || self.clock.now();
            let carried = carry(proved, outbox, overrun, self.view, self.tell, now);
            let better = async {
                loop {
                    match comers.recv().await {
                        Some(come) if self.is_better(&come, (side, instance)) => return come,
                        Some(_) => {}
                        None => std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                why = carried => {
                    linked.set(false);
                    self.view.forget();
                    (self.tell)(PeerNews::Gone(why.into()));
                }
                come = better => next = Some(come),
            }
        }
    }

    /// Whether both directors keep this connection, and not the one that they have: because the other director has started
    /// again, or because the director with the smaller number opened it.
    fn is_better(&self, come: &Come, (side, instance): (Side, u64)) -> bool {
        let theirs = come.proved.hello.instance;
        let opened_by_smaller = |side| (side == Side::Opened) == (self.instance < theirs);
        theirs != instance || (opened_by_smaller(come.side) && !opened_by_smaller(side))
    }

    /// Connects while there is no connection.
    async fn connect(&self, come: &mpsc::Sender<Come>, linked: &Cell<bool>) {
        loop {
            if !linked.get()
                && let Err(why) = self.try_to_connect(come).await
            {
                self.view.problem(&format!("{}: {why}", self.peer.address));
            }
            sleep(RETRY).await;
        }
    }

    async fn try_to_connect(&self, come: &mpsc::Sender<Come>) -> Result<(), Refused> {
        let slow = |_| Refused::Network(format!("no answer within {} s", HANDSHAKE.as_secs()));
        let opened = async {
            let stream = self.open().await?;
            prove(stream, Side::Opened, self.key, self.instance).await
        };
        let proved = timeout(HANDSHAKE, opened).await.map_err(slow)?;
        let proved = proved.inspect_err(|why| {
            if !matches!(why, Refused::Network(_)) {
                self.view.count(why.name());
            }
        })?;
        let side = Side::Opened;
        let _ = come.send(Come { proved, side }).await;
        Ok(())
    }

    async fn open(&self) -> io::Result<TcpStream> {
        let socket = socket_for(self.peer.address)?;
        if let Some(bind) = self.peer.bind {
            socket.bind(SocketAddr::new(bind.ip(), 0))?;
        }
        let stream = socket.connect(self.peer.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Listens, and asks who comes who he is.
    async fn listen(&self, come: &mpsc::Sender<Come>) {
        loop {
            match self.listener() {
                Ok(listener) => self.accept(&listener, come).await,
                Err(error) => {
                    let at = self.peer.listens_at();
                    self.view
                        .complain(&format!("cannot listen at {at}: {error}; trying again"));
                }
            }
            sleep(RETRY).await;
        }
    }

    fn listener(&self) -> io::Result<TcpListener> {
        let at = self.peer.listens_at();
        let socket = socket_for(at)?;
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(BACKLOG)
    }

    /// Accepts until that fails.
    async fn accept(&self, listener: &TcpListener, come: &mpsc::Sender<Come>) {
        let mut strangers = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = strangers.join_next() => continue,
            };
            let Ok((stream, from)) = accepted else {
                return;
            };
            if from.ip().to_canonical() != self.peer.address.ip() {
                self.view.count("another address");
                let from = from.ip();
                self.view
                    .complain(&format!("{from} connected, which is not the peer: refused"));
                continue;
            }
            if strangers.len() >= MOST_STRANGERS {
                self.view.count("too many at a time");
                continue;
            }
            let (key, view) = (self.key.clone(), self.view.clone());
            let (come, instance) = (come.clone(), self.instance);
            strangers.spawn_local(async move {
                let _ = stream.set_nodelay(true);
                let proof = prove(stream, Side::Accepted, &key, instance);
                match timeout(HANDSHAKE, proof).await {
                    Ok(Ok(proved)) => {
                        let side = Side::Accepted;
                        let _ = come.send(Come { proved, side }).await;
                    }
                    Ok(Err(why)) => {
                        view.count(why.name());
                        view.complain(&format!("{from} was refused: {why}"));
                    }
                    Err(_) => view.count("too slow"),
                }
            });
        }
    }
}

fn socket_for(at: SocketAddr) -> io::Result<TcpSocket> {
    match at {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
}
