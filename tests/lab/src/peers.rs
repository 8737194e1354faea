// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other programs that speak VRRP: this machine's own, or those of the Debian release whose root `PEERS` names;
//! `make peers` makes such roots.

use std::path::Path;
use std::process::Command;

const DIRECTORY: &str = "PEERS";
const IN_RELEASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/in-release.sh");

/// Runs a program, such as `keepalived` or `/usr/lib/frr/vrrpd`. The process that is started becomes the program.
#[must_use]
pub fn peer(program: &str) -> Command {
    match std::env::var_os(DIRECTORY).filter(|value| !value.is_empty()) {
        None => Command::new(program),
        Some(root) => {
            let root = Path::new(&root);
            let mut command = Command::new(IN_RELEASE);
            // One that is not there is told by the script.
            command.arg(root.canonicalize().unwrap_or_else(|_| root.to_owned()));
            command.arg(program);
            command
        }
    }
}
