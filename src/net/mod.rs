// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw sockets: VRRP, frames of the link layer, and packets past the kernel's IP. They send and hear; they decide nothing.

#[cfg(feature = "daemon")]
mod advertisements;
#[cfg(feature = "daemon")]
mod bpf;
mod frames;
#[cfg(feature = "daemon")]
mod likely;
mod link_layer;
#[cfg(feature = "daemon")]
mod packet;

#[cfg(feature = "daemon")]
pub use advertisements::{Arrived, VrrpSocket};
pub use frames::FrameSocket;
#[cfg(feature = "daemon")]
pub use likely::Hears;
#[cfg(feature = "daemon")]
pub use packet::{PacketSocket, raw_socket};
