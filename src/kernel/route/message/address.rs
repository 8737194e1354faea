// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about addresses.

use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, AddressScope as Scope, CacheInfo,
};

use super::{append, attributes, family, ip_family};
use crate::codec::DecodeError;
use crate::codec::attribute::Attribute;
use crate::model::{AddressLifetime, AddressScope, InterfaceAddress, Seconds};

const ADDRESS_HEADER: usize = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
/// `INFINITY_LIFE_TIME`.
const FOREVER: u32 = u32::MAX;

/// Appends the body of a listing of addresses.
pub(in super::super) fn emit_all_addresses(out: &mut Vec<u8>) {
    append(out, &AddressMessage::default());
}

/// Appends the body that adds or removes an address.
pub(in super::super) fn emit_address(out: &mut Vec<u8>, address: &InterfaceAddress) {
    let mut message = AddressMessage::default();
    message.header.family = family(address.address);
    message.header.prefix_len = address.prefix;
    message.header.scope = match address.scope {
        AddressScope::Global => Scope::Universe,
        AddressScope::Site => Scope::Site,
        AddressScope::Link => Scope::Link,
        AddressScope::Host => Scope::Host,
        AddressScope::Other(number) => Scope::from(number),
    };
    message.header.index = address.index;
    message.attributes = vec![
        AddressAttribute::Local(address.address),
        AddressAttribute::Address(address.address),
    ];
    if let Some(label) = &address.label {
        message
            .attributes
            .push(AddressAttribute::Label(label.clone()));
    }
    if address.nodad {
        let flags = AddressFlags::Nodad;
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    if address.lifetime != AddressLifetime::FOREVER {
        let seconds = |time: Option<Seconds>| time.map_or(FOREVER, |Seconds(seconds)| seconds);
        let mut times = CacheInfo::default();
        times.ifa_valid = seconds(address.lifetime.valid);
        times.ifa_preferred = seconds(address.lifetime.preferred);
        message.attributes.push(AddressAttribute::CacheInfo(times));
    }
    append(out, &message);
}

/// An address; `None` for one that is neither IPv4 nor IPv6.
pub(in super::super) fn parse_address(
    payload: &[u8],
) -> Result<Option<InterfaceAddress>, DecodeError> {
    let header = AddressHeader::parse(payload)?;
    let Some(family) = ip_family(header.family) else {
        return Ok(None);
    };
    let mut flags = AddressFlags::from_bits_retain(u32::from(header.flags.bits()));
    let (mut local, mut peer, mut label) = (None, None, None);
    let mut lifetime = AddressLifetime::FOREVER;
    for attribute in attributes(payload, ADDRESS_HEADER) {
        let attribute = attribute?;
        match attribute.kind {
            IFA_LOCAL => local = Some(attribute.address("IFA_LOCAL", family)?),
            // The other end of a point-to-point link, otherwise the address itself; IPv6 has only this one.
            IFA_ADDRESS => peer = Some(attribute.address("IFA_ADDRESS", family)?),
            IFA_LABEL => label = Some(attribute.string()),
            IFA_CACHEINFO => lifetime = parse_lifetime(attribute)?,
            IFA_FLAGS => flags = AddressFlags::from_bits_retain(attribute.u32("IFA_FLAGS")?),
            _ => {}
        }
    }
    // For an IPv4 address that stays for ever, the kernel sends only the flag.
    if flags.contains(AddressFlags::Deprecated) && lifetime.preferred.is_none() {
        lifetime.preferred = Some(Seconds(0));
    }
    Ok(local.or(peer).map(|address| InterfaceAddress {
        label,
        scope: scope(header.scope),
        lifetime,
        nodad: flags.contains(AddressFlags::Nodad),
        tentative: flags.contains(AddressFlags::Tentative),
        duplicate: flags.contains(AddressFlags::Dadfailed),
        ..InterfaceAddress::new(header.index, address, header.prefix_len)
    }))
}

fn scope(scope: Scope) -> AddressScope {
    match scope {
        Scope::Universe => AddressScope::Global,
        Scope::Site => AddressScope::Site,
        Scope::Link => AddressScope::Link,
        Scope::Host => AddressScope::Host,
        other => AddressScope::Other(other.into()),
    }
}

fn parse_lifetime(attribute: Attribute<'_>) -> Result<AddressLifetime, DecodeError> {
    let times = CacheInfo::parse(attribute.bytes())?;
    let seconds = |seconds| (seconds != FOREVER).then_some(Seconds(seconds));
    Ok(AddressLifetime {
        valid: seconds(times.ifa_valid),
        preferred: seconds(times.ifa_preferred),
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str, label: Option<&str>, nodad: bool) -> InterfaceAddress {
        let address: IpAddr = text.parse().unwrap();
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        InterfaceAddress {
            label: label.map(str::to_owned),
            nodad,
            ..InterfaceAddress::new(1, address, prefix)
        }
    }

    #[test]
    fn an_address_that_is_added_reads_as_it_was_given() {
        let mut lasting = address("192.0.2.10", Some("lo:0"), false);
        lasting.scope = AddressScope::Host;
        lasting.lifetime = AddressLifetime {
            valid: Some(Seconds(60)),
            preferred: Some(Seconds(30)),
        };
        let mut deprecated = address("2001:db8::10", None, true);
        deprecated.lifetime = AddressLifetime::DEPRECATED;
        deprecated.scope = AddressScope::Other(7);
        for sent in [
            address("192.0.2.10", Some("lo:0"), false),
            address("2001:db8::10", None, true),
            lasting,
            deprecated,
        ] {
            let mut bytes = Vec::new();
            emit_address(&mut bytes, &sent);
            assert_eq!(parse_address(&bytes), Ok(Some(sent)));
        }
    }

    #[test]
    fn golden_bytes_of_an_ipv4_address() {
        let mut bytes = Vec::new();
        emit_address(&mut bytes, &address("192.0.2.10", Some("lo:0"), false));
        let expected: [u8; 36] = [
            2, 32, 0, 0, 1, 0, 0, 0, // family, prefix, flags, scope, index
            8, 0, 2, 0, 192, 0, 2, 10, // IFA_LOCAL
            8, 0, 1, 0, 192, 0, 2, 10, // IFA_ADDRESS
            9, 0, 3, 0, b'l', b'o', b':', b'0', 0, 0, 0, 0, // IFA_LABEL
        ];
        #[cfg(target_endian = "little")]
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_deprecated_address_is_known_by_its_flag() {
        let bytes: [u8; 24] = [
            2, 32, 0x20, 0, 1, 0, 0, 0, // IFA_F_DEPRECATED
            8, 0, 2, 0, 192, 0, 2, 10, // IFA_LOCAL
            8, 0, 8, 0, 0xa0, 0, 0, 0, // IFA_FLAGS: permanent, too
        ];
        #[cfg(target_endian = "little")]
        assert_eq!(
            parse_address(&bytes).unwrap().unwrap().lifetime,
            AddressLifetime::DEPRECATED
        );
    }

    #[test]
    fn an_address_cut_off_is_an_error_and_one_of_another_family_none() {
        assert!(parse_address(&[1, 2, 3]).is_err());
        assert_eq!(parse_address(&[28, 0, 0, 0, 1, 0, 0, 0]), Ok(None));
    }
}
