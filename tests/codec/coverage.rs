// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every attribute, every command and every golden file has a test.

use std::collections::BTreeSet;

use crate::golden;
use crate::wire::{attributes, split};

/// The numbers below 0x4000, where the flags begin.
const NUMBER: u16 = 0x3fff;

/// Every golden message of the IPVS family.
fn messages() -> Vec<(String, Vec<u8>)> {
    let names = ["kernel", "ipvsadm", "ours"]
        .into_iter()
        .flat_map(golden::names);
    let all = names.map(|name| (name.clone(), golden::bytes(&name)));
    all.filter(|(_, bytes)| bytes[4..6] == 28_u16.to_le_bytes())
        .collect()
}

/// The numbers of the attributes within all nests of this number.
fn within(nests: u16, of: &str) -> BTreeSet<u16> {
    let ours = |(name, _): &(String, Vec<u8>)| name.starts_with(of);
    let all = messages().into_iter().filter(ours);
    // The answer to GET_INFO has other attributes under the same numbers.
    let nested = all.filter(|(_, bytes)| bytes[16] != 14);
    let tops = nested.flat_map(|(_, bytes)| attributes(&bytes));
    tops.filter(|(kind, _)| kind & NUMBER == nests)
        .flat_map(|(_, nest)| split(&nest))
        .map(|(kind, _)| kind & NUMBER)
        .collect()
}

#[test]
fn every_attribute_stands_in_a_golden_reply_of_the_kernel() {
    // A service is known by protocol, address and port, or by a mark: all twelve are in some reply.
    assert_eq!(within(1, "kernel"), (1..=12).collect());
    assert_eq!(within(2, "kernel"), (1..=15).collect());
    assert_eq!(within(3, "kernel"), (1..=8).collect());
}

#[test]
fn every_attribute_the_kernel_takes_stands_in_a_golden_request_of_ours() {
    let service: BTreeSet<u16> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11].into();
    let server: BTreeSet<u16> = [1, 2, 3, 4, 5, 6, 11, 13, 14, 15].into();
    for of in ["ours", "ipvsadm"] {
        assert_eq!(within(1, of), service, "{of}");
        assert_eq!(within(2, of), server, "{of}");
        assert_eq!(within(3, of), (1..=8).collect(), "{of}");
    }
}

#[test]
fn every_number_of_the_statistics_stands_in_a_golden_reply() {
    let listed = golden::bytes("kernel/server_traffic");
    let (_, server) = attributes(&listed).remove(0);
    for nest in [10, 12] {
        let (_, stats) = split(&server)
            .into_iter()
            .find(|(kind, _)| *kind == nest)
            .unwrap();
        let numbers: BTreeSet<u16> = split(&stats).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(numbers, (1..=11).collect(), "{nest}");
    }
}

#[test]
fn every_command_stands_in_a_golden_message() {
    let commands: BTreeSet<u8> = messages().iter().map(|(_, bytes)| bytes[16]).collect();
    assert_eq!(commands, (1..=17).collect());
    let of_ours = messages()
        .into_iter()
        .filter(|(name, _)| name.starts_with("ours"));
    let commands: BTreeSet<u8> = of_ours.map(|(_, bytes)| bytes[16]).collect();
    // 14 is only ever an answer.
    assert_eq!(
        commands,
        (1..=17).filter(|command| *command != 14).collect()
    );
}

#[test]
fn every_golden_file_is_looked_at() {
    let tests = [
        include_str!("requests.rs"),
        include_str!("ipvsadm.rs"),
        include_str!("replies.rs"),
    ];
    for name in ["kernel", "ipvsadm", "ours"]
        .into_iter()
        .flat_map(golden::names)
    {
        let (_, file) = name.split_once('/').unwrap();
        // Tables of services and servers name the words after the first ones.
        let short = ["add_server_", "service_", "server_"]
            .iter()
            .find_map(|prefix| file.strip_prefix(prefix));
        let quoted = |text: &str| {
            tests
                .iter()
                .any(|test| test.contains(&format!("\"{text}\"")))
        };
        assert!(
            quoted(&name) || quoted(file) || short.is_some_and(quoted),
            "no test looks at {name}"
        );
    }
}
