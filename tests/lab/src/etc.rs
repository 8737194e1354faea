// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab's own files of names: hosts, services, protocols, name servers. A machine may have none of them, or others,
//! and no test may depend on that.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::scratch::Scratch;

/// Each file's name below `/etc`, and what is in it.
const FILES: [(&str, &str); 6] = [
    ("host.conf", include_str!("etc/host.conf")),
    ("hosts", include_str!("etc/hosts")),
    ("nsswitch.conf", include_str!("etc/nsswitch.conf")),
    ("protocols", include_str!("etc/protocols")),
    ("resolv.conf", include_str!("etc/resolv.conf")),
    ("services", include_str!("etc/services")),
];

/// Writes the files into the directory `etc` below `dir`.
pub(crate) fn write(dir: &Path) -> Result<()> {
    let etc = dir.join("etc");
    fs::create_dir_all(&etc).with_context(|| format!("create {}", etc.display()))?;
    for (name, text) in FILES {
        let path = etc.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Puts the files over this machine's `/etc`, for this process and its children only. For tests that run on the running
/// kernel; the lab's own kernels have the files already. Needs root; call it while there is one thread.
pub fn use_the_labs_names() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("make mounts private")?;
    let scratch = Scratch::new()?;
    let dir = scratch.path();
    let none = MsFlags::empty();
    mount(Some("tmpfs"), dir, Some("tmpfs"), none, None::<&str>).context("mount a tmpfs")?;
    write(dir)?;
    let layers = format!("lowerdir={}:/etc", dir.join("etc").display());
    mount(
        Some("overlay"),
        "/etc",
        Some("overlay"),
        none,
        Some(layers.as_str()),
    )
    .context("mount the lab's files over /etc (is there a module overlay?)")?;
    // The overlay keeps the files.
    umount2(dir, MntFlags::MNT_DETACH).context("unmount a tmpfs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_written_as_it_is() {
        let dir = Scratch::new().unwrap();
        write(dir.path()).unwrap();
        for (name, text) in FILES {
            let written = fs::read_to_string(dir.path().join("etc").join(name)).unwrap();
            assert_eq!(written, text, "{name}");
            assert!(text.ends_with('\n'), "{name}");
        }
    }
}
