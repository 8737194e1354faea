// SPDX-License-Identifier: MIT OR Apache-2.0
//! The channel to the other director of the pair: one connection, which proves who is at its other end.
//!
//! Both listen, and both connect. Where two connections meet, both directors keep the one that the director with the smaller
//! number opened. Nobody waits for the channel: what the engine says is dropped while there is none, and said anew when
//! there is one.

mod frames;
mod handshake;
mod key;
mod link;
mod meeting;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, watch};

pub(super) use self::key::KeyFile;
use self::meeting::Meeting;
pub(super) use self::view::ChannelView;
use super::clock::Clock;
use super::published::Published;
use crate::engine::PeerNews;
use crate::model::Peer;
use crate::pair::Message;

/// So many messages wait to be sent. All orders and verdicts of 100,000 servers are fewer.
const MOST_WAITING: usize = 4096;

/// Sends to the other director. It never waits.
#[derive(Debug, Clone)]
pub(super) struct PeerSender {
    outbox: mpsc::Sender<Message>,
    /// A message found no room: the connection ends, and the next one begins with everything.
    overrun: Arc<AtomicBool>,
}

impl PeerSender {
    /// Sends a message, as soon as there is a connection to send it over.
    pub(super) fn say(&self, message: Message) {
        if self.outbox.try_send(message).is_err() {
            self.overrun.store(true, Ordering::Relaxed);
        }
    }
}

/// Takes what happens to the channel, and what the other director says. This is the one place where it comes out.
pub(super) type TellPeerNews = Box<dyn Fn(PeerNews)>;

/// The channel, before it runs.
pub(super) struct PairChannel {
    outbox: mpsc::Receiver<Message>,
    overrun: Arc<AtomicBool>,
    keys: watch::Receiver<Option<KeyFile>>,
    tell: TellPeerNews,
    clock: Clock,
    view: ChannelView,
    instance: u64,
}

/// The channel, and the way to send over it. `keys` has the file with the key as it was read last.
pub(super) fn channel(
    keys: watch::Receiver<Option<KeyFile>>,
    tell: TellPeerNews,
    clock: Clock,
    instance: u64,
) -> (PairChannel, PeerSender) {
    let (sender, outbox) = mpsc::channel(MOST_WAITING);
    let overrun = Arc::new(AtomicBool::new(false));
    let channel = PairChannel {
        outbox,
        overrun: Arc::clone(&overrun),
        keys,
        tell,
        clock,
        view: ChannelView::default(),
        instance,
    };
    let sender = PeerSender {
        outbox: sender,
        overrun,
    };
    (channel, sender)
}

impl PairChannel {
    /// For those who look.
    pub(super) fn view(&self) -> ChannelView {
        self.view.clone()
    }

    /// Keeps the channel to the peer of the configuration in force, for ever. It has to run inside a
    /// [`tokio::task::LocalSet`].
    pub(super) async fn keep(mut self, published: Arc<Published>) {
        let mut snapshots = published.changes();
        let mut keys = self.keys.clone();
        loop {
            let peer = configured(&published);
            let key = keys.borrow_and_update().clone();
            let other_key = until(&mut keys, |now| *now != key);
            let other_peer = until(&mut snapshots, |_| configured(&published) != peer);
            tokio::select! {
                () = self.meet(peer.as_ref(), key.as_ref()) => {}
                () = other_key => {}
                () = other_peer => {}
            }
            if self.view.forget() {
                (self.tell)(PeerNews::Gone(
                    "the configuration or the key has changed".into(),
                ));
            }
        }
    }

    async fn meet(&mut self, peer: Option<&Peer>, key: Option<&KeyFile>) {
        let Some(peer) = peer else {
            return self.send_nothing().await;
        };
        let key = key.filter(|key| *key.file == *peer.key_file);
        let key = match key.map(|key| &key.key) {
            Some(Ok(key)) => key.clone(),
            Some(Err(why)) => {
                self.view.problem(why);
                return self.send_nothing().await;
            }
            None => return self.send_nothing().await,
        };
        let meeting = Meeting {
            peer,
            key: &key,
            instance: self.instance,
            view: &self.view,
            tell: &self.tell,
            clock: self.clock,
        };
        meeting.go_on(&mut self.outbox, &self.overrun).await;
    }

    /// Nobody hears what is said.
    async fn send_nothing(&mut self) {
        while self.outbox.recv().await.is_some() {}
        std::future::pending::<()>().await;
    }
}

/// The peer of the configuration in force; `None` before the first snapshot, too.
fn configured(published: &Published) -> Option<Peer> {
    let latest = published.latest()?;
    latest.config.peer.clone()
}

/// Returns when what is watched has changed so. A file that was read again may be the same.
async fn until<T>(watched: &mut watch::Receiver<T>, is: impl FnMut(&T) -> bool) {
    if watched.wait_for(is).await.is_err() {
        // Who would change it is gone.
        std::future::pending::<()>().await;
    }
}
