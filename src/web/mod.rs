// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director's state for browsers, and for programs that speak HTTP.
//!
//! It shows what [`Source`] says, and changes nothing but by [`Source::order`]. All readers share what was made last
//! ([`Board`]): a hundred of them cost as much as one.

mod board;
mod connection;
mod page;
mod site;
mod source;
#[cfg(test)]
mod tests;
mod tls;

pub use board::Board;
pub use connection::{Limits, serve};
pub use site::Site;
pub use source::{Source, Waiting};
pub use tls::{TlsError, acceptor};
