// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket, protocol 2: JSON lines on a Unix socket, for root, the director's own user, and the members
//! of two groups.
//!
//! ```text
//! client    {"hello":{"protocol":2,"oldest":2,"program":"director 0.1.0"}}
//! director  {"hello":{"protocol":2,"oldest":2,"program":"director 0.1.0"}}
//! client    {"id":1,"request":"events","after":7,"follow":true}
//! director  {"id":1,"item":{"event":{"number":8,...}}}        as often as there is something
//! director  {"alive":true}                                    while there is nothing, every 2 s
//! director  {"id":1,"end":true}                               or {"id":1,"error":"why"}
//! ```
//!
//! A client may send a request before an answer is complete: the number says which line belongs to which request. A
//! reader ignores fields and items that it does not know, so either side may be the newer one. A request that the
//! director does not know is answered with an error. An error without a number is about the connection, which then
//! ends.

mod client;
mod connect;
mod failure;
mod hello;
mod lines;
mod peer;
mod reply;
mod request;
mod server;
mod session;
mod socket;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod words;
mod writer;

pub use client::{Answers, Client};
pub use failure::ClientError;
pub use hello::{Hello, Incompatible};
pub use peer::{Access, Group, Peer, Rules};
pub use reply::{Carried, Item, Overruling, Reloaded, Remembered, ReplyLine, Told};
pub use request::{ClientLine, Misunderstood, Request};
pub use server::{Admission, Asked, Limits, serve, serve_within};
pub use socket::{ControlSocket, OpenError};
pub use status::{
    CheckStatus, DrainStatus, FoundDifferently, HeldStatus, MasterStatus, MemoryStatus, PeerStatus,
    RouterStatus, SentConnections, ServerStatus, ServiceStatus, SlowStartStatus, Status,
    SyncStatus, TakeOverStatus, TrackedStatus, TripwireStatus, VerdictDelay,
};
pub use words::Left;
pub use writer::{Replies, Unanswered};
