// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connections of two directors: the one that has come asks over their channel, and the master sends all of its own to
//! the other kernel.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_local;
use tokio::time::sleep;
use tracing::info;

use super::bulk::{Bulk, Reason};
use super::pair::PeerSender;
use super::published::Published;
use super::vrrp::{RouterViews, VrrpOrders};
use crate::engine::{PeerNews, count};
use crate::pair::{Message, TableNews};

/// So many news wait. Whoever asks more often is not heard: the same answer comes.
const MOST_WAITING: usize = 16;
/// How often a director that has come looks whether its kernel is ready.
const LOOK: Duration = Duration::from_millis(200);

/// What the other director says of connections.
#[derive(Debug, Clone, Copy)]
pub(super) enum TableEvent {
    /// The channel is there.
    Came,
    /// About its table.
    Said(TableNews),
}

impl TableEvent {
    /// What the news of the channel say of connections.
    pub(super) fn of(news: &PeerNews) -> Option<Self> {
        match news {
            PeerNews::Came(_) => Some(Self::Came),
            PeerNews::Said(message) => match **message {
                Message::Table(table) => Some(Self::Said(table)),
                Message::Hello(_)
                | Message::Alive {}
                | Message::Orders(_)
                | Message::Services { .. }
                | Message::Verdicts(_)
                | Message::Leads(_)
                | Message::Drained(_)
                | Message::Again {} => None,
            },
            PeerNews::Gone(_) => None,
        }
    }
}

/// Where the news come in, and where they come out.
pub(super) fn table_events() -> (Sender<TableEvent>, Receiver<TableEvent>) {
    channel(MOST_WAITING)
}

/// Asks, sends, and tells the virtual routers.
pub(super) struct Exchange {
    pub(super) events: Receiver<TableEvent>,
    pub(super) peer: PeerSender,
    pub(super) bulk: Bulk,
    pub(super) published: Arc<Published>,
    pub(super) routers: RouterViews,
    pub(super) virtual_routers: VrrpOrders,
}

impl Exchange {
    /// For ever. It has to run inside a [`tokio::task::LocalSet`].
    pub(super) async fn run(mut self) {
        let sending = Rc::new(Cell::new(false));
        // Whether this director has not asked yet since the channel is there.
        let mut owes = false;
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(TableEvent::Came) => owes = true,
                    Some(TableEvent::Said(TableNews::Wanted)) => self.send(&sending),
                    Some(TableEvent::Said(TableNews::Sent { connections })) => self.came(connections),
                    None => return std::future::pending().await,
                },
                () = sleep(LOOK), if owes => {}
            }
            if owes && self.asks() {
                owes = false;
                self.peer.say(Message::Table(TableNews::Wanted));
            }
        }
    }

    /// Whether this host can take connections in, and another one is master. Before it has begun its kernel does not listen.
    fn asks(&self) -> bool {
        let latest = self.published.latest();
        let takes_in = latest.is_some_and(|it| it.config.connection_sync.is_some());
        takes_in && self.routers.follows()
    }

    /// Sends all connections, unless that is under way.
    fn send(&self, sending: &Rc<Cell<bool>>) {
        if sending.get() {
            return;
        }
        // Who is master of nothing has nothing to send.
        let Ok(answer) = self.bulk.send(Reason::PeerCame) else {
            return;
        };
        sending.set(true);
        let (peer, sending) = (self.peer.clone(), Rc::clone(sending));
        spawn_local(async move {
            let answer = answer.await;
            sending.set(false);
            if let Ok(Ok(sent)) = answer {
                let connections = sent.connections;
                peer.say(Message::Table(TableNews::Sent { connections }));
            }
        });
    }

    /// All connections of the other director have come.
    fn came(&self, connections: u64) {
        let number = usize::try_from(connections).unwrap_or(usize::MAX);
        let sent = count(number, "connection");
        info!("the other director has sent its {sent}");
        self.virtual_routers.synced();
    }
}
