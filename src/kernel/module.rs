// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel modules.

use std::io::{Error, ErrorKind};
use std::process::{Command, Stdio};

/// Loads a module by `modprobe`. Needed for the IPVS family on kernels before 5.16 only; later ones load it when they
/// are asked for it.
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
