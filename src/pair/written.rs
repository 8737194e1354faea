// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages as JSON. What a newer director says is passed over; what is no message is refused.

use super::message::{MOST_IN_A_MESSAGE, Message};
use crate::codec::shown;

/// The longest message in bytes: what one frame of the channel can carry.
pub const MOST_BYTES: usize = 65_000;
/// The longest name of whoever gave an order, in characters.
const LONGEST_NAME: usize = 120;

/// The kinds of messages that are known, as they are written.
const KINDS: [&str; 9] = [
    "hello", "alive", "orders", "services", "verdicts", "leads", "drained", "again", "table",
];

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// A kind that only a newer director knows.
    #[error("a message of the kind {0:?}, which this director does not know")]
    Unknown(String),
    /// Not JSON, or a known kind with something wrong in it.
    #[error("not a message of the channel: {0}")]
    Wrong(String),
    /// It is about more than a message may be.
    #[error("a message about {0} things; {MOST_IN_A_MESSAGE} is the most")]
    TooMany(usize),
}

/// A message as bytes; `None` when it would not fit into a frame, which no message of ours does.
#[must_use]
pub fn write(message: &Message) -> Option<Vec<u8>> {
    let bytes = serde_json::to_vec(message).ok()?;
    (bytes.len() <= MOST_BYTES).then_some(bytes)
}

/// A message from bytes.
pub fn read(bytes: &[u8]) -> Result<Message, Unreadable> {
    let mut message = serde_json::from_slice(bytes).map_err(|error| wrong(bytes, &error))?;
    let number = match &mut message {
        Message::Orders(all) => {
            for it in &mut *all {
                // It is shown to operators, and written to the log.
                it.by = shown(&it.by, LONGEST_NAME).into();
            }
            all.len()
        }
        Message::Services { of, .. } => of.len(),
        Message::Verdicts(all) => all.len(),
        Message::Drained(all) => all.len(),
        Message::Hello(hello) => {
            hello.program = shown(&hello.program, LONGEST_NAME).into();
            0
        }
        Message::Alive {} | Message::Leads(_) | Message::Again {} | Message::Table(_) => 0,
    };
    if number > MOST_IN_A_MESSAGE {
        return Err(Unreadable::TooMany(number));
    }
    Ok(message)
}

/// Whether it is of a kind that is not known, or a known one that is wrong.
fn wrong(bytes: &[u8], error: &serde_json::Error) -> Unreadable {
    let kinds: Result<serde_json::Map<String, serde_json::Value>, _> =
        serde_json::from_slice(bytes);
    let kind = kinds.ok().and_then(|kinds| {
        let mut names = kinds.into_iter().map(|(name, _)| name);
        let name = names.next()?;
        names.next().is_none().then_some(name)
    });
    match kind {
        Some(kind) if !KINDS.contains(&&*kind) => Unreadable::Unknown(shown(&kind, 40)),
        Some(_) | None => Unreadable::Wrong(shown(&error.to_string(), 200)),
    }
}
