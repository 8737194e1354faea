// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an HTTP probe asks, and which answers are successes.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Login, Tls};

/// One request, and the status codes of a healthy server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HttpProbe {
    /// The method.
    pub method: HttpMethod,
    /// Path and query: visible ASCII, beginning with a slash.
    pub path: Box<str>,
    /// The `Host` header; `None` is the target's address and port.
    pub host: Option<Box<str>>,
    /// More header lines: a name, and a value of visible ASCII and blanks.
    #[serde(default)]
    pub headers: Box<[(Box<str>, Box<str>)]>,
    /// Who logs in, by the `Basic` scheme.
    pub login: Option<Login>,
    /// The status codes that are a success; not empty.
    pub statuses: Box<[StatusRange]>,
    /// What the body must have somewhere; not empty. `None` when it is not read.
    pub contains: Option<Box<str>>,
    /// How it speaks TLS; `None` when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// A method without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
}

/// Status codes from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StatusRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl HttpProbe {
    /// A request for this path, and nothing else that could be left out.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self {
            method: HttpMethod::Get,
            path: path.into(),
            host: None,
            headers: Box::default(),
            login: None,
            statuses: [StatusRange::SUCCESS].into(),
            contains: None,
            tls: None,
        }
    }

    /// Whether this status code is a success.
    #[must_use]
    pub fn accepts(&self, status: u16) -> bool {
        let mut ranges = self.statuses.iter();
        ranges.any(|range| (range.first..=range.last).contains(&status))
    }

    /// What it asks, and of whom: as [`super::Probe`] is printed. What is as it always is, is left out.
    pub(super) fn fmt_asked(&self, at: SocketAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())?;
        f.write_str(" ")?;
        if self.method != HttpMethod::Get {
            write!(f, "{} ", self.method.word())?;
        }
        write!(f, "{at}{}", self.path)?;
        if let Some(host) = &self.host {
            write!(f, " host {host}")?;
        }
        for (name, _) in &self.headers {
            // The value may be a token.
            write!(f, " header {name}")?;
        }
        if let Some(login) = &self.login {
            write!(f, " user {}", login.user)?;
        }
        if *self.statuses != [StatusRange::SUCCESS] {
            write!(f, " status {}", self.accepted())?;
        }
        if let Some(part) = &self.contains {
            write!(f, " contains {part:?}")?;
        }
        self.tls.as_ref().map_or(Ok(()), |tls| tls.fmt_demands(f))
    }

    /// `http`, or `https`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self.tls {
            None => "http",
            Some(_) => "https",
        }
    }

    /// The accepted status codes: `200-299, 401`.
    #[must_use]
    pub fn accepted(&self) -> String {
        let ranges: Vec<String> = self.statuses.iter().map(ToString::to_string).collect();
        ranges.join(", ")
    }
}

impl StatusRange {
    /// `200-299`: what counts when nothing is written.
    pub const SUCCESS: Self = Self {
        first: 200,
        last: 299,
    };
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl HttpMethod {
    /// As the request has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }
}
