// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way a probe takes: its source address, its interface, its mark.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _};

use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, bind, setsockopt, sockopt};

use super::tcp::describe;
use crate::model::ProbePath;

/// Makes a socket use this path. The error says which part of it is not possible on this host.
pub(super) fn set_out(socket: &impl AsFd, path: &ProbePath) -> Result<(), String> {
    if let Some(mark) = path.mark {
        setsockopt(socket, sockopt::Mark, &mark.get())
            .map_err(|errno| describe(&format!("set mark {mark} on a probe"), &errno.into()))?;
    }
    if let Some(interface) = &path.interface {
        let name = OsString::from(&**interface);
        setsockopt(socket, sockopt::BindToDevice, &name)
            .map_err(|errno| by_interface(interface, errno))?;
    }
    if let Some(source) = path.source {
        // The port is chosen when the probe connects: one port then serves probes to many servers. Where the kernel
        // does not have this option, the port is chosen now.
        let _ = setsockopt(socket, sockopt::IpBindAddressNoPort, &true);
        let from = SockaddrStorage::from(SocketAddr::new(source, 0));
        bind(socket.as_fd().as_raw_fd(), &from).map_err(|errno| {
            let operation = format!("probe from {source}");
            match errno {
                Errno::EADDRNOTAVAIL => {
                    format!("{operation}: this host does not have the address (EADDRNOTAVAIL)")
                }
                errno => describe(&operation, &errno.into()),
            }
        })?;
    }
    Ok(())
}

pub(super) fn by_interface(interface: &str, errno: Errno) -> String {
    let operation = format!("probe by interface {interface}");
    match errno {
        Errno::ENODEV => format!("{operation}: this host does not have it (ENODEV)"),
        errno => describe(&operation, &errno.into()),
    }
}
