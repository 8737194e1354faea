// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a checksum is over: the standards and the programs differ.

use std::net::IpAddr;

use super::heard::Delivery;
use super::{GROUP_V4, PROTOCOL};
use crate::codec::ip::{checksum, transport_checksum};
use crate::model::{AddressFamily, ChecksumForm, VrrpVersion};

/// The form that an advertisement of this kind has, when this one was asked for.
pub(super) const fn possible(
    asked: ChecksumForm,
    version: VrrpVersion,
    family: AddressFamily,
) -> ChecksumForm {
    match (version, family) {
        (VrrpVersion::V2, _) => ChecksumForm::Message,
        (VrrpVersion::V3, AddressFamily::Ipv6) => ChecksumForm::PseudoHeader,
        (VrrpVersion::V3, AddressFamily::Ipv4) => asked,
    }
}

/// The checksum over these bytes. It is 0 when their own right checksum is among them.
pub(super) fn sum(form: ChecksumForm, bytes: &[u8], source: IpAddr, destination: IpAddr) -> u16 {
    let with_pseudo_header = |to| transport_checksum(source, to, PROTOCOL, bytes);
    match form {
        ChecksumForm::Message => checksum(bytes),
        ChecksumForm::PseudoHeader => with_pseudo_header(destination),
        ChecksumForm::GroupInPseudoHeader => with_pseudo_header(IpAddr::V4(GROUP_V4)),
    }
}

/// The form in which a checksum is right; `None` when it is right in none. `message` is without a trailer, `payload` is
/// all that the IP packet carries.
pub(super) fn found(
    version: VrrpVersion,
    message: &[u8],
    payload: &[u8],
    delivery: &Delivery,
) -> Option<ChecksumForm> {
    let is_right = |form, bytes| sum(form, bytes, delivery.source, delivery.destination) == 0;
    let of_message = |form: &ChecksumForm| is_right(*form, message);
    match (version, AddressFamily::of(delivery.source)) {
        (VrrpVersion::V2, _) => Some(ChecksumForm::Message).filter(of_message),
        // A kernel makes this checksum over everything that the packet carries, a trailer included. Without a trailer
        // there is nothing more, but for what a sender filled up.
        (VrrpVersion::V3, AddressFamily::Ipv6) => Some(ChecksumForm::PseudoHeader)
            .filter(|form| is_right(*form, payload) || of_message(form)),
        (VrrpVersion::V3, AddressFamily::Ipv4) => ChecksumForm::ALL.into_iter().find(of_message),
    }
}
