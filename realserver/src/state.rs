// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `start` did, and the values that it found: a file keeps them, so `stop` can undo exactly that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use lvs_director::model::SysctlName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::placement::{Device, Placement};

/// The layout of the file that this program reads and writes.
const VERSION: u32 = 1;

/// The content of the state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    /// The VIPs that were started.
    pub vips: Vec<HeldVip>,
    /// The settings that were changed.
    pub settings: Vec<HeldSetting>,
    /// The tunnel devices that were down, and were set up.
    pub raised: Vec<Device>,
}

/// A VIP that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldVip {
    /// The address.
    pub vip: IpAddr,
    /// Where it is.
    pub device: Device,
    /// Whether `start` added it. A VIP that was there already is adopted, and stays after a plain stop.
    pub added: bool,
}

/// A setting that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSetting {
    /// Its name, as sysctl(8) has it.
    #[serde(deserialize_with = "ours")]
    pub name: SysctlName,
    /// Its value before.
    pub found: i32,
    /// Its value since.
    pub set: i32,
}

impl HeldVip {
    /// The VIP where it was started.
    #[must_use]
    pub const fn placement(self) -> Placement {
        let Self { vip, device, .. } = self;
        Placement { vip, device }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            vips: Vec::new(),
            settings: Vec::new(),
            raised: Vec::new(),
        }
    }
}

impl State {
    /// Reads the file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let state: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if state.version == VERSION {
            Ok(state)
        } else {
            Err(format!(
                "it is of version {}, this program knows version {VERSION}",
                state.version
            ))
        }
    }

    /// The file's bytes.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        // Only maps whose keys are not text can fail, and there are none here.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Whether there is nothing left to take back.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.vips.is_empty() && self.settings.is_empty() && self.raised.is_empty()
    }

    /// Where the VIPs are that were started.
    #[must_use]
    pub fn placements(&self) -> BTreeSet<Placement> {
        self.vips.iter().map(|held| held.placement()).collect()
    }

    /// Whether this VIP was started here.
    #[must_use]
    pub fn holds(&self, placement: Placement) -> bool {
        self.vips.iter().any(|held| held.placement() == placement)
    }

    /// Notes a VIP, unless it is noted already.
    pub fn hold(&mut self, placement: Placement, added: bool) {
        let known = self
            .vips
            .iter_mut()
            .find(|held| held.placement() == placement);
        if let Some(held) = known {
            // Adopted once, then removed by somebody, and now added by us.
            held.added |= added;
        } else {
            let Placement { vip, device } = placement;
            self.vips.push(HeldVip { vip, device, added });
        }
    }

    /// Notes a change of a setting. A value found after our last change counts as the old value: somebody set it on
    /// purpose.
    pub fn hold_setting(&mut self, name: SysctlName, found: i32, set: i32) {
        match self.settings.iter_mut().find(|held| held.name == name) {
            Some(held) => (held.found, held.set) = (found, set),
            None => self.settings.push(HeldSetting { name, found, set }),
        }
    }

    /// Notes that a device was set up.
    pub fn hold_device(&mut self, device: Device) {
        if !self.raised.contains(&device) {
            self.raised.push(device);
        }
    }
}

/// The name of a setting that realserver changes. No other is taken from a file.
fn ours<'a, D: Deserializer<'a>>(from: D) -> Result<SysctlName, D::Error> {
    let name = String::deserialize(from)?;
    if !name.starts_with("net.ipv4.conf.") {
        return Err(D::Error::custom(format!(
            "{name} is none of realserver's settings"
        )));
    }
    name.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> State {
        let mut state = State::default();
        state.hold(Placement::direct("192.0.2.10".parse().unwrap()), true);
        state.hold(Placement::tunneled("2001:db8::10".parse().unwrap()), false);
        state.hold_setting(SysctlName::ipv4_conf("eth0.7", "arp_ignore"), 3, 1);
        state.hold_device(Device::Ip6tnl0);
        state
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(State::parse(&example().emit()), Ok(example()));
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let bytes = example().emit();
        for length in 0..bytes.len() - 2 {
            assert!(State::parse(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_file_cannot_have_any_setting_changed() {
        let text = String::from_utf8(example().emit()).unwrap();
        let forged = text.replace("net.ipv4.conf.eth0/7.arp_ignore", "kernel.panic");
        assert!(State::parse(forged.as_bytes()).is_err());
    }

    #[test]
    fn an_unknown_version_is_refused() {
        let text = String::from_utf8(example().emit()).unwrap();
        let error = State::parse(text.replace("\"version\": 1", "\"version\": 2").as_bytes());
        assert_eq!(
            error,
            Err("it is of version 2, this program knows version 1".to_owned())
        );
    }

    #[test]
    fn a_vip_adopted_once_is_ours_when_we_had_to_add_it_again() {
        let vip = Placement::direct("192.0.2.10".parse().unwrap());
        let mut state = State::default();
        state.hold(vip, false);
        state.hold(vip, false);
        assert!(!state.vips[0].added);
        state.hold(vip, true);
        assert!(state.vips[0].added);
        assert_eq!(state.vips.len(), 1);
    }
}
