// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel modules.

use std::io::{Error, ErrorKind};
use std::process::{Command, Stdio};

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
