// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of what the directors of a pair tell each other.

mod ledger;
#[cfg(feature = "daemon")]
mod written;
