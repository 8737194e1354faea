// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was heard, and whether it is meant for a virtual router.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::codec::vrrp::{self, Delivery, group};
use crate::model::{
    AddressFamily, Centiseconds, ChecksumForm, Priority, VirtualRouter, Vrid, VrrpVersion,
};

/// An advertisement that was well formed: whole, with hop limit 255, the right checksum and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Who sent it.
    pub source: IpAddr,
    /// Whether it was sent to the multicast group.
    pub multicast: bool,
    /// The version of the protocol.
    pub version: VrrpVersion,
    /// The virtual router that it is about.
    pub vrid: Vrid,
    /// The sender's priority; 0 when it leaves.
    pub priority: Priority,
    /// The sender's interval, as it stands in the packet. It can be 0.
    pub interval: Centiseconds,
    /// The virtual addresses, as they stand in the packet.
    pub addresses: Vec<IpAddr>,
    /// How its checksum was made.
    pub form: ChecksumForm,
}

impl Heard {
    /// What arrived so, and was read.
    #[must_use]
    pub fn new(delivery: &Delivery, heard: vrrp::Heard) -> Self {
        let vrrp::Heard {
            advertisement,
            form,
            proof: _,
        } = heard;
        Self {
            source: delivery.source,
            multicast: delivery.destination == group(AddressFamily::of(delivery.source)),
            version: advertisement.version,
            vrid: advertisement.vrid,
            priority: advertisement.priority,
            interval: advertisement.interval,
            addresses: advertisement.addresses,
            form,
        }
    }
}

/// Why an advertisement is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotForUs {
    /// It is about another virtual router. Source: RFC 9568, section 7.1.
    Vrid,
    /// It is of the other version. Source: RFC 9568, section 7.1.
    Version,
    /// It came by the other IP family. Virtual routers of two families have nothing to do with each other.
    Family,
    /// Its source is our own address: our own packet came back, or two hosts have one address.
    OwnAddress,
    /// Its interval is 0: we would take over at once, and flood the LAN. Source: RFC 9568, erratum 8301.
    NoInterval,
    /// Version 2, with another interval than ours. Source: RFC 3768, section 7.1.
    OtherInterval,
    /// It was multicast, and we talk to our peers one by one.
    Multicast,
    /// It was sent to us alone, and our advertisements are multicast.
    Unicast,
    /// Its source is none of our peers.
    Stranger,
}

impl fmt::Display for NotForUs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vrid => "about another virtual router",
            Self::Version => "of another version of VRRP",
            Self::Family => "of another IP family",
            Self::OwnAddress => "from our own address",
            Self::NoInterval => "with interval 0",
            Self::OtherInterval => "with another interval than ours",
            Self::Multicast => "by multicast, where peers are told one by one",
            Self::Unicast => "to this host alone, where multicast is expected",
            Self::Stranger => "from none of the peers",
        })
    }
}

/// Whether this router listens to an advertisement. What it should only report (other addresses, a second owner,
/// another interval in version 3) is no reason to drop it. Source: RFC 9568, section 7.1 and errata 8298 and 8301.
///
/// # Errors
///
/// The first reason to drop it.
pub fn accept(router: &VirtualRouter, heard: &Heard) -> Result<(), NotForUs> {
    let v2 = router.version == VrrpVersion::V2;
    let unicast = !router.peers.is_empty();
    let reasons = [
        (heard.vrid != router.vrid, NotForUs::Vrid),
        (heard.version != router.version, NotForUs::Version),
        (
            AddressFamily::of(heard.source) != router.family(),
            NotForUs::Family,
        ),
        (heard.source == router.source, NotForUs::OwnAddress),
        (heard.interval.0 == 0, NotForUs::NoInterval),
        (
            v2 && heard.interval != router.interval,
            NotForUs::OtherInterval,
        ),
        (unicast && heard.multicast, NotForUs::Multicast),
        (!unicast && !heard.multicast, NotForUs::Unicast),
        (
            unicast && !router.peers.contains(&heard.source),
            NotForUs::Stranger,
        ),
    ];
    match reasons.into_iter().find(|(applies, _)| *applies) {
        Some((_, reason)) => Err(reason),
        None => Ok(()),
    }
}

impl NotForUs {
    /// A name for counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vrid => "vrid",
            Self::Version => "version",
            Self::Family => "family",
            Self::OwnAddress => "own_address",
            Self::NoInterval => "no_interval",
            Self::OtherInterval => "other_interval",
            Self::Multicast => "multicast",
            Self::Unicast => "unicast",
            Self::Stranger => "stranger",
        }
    }
}

/// Something about an accepted advertisement that people should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Its virtual addresses are not ours.
    OtherAddresses,
    /// Version 3: its interval is not ours. A backup follows the master's.
    OtherInterval,
    /// It owns the addresses (priority 255), and so do we. Source: RFC 9568, erratum 8298.
    TwoOwners,
    /// It is master, and so are we. We stay.
    TwoMasters,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherAddresses => "advertises other virtual addresses than ours",
            Self::OtherInterval => "advertises at another interval than ours",
            Self::TwoOwners => "says that it owns the addresses (priority 255), and so do we",
            Self::TwoMasters => "is master, too, with a lower priority or a lower address",
        })
    }
}

/// What should be told about an accepted advertisement, whatever the state is.
pub(super) fn notices(router: &VirtualRouter, heard: &Heard) -> impl Iterator<Item = Notice> {
    let owners = router.is_owner() && heard.priority == Priority::OWNER;
    [
        (
            !same_addresses(&router.addresses, &heard.addresses),
            Notice::OtherAddresses,
        ),
        (heard.interval != router.interval, Notice::OtherInterval),
        (owners, Notice::TwoOwners),
    ]
    .into_iter()
    .filter_map(|(applies, notice)| applies.then_some(notice))
}

/// Whether two lists name the same addresses. Their order does not matter.
fn same_addresses(ours: &[IpAddr], theirs: &[IpAddr]) -> bool {
    if ours == theirs {
        return true;
    }
    let [mut ours, mut theirs] = [ours.to_vec(), theirs.to_vec()];
    ours.sort_unstable();
    theirs.sort_unstable();
    ours == theirs
}
