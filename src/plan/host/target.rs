// SPDX-License-Identifier: MIT OR Apache-2.0
//! The target of a host's plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{HostFailure, HostScope, HostStep};
use crate::model::Host;

/// This host, or a value that behaves like it.
///
/// Its methods have other names than those of [`Target`](crate::plan::Target), because a kernel implements both.
pub trait HostTarget {
    /// Why something could not be read or done.
    type HostError: fmt::Display;

    /// Reads what the scope names. It goes on when something cannot be read.
    fn read_host(&mut self, scope: &HostScope) -> HostReading<Self::HostError>;

    /// Carries out steps in order, and returns those that failed. A failure does not stop the others: give the steps
    /// one by one if it should.
    fn apply_host(&mut self, steps: &[HostStep]) -> Vec<HostFailure<Self::HostError>>;
}

/// The result of reading a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReading<E> {
    /// What could be read.
    pub host: Host,
    /// Why the rest could not.
    pub failures: Vec<E>,
}

impl<E: fmt::Display> HostReading<E> {
    /// The same with the failures as text, for recordings.
    #[must_use]
    pub fn in_words(self) -> HostReading<String> {
        HostReading {
            host: self.host,
            failures: self.failures.iter().map(ToString::to_string).collect(),
        }
    }
}
