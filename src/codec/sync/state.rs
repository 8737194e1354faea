// SPDX-License-Identifier: MIT OR Apache-2.0
//! The states of connections: their numbers in messages, and their names in the kernel's list.

use crate::model::Protocol;

/// `IP_VS_TCP_S_*`, as `tcp_state_name_table` names them.
const TCP: [&str; 11] = [
    "NONE",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "SYNACK",
];
/// `IP_VS_UDP_S_*`.
const UDP: [&str; 1] = ["UDP"];
/// `IP_VS_SCTP_S_*`, as `sctp_state_name_table` names them.
const SCTP: [&str; 14] = [
    "NONE",
    "INIT1",
    "INIT",
    "C-SENT",
    "C-REPLIED",
    "C-WAIT",
    "COOKIE",
    "C-ECHOED",
    "ESTABLISHED",
    "S-SENT",
    "S-RECEIVED",
    "S-ACK-SENT",
    "REJECTED",
    "CLOSED",
];
/// `IP_VS_CTPL_S_*`.
const TEMPLATE: [&str; 2] = ["NONE", "ASSURED"];

/// The number of a state that the kernel's list names so; of templates when there is no protocol.
#[must_use]
pub fn state_number(protocol: Option<Protocol>, name: &str) -> Option<u16> {
    let names: &[&str] = match protocol {
        None => &TEMPLATE,
        Some(Protocol::Tcp) => &TCP,
        Some(Protocol::Udp) => &UDP,
        Some(Protocol::Sctp) => &SCTP,
        Some(Protocol::Other(_)) => &[],
    };
    let number = names.iter().position(|it| *it == name)?;
    u16::try_from(number).ok()
}

/// Whether the kernel counts a connection in this state as active. (`tcp_state_active_table`, `set_sctp_state`; a UDP
/// connection never is.)
#[must_use]
pub fn is_active(protocol: Protocol, state: &str) -> bool {
    match protocol {
        Protocol::Tcp => matches!(state, "ESTABLISHED" | "SYN_SENT" | "SYN_RECV" | "SYNACK"),
        Protocol::Sctp => state == "ESTABLISHED",
        Protocol::Udp | Protocol::Other(_) => false,
    }
}
