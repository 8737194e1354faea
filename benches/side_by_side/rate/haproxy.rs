// SPDX-License-Identifier: MIT OR Apache-2.0
//! HAProxy with the same checks.

use std::fmt::Write as _;
use std::path::Path;

use super::{INTERVAL, SERVERS, address};
use crate::answer::Protocol;

/// The lines of a section that ask as the director's check of this protocol does.
pub(crate) const fn asks(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "",
        Protocol::Http => "  option httpchk GET /\n",
        // The protocol header, and the frame of a method.
        Protocol::Amqp => {
            "  option tcp-check\n  tcp-check connect\n  tcp-check send-binary 414d515000000901\n  \
             tcp-check expect binary 01\n"
        }
    }
}

/// Its configuration. It does not start without something to listen on.
pub(super) fn configuration(socket: &Path, protocol: Protocol, port: u16) -> String {
    let mut text = format!(
        "global\n  nbthread 1\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout check 2s\n  \
         timeout client 2s\n  timeout server 2s\nlisten all\n  bind unix@{}\n{}  \
         default-server inter {INTERVAL}ms\n",
        socket.display(),
        asks(protocol)
    );
    for server in 0..SERVERS {
        let _ = writeln!(text, "  server s{server} {}:{port} check", address(server));
    }
    text
}
