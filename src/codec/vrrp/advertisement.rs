// SPDX-License-Identifier: MIT OR Apache-2.0
//! An advertisement, and its bytes.

use std::net::IpAddr;

use super::form;
use super::hmac::{Key, Sequence};
use super::{ADVERTISEMENT, CHECKSUM_AT, PASSWORD};
use crate::codec::ip::{octets, put};
use crate::model::{
    AddressFamily, Centiseconds, ChecksumForm, Priority, Vrid, VrrpPassword, VrrpVersion,
};

/// What a master says: which virtual router it is, and how long others may wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertisement {
    /// The version of the protocol. Version 2 is for IPv4 only.
    pub version: VrrpVersion,
    /// The number of the virtual router.
    pub vrid: Vrid,
    /// The sender's priority; [`Priority::LEAVES`] when it stops being master.
    pub priority: Priority,
    /// How often it sends advertisements. Version 2 has whole seconds.
    pub interval: Centiseconds,
    /// The addresses of the virtual router: 1 to 255, all of the family of the packet. Over IPv6 the first one is to be
    /// link-local.
    pub addresses: Vec<IpAddr>,
    /// The password of version 2; version 3 has none.
    pub password: Option<VrrpPassword>,
}

/// What an advertisement is signed with.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// The key.
    pub key: &'a Key,
    /// The number of this advertisement. No two advertisements of a sender have the same.
    pub sequence: Sequence,
}

impl Advertisement {
    /// What the IP packet carries. A signature makes a trailer behind the message.
    ///
    /// The source tells the family: addresses of the other one are left out, and so is what is behind the 255th. An
    /// interval that the version cannot say becomes the nearest that it can. The form of the checksum counts for version
    /// 3 over IPv4: everything else has one form only.
    #[must_use]
    pub fn emit(
        &self,
        source: IpAddr,
        destination: IpAddr,
        form: ChecksumForm,
        signature: Option<&Signature<'_>>,
    ) -> Vec<u8> {
        let family = AddressFamily::of(source);
        let mut payload = self.message(family);
        let message = payload.len();
        if let Some(signature) = signature {
            let trailer = signature.key.trailer(signature.sequence, source, &payload);
            payload.extend_from_slice(&trailer);
        }
        let form = form::possible(form, self.version, family);
        let summed = match family {
            AddressFamily::Ipv4 => payload.get(..message).unwrap_or(&payload),
            AddressFamily::Ipv6 => &payload,
        };
        let sum = form::sum(form, summed, source, destination);
        put(&mut payload, CHECKSUM_AT, sum);
        payload
    }

    /// Whether the first address is link-local, as it must be over IPv6 (RFC 9568, section 5.2.9, erratum 8300). Over
    /// IPv4 there is no such rule. keepalived sends what is configured, so that no advertisement is refused for this.
    #[must_use]
    pub fn first_address_is_right(&self) -> bool {
        match self.addresses.first() {
            Some(IpAddr::V6(first)) => first.is_unicast_link_local(),
            Some(IpAddr::V4(_)) => true,
            None => false,
        }
    }

    /// The message with a checksum of 0.
    fn message(&self, family: AddressFamily) -> Vec<u8> {
        let fitting = |address: &&IpAddr| AddressFamily::of(**address) == family;
        let addresses = self.addresses.iter().filter(fitting).take(255);
        let count = u8::try_from(addresses.clone().count()).unwrap_or(u8::MAX);
        let (version, [fifth, sixth]) = match self.version {
            VrrpVersion::V2 => (2, [u8::from(self.password.is_some()), self.seconds()]),
            VrrpVersion::V3 => (3, self.centiseconds().to_be_bytes()),
        };
        let mut message = vec![version << 4 | ADVERTISEMENT, self.vrid.get()];
        message.extend_from_slice(&[self.priority.0, count, fifth, sixth, 0, 0]);
        for address in addresses {
            octets(*address, &mut message);
        }
        if self.version == VrrpVersion::V2 {
            let password = self.password.map_or([0; PASSWORD], VrrpPassword::bytes);
            message.extend_from_slice(&password);
        }
        message
    }

    /// The interval of version 2.
    fn seconds(&self) -> u8 {
        u8::try_from(self.interval.0.div_ceil(100).max(1)).unwrap_or(u8::MAX)
    }

    /// The interval of version 3.
    fn centiseconds(&self) -> u16 {
        self.interval.0.clamp(1, Centiseconds::MAX_V3.0)
    }
}
