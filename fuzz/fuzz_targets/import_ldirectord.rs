// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ldirectord.cf`: it is refused with messages, or it becomes a file that our own reader takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lvs_director::import::{Alone, Kind};

#[path = "imported/mod.rs"]
mod imported;

fuzz_target!(|bytes: &[u8]| imported::check(Kind::Ldirectord, bytes, &Alone));
