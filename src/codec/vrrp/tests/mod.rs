// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an advertisement's bytes mean, and which bytes mean nothing.

mod golden;
mod laws;
mod refusals;
mod signed;

use std::net::IpAddr;

use super::*;
use crate::model::{Centiseconds, ChecksumForm, Priority, VrrpPassword};

/// Bytes written as hexadecimal digits, with blanks anywhere.
fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn delivery(source: &str, destination: &str) -> Delivery {
    Delivery {
        source: ip(source),
        destination: ip(destination),
        hops: HOPS,
    }
}

/// What is read on a LAN without keys.
fn read(payload: &[u8], delivery: &Delivery) -> Result<Heard, Refused> {
    parse(payload, delivery, &Terms::on_the_lan(&Keys::default()))
}

/// The advertisement of version 3 that most tests begin with.
fn version3(addresses: &[&str]) -> Advertisement {
    Advertisement {
        version: VrrpVersion::V3,
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(200),
        interval: Centiseconds::SECOND,
        addresses: addresses.iter().copied().map(ip).collect(),
        password: None,
    }
}

fn version2(password: Option<&str>) -> Advertisement {
    Advertisement {
        version: VrrpVersion::V2,
        priority: Priority(100),
        password: password.and_then(|it| VrrpPassword::new(it.as_bytes())),
        ..version3(&["192.0.2.100"])
    }
}
