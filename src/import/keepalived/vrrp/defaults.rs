// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `global_defs` says for all virtual routers.

use std::net::IpAddr;
use std::time::Duration;

use super::value::{Said, integer, seconds};
use crate::diagnostic::{Finding, Findings};
use crate::import::keepalived::value::{only, switch};
use crate::import::statement::Statement;

/// The group of IPv4, and the one of IPv6. Source: RFC 9568, section 5.1.
const GROUPS: [&str; 2] = ["224.0.0.18", "ff02::12"];
/// keepalived waits at most so long before it looks at a virtual router.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// What counts where a virtual router says nothing.
#[derive(Debug, Default)]
pub(super) struct Defaults<'t> {
    pub(super) version: Option<u32>,
    pub(super) refresh: Option<Said<'t, Duration>>,
    pub(super) wait: Option<Said<'t, Duration>>,
    pub(super) strict: bool,
    /// As whom scripts run.
    pub(super) user: Option<Box<str>>,
    /// The daemon that tells another kernel of connections.
    pub(super) sync: Option<&'t Statement>,
}

impl<'t> Defaults<'t> {
    /// Takes a statement of `global_defs`; those that are not about VRRP are for others.
    pub(super) fn take(&mut self, statement: &'t Statement, out: &mut Findings) {
        match &*statement.keyword.text {
            "vrrp_version" => self.version = integer(statement, 2..=3, out),
            "vrrp_garp_master_refresh" => self.refresh = refresh(statement, out),
            "vrrp_startup_delay" => {
                let range = Duration::ZERO..=LONGEST_WAIT;
                let wait = seconds(statement, range, out);
                self.wait = wait.map(|it| Said::new(it, statement));
            }
            "vrrp_strict" => {
                self.strict = switch(statement, out).unwrap_or_default();
                strict(statement, self.strict, out);
            }
            "vrrp_down_timer_adverts" => down_timer(statement, out),
            "vrrp_mcast_group4" | "vrrp_mcast_group6" => multicast(statement, out),
            "lvs_sync_daemon" => self.sync = self.sync.or(Some(statement)),
            _ => {}
        }
    }
}

/// How often a master announces its addresses again.
pub(super) fn refresh<'t>(
    statement: &'t Statement,
    out: &mut Findings,
) -> Option<Said<'t, Duration>> {
    let range = Duration::ZERO..=Duration::from_hours(24);
    let every = seconds(statement, range, out)?;
    Some(Said::new(every, statement))
}

/// Who is told of the rules that strict mode brings.
pub(super) fn strict(statement: &Statement, is_strict: bool, out: &mut Findings) {
    if !is_strict {
        return;
    }
    let message = format!(
        "{} is left out: the director accepts what is sent to the virtual addresses, and knows no stricter mode",
        &statement.keyword.text
    );
    let finding = Finding::warning(statement.span(), message);
    out.push(finding.help(
        "with it keepalived drops what is sent to the virtual addresses, and does not authenticate",
    ));
}

/// How many intervals a backup waits.
pub(super) fn down_timer(statement: &Statement, out: &mut Findings) {
    if let Some(count) = integer(statement, 1..=100, out)
        && count != 3
    {
        let message = format!(
            "{} is left out: a backup waits for three intervals and its skew",
            &statement.keyword.text
        );
        let finding = Finding::warning(statement.span(), message);
        out.push(finding.help("all routers of one virtual router must wait equally long"));
    }
}

/// A group that is not the one of the protocol.
pub(super) fn multicast(statement: &Statement, out: &mut Findings) {
    let Some(word) = only(statement, out) else {
        return;
    };
    let address = word.text.parse::<IpAddr>();
    let is_usual = |it: &IpAddr| GROUPS.iter().any(|usual| usual.parse() == Ok(*it));
    if address.is_ok_and(|it| is_usual(&it)) {
        return;
    }
    let message = format!(
        "{} is left out: advertisements go to the groups of the protocol, {} and {}",
        &statement.keyword.text, GROUPS[0], GROUPS[1]
    );
    let finding = Finding::warning(statement.span(), message);
    out.push(finding.help(
        "who listens to another group does not hear the director; peers name hosts one by one",
    ));
}
