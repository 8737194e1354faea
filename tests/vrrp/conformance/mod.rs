// SPDX-License-Identifier: MIT OR Apache-2.0
//! What RFC 9568 asks for, case by case. The cases are data: `tests/vrrp/*.jsonl`. `docs/vrrp-conformance.md` is made of
//! them: `UPDATE_GOLDEN=1 cargo test --test vrrp conformance` writes it.

mod case;
mod ledger;

use std::fmt::Write as _;

use lvs_director::codec::vrrp::{Advertisement, Keys, Terms, group, parse};
use lvs_director::model::{AddressFamily, ChecksumForm, Priority};
use lvs_director::vrrp::{Action, Event, Heard};
use serde::Serialize;

use self::case::{Case, FILES, Packet, Step, Then, read};
use crate::node::{Node, ms, tracked};

#[test]
fn every_case_of_the_rfc_ends_as_it_must() {
    let mut failed = String::new();
    for file in FILES {
        for case in read::<Case>(file) {
            let mut node = Node::new(case.router());
            for step in &case.given {
                let _ = happen(&mut node, step);
            }
            let mut found = happen(&mut node, &case.event);
            if case.then.sends.is_none() {
                found.sends = None;
            }
            if found != case.then {
                let (name, then) = (&case.name, &case.then);
                writeln!(failed, "{file}: {name}\n  {then:?}\n  {found:?}").unwrap();
            }
        }
    }
    assert!(failed.is_empty(), "expected, and found:\n{failed}");
}

/// Hands a step in, and looks what came of it.
fn happen(node: &mut Node, step: &Step) -> Then {
    let mut drops = None;
    let actions = match step {
        Step::Start => node.event(Event::Start),
        Step::Stop => node.event(Event::Stop),
        Step::LinkDown => node.event(Event::LinkDown),
        Step::Deadline => node.deadline(),
        Step::Tick => node.event(Event::Deadline),
        Step::Tracked(priority) => node.event(tracked(*priority)),
        Step::WaitMs(time) => {
            node.after(ms(*time));
            Vec::new()
        }
        Step::Packet(packet) => {
            let arrived = arrive(node, packet);
            drops = arrived.as_ref().err().map(|&name| name.to_owned());
            arrived.unwrap_or_default()
        }
    };
    let mut then = Then {
        state: node.state().to_string(),
        drops,
        deadline_us: node.wait().map(|it| it.as_micros().try_into().unwrap()),
        ..Then::default()
    };
    for action in &actions {
        note(node, action, &mut then);
    }
    then
}

/// A packet comes in as a shell hands it in. An error is the name under which a dropped one is counted.
fn arrive(node: &mut Node, packet: &Packet) -> Result<Vec<Action>, &'static str> {
    let delivery = packet.delivery();
    let keys = Keys::default();
    let terms = Terms::on_the_lan(&keys);
    let heard = parse(&packet.payload(), &delivery, &terms).map_err(|refused| refused.name())?;
    let before = node.instance.counts().refused.clone();
    let actions = node.event(Event::Heard(Heard::new(&delivery, heard)));
    let now = node.instance.counts().refused.iter();
    let new = now.filter(|&(reason, count)| before.get(reason) != Some(count));
    match new.map(|(reason, _)| reason.name()).next() {
        Some(reason) => Err(reason),
        None => Ok(actions),
    }
}

/// What it asks for, in words.
fn note(node: &Node, action: &Action, then: &mut Then) {
    match action {
        Action::Advertise { priority, form } => {
            then.does.push(format!("advertise {priority}"));
            then.sends = Some(sent(node, *priority, *form));
        }
        Action::TakeAddresses => then.does.push("take".to_owned()),
        Action::ReleaseAddresses => then.does.push("release".to_owned()),
        Action::Announce(why) => then.does.push(format!("announce {}", word(why))),
        Action::Notice { notice, .. } => then.notices.push(word(notice)),
        Action::Tell { .. } => {}
    }
}

fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    value.as_str().unwrap().to_owned()
}

/// The bytes of an advertisement.
fn sent(node: &Node, priority: Priority, form: Option<ChecksumForm>) -> String {
    let router = node.instance.router();
    let advertisement = Advertisement {
        version: router.version,
        vrid: router.vrid,
        priority,
        interval: router.interval,
        addresses: router.addresses.clone(),
        password: None,
    };
    let to = group(AddressFamily::of(router.source));
    let form = form.unwrap_or(ChecksumForm::PseudoHeader);
    let bytes = advertisement.emit(router.source, to, form, None);
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
