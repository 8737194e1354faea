// SPDX-License-Identifier: MIT OR Apache-2.0
//! A script as `realserver.sh`, which puts a virtual address on `lo`. It is read, and never run.

mod deed;
mod program;
mod shell;

use std::fmt::Write as _;

use self::deed::{Deeds, Device, Place};
use super::pasted::plain;
use super::{Output, Reading};
use crate::diagnostic::{FileId, Finding, Shown};

/// Reads a script.
pub(super) fn read(file: FileId, reading: &mut Reading<'_>) -> Output {
    let text = plain(reading.sources, file, reading.out);
    let mut deeds = Deeds::default();
    let script = shell::read_script(&text);
    let span = |range: &std::ops::Range<usize>| reading.sources.span(file, range.clone());
    for command in &script.commands {
        let place = Place {
            span: span(&command.line),
            line: text.get(command.line.clone()).unwrap_or_default(),
            under: command.under.as_ref().map(span),
            functions: &script.functions,
        };
        deeds.take(command, place, reading.out);
    }
    for choice in &script.choices {
        let message = format!("{} has another value before", Shown(&choice.name));
        let finding = Finding::warning(span(&choice.line), message);
        let help = "conditions are not followed: this value counts from here on; keep the one of this host";
        reading.out.push(finding.help(help));
    }
    if deeds.addresses.is_empty() {
        if !reading.out.has_errors() {
            let place = reading.sources.span(file, 0..0);
            reading.out.push(no_script_of_ours(&deeds, place));
        }
        return Output::Text(String::new());
    }
    deeds.judge(reading.out);
    Output::Text(unit(reading.sources.name(file), &deeds))
}

fn no_script_of_ours(deeds: &Deeds, place: crate::diagnostic::Span) -> Finding {
    if deeds.has_ipvsadm {
        return Finding::new(
            place,
            "this script makes a table with ipvsadm, and no real server",
        )
        .help("run it, and import what it made: director import --from kernel");
    }
    if deeds.sets_arp() {
        return Finding::new(
            place,
            "this script sets arp_ignore or arp_announce, and no virtual address",
        )
        .help("looked for: ifconfig lo:0 ADDRESS, ip addr add ADDRESS dev lo");
    }
    Finding::new(place, "this script does not set up a real server")
        .help("looked for: ifconfig lo:0 ADDRESS, ip addr add ADDRESS dev lo, arp_ignore. A script that checks something goes into track or exec")
}

/// A file that makes systemd start realserver with these addresses.
fn unit(name: &str, deeds: &Deeds) -> String {
    let mut text = format!(
        "\
# What {} does, as a part of realserver.service (examples/realserver.service).
# Save it as /etc/systemd/system/realserver.service.d/vip.conf, then:
#   systemctl daemon-reload
#   systemctl enable --now realserver
# realserver sets arp_ignore and arp_announce itself before it adds an address, and puts the old values back when it stops.
[Service]
ExecStart=
",
        printable(name)
    );
    for (device, option) in [(Device::Loopback, ""), (Device::Tunnel, " --tun")] {
        let here = deeds.addresses.iter();
        let mut here = here.filter(|(_, on)| *on == device).peekable();
        if here.peek().is_none() {
            continue;
        }
        text.push_str("ExecStart=/usr/local/sbin/realserver start");
        text.push_str(option);
        for (address, _) in here {
            // A text takes all that is written.
            let _ = write!(text, " --vip {address}");
        }
        text.push('\n');
    }
    text
}

/// A name without what could end a comment.
fn printable(name: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    name.chars().map(plain).collect()
}
