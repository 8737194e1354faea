// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_instance`: what one says.

use std::net::IpAddr;
use std::time::Duration;

use super::addresses::{self, Address};
use super::authentication::Secrets;
use super::defaults::{Defaults, down_timer, multicast, refresh, strict};
use super::known::Known;
use super::track::{self, Tracked};
use super::value::{
    Said, address, all_comments, block, integer, interface, near, removal, seconds,
};
use crate::diagnostic::{Finding, Findings, Fix, Shown};
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::value::{flag, only, switch};
use crate::import::statement::Statement;

/// The largest part of a name of ours, which may have the interface and the family behind it.
const LONGEST_NAME: usize = 40;

/// More hosts than any virtual router has.
const MOST_PEERS: usize = 255;

/// A virtual router as keepalived has it.
#[derive(Debug)]
pub(super) struct Instance<'t> {
    pub(super) at: &'t Statement,
    /// Without spaces.
    pub(super) name: String,
    pub(super) interface: Option<Said<'t, String>>,
    pub(super) vrid: Option<Said<'t, u32>>,
    pub(super) version: Option<Said<'t, u32>>,
    pub(super) priority: Option<Said<'t, u32>>,
    pub(super) interval: Option<Said<'t, Duration>>,
    pub(super) is_master: Option<&'t Statement>,
    pub(super) nopreempt: Option<&'t Statement>,
    pub(super) delay: Option<Said<'t, Duration>>,
    pub(super) refresh: Option<Said<'t, Duration>>,
    pub(super) source: Option<Said<'t, IpAddr>>,
    pub(super) peers: Option<Said<'t, Vec<IpAddr>>>,
    pub(super) addresses: Vec<Address<'t>>,
    /// Where the addresses are that stand in the advertisements.
    pub(super) listed: Option<&'t Statement>,
    pub(super) secrets: Secrets<'t>,
    pub(super) track: Vec<Tracked<'t>>,
    /// Comments of the lists of what is tracked.
    pub(super) track_comments: Vec<String>,
    pub(super) virtual_mac: Option<&'t Statement>,
    pub(super) strict: bool,
    /// Comments of what has no entry of its own.
    pub(super) homeless: Vec<String>,
    pub(super) group: Option<String>,
    /// The sync daemon follows it, by an old keyword.
    pub(super) sync: Option<&'t Statement>,
}

impl<'t> Instance<'t> {
    /// Reads one; `None` when it has no name.
    pub(super) fn read(
        at: &'t Statement,
        (known, defaults): (&Known<'t>, &Defaults<'t>),
        out: &mut Findings,
    ) -> Option<Self> {
        let name = only(at, out)?;
        if name.text.is_empty() {
            out.error(name.span, "a vrrp_instance needs a name");
            return None;
        }
        let mut instance = Self::new(at, called(&name.text), defaults);
        for statement in block(at) {
            instance.take(statement, known, out);
        }
        Some(instance)
    }

    fn new(at: &'t Statement, name: String, defaults: &Defaults<'t>) -> Self {
        Self {
            at,
            name,
            interface: None,
            vrid: None,
            version: None,
            priority: None,
            interval: None,
            is_master: None,
            nopreempt: None,
            delay: None,
            refresh: defaults.refresh,
            source: None,
            peers: None,
            addresses: Vec::new(),
            listed: None,
            secrets: Secrets::default(),
            track: Vec::new(),
            track_comments: Vec::new(),
            virtual_mac: None,
            strict: defaults.strict,
            homeless: Vec::new(),
            group: None,
            sync: None,
        }
    }

    /// Takes one statement. What has no entry of its own leaves its comments to the virtual router.
    fn take(&mut self, statement: &'t Statement, known: &Known<'t>, out: &mut Findings) {
        let Some(keyword) = look(statement, Block::VrrpInstance, out) else {
            self.homeless.extend(all_comments(statement));
            return;
        };
        let name = keyword.today();
        let has_entry = self.take_number(name, statement, out)
            || self.take_place(name, statement, out)
            || self.take_list(name, statement, known, out);
        if !has_entry {
            // That one becomes an entry, unless something else stands beside it.
            if name != "nopreempt" {
                self.homeless.extend(all_comments(statement));
            }
            self.take_switch(name, statement, out);
        }
    }

    fn take_number(&mut self, name: &str, statement: &'t Statement, out: &mut Findings) -> bool {
        let said = |value| Said::new(value, statement);
        match name {
            "virtual_router_id" => {
                self.vrid = integer(statement, 1..=255, out).map(said);
            }
            "priority" => {
                self.priority = integer(statement, 1..=255, out).map(said);
            }
            "version" => {
                let version = integer(statement, 2..=3, out).map(said);
                self.version = self.version.or(version);
            }
            "advert_int" => {
                let range = Duration::from_millis(10)..=Duration::from_secs(255);
                self.interval = seconds(statement, range, out).map(|it| Said::new(it, statement));
            }
            "preempt_delay" => {
                let range = Duration::ZERO..=Duration::from_secs(1000);
                self.delay = seconds(statement, range, out).map(|it| Said::new(it, statement));
            }
            "garp_master_refresh" => self.refresh = refresh(statement, out),
            "down_timer_adverts" => down_timer(statement, out),
            "unicast_ttl" => ttl(statement, out),
            _ => return false,
        }
        true
    }

    fn take_place(&mut self, name: &str, statement: &'t Statement, out: &mut Findings) -> bool {
        match name {
            "interface" => {
                let word = only(statement, out);
                let name = word.and_then(|it| interface(it, out));
                self.interface = name.map(|it| Said::new(it, statement));
            }
            "mcast_src_ip" | "unicast_src_ip" => {
                let source = source(statement, out);
                self.source = source.map(|it| Said::new(it, statement)).or(self.source);
            }
            "unicast_peer" => {
                let mut peers = peers(statement, out);
                // Each list adds to those before.
                if let Some(known) = self.peers.take() {
                    peers.splice(0..0, known.value);
                }
                self.peers = (!peers.is_empty()).then(|| Said::new(peers, statement));
            }
            "mcast_dst_ip" => multicast(statement, out),
            "use_vmac" => {
                vmac(statement, out);
                self.virtual_mac = Some(statement);
            }
            "lvs_sync_daemon_interface" => self.sync = self.sync.or(Some(statement)),
            _ => return false,
        }
        true
    }

    fn take_switch(&mut self, name: &str, statement: &'t Statement, out: &mut Findings) -> bool {
        match name {
            "state" => {
                let master = is_master(statement, out).then_some(statement);
                self.is_master = self.is_master.or(master);
            }
            "nopreempt" => {
                flag(statement, out);
                self.nopreempt = Some(statement);
            }
            "preempt" => {
                flag(statement, out);
                self.nopreempt = None;
            }
            "strict_mode" => {
                self.strict = switch(statement, out).unwrap_or_default();
                strict(statement, self.strict, out);
            }
            _ => return false,
        }
        true
    }

    fn take_list(
        &mut self,
        name: &str,
        statement: &'t Statement,
        known: &Known<'t>,
        out: &mut Findings,
    ) -> bool {
        match name {
            "virtual_ipaddress" => {
                self.listed = Some(statement);
                self.addresses
                    .extend(addresses::read(statement, false, out));
            }
            "virtual_ipaddress_excluded" => {
                self.addresses.extend(addresses::read(statement, true, out));
            }
            "authentication" => {
                self.homeless
                    .extend(block(statement).iter().flat_map(all_comments));
                self.secrets.take_password(statement, out);
            }
            "auth_hmac" => self.secrets.take_hmac(statement, out),
            _ => {
                let is_list = track::take(name, statement, known, &mut self.track, out);
                if is_list {
                    self.track_comments.extend(all_comments(statement));
                }
                return is_list;
            }
        }
        true
    }

    /// Its name as it is written.
    pub(super) fn word(&self) -> &'t str {
        self.at.words.first().map_or("", |it| &it.text)
    }

    /// Whether this is its name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.word() == name
    }

    /// The comments above it, and those in it that belong to no entry.
    pub(super) fn comments(&self) -> Vec<String> {
        let own = all_comments(self.at);
        own.chain(self.homeless.iter().cloned()).collect()
    }
}

/// A name as ours: without spaces, and not too long.
pub(super) fn called(name: &str) -> String {
    let plain = |c: char| {
        if c.is_whitespace() || c.is_control() {
            '_'
        } else {
            c
        }
    };
    name.chars().take(LONGEST_NAME).map(plain).collect()
}

/// Whether it is MASTER.
fn is_master(statement: &Statement, out: &mut Findings) -> bool {
    let Some(word) = only(statement, out) else {
        return false;
    };
    match &*word.text {
        "MASTER" => true,
        "BACKUP" => false,
        other => {
            let message = format!("state must be MASTER or BACKUP, got {}", Shown(other));
            let upper = other.to_ascii_uppercase();
            let known = ["MASTER", "BACKUP"].into_iter();
            let meant = near(&upper, known);
            let finding = Finding::new(word.span, message).help("keepalived takes it for BACKUP");
            out.push(finding.fix(meant.map(|it| Fix::replace(word.span, it))));
            false
        }
    }
}

/// The address that advertisements come from.
fn source(statement: &Statement, out: &mut Findings) -> Option<IpAddr> {
    let word = only(statement, out)?;
    if word.text.parse::<IpAddr>().is_ok() {
        return address(word, &statement.keyword.text, out);
    }
    let message = format!(
        "{} must be an address, got {}",
        &statement.keyword.text,
        Shown(&word.text)
    );
    let both = statement.keyword.span.through(word.span);
    let mut fix = Fix::replace(both, "");
    fix.title = format!("take out {} {}", &statement.keyword.text, Shown(&word.text));
    let help = "it is no interface; without this line it is the first address of the interface, as keepalived does here";
    out.push(Finding::new(word.span, message).help(help).fix(fix));
    None
}

/// The other hosts.
fn peers(statement: &Statement, out: &mut Findings) -> Vec<IpAddr> {
    let mut peers = Vec::new();
    for peer in block(statement) {
        let Some(address) = address(&peer.keyword, "a peer", out) else {
            continue;
        };
        if let (Some(first), Some(last)) = (peer.words.first(), peer.words.last()) {
            let message = "left out: an advertisement counts when its TTL is 255, so that it comes from the same LAN";
            out.push(Finding::warning(first.span.through(last.span), message));
        }
        if peers.contains(&address) {
            let finding = Finding::warning(peer.keyword.span, "a peer that stands here twice");
            out.push(finding.fix(removal(&peer.keyword)));
        } else if peers.len() == MOST_PEERS {
            out.error(peer.keyword.span, format!("more than {MOST_PEERS} peers"));
            break;
        } else {
            peers.push(address);
        }
    }
    if peers.is_empty() {
        let finding = Finding::warning(statement.span(), "unicast_peer names nobody");
        out.push(finding.help("without peers advertisements go by multicast"));
    }
    peers
}

/// Advertisements that may pass a router.
fn ttl(statement: &Statement, out: &mut Findings) {
    if integer(statement, 0..=255, out).is_some_and(|it| it != 255) {
        let message =
            "unicast_ttl is left out: the director sends with 255, and hears what has 255";
        let finding = Finding::warning(statement.span(), message);
        out.push(
            finding.help("a keepalived beside needs unicast_ttl 255, and peers in the same LAN"),
        );
    }
}

/// A virtual hardware address has the interface and the bytes that the director gives.
fn vmac(statement: &Statement, out: &mut Findings) {
    if let (Some(first), Some(last)) = (statement.words.first(), statement.words.last()) {
        let message = "left out: the director names the interface itself, and has the hardware address of RFC 9568";
        out.push(Finding::note(first.span.through(last.span), message));
    }
}
