// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director` and `ipvs`: what applies to the whole program and to the whole kernel.

use std::path::PathBuf;
use std::time::Duration;

use super::section::{DIRECTOR, IPVS};
use super::tree::Node;
use super::value::{choice, duration, map, seconds, text};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};
use crate::model::{DirectorSettings, IpvsSettings, Seconds};

/// What a file without `director` means.
pub(super) fn default_director() -> DirectorSettings {
    DirectorSettings {
        state_file: PathBuf::from("/var/lib/lvs-director/state.json"),
        socket: PathBuf::from("/run/lvs-director/director.sock"),
        repair_interval: Duration::from_secs(10),
    }
}

/// What a file without `ipvs` means.
pub(super) const DEFAULT_IPVS: IpvsSettings = IpvsSettings {
    tcp_timeout: None,
    tcp_fin_timeout: None,
    udp_timeout: None,
    expire_nodest_conn: Some(true),
};

/// Reads `director`; what is wrong keeps its default.
pub(super) fn read_director(node: &Node<'_>, out: &mut Findings) -> DirectorSettings {
    let mut settings = default_director();
    let entries = map(&DIRECTOR, node, out).unwrap_or_default();
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "state_file" => keep(&mut settings.state_file, path(name, node, out)),
            "socket" => keep(&mut settings.socket, path(name, node, out)),
            "repair_interval" => {
                let range = Duration::from_secs(1)..=Duration::from_hours(1);
                keep(
                    &mut settings.repair_interval,
                    duration(name, node, range, out),
                );
            }
            _ => DIRECTOR.unknown_key(entry, entries, out),
        }
    }
    settings
}

/// Reads `ipvs`; what is wrong keeps its default.
pub(super) fn read_ipvs(node: &Node<'_>, out: &mut Findings) -> IpvsSettings {
    const EXPIRE: [(&str, Option<bool>); 3] =
        [("true", Some(true)), ("false", Some(false)), ("keep", None)];
    let mut settings = DEFAULT_IPVS;
    let entries = map(&IPVS, node, out).unwrap_or_default();
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "tcp_timeout" => keep(&mut settings.tcp_timeout, timeout(name, node, out)),
            "tcp_fin_timeout" => keep(&mut settings.tcp_fin_timeout, timeout(name, node, out)),
            "udp_timeout" => keep(&mut settings.udp_timeout, timeout(name, node, out)),
            "expire_nodest_conn" => {
                let value = choice(name, node, &EXPIRE, &[], out);
                keep(&mut settings.expire_nodest_conn, value);
            }
            _ => IPVS.unknown_key(entry, entries, out),
        }
    }
    settings
}

fn keep<T>(setting: &mut T, read: Result<T, Wrong>) {
    if let Ok(value) = read {
        *setting = value;
    }
}

/// `keep`, or whole seconds.
fn timeout(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Option<Seconds>, Wrong> {
    if node.text() == Some("keep") {
        return Ok(None);
    }
    seconds(name, node, out).map(Some)
}

fn path(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<PathBuf, Wrong> {
    let path = text(name, node, "an absolute path", out)?;
    if path.starts_with('/') && !path.contains('\0') {
        return Ok(PathBuf::from(path));
    }
    let message = format!("{name} must be an absolute path, got {}", Shown(path));
    out.push(Finding::new(node.span, message));
    Err(Wrong)
}
