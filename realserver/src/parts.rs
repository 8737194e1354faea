// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts that make a real server, and whether each is there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use lvs_director::model::{Host, InterfaceAddress};
use serde::Serialize;

use crate::observed::Observed as _;
use crate::placement::{Device, Placement};
use crate::setting::{Purpose, Setting};
use crate::state::State;

/// How much of a real server this host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every part is there.
    Running,
    /// None of the parts that `start` adds is there.
    Stopped,
    /// Something in between.
    HalfSetUp,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub part: String,
    /// Whether it is there.
    pub state: PartState,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// Whether a part is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// As it should be.
    Ok,
    /// Not there.
    Missing,
    /// There, and not as it should be.
    Wrong,
}

impl Part {
    fn ok(part: String) -> Self {
        Self {
            part,
            state: PartState::Ok,
            detail: None,
            mend: None,
        }
    }

    fn missing(part: String, mend: String) -> Self {
        Self {
            part,
            state: PartState::Missing,
            detail: None,
            mend: Some(mend),
        }
    }

    fn wrong(part: String, detail: String, mend: String) -> Self {
        Self {
            part,
            state: PartState::Wrong,
            detail: Some(detail),
            mend: Some(mend),
        }
    }
}

/// The devices that these VIPs need.
#[must_use]
pub fn devices(wanted: &BTreeSet<Placement>) -> Vec<Device> {
    let devices: BTreeSet<_> = wanted.iter().map(|placement| placement.device).collect();
    devices.into_iter().collect()
}

/// The settings that these VIPs need. IPv6 needs none: Linux answers neighbour solicitations only for addresses of the
/// interface that received them, and has no reverse path filter.
#[must_use]
pub fn settings(wanted: &BTreeSet<Placement>, observed: &Host) -> Vec<Setting> {
    let mut settings = Vec::new();
    if wanted.iter().any(|placement| placement.vip.is_ipv4()) {
        for interface in ["lo", "all"] {
            settings.push(Setting::new(interface, Purpose::Silence));
            settings.push(Setting::new(interface, Purpose::Discretion));
        }
        settings.extend(observed.spoilers());
    }
    if wanted
        .iter()
        .any(|placement| placement.device == Device::Tunl0)
    {
        settings.push(Setting::new("all", Purpose::LooseEverywhere));
        settings.push(Setting::new(Device::Tunl0.name(), Purpose::OpenTunnel));
    }
    settings
}

/// Every part of these VIPs' set-up, as it is now. `directed` are the addresses for which this host is a director.
#[must_use]
pub fn parts(
    wanted: &BTreeSet<Placement>,
    observed: &Host,
    directed: &BTreeSet<IpAddr>,
) -> Vec<Part> {
    let devices = devices(wanted).into_iter();
    let mut parts: Vec<Part> = devices
        .map(|device| device_part(device, observed))
        .collect();
    for setting in settings(wanted, observed) {
        parts.push(setting_part(&setting, observed));
    }
    for placement in wanted {
        parts.push(address_part(*placement, observed));
    }
    let vips: BTreeSet<_> = wanted.iter().map(|placement| placement.vip).collect();
    let is_director =
        |vip: &IpAddr| directed.contains(vip) && observed.misplaced(*vip).next().is_some();
    if vips.iter().all(is_director) {
        // Nothing is to be mended: a director must not become a real server.
        for part in &mut parts {
            part.mend = None;
        }
    }
    for vip in vips {
        parts.extend(misplaced_parts(vip, observed, directed));
    }
    parts
}

/// A VIP in places where it does harm. On a director for it, it is in its place, and nothing is to be mended.
pub(crate) fn misplaced_parts(
    vip: IpAddr,
    observed: &Host,
    directed: &BTreeSet<IpAddr>,
) -> Vec<Part> {
    let part = |found: &InterfaceAddress| {
        let (interface, prefix) = (observed.interface(found.index), found.prefix);
        let part = format!("{vip}/{prefix} on {interface}");
        if directed.contains(&vip) {
            return Part {
                part,
                state: PartState::Wrong,
                detail: Some(
                    "this host is a director for it, and no real server: leave it there".to_owned(),
                ),
                mend: None,
            };
        }
        let detail = match observed.device(found.index) {
            None => "must not be there: this host answers for the VIP on that interface",
            Some(_) => {
                "must not be there: with it this host accepts packets for that whole network"
            }
        };
        Part::wrong(
            part,
            detail.to_owned(),
            format!("ip address delete {vip}/{prefix} dev {interface}"),
        )
    };
    observed.misplaced(vip).map(part).collect()
}

/// The state that all parts together show.
#[must_use]
pub fn outcome(
    parts: &[Part],
    wanted: &BTreeSet<Placement>,
    observed: &Host,
    state: &State,
) -> Outcome {
    if !parts.is_empty() && parts.iter().all(|part| part.state == PartState::Ok) {
        return Outcome::Running;
    }
    let address = wanted.iter().any(|placement| {
        observed.placed(*placement).is_some() || observed.misplaced(placement.vip).next().is_some()
    });
    let setting = state
        .settings
        .iter()
        .any(|held| held.found != held.set && observed.settings.get(&held.name) == Some(&held.set));
    let up = |device: &Device| observed.link(device.name()).is_some_and(|link| link.up);
    if address || setting || state.raised.iter().any(up) {
        Outcome::HalfSetUp
    } else {
        Outcome::Stopped
    }
}

/// A device that VIPs need.
pub(crate) fn device_part(device: Device, observed: &Host) -> Part {
    let part = format!("{device} up");
    match (observed.link(device.name()), device.tunnel()) {
        (Some(link), _) if link.up => Part::ok(part),
        (Some(_), _) | (None, None) => Part::missing(part, format!("ip link set {device} up")),
        (None, Some(tunnel)) => {
            let module = tunnel.module();
            Part::missing(
                part,
                format!("modprobe {module} && ip link set {device} up"),
            )
        }
    }
}

/// A setting that VIPs need.
pub(crate) fn setting_part(setting: &Setting, observed: &Host) -> Part {
    let (name, target) = (setting.name(), setting.purpose.value());
    let mend = format!("sysctl -w {name}={target}");
    match observed.value(setting) {
        Some(value) if setting.purpose.served_by(value) => Part::ok(format!("{name} = {value}")),
        Some(value) => {
            let mut part = Part::missing(format!("{name} = {target}"), mend);
            part.detail = Some(format!("it is {value}"));
            part
        }
        None => Part::missing(format!("{name} = {target}"), mend),
    }
}

/// A VIP on its device.
pub(crate) fn address_part(placement: Placement, observed: &Host) -> Part {
    let Placement { vip, device } = placement;
    let (part, prefix) = (placement.to_string(), placement.prefix());
    let add = if vip.is_ipv6() {
        format!("ip address add {vip}/{prefix} dev {device} nodad")
    } else if device == Device::Lo {
        let label = observed.free_label(&[]);
        format!("ip address add {vip}/{prefix} dev {device} label {label}")
    } else {
        format!("ip address add {vip}/{prefix} dev {device}")
    };
    match observed.placed(placement) {
        None => Part::missing(part, add),
        Some(found) if found.duplicate || found.tentative => {
            let detail = if found.duplicate {
                "another host answered for it (dadfailed)"
            } else {
                "duplicate address detection is not finished (tentative)"
            };
            let mend = format!("ip address delete {vip}/{prefix} dev {device} && {add}");
            Part::wrong(part, detail.to_owned(), mend)
        }
        Some(_) => Part::ok(part),
    }
}
