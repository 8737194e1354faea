// SPDX-License-Identifier: MIT OR Apache-2.0
//! VRRP packets that are made by hand, and a host that listens.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use lab::netns::Host;
use lvs_director::codec::ethernet::{Frame, HardwareAddress, ether_type};
use lvs_director::codec::ip::Ipv6Packet;
use lvs_director::codec::vrrp::PROTOCOL;
use lvs_director::kernel::Route;
use lvs_director::model::{AddressFamily, Vrid, VrrpVersion};
use lvs_director::net::{FrameSocket, Hears, VrrpSocket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::stage::wait_for;

/// Who sends what is made by hand.
const FORGER: HardwareAddress = [0x02, 0, 0, 0, 0, 0x66];

/// The address of a host's interface on the LAN.
pub(super) fn hardware(host: &Host) -> HardwareAddress {
    let link = host.run(|| Route::open().unwrap().link("eth0").unwrap().unwrap());
    link.address.as_ref().unwrap().bytes().try_into().unwrap()
}

/// A socket on a host that sends whole frames.
pub(super) fn frames(host: &Host) -> FrameSocket {
    host.run(|| {
        let link = Route::open().unwrap().link("eth0").unwrap().unwrap();
        FrameSocket::open(link.index).unwrap()
    })
}

/// Where frames to a VRRP group go.
pub(super) const fn group_hardware(family: AddressFamily) -> HardwareAddress {
    match family {
        AddressFamily::Ipv4 => [0x01, 0x00, 0x5e, 0, 0, 18],
        AddressFamily::Ipv6 => [0x33, 0x33, 0, 0, 0, 0x12],
    }
}

/// A frame with a VRRP packet in it.
pub(super) fn frame(
    to: HardwareAddress,
    source: IpAddr,
    destination: IpAddr,
    hops: u8,
    payload: &[u8],
) -> Vec<u8> {
    let packet = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => ipv4(source, destination, hops, payload),
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let next = PROTOCOL;
            let packet = Ipv6Packet {
                source,
                destination,
                hops,
                next,
                payload,
            };
            packet.emit()
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            panic!("{source} and {destination} are of two families")
        }
    };
    let frame = Frame {
        to,
        from: FORGER,
        kind: ether_type(AddressFamily::of(source)),
        payload: &packet,
    };
    frame.emit()
}

fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, hops: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap();
    let mut packet = vec![0x45, 0xc0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, hops, PROTOCOL, 0, 0]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    let words = packet
        .chunks(2)
        .map(|two| u32::from(two[0]) << 8 | u32::from(two[1]));
    let sum = words.sum::<u32>();
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A host that notes when advertisements of another one come in.
pub(super) struct Listener {
    times: Arc<Mutex<Vec<Instant>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Begins to hear what comes to the group of this family, from this address or from anybody.
    pub(super) fn start(host: &Host, family: AddressFamily, from: Option<IpAddr>) -> Self {
        let times = Arc::new(Mutex::new(Vec::new()));
        let ends = Arc::new(AtomicBool::new(false));
        let (noted, over) = (Arc::clone(&times), Arc::clone(&ends));
        let thread = host.spawn(move || {
            let link = Route::open().unwrap().link("eth0").unwrap().unwrap();
            let hears = Hears::Likely(VrrpVersion::V3, Vrid::new(51).unwrap());
            let socket = VrrpSocket::open(family, "eth0", link.index, hears).unwrap();
            let mut into = vec![0; 65_536];
            while !over.load(Ordering::Relaxed) {
                let mut descriptors = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
                poll(&mut descriptors, PollTimeout::from(50_u16)).unwrap();
                while let Some(arrived) = socket.receive(&mut into).unwrap() {
                    if from.is_none_or(|from| from == arrived.delivery.source) {
                        noted.lock().unwrap().push(Instant::now());
                    }
                }
            }
        });
        Self {
            times,
            ends,
            thread: Some(thread),
        }
    }

    /// When each of them came in.
    pub(super) fn times(&self) -> Vec<Instant> {
        self.times.lock().unwrap().clone()
    }

    /// When the first one came in after that.
    pub(super) fn after(&self, moment: Instant) -> Option<Instant> {
        self.times().into_iter().find(|at| *at > moment)
    }

    /// Waits for the next one.
    pub(super) fn wait(&self) {
        let now = Instant::now();
        wait_for("an advertisement", || self.after(now).map(drop));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}
