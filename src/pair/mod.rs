// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the two directors of a pair tell each other, and what each believes of it.
//!
//! ```text
//!   orders: both keep all of them, with versions; the later one wins ------> ledger
//!   verdicts of the director that leads: the other one counts with them ---> belief
//! ```
//!
//! The director that is master of a virtual router leads. The other one follows it while their channel is alive: a server
//! counts as the leader finds it, so that both tables agree. Each goes on with its own checks. Where the leader is gone,
//! its last word counts until the checks of the other one have confirmed what they say by as many results as a verdict needs.
//!
//! Nothing here does I/O. The engine asks and tells; `daemon/pair/` carries the messages.

#![warn(clippy::wildcard_enum_match_arm)]

mod belief;
mod digest;
mod ledger;
mod message;
#[cfg(test)]
mod tests;
#[cfg(feature = "daemon")]
mod written;

pub use belief::{Belief, PairRole, Said};
pub use digest::{Digest, of_checks, of_service};
pub use ledger::{Ledger, LedgerEntry, LedgerLine, OrderVersion};
pub use message::{
    Hello, MOST_IN_A_MESSAGE, Message, OrderNews, READABLE_BY, ServiceNews, TableNews, VERSION,
    Verdict,
};
#[cfg(feature = "daemon")]
pub use written::{MOST_BYTES, Unreadable, read, write};
