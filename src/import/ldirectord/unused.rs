// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands in a virtual service, and counts for nothing there.

use super::line::{Block, Directive, last};
use super::wanted::{CheckType, Wanted};
use crate::diagnostic::{Finding, Findings};
use crate::model::Protocol;

/// Says what our check does not use, and what ldirectord ignores.
pub(super) fn say_unused(block: &Block, wanted: &Wanted, forks: bool, out: &mut Findings) {
    let find = |name| last(&block.body, name);
    if let Some(directive) = find("checkinterval").filter(|_| !forks) {
        let message =
            "ldirectord ignores the checkinterval of a service, and takes that of the top";
        let finding = Finding::warning(directive.whole, message);
        out.push(finding.help("with fork=yes it counts"));
    }
    let pings = wanted.checktype == CheckType::Ping
        || wanted.checktype == CheckType::Connect && wanted.protocol == Some(Protocol::Udp);
    if let Some(directive) = find("checkcount").filter(|_| !pings) {
        let message = "checkcount counts pings only, and is left out";
        out.push(Finding::note(directive.whole, message));
    }
    let secrets = ["login", "passwd", "database", "secret"];
    let secrets: Vec<&str> = secrets
        .into_iter()
        .filter(|name| find(name).is_some())
        .collect();
    if !secrets.is_empty() {
        // The lines themselves are not shown: they may have a password.
        let names = secrets.join(", ");
        let message = format!("not carried over: {names}, which our check does not use");
        out.push(Finding::note(block.head.whole, message));
    }
    say_unused_of_check(block, wanted, pings, out);
    if let Some(directive) = find("cleanstop") {
        say_cleanstop(directive, out);
    }
}

/// Says which settings of checks this check does not use.
fn say_unused_of_check(block: &Block, wanted: &Wanted, pings: bool, out: &mut Findings) {
    let find = |name| last(&block.body, name);
    let asks = matches!(
        wanted.checktype,
        CheckType::Negotiate | CheckType::Combined(_)
    );
    let asks_web = asks && matches!(wanted.service, "http" | "https");
    let pairs = matches!(wanted.service, "http" | "https" | "dns" | "simpletcp");
    let texts = [
        ("request", asks && pairs),
        ("receive", asks && pairs),
        ("virtualhost", asks_web),
        ("httpmethod", asks_web),
        (
            "checkcommand",
            matches!(
                wanted.checktype,
                CheckType::External | CheckType::ExternalPerl
            ),
        ),
        ("checkport", !pings),
    ];
    for (name, is_used) in texts {
        if let Some(directive) = find(name).filter(|_| !is_used) {
            let message = format!("{name} means nothing to the check of this service");
            out.push(Finding::note(directive.whole, message));
        }
    }
    if let Some(directive) = find("service").filter(|_| !asks) {
        let message = "service means nothing to a check that does not negotiate";
        out.push(Finding::note(directive.whole, message));
    }
}

/// Says when services would be taken away at the end.
pub(super) fn say_cleanstop(directive: &Directive, out: &mut Findings) {
    if directive.switch(out) == Some(true) {
        let message = "a director that ends leaves its services in the kernel";
        let help = "director run --release takes them away, as ldirectord does it";
        out.push(Finding::note(directive.whole, message).help(help));
    }
}
