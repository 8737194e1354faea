// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel modules.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};

/// What is known of the modules of the running kernel.
#[derive(Debug, Clone, Default)]
pub struct Modules {
    loaded: BTreeSet<String>,
    built_in: BTreeSet<String>,
    on_disk: BTreeSet<String>,
}

impl Modules {
    /// Looks at `/proc/modules` and at the lists of this kernel's modules. A list that is not there is empty: a kernel
    /// without modules has none.
    pub fn read() -> Result<Self, Error> {
        let loaded = match fs::read_to_string("/proc/modules") {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let folder = Path::new("/lib/modules").join(release.trim());
        let list = |name| match fs::read_to_string(folder.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            read => read.map(|text| text.lines().filter_map(module_of).collect()),
        };
        let first = |line: &str| line.split(' ').next().map(str::to_owned);
        Ok(Self {
            loaded: loaded.lines().filter_map(first).collect(),
            built_in: list("modules.builtin")?,
            on_disk: list("modules.dep")?,
        })
    }

    /// Whether it is loaded, or built into the kernel.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.loaded.contains(name)
            || self.built_in.contains(name)
            || Path::new("/sys/module").join(name).exists()
    }

    /// Whether it can be loaded.
    #[must_use]
    pub fn can_load(&self, name: &str) -> bool {
        self.on_disk.contains(name)
    }
}

/// `kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: ...`: the name, in which the kernel takes a dash for an underscore.
fn module_of(line: &str) -> Option<String> {
    let path = line.split(':').next()?;
    let file = path.rsplit('/').next()?;
    let (name, _) = file.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

/// Loads a module by `modprobe`. For the IPVS family only kernels before 5.16 need this; later ones load it on request.
pub fn load_module(name: &str) -> Result<(), Error> {
    let status = Command::new("/sbin/modprobe")
        .args(["--", name])
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::NotFound,
            format!("modprobe {name}: {status}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_the_file_that_lists_it() {
        for (line, name) in [
            (
                "kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/net/ip_vs.ko",
                Some("ip_vs_rr"),
            ),
            ("kernel/drivers/net/ip-vs.ko.xz:", Some("ip_vs")),
            ("kernel/net/ip_vs.ko", Some("ip_vs")),
            ("", None),
            ("kernel/net/ip_vs", None),
        ] {
            assert_eq!(module_of(line).as_deref(), name, "{line}");
        }
        assert!(Modules::read().is_ok());
    }
}
