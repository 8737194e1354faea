// SPDX-License-Identifier: MIT OR Apache-2.0
//! One connection to the other director: messages in both directions, until one side is silent or goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout, timeout_at};

use super::frames;
use super::handshake::Proved;
use super::view::ChannelView;
use crate::engine::PeerNews;
use crate::model::Timestamp;
use crate::pair::{self, Message, Unreadable};

/// Each side says at least that it is there, this often.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// Who has said nothing whole for so long is not there any more.
pub(super) const SILENCE: Duration = Duration::from_secs(4);
/// So many bytes are taken in a second; more wait, and their sender with them. All verdicts of 10,000 servers are fewer. Each
/// message counts as many as this at least.
const MOST_IN_A_SECOND: usize = 8 << 20;
const LEAST: usize = 4096;

/// Counts the bytes of a second.
struct Pace {
    since: Instant,
    count: usize,
}

impl Pace {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            count: 0,
        }
    }

    /// Waits when there were too many.
    async fn keep(&mut self, bytes: usize) {
        self.count += bytes.max(LEAST);
        let end = self.since + Duration::from_secs(1);
        if Instant::now() >= end {
            *self = Self::new();
        } else if self.count >= MOST_IN_A_SECOND {
            sleep_until(end).await;
            *self = Self::new();
        }
    }
}

/// Carries messages until the connection ends. Returns why it did.
pub(super) async fn carry<S: AsyncRead + AsyncWrite>(
    proved: Proved<S>,
    outbox: &mut mpsc::Receiver<Message>,
    overrun: &AtomicBool,
    view: &ChannelView,
    tell: &dyn Fn(PeerNews),
    now: impl Fn() -> Timestamp,
) -> String {
    let Proved {
        mut frames,
        mut to,
        mut cipher,
        hello: _,
    } = proved;
    let mut alive = interval(ALIVE_EVERY);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pace = Pace::new();
    let mut silent_at = Instant::now() + SILENCE;
    loop {
        // What has come is read first: a host that stood still for a while finds it before it finds that it is late.
        tokio::select! {
            biased;
            read = timeout_at(silent_at, frames.next()) => {
                let frame = match read {
                    Ok(Ok(Some(frame))) => frame,
                    Ok(Ok(None)) => return "it ended the connection".to_owned(),
                    Ok(Err(error)) => return error.to_string(),
                    Err(_) => return format!("nothing was heard of it for {} s", SILENCE.as_secs()),
                };
                let Some(text) = cipher.open(&frame) else {
                    return "something on the way changed what it said".to_owned();
                };
                silent_at = Instant::now() + SILENCE;
                view.heard(now());
                take(&text, view, tell);
                pace.keep(text.len()).await;
            }
            _ = alive.tick() => {
                if overrun.load(Ordering::Relaxed) {
                    return "it takes messages too slowly".to_owned();
                }
                if let Err(why) = send(&mut to, &mut cipher, &Message::Alive {}).await {
                    return why;
                }
            }
            Some(message) = outbox.recv() => {
                if let Err(why) = send(&mut to, &mut cipher, &message).await {
                    return why;
                }
            }
        }
    }
}

/// A message that is not understood is passed over: the other director may be a newer one.
fn take(text: &[u8], view: &ChannelView, tell: &dyn Fn(PeerNews)) {
    match pair::read(text) {
        Ok(Message::Hello(_) | Message::Alive {}) => {}
        Ok(message) => tell(PeerNews::Said(Box::new(message))),
        Err(Unreadable::Unknown(_)) => view.count("unknown message"),
        Err(Unreadable::Wrong(why)) => {
            view.count("unreadable message");
            view.complain(&format!("a message of it is not understood: {why}"));
        }
        Err(Unreadable::TooMany(_)) => view.count("message too large"),
    }
}

async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    cipher: &mut super::handshake::Cipher,
    message: &Message,
) -> Result<(), String> {
    // None of ours is so long that it does not fit.
    let Some(frame) = cipher.seal(message) else {
        return Ok(());
    };
    match timeout(SILENCE, frames::write(to, &frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it has taken nothing for {} s", SILENCE.as_secs())),
    }
}
