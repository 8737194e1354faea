// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket: its lines, and each side with a friendly and with a hostile other side.

mod client;
mod protocol;
mod served;
mod server;
mod socket;

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Access, Admission, Asked, ControlSocket, Group, Item, Limits, Peer, Reloaded, Replies, Request,
    Rules, Unanswered, serve_within,
};
use crate::engine::ReloadId;

pub(crate) use served::Served;

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(60);

/// A director that answers a reload, never ends a wait for one, sends to watchers without end, refuses events, and has
/// a defect in standings.
struct FakeDirector(Served);

impl FakeDirector {
    fn start(limits: Limits) -> Self {
        Self::start_for(limits, |peer| Rules::default().access(peer))
    }

    fn start_for(limits: Limits, access: fn(&Peer) -> Access) -> Self {
        let group = |name: &str, gid| Group {
            name: name.into(),
            gid,
        };
        let rules = Arc::new(Rules {
            all: Some(group("lvs", 1)),
            readers: Some(group("watchers", 2)),
        });
        let admission = move |peer: &Peer| Admission {
            access: access(peer),
            rules: Arc::clone(&rules),
        };
        Self(Served::by(async move |socket| {
            serve_within(limits, admission, socket, Rc::new(answer)).await;
        }))
    }

    fn path(&self) -> PathBuf {
        self.0.path()
    }
}

async fn answer(asked: Asked, replies: Replies) -> Result<(), Unanswered> {
    match asked.request {
        Request::Reload { wait: false } => replies.item(reloaded(1)).await,
        Request::Reload { wait: true } => std::future::pending().await,
        Request::Status { .. } => loop {
            // More than a socket holds.
            replies
                .made(|| {
                    Item::Status(Box::new(super::Status {
                        version: "x".repeat(1 << 20),
                        ..super::Status::default()
                    }))
                })
                .await?;
        },
        Request::Events { .. } => Err(Unanswered::Refused("no".to_owned())),
        Request::Order { servers, .. } => {
            let all = u64::try_from(servers.len()).unwrap();
            replies.item(Item::Ordered(all)).await
        }
        Request::Failover { .. }
        | Request::Sync
        | Request::Standings
        | Request::LogLevel { .. } => panic!("a defect"),
    }
}

fn reloaded(number: u64) -> Item {
    Item::Reload(Reloaded {
        reload: ReloadId(number),
        answered: None,
        refused: None,
        steps: 0,
        warning: None,
    })
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Waits for it.
fn eventually(mut holds: impl FnMut() -> bool) {
    let pause = Duration::from_millis(10);
    let tries = LONG.as_millis() / pause.as_millis();
    let held = (0..tries).any(|_| {
        std::thread::park_timeout(pause);
        holds()
    });
    assert!(held);
}
