// SPDX-License-Identifier: MIT OR Apache-2.0
//! Digests of what is configured: two directors compare them, and need not send each other their files.
//!
//! They are equal when both programs have the same version and both files say the same. Another version may write the
//! same differently; then each director keeps to its own verdicts, which costs nothing but that.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::model::{Check, Checks, ConfiguredServer, ConfiguredService, Probe, ProbePath};

/// A digest: 64-bit FNV-1a. It tells configurations apart, and is no protection from somebody who wants two to be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub u64);

struct Fnv(u64);

impl Fnv {
    const START: Self = Self(0xcbf2_9ce4_8422_2325);
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

/// The checks of a server: what they ask, when, and how many results make a verdict. From which address of its own host and by
/// which interface a director asks is its own affair.
#[must_use]
pub fn of_checks(checks: &Checks) -> Digest {
    let mut fnv = Fnv::START;
    add_checks(checks, &mut fnv);
    Digest(fnv.0)
}

/// A whole service: how it spreads connections, and to whom.
#[must_use]
pub fn of_service(service: &ConfiguredService) -> Digest {
    let ConfiguredService {
        settings,
        servers,
        pool,
        failover,
    } = service;
    let mut fnv = Fnv::START;
    // Writing to it cannot fail, here and below.
    let _ = write!(fnv, "{settings:?}|{pool:?}|{failover:?}");
    for (key, server) in &**servers {
        let ConfiguredServer {
            real_server,
            checks,
            inhibit_on_failure,
            rank,
            drain,
            slow_start,
        } = server;
        let _ = write!(
            fnv,
            "|{key}|{real_server:?}|{inhibit_on_failure}|{rank:?}|{drain:?}|{slow_start:?}"
        );
        add_checks(checks, &mut fnv);
    }
    Digest(fnv.0)
}

fn add_checks(checks: &Checks, fnv: &mut Fnv) {
    let Checks { need, each } = checks;
    let _ = write!(fnv, "|{need:?}");
    for check in each.iter() {
        let Check { probe, schedule } = &**check;
        let Probe { kind, target, path } = probe;
        let mark = path.as_deref().and_then(|ProbePath { mark, .. }| *mark);
        let _ = write!(fnv, "|{kind:?}|{target}|{mark:?}|{schedule:?}");
    }
}
