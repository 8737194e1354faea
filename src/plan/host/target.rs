// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host's plan is carried out on.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{HostFailure, HostScope, HostStep};
use crate::model::Host;

/// This host, or a value that behaves like it.
///
/// Its methods are not named like those of [`Target`](crate::plan::Target), because a kernel is both.
pub trait HostTarget {
    /// Why something could not be read or done.
    type HostError: fmt::Display;

    /// Reads what the scope names. What cannot be read does not keep the rest from being read.
    fn read_host(&mut self, scope: &HostScope) -> HostReading<Self::HostError>;

    /// Carries out steps in order. Returned are those that failed; one that fails does not stop the others. Whoever
    /// wants it to gives them one by one.
    fn apply_host(&mut self, steps: &[HostStep]) -> Vec<HostFailure<Self::HostError>>;
}

/// What came of reading a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReading<E> {
    /// What could be read.
    pub host: Host,
    /// Why the rest could not.
    pub failures: Vec<E>,
}

impl<E: fmt::Display> HostReading<E> {
    /// The same with the failures in words, for what is written down.
    #[must_use]
    pub fn in_words(self) -> HostReading<String> {
        HostReading {
            host: self.host,
            failures: self.failures.iter().map(ToString::to_string).collect(),
        }
    }
}
