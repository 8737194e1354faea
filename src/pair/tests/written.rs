// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages as bytes.

use std::time::Duration;

use crate::model::{AskedWeight, DrainTerms, Order, Standing, Weight};
use crate::pair::{
    Digest, Hello, MOST_IN_A_MESSAGE, Message, OrderNews, OrderVersion, ServiceNews, TableNews,
    Unreadable, Verdict, read, write,
};

fn order() -> OrderNews {
    OrderNews {
        service: "TCP [2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
            .parse()
            .unwrap(),
        server: "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
            .parse()
            .unwrap(),
        order: Weight::new(2_147_483_647).map(Order::Weight),
        terms: DrainTerms {
            deadline: Some(Duration::MAX),
            templates: false,
        },
        age: Duration::MAX,
        ended: false,
        force: false,
        by: "x".repeat(120).into(),
        at_sender: false,
        version: OrderVersion {
            at: u64::MAX,
            origin: u64::MAX,
        },
    }
}

fn verdict() -> Verdict {
    let asked = Weight::new(2_147_483_647).map(AskedWeight::Weight);
    Verdict {
        service: order().service,
        server: order().server,
        checks: Digest(u64::MAX),
        own: Some(Standing::Up(asked)),
        counts: Some(Standing::Up(asked)),
        age: Duration::MAX,
        only_held_down: false,
    }
}

#[test]
fn every_message_is_read_as_it_was_written_and_the_largest_fit() {
    let news = ServiceNews {
        service: order().service,
        digest: Digest(u64::MAX),
    };
    for message in [
        Message::Hello(Hello {
            version: 1,
            readable_by: 1,
            instance: u64::MAX,
            program: "director 0.1.0".into(),
        }),
        Message::Alive {},
        Message::Orders(vec![order(); MOST_IN_A_MESSAGE]),
        Message::Services {
            first: true,
            of: vec![news; MOST_IN_A_MESSAGE],
        },
        Message::Verdicts(vec![verdict(); MOST_IN_A_MESSAGE]),
        Message::Leads(false),
        Message::Drained(vec![(order().service, order().server); MOST_IN_A_MESSAGE]),
        Message::Again {},
        Message::Table(TableNews::Wanted),
        Message::Table(TableNews::Sent { connections: 7 }),
    ] {
        let bytes = write(&message).unwrap();
        assert_eq!(read(&bytes).unwrap(), message);
    }
}

#[test]
fn what_a_newer_director_says_more_is_passed_over() {
    let leads = read(br#"{"leads":true}"#).unwrap();
    assert_eq!(leads, Message::Leads(true));
    let known = br#"{"alive":{"mood":"good"}}"#;
    assert_eq!(read(known).unwrap(), Message::Alive {});
    let unknown = read(br#"{"weather":{"rain":true}}"#).unwrap_err();
    assert!(matches!(unknown, Unreadable::Unknown(kind) if kind == "weather"));
}

#[test]
fn what_is_no_message_is_refused_in_plain_words() {
    let deep = "[".repeat(60_000);
    let many = serde_json::to_vec(&Message::Drained(vec![
        (order().service, order().server);
        MOST_IN_A_MESSAGE + 1
    ]));
    for bytes in [
        &b""[..],
        b"\xff\xfe",
        b"{}",
        b"7",
        b"\"alive\"",
        br#"{"leads":7}"#,
        br#"{"leads":true,"alive":{}}"#,
        br#"{"orders":[{"service":"TCP"}]}"#,
        "{\"\u{1b}[31m\":1}".as_bytes(),
        deep.as_bytes(),
        &many.unwrap(),
    ] {
        let why = read(bytes).unwrap_err().to_string();
        assert!(!why.chars().any(char::is_control), "{why}");
        assert!(why.len() < 300, "{why}");
    }
}

#[test]
fn whoever_gave_an_order_is_shown_without_what_a_terminal_obeys() {
    let hostile = OrderNews {
        by: "\u{1b}[31mred\nuser 0".into(),
        ..order()
    };
    let bytes = write(&Message::Orders(vec![hostile])).unwrap();
    let Message::Orders(read) = read(&bytes).unwrap() else {
        unreachable!("it is about orders");
    };
    assert_eq!(&*read[0].by, "[31mreduser 0");
}
