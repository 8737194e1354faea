// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a check says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that was read, or the reason why it was not.
pub type Fact<T> = Result<T, Unread>;

/// Why a fact could not be read: `read net.ipv4.ip_forward: not permitted; run as root`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unread(pub String);

impl Unread {
    /// For this reason.
    #[must_use]
    pub fn because(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// How much something hurts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is wrong.
    Ok,
    /// Good to know; or nobody could look.
    Note,
    /// It hurts some clients, or at some time.
    Warning,
    /// It hurts now, or at the next failover.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How much it hurts.
    pub severity: Severity,
    /// The thing: `net.ipv4.ip_forward is 0`.
    pub what: String,
    /// Why it hurts: one sentence.
    pub why: String,
    /// The command that mends it, if one can.
    pub mend: Option<String>,
}

impl Trouble {
    /// It hurts now, or at the next failover.
    pub fn error(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Severity::Error, what, why)
    }

    /// It hurts some clients, or at some time.
    pub fn warning(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Severity::Warning, what, why)
    }

    /// Good to know.
    pub fn note(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Severity::Note, what, why)
    }

    /// Something of this severity, without a command.
    pub fn new(severity: Severity, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            severity,
            what: what.into(),
            why: why.into(),
            mend: None,
        }
    }

    /// The same with the command that mends it.
    #[must_use]
    pub fn mended_by(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

/// What a check found: something wrong, nothing wrong, or nothing at all because it could not look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it hurts.
    pub severity: Severity,
    /// The section of `docs/troubleshooting.md`: `ip-forward`.
    pub topic: String,
    /// The thing, or what was looked at.
    pub what: String,
    /// Why it hurts: one sentence. Absent when nothing is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The command that mends it, if one can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    /// What is wrong, in this section.
    #[must_use]
    pub fn of(topic: &str, trouble: Trouble) -> Self {
        let Trouble {
            severity,
            what,
            why,
            mend,
        } = trouble;
        Self {
            severity,
            topic: topic.to_owned(),
            what,
            why: Some(why),
            mend,
        }
    }

    /// Where it is explained: `docs/troubleshooting.md#ip-forward`.
    #[must_use]
    pub fn docs(&self) -> String {
        format!("docs/troubleshooting.md#{}", self.topic)
    }
}
