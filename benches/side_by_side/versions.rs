// SPDX-License-Identifier: MIT OR Apache-2.0
//! The versions of the compared programs.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::Extent;
use crate::daemon::keepalived;

/// The versions of the kernel and of our peers, as they call themselves.
pub(crate) struct Versions(Vec<String>);

impl Versions {
    /// Those of the programs that are measured to this extent.
    pub(crate) fn read(extent: Extent) -> Result<Self> {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let mut all = vec![format!("Linux {}", kernel.trim())];
        let (ipvsadm, keepalived, haproxy) =
            (OsString::from("ipvsadm"), keepalived(), "haproxy".into());
        let programs = match extent {
            Extent::Floor | Extent::Lvsadm => vec![ipvsadm],
            Extent::All => vec![ipvsadm, keepalived],
            Extent::Scale | Extent::Failover | Extent::Rest => vec![keepalived],
            Extent::Detection => vec![keepalived, haproxy],
            Extent::Rate => vec![haproxy],
        };
        for program in programs {
            all.push(first_line(&program)?);
        }
        Ok(Self(all))
    }
}

/// The first line that a program prints with `-v`, on either stream.
fn first_line(program: &OsStr) -> Result<String> {
    let mut command = Command::new(program);
    let output = command.arg("-v").output();
    let output = output.with_context(|| format!("run {} -v", program.display()))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| !line.trim().is_empty());
    Ok(line
        .with_context(|| format!("{} -v says nothing", program.display()))?
        .trim()
        .to_owned())
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0.join("; "))
    }
}
