// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine against a kernel made of a value, and a clock that is an argument.

mod laws;
mod reload;
mod stand;
mod trouble;
mod upkeep;
