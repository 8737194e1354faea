// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers on their way to one client: one line at a time, none of them queued.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::reply::{Item, ReplyLine};

/// Why an answer ends before its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The director will not, or cannot, for this reason.
    #[error("{0}")]
    Refused(String),
    /// The client has gone, or does not read its answer.
    #[error("the client has gone")]
    Gone,
}

/// The writing half of a connection.
pub(super) struct Writer {
    half: Mutex<OwnedWriteHalf>,
    failed: Notify,
    patience: Duration,
}

impl Writer {
    pub(super) fn new(half: OwnedWriteHalf, patience: Duration) -> Self {
        Self {
            half: Mutex::new(half),
            failed: Notify::new(),
            patience,
        }
    }

    /// Returns when a line could not be written completely: nothing after it would make sense.
    pub(super) async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Writes a line that costs little to make.
    pub(super) async fn send(&self, line: &ReplyLine) -> Result<(), Unanswered> {
        let mut half = self.half.lock().await;
        self.write(&mut half, line.line()).await
    }

    /// Writes that the director lives, unless a line is being written.
    pub(super) async fn send_alive(&self) {
        if let Ok(mut half) = self.half.try_lock() {
            // The session ends by itself when this fails.
            let _ = self.write(&mut half, ReplyLine::Alive.line()).await;
        }
    }

    /// Makes a line on another thread, when it is its turn, and writes it. So a client uses the memory of one line at
    /// most, and gets the newest state.
    async fn send_made(
        &self,
        make: impl FnOnce() -> ReplyLine + Send + 'static,
    ) -> Result<(), Unanswered> {
        let mut half = self.half.lock().await;
        let line = spawn_blocking(move || make().line());
        let line = line.await.map_err(|_| {
            Unanswered::Refused("the answer could not be made; this is a bug".to_owned())
        })?;
        self.write(&mut half, line).await
    }

    async fn write(
        &self,
        half: &mut OwnedWriteHalf,
        line: serde_json::Result<Vec<u8>>,
    ) -> Result<(), Unanswered> {
        let line = line.map_err(|error| Unanswered::Refused(error.to_string()))?;
        if let Ok(Ok(())) = timeout(self.patience, half.write_all(&line)).await {
            return Ok(());
        }
        self.failed.notify_one();
        Err(Unanswered::Gone)
    }
}

/// Where the parts of one answer go.
#[derive(Clone)]
pub struct Replies {
    id: u64,
    writer: Rc<Writer>,
}

impl Replies {
    pub(super) const fn new(id: u64, writer: Rc<Writer>) -> Self {
        Self { id, writer }
    }

    /// Sends a part that costs little to make. Returns when the client has room for it.
    pub async fn item(&self, item: Item) -> Result<(), Unanswered> {
        self.writer
            .send(&ReplyLine::Item(self.id, Some(item)))
            .await
    }

    /// Makes a part on another thread when the client has read the part before, and sends it.
    pub async fn made(
        &self,
        make: impl FnOnce() -> Item + Send + 'static,
    ) -> Result<(), Unanswered> {
        let id = self.id;
        self.writer
            .send_made(move || ReplyLine::Item(id, Some(make())))
            .await
    }
}
