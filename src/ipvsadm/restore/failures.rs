// SPDX-License-Identifier: MIT OR Apache-2.0
//! The errors of a restore, by line.

use crate::ipvsadm::failure::Failure;

/// At most this many errors are shown.
const MOST: usize = 10_000;

/// Messages in their order, with the first one's exit status.
#[derive(Debug, Default)]
pub struct Failures {
    messages: Vec<String>,
    status: u8,
}

impl Failures {
    /// Adds the error of a line; lines count from 1.
    pub fn add(&mut self, number: u32, failure: &Failure) {
        let message = failure.message.trim_end();
        self.tell(format!("line {number}: {message}"), failure.status);
    }

    /// Adds a message.
    pub fn tell(&mut self, message: String, status: u8) {
        if self.messages.is_empty() {
            self.status = status;
        }
        match self.messages.len() {
            MOST => self.messages.push("and more".to_owned()),
            count if count < MOST => self.messages.push(message),
            _ => {}
        }
    }

    /// Whether there are more errors than can be shown.
    #[must_use]
    pub fn are_full(&self) -> bool {
        self.messages.len() > MOST
    }

    /// All messages as one failure.
    pub fn end(self) -> Result<(), Failure> {
        if self.messages.is_empty() {
            return Ok(());
        }
        Err(Failure {
            message: self.messages.join("\n"),
            status: self.status,
        })
    }
}
