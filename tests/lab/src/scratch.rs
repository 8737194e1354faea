// SPDX-License-Identifier: MIT OR Apache-2.0
//! A directory that exists as long as its owner.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

/// Where temporary files of this many MiB may be that are mapped as programs are: the first of a few usual directories
/// that is large enough, may be written to and is not mounted `noexec`.
pub(crate) fn place_for_programs(size: u32) -> Result<PathBuf> {
    let temporary = std::env::temp_dir();
    let mut places = vec![temporary.clone(), PathBuf::from("/var/tmp")];
    // A kernel's memory is best kept in memory.
    let shared = PathBuf::from("/dev/shm");
    places.insert(if size > 0 { 0 } else { 2 }, shared);
    let found = places.iter().find(|place| is_fit(place, size));
    found.cloned().with_context(|| {
        format!(
            "no directory for temporary files that has {size} MiB free and is not mounted noexec (tried {}, /dev/shm, \
             /var/tmp); name one with: TMPDIR=DIRECTORY",
            temporary.display()
        )
    })
}

fn is_fit(place: &Path, size: u32) -> bool {
    let fits = statvfs(place).is_ok_and(|fs| {
        let free = fs.blocks_available().saturating_mul(fs.fragment_size());
        !fs.flags().contains(FsFlags::ST_NOEXEC) && free > u64::from(size) << 20
    });
    fits && access(place, AccessFlags::W_OK).is_ok()
}

/// A fresh directory below a directory for temporary files, for our user only; removed when dropped.
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
        let path = place_for_programs(0)?.join(name);
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
