// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases: what a router is given, and what it must do then.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use lvs_director::codec::vrrp::Delivery;
use lvs_director::model::{
    AddressFamily, Centiseconds, Preempt, Priority, VirtualRouter, VrrpVersion,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::node::router;

/// The files with cases: what comes in, version 2, what goes out, and the machine.
pub(super) const FILES: [&str; 4] = ["receiving", "version2", "sending", "machine"];

/// One case, as it stands in a line of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// Its name, a sentence.
    #[serde(rename = "case")]
    pub(super) name: String,
    /// Which rules it shows something of.
    pub(super) rules: Vec<String>,
    pub(super) shows: Shows,
    #[serde(default)]
    router: Changes,
    /// What happened before.
    pub(super) given: Vec<Step>,
    pub(super) event: Step,
    pub(super) then: Then,
    /// What was broken in the source when this case was seen to fail.
    pub(super) fails_when: Option<String>,
}

/// What a case shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shows {
    /// What the rule asks for is done.
    Kept,
    /// What is against the rule is refused, or not done.
    Refused,
}

/// What is different from [`router`], which preempts and does not hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    version: Option<VrrpVersion>,
    priority: Option<Priority>,
    interval: Option<Centiseconds>,
    preempt: Option<Preempt>,
    source: Option<IpAddr>,
    addresses: Option<Vec<IpAddr>>,
}

/// What happens.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Start,
    Stop,
    LinkDown,
    /// The clock goes on to the deadline, and it is handed in.
    Deadline,
    /// A deadline is handed in that has not come.
    Tick,
    /// The clock goes on by so many milliseconds.
    WaitMs(u64),
    /// What is tracked makes this priority.
    Tracked(u8),
    Packet(Packet),
}

/// A packet: what its IP header says, and what it carries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Packet {
    from: IpAddr,
    to: IpAddr,
    hops: u8,
    hex: String,
}

/// What must be so after the event. What is not there must not be.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Then {
    pub(super) state: String,
    /// What it asks for, in this order.
    #[serde(default)]
    pub(super) does: Vec<String>,
    /// The bytes of the advertisement that it sends. It is looked at only when it is there.
    pub(super) sends: Option<String>,
    /// Why the packet was dropped.
    pub(super) drops: Option<String>,
    /// What was odd about it.
    #[serde(default)]
    pub(super) notices: Vec<String>,
    /// In how many microseconds its deadline is.
    pub(super) deadline_us: Option<u64>,
}

impl Case {
    /// The router that it is about.
    pub(super) fn router(&self) -> VirtualRouter {
        let usual = router(Priority::USUAL.0);
        let changes = &self.router;
        VirtualRouter {
            version: changes.version.unwrap_or(usual.version),
            priority: changes.priority.unwrap_or(usual.priority),
            interval: changes.interval.unwrap_or(usual.interval),
            preempt: changes.preempt.unwrap_or(usual.preempt),
            source: changes.source.unwrap_or(usual.source),
            addresses: changes.addresses.clone().unwrap_or(usual.addresses),
            ..usual
        }
    }
}

impl Packet {
    pub(super) fn delivery(&self) -> Delivery {
        assert_eq!(AddressFamily::of(self.from), AddressFamily::of(self.to));
        Delivery {
            source: self.from,
            destination: self.to,
            hops: self.hops,
        }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let digits = self.hex.as_bytes().chunks(2);
        let byte = |two: &[u8]| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }
}

/// The lines of a file.
pub(super) fn read<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vrrp/{name}.jsonl"));
    let text = fs::read_to_string(&path).unwrap();
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), number + 1))
    };
    text.lines().enumerate().map(parse).collect()
}
