// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step that could not be done.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::HostStep;

/// A step that failed. Its error says what was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFailure<E> {
    /// The index of the step.
    pub index: usize,
    /// The step.
    pub step: HostStep,
    /// Why.
    pub error: E,
}

impl<E: fmt::Display> HostFailure<E> {
    /// The same with the error as text, for recordings.
    #[must_use]
    pub fn in_words(self) -> HostFailure<String> {
        HostFailure {
            index: self.index,
            step: self.step,
            error: self.error.to_string(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for HostFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
