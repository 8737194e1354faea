// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine with a simulated kernel, and with a clock that is an argument.

mod drains;
mod figures;
mod laws;
mod orders;
mod pair;
mod passive;
mod pool;
mod reload;
mod slow_start;
mod stand;
mod trouble;
mod upkeep;
mod wires;
