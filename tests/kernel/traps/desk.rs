// SPDX-License-Identifier: MIT OR Apache-2.0
//! Short words for services and servers, and requests written attribute by attribute.

use std::net::SocketAddr;

use lvs_director::codec::attribute::{Attribute, AttributeWriter};
use lvs_director::codec::ipvs::FAMILY_NAME;
use lvs_director::codec::message::{Answer, Envelope, emit_genl, emit_get_family, parse_family};
use lvs_director::kernel::{Ipvs, Netlink, NetlinkError};
use lvs_director::model::{
    ForwardingMethod, Granularity, RealServer, Scheduler, Seconds, ServerKey, ServiceKey,
    ServiceSettings, Weight,
};
use lvs_director::plan::{Step, Target as _};
use nix::errno::Errno;

/// Attribute numbers of the nests, as the kernel's header names them.
pub(super) mod svc {
    pub(crate) const AF: u16 = 1;
    pub(crate) const PROTOCOL: u16 = 2;
    pub(crate) const ADDR: u16 = 3;
    pub(crate) const PORT: u16 = 4;
    pub(crate) const FWMARK: u16 = 5;
    pub(crate) const SCHED_NAME: u16 = 6;
    pub(crate) const FLAGS: u16 = 7;
    pub(crate) const TIMEOUT: u16 = 8;
    pub(crate) const NETMASK: u16 = 9;
}

pub(super) mod dest {
    pub(crate) const ADDR: u16 = 1;
    pub(crate) const PORT: u16 = 2;
    pub(crate) const FWD_METHOD: u16 = 3;
    pub(crate) const WEIGHT: u16 = 4;
    pub(crate) const U_THRESH: u16 = 5;
    pub(crate) const L_THRESH: u16 = 6;
    pub(crate) const ADDR_FAMILY: u16 = 11;
    pub(crate) const TUN_TYPE: u16 = 13;
}

pub(super) mod command {
    pub(crate) const NEW_SERVICE: u8 = 1;
    pub(crate) const GET_SERVICE: u8 = 4;
    pub(crate) const NEW_DEST: u8 = 5;
    pub(crate) const SET_DEST: u8 = 6;
    pub(crate) const NEW_DAEMON: u8 = 9;
    pub(crate) const SET_CONFIG: u8 = 12;
    pub(crate) const ZERO: u8 = 16;
}

/// The `SERVICE` and `DEST` nests of a request.
pub(super) const SERVICE: u16 = 1;
pub(super) const DEST: u16 = 2;
pub(super) const DAEMON: u16 = 3;

/// A socket for any request.
pub(super) struct Raw {
    pub(super) netlink: Netlink,
    pub(super) family: u16,
}

impl Raw {
    pub(super) fn open() -> Self {
        let mut netlink = Netlink::open(netlink_sys_generic()).unwrap();
        let family = netlink.ask(
            |sequence, _, out| emit_get_family(out, sequence, FAMILY_NAME),
            |kind| parse_family(kind.genl_attributes().unwrap_or_default()),
        );
        let family = family.unwrap();
        Self { netlink, family }
    }

    /// Sends one request, and returns its result.
    pub(super) fn send(
        &mut self,
        command: u8,
        write: impl Fn(&mut AttributeWriter<'_>),
    ) -> Result<(), Errno> {
        let family = self.family;
        let refusals = self.netlink.execute(1, |_, sequence, answer, out| {
            let envelope = Envelope {
                message_type: family,
                sequence,
                answer,
            };
            emit_genl(out, envelope, command, &write);
        });
        match refusals.unwrap().first() {
            Some((_, refusal)) => Err(Errno::from_raw(refusal.errno)),
            None => Ok(()),
        }
    }

    /// Sends a request and hands the answer's attributes to `read`.
    pub(super) fn ask<T>(
        &mut self,
        command: u8,
        write: impl Fn(&mut AttributeWriter<'_>),
        read: impl Fn(&[u8]) -> T,
    ) -> Result<T, NetlinkError> {
        let family = self.family;
        let emit = |sequence, answer: Answer, out: &mut Vec<u8>| {
            let envelope = Envelope {
                message_type: family,
                sequence,
                answer,
            };
            emit_genl(out, envelope, command, &write);
        };
        self.netlink.ask(emit, |kind| {
            Ok(read(kind.genl_attributes().unwrap_or_default()))
        })
    }
}

/// `NETLINK_GENERIC`.
fn netlink_sys_generic() -> isize {
    isize::try_from(libc::NETLINK_GENERIC).unwrap()
}

/// The payload of the attribute of this number within the nest of that one.
pub(super) fn payload(attributes: &[u8], nest: u16, kind: u16) -> Option<Vec<u8>> {
    let find = |bytes, number| {
        Attribute::all(bytes)
            .map(Result::unwrap)
            .find(|attribute| attribute.kind == number)
    };
    find(find(attributes, nest)?.bytes(), kind).map(|attribute| attribute.bytes().to_vec())
}

/// Writes the identity of an IPv4 TCP service.
pub(super) fn write_tcp(out: &mut AttributeWriter<'_>, at: &str) {
    let at: SocketAddr = at.parse().unwrap();
    let family = if at.is_ipv4() { 2 } else { 10 };
    out.u16(svc::AF, family);
    out.u16(svc::PROTOCOL, 6);
    out.address(svc::ADDR, at.ip());
    out.u16_be(svc::PORT, at.port());
}

/// Writes what a service needs besides its identity and netmask.
pub(super) fn write_plain_settings(out: &mut AttributeWriter<'_>) {
    out.string(svc::SCHED_NAME, "rr");
    out.bytes(svc::FLAGS, &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    out.u32(svc::TIMEOUT, 0);
}

pub(super) fn tcp(at: &str) -> ServiceKey {
    ServiceKey::tcp(at.parse().unwrap())
}

pub(super) fn settings(scheduler: &str) -> ServiceSettings {
    ServiceSettings::new(Scheduler::new(scheduler).unwrap())
}

pub(super) fn persistent(timeout: u32, granularity: Granularity) -> ServiceSettings {
    ServiceSettings {
        persistence: Some(Seconds(timeout)),
        granularity,
        ..settings("rr")
    }
}

pub(super) fn server(at: &str) -> ServerKey {
    at.parse::<SocketAddr>().unwrap().into()
}

pub(super) fn real(forwarding: ForwardingMethod, weight: u32) -> RealServer {
    RealServer::new(forwarding, Weight::new(weight).unwrap())
}

pub(super) const NAT: ForwardingMethod = ForwardingMethod::Masquerading;
pub(super) const DR: ForwardingMethod = ForwardingMethod::DirectRouting;

/// Carries out steps; none of them may be refused.
pub(super) fn take(ipvs: &mut Ipvs, steps: &[Step]) {
    let failures = ipvs.apply(steps).unwrap();
    assert!(failures.is_empty(), "{failures:?}");
}

/// Takes one step that must be refused: the error number, and the sentence about it.
pub(super) fn refused(ipvs: &mut Ipvs, step: Step) -> (Errno, String) {
    let failures = ipvs.apply(&[step]).unwrap();
    let [failure] = failures.as_slice() else {
        panic!("not refused once: {failures:?}");
    };
    assert_eq!(failure.index, 0);
    (failure.errno, failure.to_string())
}
