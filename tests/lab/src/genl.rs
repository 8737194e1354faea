// SPDX-License-Identifier: MIT OR Apache-2.0
//! One request to generic netlink: does this kernel have a family of this name?

use std::io;
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

const HEADERS: usize = 16 + 4;
const CONTROLLER: u16 = 0x10;
const REQUEST: u16 = 1;
const GET_FAMILY: u8 = 3;
const FAMILY_NAME: u16 = 2;
const ERROR: u16 = 2;

/// Whether the kernel has the family. The request makes the kernel load the family's module, if there is one.
pub(crate) fn has_family(name: &str) -> bool {
    ask(name).unwrap_or(false)
}

fn ask(name: &str) -> io::Result<bool> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )?;
    send(socket.as_raw_fd(), &request(name), MsgFlags::empty())?;
    let mut answer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let kind = answer.get(..length).and_then(|bytes| bytes.get(4..6));
    Ok(kind.is_some_and(|kind| kind != ERROR.to_ne_bytes()))
}

fn request(name: &str) -> Vec<u8> {
    let attribute = 4 + name.len() + 1;
    let total = HEADERS + attribute.next_multiple_of(4);
    let mut message = Vec::with_capacity(total);
    message.extend(u32::try_from(total).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(CONTROLLER.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([GET_FAMILY, 1, 0, 0]);
    message.extend(u16::try_from(attribute).unwrap_or(u16::MAX).to_ne_bytes());
    message.extend(FAMILY_NAME.to_ne_bytes());
    message.extend(name.as_bytes());
    message.resize(total, 0);
    message
}

#[cfg(test)]
mod tests {
    use super::{has_family, request};

    #[test]
    fn messages_are_padded_to_words() {
        assert_eq!(request("IPVS").len(), 32);
        assert_eq!(request("nlctrl").len() % 4, 0);
    }

    #[test]
    fn the_controller_is_always_there() {
        assert!(has_family("nlctrl"));
        assert!(!has_family("no such family"));
    }
}
