// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets of links: VRRP, frames of the link layer, packets past the kernel's IP, and datagrams to a group. They send and hear; they decide nothing.

#[cfg(feature = "daemon")]
mod advertisements;
#[cfg(feature = "daemon")]
mod bpf;
mod frames;
#[cfg(feature = "daemon")]
mod likely;
mod link_layer;
#[cfg(feature = "daemon")]
mod multicast;
#[cfg(feature = "daemon")]
mod packet;

#[cfg(feature = "daemon")]
pub use advertisements::{Arrived, VrrpSocket};
pub use frames::FrameSocket;
#[cfg(feature = "daemon")]
pub use likely::Hears;
#[cfg(feature = "daemon")]
pub use multicast::MulticastSocket;
#[cfg(feature = "daemon")]
pub use packet::{PacketSocket, raw_socket};
