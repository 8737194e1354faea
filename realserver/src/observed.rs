// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's state, as far as a real server needs it.

use std::net::IpAddr;

use lvs_director::model::{Host, InterfaceAddress};

use crate::placement::{Device, Placement};
use crate::setting::{Purpose, Setting};

/// What a real server needs to know of a host, beyond the methods of every host.
pub trait Observed {
    /// Which of our devices this is the number of.
    fn device(&self, index: u32) -> Option<Device>;

    /// The VIP where it belongs, as /32 or /128.
    fn placed(&self, placement: Placement) -> Option<&InterfaceAddress>;

    /// The VIP in a place where it does harm: on an interface that answers for it, or with a prefix that covers a
    /// network.
    fn misplaced(&self, vip: IpAddr) -> impl Iterator<Item = &InterfaceAddress>;

    /// Everything on one of our devices that could be a VIP.
    fn placements(&self) -> impl Iterator<Item = Placement>;

    /// The value of a setting, if the kernel has it.
    fn value(&self, setting: &Setting) -> Option<i32>;

    /// The settings of single interfaces that cancel those of `all`.
    fn spoilers(&self) -> Vec<Setting>;

    /// The first of `lo:0`, `lo:1`, ... that no address has and that is not in `taken`.
    fn free_label(&self, taken: &[String]) -> String;
}

impl Observed for Host {
    fn device(&self, index: u32) -> Option<Device> {
        let is = |device: &Device| {
            let link = self.link(device.name());
            link.is_some_and(|link| link.index == index)
        };
        Device::ALL.into_iter().find(is)
    }

    fn placed(&self, placement: Placement) -> Option<&InterfaceAddress> {
        self.address(&placement.key())
    }

    fn misplaced(&self, vip: IpAddr) -> impl Iterator<Item = &InterfaceAddress> {
        let prefix = Placement::direct(vip).prefix();
        self.addresses.iter().filter(move |found| {
            found.address == vip && (found.prefix != prefix || self.device(found.index).is_none())
        })
    }

    fn placements(&self) -> impl Iterator<Item = Placement> {
        self.addresses.iter().filter_map(|found| {
            let device = self.device(found.index)?;
            let vip = found.address;
            let placement = Placement { vip, device };
            let candidate = found.prefix == placement.prefix() && !vip.is_loopback();
            candidate.then_some(placement)
        })
    }

    fn value(&self, setting: &Setting) -> Option<i32> {
        self.settings.get(&setting.name()).copied()
    }

    fn spoilers(&self) -> Vec<Setting> {
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

    fn free_label(&self, taken: &[String]) -> String {
        let used = |label: &String| {
            let found = |address: &InterfaceAddress| address.label.as_ref() == Some(label);
            taken.contains(label) || self.addresses.iter().any(found)
        };
        let mut labels = (0_u32..).map(|number| format!("lo:{number}"));
        labels.find(|label| !used(label)).unwrap_or_default()
    }
}
