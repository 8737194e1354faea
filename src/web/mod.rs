// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director's state for browsers, and for programs that speak HTTP.
//!
//! It shows what [`Source`] says, and changes nothing but by [`Source::order`]. All readers share what was made last
//! ([`Board`]): a hundred of them cost as much as one.

mod access;
mod act;
mod api;
mod board;
mod body;
mod changes;
mod clock;
mod connection;
mod follow;
mod large;
mod live;
mod metrics;
mod orders;
mod page;
mod rates;
mod site;
mod source;
#[cfg(test)]
mod tests;
mod tls;
mod traffic;

pub use access::{
    Unfit, Users, WrongLine, basic, cookie, needs_no_dns, read_users, user_line, with_line,
};
pub use board::Board;
pub use connection::Limits;
pub use rates::History;
pub use site::{Site, run};
pub use source::{Source, Waiting};
pub use tls::{Certificate, TlsError};
pub use traffic::{Reading, ServerTraffic, ServiceTraffic, Traffic};
