// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the director shows its state to browsers and to programs that speak HTTP.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One place where the pages are, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebListener {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Under which path the status page is.
    pub path: WebPath,
    /// How often a browser without JavaScript gets the page again.
    pub refresh: Duration,
    /// The file with the users who may log in; `None` when everybody who can connect may read.
    pub users_file: Option<Box<Path>>,
    /// Whether users who have logged in may change something: drain, weight.
    pub actions: bool,
    /// Its certificate; `None` is plain HTTP.
    pub tls: Option<WebTls>,
}

impl WebListener {
    /// The port of the page when none is written.
    pub const PORT: u16 = 8100;
    /// Where it listens when nothing is written: at this host alone.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Self::PORT);
    /// How often a browser without JavaScript gets the page again when nothing is written.
    pub const REFRESH: Duration = Duration::from_secs(5);
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebTls {
    /// The file with the certificate and those that have signed it, in PEM.
    pub certificate: Box<Path>,
    /// The file with its key, in PEM.
    pub key: Box<Path>,
}

/// The path of a page: `/`, or segments of plain characters: `/rabbitmq-stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct WebPath(Box<str>);

impl WebPath {
    /// The longest, in bytes.
    pub const LONGEST: usize = 256;

    /// What is at every listener under its own path, and can be no page.
    pub const RESERVED: [&'static str; 3] = ["/healthz", "/readyz", "/metrics"];

    /// The path; `None` when it is [reserved](Self::RESERVED), does not begin with `/`, has an empty segment, `.` or `..`, or other characters than
    /// letters, digits and `-._~`. A `/` at its end is dropped.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let segment = |it: &str| !it.is_empty() && it != "." && it != ".." && it.bytes().all(plain);
        let good = text == "/" || rest.split('/').all(segment);
        let good = good && text.len() <= Self::LONGEST;
        let good = good && !Self::RESERVED.contains(&text.trim_end_matches('/'));
        good.then(|| Self(format!("/{rest}").into()))
    }

    /// `/`, or the path without a `/` at its end.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before `/api`: nothing for `/`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }
}

impl Default for WebPath {
    fn default() -> Self {
        Self("/".into())
    }
}

impl fmt::Display for WebPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// It is not a path that a page can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a path of a page")]
pub struct NotAWebPath;

impl TryFrom<Box<str>> for WebPath {
    type Error = NotAWebPath;

    fn try_from(text: Box<str>) -> Result<Self, NotAWebPath> {
        Self::new(&text).ok_or(NotAWebPath)
    }
}

impl From<WebPath> for Box<str> {
    fn from(path: WebPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_plain_segments_and_no_slash_at_its_end() {
        for (text, path, prefix) in [
            ("/", "/", ""),
            ("/rabbitmq-stats", "/rabbitmq-stats", "/rabbitmq-stats"),
            ("/rabbitmq-stats/", "/rabbitmq-stats", "/rabbitmq-stats"),
            ("/a/b.c", "/a/b.c", "/a/b.c"),
        ] {
            let read = WebPath::new(text).unwrap();
            assert_eq!((read.as_str(), read.prefix()), (path, prefix), "{text}");
        }
        for text in [
            "",
            "a",
            "//",
            "/a//b",
            "/..",
            "/a/../b",
            "/a b",
            "/a?b",
            "/%2e",
            "/ä",
            "/a/.",
            "/metrics",
            "/healthz/",
        ] {
            assert_eq!(WebPath::new(text), None, "{text}");
        }
    }
}
