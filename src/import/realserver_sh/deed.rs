// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the commands of a script do to a host.

use std::collections::HashSet;
use std::net::IpAddr;

use super::program;
use super::shell::{Command, Part, Word};
use crate::diagnostic::{Finding, Findings, Shown, Span, nearest};

/// Where a virtual address goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device {
    /// `lo`: direct routing.
    Loopback,
    /// `tunl0`, `ip6tnl0`: tunneling.
    Tunnel,
}

/// The two settings that keep a host from telling of an address.
const ARP: [&str; 2] = ["arp_ignore", "arp_announce"];

/// All that a script does, as far as it is understood.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    /// The virtual addresses, each once.
    pub(super) addresses: Vec<(IpAddr, Device)>,
    /// The line of the first of them.
    first_address: Option<Span>,
    /// Settings of `all` that the start makes: which, the value, where.
    settings: Vec<(String, String, Span)>,
    /// Settings of other interfaces.
    others: Vec<(String, Span)>,
    /// Where the stop writes 0.
    zeros: Vec<Span>,
    pub(super) has_ipvsadm: bool,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) span: Span,
    /// The text of its line.
    pub(super) line: &'s str,
    /// The condition that it stands under.
    pub(super) under: Option<Span>,
    /// The functions of the script.
    pub(super) functions: &'s HashSet<String>,
}

impl Deeds {
    /// Whether it sets one of the two.
    pub(super) const fn sets_arp(&self) -> bool {
        !self.settings.is_empty() || !self.others.is_empty()
    }

    /// Takes a command in.
    pub(super) fn take(&mut self, command: &Command, at: Place<'_>, out: &mut Findings) {
        let place = at.span;
        let before = (self.addresses.len(), self.settings.len());
        self.obey(command, at, out);
        let after = (self.addresses.len(), self.settings.len());
        if let Some(under) = at.under.filter(|_| before != after) {
            let message = "conditions are not followed: what stands under this one is taken as if it always ran";
            let finding = Finding::warning(under, message).label(place, "this is taken");
            out.push(finding.help("remove what does not run on this host, and import again"));
        }
    }

    fn obey(&mut self, command: &Command, at: Place<'_>, out: &mut Findings) {
        let place = at.span;
        let Some((program, words)) = command.words.split_first() else {
            return;
        };
        let path = program.text();
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_start = command.part == Part::Start;
        match name {
            "ipvsadm" => self.has_ipvsadm = true,
            "ifconfig" if is_start => self.ifconfig(words, place, out),
            "ip" if is_start => self.ip(words, place, out),
            "echo" | "printf" => self.echo(command.part, words, place, out),
            "sysctl" => self.sysctl(command.part, words, place, out),
            "route" if is_start => say(
                place,
                "no route is needed: the address is this host's own",
                out,
            ),
            "functions" if is_start && path.starts_with('/') => out.push(
                Finding::warning(place, "this runs a file that is meant to be read")
                    .help(format!(". {path} reads it; realserver needs none of it")),
            ),
            "arptables" if is_start => say(
                place,
                "realserver needs no arptables: arp_ignore and arp_announce do the same",
                out,
            ),
            "modprobe" if is_start => say(
                place,
                "the kernel loads the module when realserver asks for its device",
                out,
            ),
            "iptables" | "ip6tables" | "nft" if is_start => out.push(
                Finding::warning(place, "a rule of the firewall is not carried over")
                    .help("keep it where this host keeps its other rules"),
            ),
            known if program::KNOWN.contains(&known) || !is_start => {}
            other => {
                if let Some(finding) = program::unknown(other, at.functions, place) {
                    out.push(program::corrected(finding, at.line, place, other));
                }
            }
        }
    }

    /// `ifconfig lo:0 192.0.2.1 netmask 255.255.255.255 broadcast 192.0.2.1 up`
    fn ifconfig(&mut self, words: &[Word], place: Span, out: &mut Findings) {
        let [device, rest @ ..] = words else { return };
        let Some(address) = rest.first() else { return };
        if matches!(address.text(), "up" | "down" | "mtu") {
            return;
        }
        let Some(device) = device_of(device, place, out) else {
            return;
        };
        let behind = |keyword: &str| {
            let at = rest.iter().position(|word| word.text() == keyword)?;
            rest.get(at + 1)
        };
        if let Some(mask) = behind("netmask")
            && device == Device::Loopback
            && !matches!(mask.text(), "255.255.255.255" | "0xffffffff" | "0xFFFFFFFF")
        {
            wide(place, out);
        }
        if behind("broadcast").is_some() {
            let message = "an address that is alone in its network has no broadcast address";
            say(place, message, out);
        }
        self.address(address, device, place, out);
    }

    /// `ip addr add 192.0.2.1/32 dev lo label lo:0`
    fn ip(&mut self, words: &[Word], place: Span, out: &mut Findings) {
        let words: Vec<&Word> = words
            .iter()
            .filter(|word| !word.text().starts_with('-') || word.is_open)
            .collect();
        let [what, verb, rest @ ..] = words.as_slice() else {
            return;
        };
        let adds = matches!(verb.text(), "add" | "a" | "replace" | "change");
        if matches!(what.text(), "route" | "r" | "ro") && adds {
            let message = "no route is needed: the address is this host's own";
            say(place, message, out);
        }
        if !matches!(what.text(), "addr" | "address" | "a") || !adds {
            return;
        }
        let device = rest.iter().position(|word| word.text() == "dev");
        let device = device.and_then(|at| rest.get(at + 1));
        let Some(device) = device.and_then(|word| device_of(word, place, out)) else {
            return;
        };
        let Some(address) = rest.first() else { return };
        let bare = Word {
            values: address
                .values
                .iter()
                .map(|value| value.split('/').next().unwrap_or_default().to_owned())
                .collect(),
            is_open: address.is_open,
        };
        let is_wide = address.values.iter().any(|value| {
            let length = value.split_once('/').map(|(_, length)| length);
            length.is_some_and(|length| !matches!(length, "32" | "128" | "255.255.255.255"))
        });
        if is_wide && device == Device::Loopback {
            wide(place, out);
        }
        self.address(&bare, device, place, out);
    }

    fn address(&mut self, word: &Word, device: Device, place: Span, out: &mut Findings) {
        if word.is_open {
            let finding = Finding::new(place, "the address is known to a running shell only");
            out.push(finding.help("write it down: VIP=192.0.2.1"));
            return;
        }
        for value in &word.values {
            let Ok(address) = value.parse() else {
                let message = format!("\"{}\" is no address", Shown(value));
                out.error(place, message);
                continue;
            };
            self.first_address.get_or_insert(place);
            if !self.addresses.contains(&(address, device)) {
                self.addresses.push((address, device));
            }
        }
    }

    /// `echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore`
    fn echo(&mut self, part: Part, words: &[Word], place: Span, out: &mut Findings) {
        let Some(at) = words.iter().position(|word| word.text() == ">") else {
            return;
        };
        let target = words.get(at + 1).map_or("", Word::text);
        let value = words.first().map_or("", Word::text);
        if let Some(setting) = target.strip_prefix("/proc/sys/") {
            let setting = setting.replace('/', ".");
            self.setting(part, &setting, value, place, out);
        }
    }

    /// `sysctl -w net.ipv4.conf.all.arp_ignore=1`
    fn sysctl(&mut self, part: Part, words: &[Word], place: Span, out: &mut Findings) {
        for word in words {
            if matches!(word.text(), "-p" | "--system" | "-e" | "--load") && part == Part::Start {
                let message = "this sets everything anew that stands in the files of sysctl";
                let help = "it undoes what was set by hand since the boot; realserver sets only what it needs";
                out.push(Finding::warning(place, message).help(help));
                return;
            }
            if let Some((setting, value)) = word.text().split_once('=') {
                self.setting(part, &setting.replace('/', "."), value, place, out);
            }
        }
    }

    fn setting(&mut self, part: Part, setting: &str, value: &str, place: Span, out: &mut Findings) {
        let conf = setting.strip_prefix("net.ipv4.conf.");
        let (interface, name) = conf.and_then(|it| it.rsplit_once('.')).unwrap_or_default();
        let is_arp = ARP.contains(&name);
        match part {
            Part::Stop if is_arp => self.zeros.push(place),
            Part::Stop | Part::Other => {}
            Part::Start if is_arp && interface == "all" => {
                let value = value.trim().to_owned();
                self.settings.push((name.to_owned(), value, place));
            }
            Part::Start if is_arp => self.others.push((interface.to_owned(), place)),
            Part::Start if !name.is_empty() && nearest(name, ARP.into_iter()).is_some() => {
                let near = nearest(name, ARP.into_iter()).unwrap_or_default();
                let message = format!("there is no setting {}", Shown(name));
                let finding = Finding::new(place, message);
                out.push(finding.help(format!("did you mean {near}?")));
            }
            Part::Start if name == "rp_filter" => say(
                place,
                "realserver sets rp_filter itself where tunneling needs it",
                out,
            ),
            Part::Start => {
                let message = format!("{} is not carried over", Shown(setting));
                let help =
                    "realserver does not need it; write it into /etc/sysctl.d when this host does";
                out.push(Finding::warning(place, message).help(help));
            }
        }
    }

    /// Says what the script does otherwise than realserver.
    pub(super) fn judge(&self, out: &mut Findings) {
        let Some(address) = self.first_address else {
            return;
        };
        for name in ARP {
            let mut here = self.settings.iter().filter(|(known, ..)| known == name);
            let Some((_, value, place)) = here.next_back() else {
                let message = format!("the script does not set {name} of all");
                let help =
                    "this host may tell the network that it has the address; realserver sets it";
                out.push(Finding::warning(address, message).help(help));
                continue;
            };
            let right: &[&str] = if name == "arp_ignore" {
                &["1", "2", "8"]
            } else {
                &["2"]
            };
            if !right.contains(&value.as_str()) {
                let first = right.first().copied().unwrap_or_default();
                let message = format!("{name} of \"{}\" does not do", Shown(value));
                let help = format!("realserver sets it to {first}");
                out.push(Finding::warning(*place, message).help(help));
            }
        }
        for (interface, place) in &self.others {
            let message = format!(
                "the setting of {} counts only for packets that come in there",
                Shown(interface)
            );
            let help = "that of all counts for all interfaces; realserver sets both";
            out.push(Finding::note(*place, message).help(help));
        }
        if self.settings.iter().any(|(.., place)| *place > address) {
            let message = "the address is there before the settings";
            let help =
                "until they are made this host answers ARP for it; realserver makes them first";
            out.push(Finding::note(address, message).help(help));
        }
        if let Some((first, others)) = self.zeros.split_first() {
            let message = "stop writes 0, whatever the value was before the start";
            let finding = Finding::warning(*first, message);
            let finding = others
                .iter()
                .fold(finding, |finding, place| finding.label(*place, "and here"));
            out.push(finding.help("realserver stop puts the old values back"));
        }
    }
}

fn device_of(word: &Word, place: Span, out: &mut Findings) -> Option<Device> {
    // A label behind the colon may have a variable.
    let value = word.values.first().map_or("", String::as_str);
    let name = value.split(':').next().unwrap_or_default();
    match name {
        "lo" => Some(Device::Loopback),
        "tunl0" | "ip6tnl0" => Some(Device::Tunnel),
        _ => {
            let message = format!("an address on {} is not carried over", Shown(name));
            let help = "realserver puts virtual addresses on lo, and on tunl0 for tunneling";
            out.push(Finding::warning(place, message).help(help));
            None
        }
    }
}

fn wide(place: Span, out: &mut Findings) {
    let message = "on lo this makes the whole network this host's own";
    let help = "realserver adds the address alone in its network, as /32 or /128";
    out.push(Finding::warning(place, message).help(help));
}

fn say(place: Span, message: &str, out: &mut Findings) {
    out.push(Finding::note(place, message));
}
