// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel holds, as far as a real server is concerned.

use std::collections::BTreeMap;
use std::net::IpAddr;

use lvs_director::kernel::{InterfaceAddress, Link, Sysctl};

use crate::placement::{Device, Placement};
use crate::setting::{Purpose, Setting};

/// Interfaces, addresses and settings at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// All interfaces.
    pub links: Vec<Link>,
    /// All addresses.
    pub addresses: Vec<InterfaceAddress>,
    /// The settings that were read. One that the kernel does not have is not among them.
    pub settings: BTreeMap<Sysctl, i32>,
}

impl Observed {
    /// The device, if there is one.
    #[must_use]
    pub fn link(&self, device: Device) -> Option<&Link> {
        self.links.iter().find(|link| link.name == device.name())
    }

    /// Which of our devices this is the number of.
    #[must_use]
    pub fn device(&self, index: u32) -> Option<Device> {
        Device::ALL
            .into_iter()
            .find(|device| self.link(*device).is_some_and(|link| link.index == index))
    }

    /// The name of an interface, or its number for want of one.
    #[must_use]
    pub fn interface(&self, index: u32) -> String {
        let link = self.links.iter().find(|link| link.index == index);
        link.map_or_else(|| format!("interface {index}"), |link| link.name.clone())
    }

    /// The VIP where it belongs, as /32 or /128.
    #[must_use]
    pub fn placed(&self, placement: Placement) -> Option<&InterfaceAddress> {
        let link = self.link(placement.device)?;
        self.addresses.iter().find(|found| {
            found.index == link.index
                && found.address == placement.vip
                && found.prefix == placement.prefix()
        })
    }

    /// The VIP where it does no good: on an interface that answers for it, or as part of a network.
    pub fn misplaced(&self, vip: IpAddr) -> impl Iterator<Item = &InterfaceAddress> {
        let prefix = Placement::direct(vip).prefix();
        self.addresses.iter().filter(move |found| {
            found.address == vip && (found.prefix != prefix || self.device(found.index).is_none())
        })
    }

    /// Everything on one of our devices that could be a VIP.
    pub fn placements(&self) -> impl Iterator<Item = Placement> {
        self.addresses.iter().filter_map(|found| {
            let device = self.device(found.index)?;
            let vip = found.address;
            let placement = Placement { vip, device };
            let candidate = found.prefix == placement.prefix() && !vip.is_loopback();
            candidate.then_some(placement)
        })
    }

    /// The value of a setting, if the kernel has it.
    #[must_use]
    pub fn value(&self, setting: &Setting) -> Option<i32> {
        self.settings.get(&setting.sysctl()).copied()
    }

    /// The settings of single interfaces that spoil those of `all`.
    #[must_use]
    pub fn spoilers(&self) -> Vec<Setting> {
        let mut spoilers = Vec::new();
        for link in self.links.iter().filter(|link| link.name != "lo") {
            for purpose in [Purpose::Silence, Purpose::Discretion] {
                let setting = Setting::new(&link.name, purpose);
                let value = self.value(&setting);
                if value.is_some_and(|value| purpose.spoiled_by(value)) {
                    spoilers.push(setting);
                }
            }
        }
        spoilers
    }

    /// The first of `lo:0`, `lo:1`, ... that neither an address nor `taken` has.
    #[must_use]
    pub fn free_label(&self, taken: &[String]) -> String {
        let used = |label: &String| {
            let found = |address: &InterfaceAddress| address.label.as_ref() == Some(label);
            taken.contains(label) || self.addresses.iter().any(found)
        };
        let mut labels = (0_u32..).map(|number| format!("lo:{number}"));
        labels.find(|label| !used(label)).unwrap_or_default()
    }
}
