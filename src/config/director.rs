// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director` and `ipvs`: settings of the whole program and of the whole kernel.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::short;
use super::section::{DIRECTOR, IPVS};
use super::tree::Node;
use super::value::{boolean, choice, decimal, duration, map, seconds, text};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::{Adoption, DirectorSettings, IpvsSettings, RealTimePriority, Seconds};

/// The settings of a file without `director`.
#[must_use]
pub fn default_director() -> DirectorSettings {
    DirectorSettings {
        state_file: PathBuf::from("/var/lib/lvs-director/state.json"),
        remembered_file: PathBuf::from("/var/lib/lvs-director/remembered.json"),
        socket: PathBuf::from("/run/lvs-director/director.sock"),
        repair_interval: Duration::from_secs(10),
        remember: DirectorSettings::usual_memory(),
        real_time: None,
        lock_memory: false,
        socket_group: None,
        socket_readers: None,
    }
}

/// The settings of a file without `ipvs`.
pub(super) const DEFAULT_IPVS: IpvsSettings = IpvsSettings {
    tcp_timeout: None,
    tcp_fin_timeout: None,
    udp_timeout: None,
    expire_nodest_conn: Some(true),
    expire_quiescent_template: Some(true),
    conn_reuse_mode: None,
    conn_lfactor: Some(*LOAD_FACTORS.start()),
    adopt_connections: Adoption::For(Duration::from_mins(2)),
};

/// What the kernel takes (`ipvs_proc_conn_lfactor` of `net/netfilter/ipvs/ip_vs_ctl.c`).
const LOAD_FACTORS: RangeInclusive<i8> = -8..=8;

/// Reads `director`; a wrong value keeps its default.
pub(super) fn read_director(node: &Node<'_>, out: &mut Findings) -> DirectorSettings {
    let mut settings = default_director();
    let (mut files, mut groups) = (Files::default(), Groups::default());
    let entries = map(&DIRECTOR, node, out).unwrap_or_default();
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "state_file" => files.state = file(name, node, out),
            "remembered_file" => files.remembered = file(name, node, out),
            "socket" => files.socket = file(name, node, out),
            "repair_interval" => {
                let range = Duration::from_secs(1)..=Duration::from_hours(1);
                keep(
                    &mut settings.repair_interval,
                    duration(name, node, range, out),
                );
            }
            "remember" => keep(&mut settings.remember, remember(name, node, out)),
            "real_time" => keep(&mut settings.real_time, real_time(name, node, out)),
            "lock_memory" => keep(&mut settings.lock_memory, boolean(name, node, out)),
            "socket_group" => groups.all = group(name, node, out),
            "socket_readers" => groups.readers = group(name, node, out),
            _ => DIRECTOR.unknown_key(entry, entries, out),
        }
    }
    files.settle(&mut settings, out);
    groups.settle(&mut settings, out);
    settings
}

/// The groups that the section names, each with its place.
#[derive(Debug, Default)]
struct Groups {
    all: Option<(Box<str>, Span)>,
    readers: Option<(Box<str>, Span)>,
}

impl Groups {
    /// Who may do everything may read.
    fn settle(self, settings: &mut DirectorSettings, out: &mut Findings) {
        let (all, readers) = (self.all, self.readers);
        if let (Some((all, _)), Some((readers, span))) = (&all, &readers)
            && all == readers
        {
            let message = format!(
                "socket_group and socket_readers are the same group, {}",
                Shown(all)
            );
            let help = "members of socket_group may read as well: leave socket_readers out";
            out.push(Finding::new(*span, message).help(help));
        }
        settings.socket_group = all.map(|(name, _)| name);
        settings.socket_readers = readers.map(|(name, _)| name);
    }
}

/// The name of a group of this host, or its number; `None` when it is wrong.
fn group(name: &str, node: &Node<'_>, out: &mut Findings) -> Option<(Box<str>, Span)> {
    let group = short(name, node, out).ok()?;
    Some((group, node.span))
}

/// The files that the section names, each with its place.
#[derive(Debug, Default)]
struct Files {
    state: Option<(PathBuf, Span)>,
    remembered: Option<(PathBuf, Span)>,
    socket: Option<(PathBuf, Span)>,
}

impl Files {
    /// Fills in the paths that are not named. All files and their locks must differ.
    fn settle(self, settings: &mut DirectorSettings, out: &mut Findings) {
        let named = |setting: &mut PathBuf, file: Option<(PathBuf, Span)>| {
            let (path, span) = file?;
            *setting = path;
            Some(span)
        };
        let state = named(&mut settings.state_file, self.state);
        settings.remembered_file = DirectorSettings::remembered_beside(&settings.state_file);
        let remembered = named(&mut settings.remembered_file, self.remembered);
        let socket = named(&mut settings.socket, self.socket);
        let (state_file, remembered_file) = (&settings.state_file, &settings.remembered_file);
        let state = ("state_file", state_file, state);
        let remembered = ("remembered_file", remembered_file, remembered);
        let socket = ("socket", &settings.socket, socket);
        for (one, other) in [(state, remembered), (state, socket), (remembered, socket)] {
            tell_apart(one, other, out);
        }
    }
}

/// A key, its path, and its place if the file has it.
type Named<'a> = (&'static str, &'a PathBuf, Option<Span>);

fn tell_apart(one: Named<'_>, other: Named<'_>, out: &mut Findings) {
    let ((one, path, place), (other, other_path, other_place)) = (one, other);
    let message = if path == other_path {
        format!("{one} and {other} are the same file, {}", shown(path))
    } else if let Some(what) = beside(other_path, path) {
        format!("{one} is the {what} of {other}, {}", shown(path))
    } else if let Some(what) = beside(path, other_path) {
        format!("{other} is the {what} of {one}, {}", shown(other_path))
    } else {
        return;
    };
    // Of the two the later one, in the order of the file: the defaults are different.
    let Some(span) = place.max(other_place) else {
        return;
    };
    out.push(Finding::new(span, message).help("give each its own path"));
}

/// What the other file is beside this one, if the director makes it there itself.
fn beside(file: &Path, other: &Path) -> Option<&'static str> {
    let own = [
        ("lock", DirectorSettings::lock_beside(file)),
        ("mastership note", DirectorSettings::mastership_beside(file)),
    ];
    own.into_iter()
        .find_map(|(what, path)| (path == *other).then_some(what))
}

fn shown(path: &Path) -> String {
    Shown(&path.to_string_lossy()).to_string()
}

/// Reads `ipvs`; a wrong value keeps its default.
pub(super) fn read_ipvs(node: &Node<'_>, out: &mut Findings) -> IpvsSettings {
    let mut settings = DEFAULT_IPVS;
    let entries = map(&IPVS, node, out).unwrap_or_default();
    for entry in entries {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "tcp_timeout" => keep(&mut settings.tcp_timeout, timeout(name, node, out)),
            "tcp_fin_timeout" => keep(&mut settings.tcp_fin_timeout, timeout(name, node, out)),
            "udp_timeout" => keep(&mut settings.udp_timeout, timeout(name, node, out)),
            "expire_nodest_conn" => keep(&mut settings.expire_nodest_conn, switch(name, node, out)),
            "expire_quiescent_template" => {
                let value = switch(name, node, out);
                keep(&mut settings.expire_quiescent_template, value);
            }
            "conn_reuse_mode" => keep(&mut settings.conn_reuse_mode, reuse_mode(name, node, out)),
            "conn_lfactor" => keep(&mut settings.conn_lfactor, load_factor(name, node, out)),
            "adopt_connections" => keep(&mut settings.adopt_connections, adoption(name, node, out)),
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

/// `none`, or the age of what is still used.
fn remember(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Option<Duration>, Wrong> {
    if node.text() == Some("none") {
        return Ok(None);
    }
    let range = Duration::from_mins(1)..=Duration::from_hours(31 * 24);
    duration(name, node, range, out).map(Some)
}

/// `off`, or a priority.
fn real_time(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Option<RealTimePriority>, Wrong> {
    let range = RealTimePriority::RANGE;
    let wanted = format!("{} to {}, or off", range.start(), range.end());
    let parse = |text: &str| {
        let number = decimal(text).and_then(|it| u8::try_from(it).ok());
        number.and_then(RealTimePriority::new)
    };
    unless(("off", &wanted), parse, name, node, out)
}

/// What `parse` makes of the text, or `None` for the word `without`. `wanted` names both.
fn unless<T>(
    (without, wanted): (&str, &str),
    parse: impl FnOnce(&str) -> Option<T>,
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Option<T>, Wrong> {
    let text = text(name, node, wanted, out)?;
    if text == without {
        return Ok(None);
    }
    parse(text).map(Some).ok_or_else(|| {
        let message = format!("{name} must be {wanted}, got {}", Shown(text));
        out.push(Finding::new(node.span, message));
        Wrong
    })
}

/// `true`, `false` or `keep`.
fn switch(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Option<bool>, Wrong> {
    let words = [("true", Some(true)), ("false", Some(false)), ("keep", None)];
    choice(name, node, &words, &[], out)
}

/// `keep`, or a mode of the kernel.
fn reuse_mode(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Option<u8>, Wrong> {
    let modes = [
        ("0", Some(0)),
        ("1", Some(1)),
        ("2", Some(2)),
        ("keep", None),
    ];
    choice(name, node, &modes, &[], out)
}

/// `keep`, or a power of two.
fn load_factor(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Option<i8>, Wrong> {
    let wanted = format!(
        "{} to {}, or keep",
        LOAD_FACTORS.start(),
        LOAD_FACTORS.end()
    );
    let parse = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let factor = decimal(digits).and_then(|_| text.parse().ok());
        factor.filter(|factor| LOAD_FACTORS.contains(factor))
    };
    unless(("keep", &wanted), parse, name, node, out)
}

/// `always`, or how long after a take-over.
fn adoption(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Adoption, Wrong> {
    if node.text() == Some("always") {
        return Ok(Adoption::Always);
    }
    let range = Duration::from_secs(1)..=Duration::from_hours(24);
    duration(name, node, range, out).map(Adoption::For)
}

/// `keep`, or whole seconds.
fn timeout(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Option<Seconds>, Wrong> {
    if node.text() == Some("keep") {
        return Ok(None);
    }
    seconds(name, node, out).map(Some)
}

/// The absolute path of a file, and its place; `None` when it is wrong.
pub(super) fn file(name: &str, node: &Node<'_>, out: &mut Findings) -> Option<(PathBuf, Span)> {
    let text = text(name, node, "an absolute path", out).ok()?;
    let path = Path::new(text);
    let message = if !text.starts_with('/') || text.contains('\0') {
        format!("{name} must be an absolute path, got {}", Shown(text))
    } else if text.ends_with('/') || path.file_name().is_none() {
        format!("{name} must name a file, got the directory {}", Shown(text))
    } else {
        return Some((path.to_owned(), node.span));
    };
    out.push(Finding::new(node.span, message));
    None
}
