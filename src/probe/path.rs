// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way a probe takes: its source address, its interface, its mark.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::TcpSocket;

use super::tcp::describe;
use crate::model::ProbePath;

/// Makes a socket use this path. The error says which part of it is not possible on this host.
pub(super) fn set_out(socket: &TcpSocket, path: &ProbePath) -> Result<(), String> {
    if let Some(mark) = path.mark {
        setsockopt(socket, sockopt::Mark, &mark.get())
            .map_err(|errno| describe(&format!("set mark {mark} on a probe"), &errno.into()))?;
    }
    if let Some(interface) = &path.interface {
        socket
            .bind_device(Some(interface.as_bytes()))
            .map_err(|error| by_interface(interface, &error))?;
    }
    if let Some(source) = path.source {
        // The port is chosen when the probe connects: one port then serves probes to many servers. Where the kernel
        // does not have this option, the port is chosen now.
        let _ = setsockopt(socket, sockopt::IpBindAddressNoPort, &true);
        socket.bind(SocketAddr::new(source, 0)).map_err(|error| {
            let operation = format!("probe from {source}");
            match errno(&error) {
                Some(Errno::EADDRNOTAVAIL) => {
                    format!("{operation}: this host does not have the address (EADDRNOTAVAIL)")
                }
                Some(_) | None => describe(&operation, &error),
            }
        })?;
    }
    Ok(())
}

fn by_interface(interface: &str, error: &io::Error) -> String {
    let operation = format!("probe by interface {interface}");
    match errno(error) {
        Some(Errno::ENODEV) => format!("{operation}: this host does not have it (ENODEV)"),
        Some(_) | None => describe(&operation, error),
    }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}
