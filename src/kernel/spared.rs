// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections that must outlive a moment in which their server is not in the table.

use nix::errno::Errno;

use super::sysctl::{SysctlCause, SysctlError, read_sysctl, set_sysctl};
use crate::model::SysctlName;

/// While this lives, no connection ends because its server is not there for a moment.
pub(super) struct Spared(Option<i32>);

/// `net.ipv4.vs.expire_nodest_conn`.
fn expire_nodest_conn() -> SysctlName {
    SysctlName::net(&["ipv4", "vs", "expire_nodest_conn"])
}

impl Spared {
    /// Begins; fails with what the kernel says when it lets nobody change the setting.
    pub(super) fn begin() -> Result<Self, Errno> {
        let name = expire_nodest_conn();
        let refused = |error: SysctlError| match error.cause {
            SysctlCause::NotPermitted => Errno::EPERM,
            SysctlCause::Missing | SysctlCause::BadName | SysctlCause::NotANumber(_) => {
                Errno::ENOENT
            }
            SysctlCause::Other(errno) => errno,
        };
        let before = read_sysctl(&name).map_err(refused)?;
        if before == 0 {
            return Ok(Self(None));
        }
        set_sysctl(&name, 0).map_err(refused)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Spared {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            // Where this fails, the next reading of the settings finds it, and sets it again.
            let _ = set_sysctl(&expire_nodest_conn(), before);
        }
    }
}
