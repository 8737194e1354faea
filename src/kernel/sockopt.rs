// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPVS's older interface, socket options, for requests that take too long by netlink.

use std::collections::HashMap;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::codec::sockopt::{
    ServerSummary, ask_servers, ask_services, read_server_counts, read_servers,
};
use crate::model::ServiceKey;

const GET_SERVICES: libc::c_int = 1154;
const GET_SERVERS: libc::c_int = 1156;

/// Any IPv4 socket, in the network namespace of the thread that opened it. Needs `CAP_NET_ADMIN`, as netlink does.
#[derive(Debug)]
pub struct SocketOptions {
    socket: OwnedFd,
    buffer: Vec<u8>,
    counts: HashMap<ServiceKey, u32>,
}

impl SocketOptions {
    /// Opens a socket and asks for the services, with room for this many. `None` when IPVS does not answer.
    #[must_use]
    pub fn open(services: usize) -> Option<Self> {
        let (kind, flags) = (SockType::Datagram, SockFlag::SOCK_CLOEXEC);
        let socket = socket(AddressFamily::Inet, kind, flags, None).ok()?;
        let mut options = Self {
            socket,
            buffer: Vec::new(),
            counts: HashMap::new(),
        };
        ask_services(u32::try_from(services).ok()?, &mut options.buffer);
        options.get(GET_SERVICES).ok()?;
        options.counts = read_server_counts(&options.buffer)?;
        options.buffer.clear();
        Some(options)
    }

    /// Reads the servers of a service, in the kernel's order, into `out`, and replaces its content. `None` when this
    /// interface does not know all of them: then use netlink.
    pub fn servers(&mut self, service: &ServiceKey, out: &mut Vec<ServerSummary>) -> Option<()> {
        let count = *self.counts.get(service)?;
        // Room for one more shows whether there is one more by now.
        if !ask_servers(service, count.checked_add(1)?, &mut self.buffer) {
            return None;
        }
        self.get(GET_SERVERS).ok()?;
        read_servers(&self.buffer, out)?;
        (out.len() == usize::try_from(count).ok()?).then_some(())
    }

    /// Puts the answer in the place of the request.
    #[expect(unsafe_code, reason = "nix knows no options of this form")]
    fn get(&mut self, option: libc::c_int) -> Result<(), Errno> {
        let buffer = &mut self.buffer;
        let mut length = libc::socklen_t::try_from(buffer.len()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the socket is open, and the kernel writes to the buffer's `length` bytes at most.
        let done = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::IPPROTO_IP,
                option,
                buffer.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        Errno::result(done).map(drop)
    }
}
