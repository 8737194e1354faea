// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this process may use.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// As many as a test with thousands of connections at both of their ends needs.
const MANY: u64 = 65_536;

/// Lets this process, and those that it starts from now on, have many files open: as many as it may, and
/// 65,536 where it may say so itself.
pub fn allow_many_descriptors() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let many = hard.max(MANY);
    // Only root raises the hard limit.
    setrlimit(Resource::RLIMIT_NOFILE, many, many)
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, hard, hard))
        .context("raise the limit of open files")
}
