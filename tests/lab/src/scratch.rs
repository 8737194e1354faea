// SPDX-License-Identifier: MIT OR Apache-2.0
//! A directory that exists as long as its owner.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// A fresh directory below the system's directory for temporary files, for our user only; removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| age.subsec_nanos());
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lab-{}-{serial}-{nanos:x}", std::process::id());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("create directory {}", path.display()))?;
        let path = path
            .canonicalize()
            .context("resolve the temporary directory")?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing useful can be done where this fails; the directory is small.
        let _ = fs::remove_dir_all(&self.path);
    }
}
