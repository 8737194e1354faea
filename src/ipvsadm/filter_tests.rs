// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a filter lets through.

use super::*;

fn service(text: &str) -> Filter {
    Filter {
        service: Some(ServicePattern::read(text).unwrap()),
        ..Filter::NONE
    }
}

fn keys() -> Vec<ServiceKey> {
    let at = |text: &str| text.parse().unwrap();
    let mark = |family| ServiceKey::Fwmark {
        mark: Fwmark::new(7).unwrap(),
        family,
    };
    vec![
        ServiceKey::tcp(at("192.0.2.10:80")),
        ServiceKey::udp(at("192.0.2.10:53")),
        ServiceKey::tcp(at("[2001:db8::1]:80")),
        ServiceKey::tcp(at("192.0.2.11:0")),
        mark(AddressFamily::Ipv4),
        mark(AddressFamily::Ipv6),
    ]
}

#[test]
fn services_are_named_as_they_are_listed_or_in_part() {
    for (text, expected) in [
        ("tcp:192.0.2.10:80", &[0][..]),
        ("TCP 192.0.2.10:80", &[0]),
        ("TCP  192.0.2.10:80", &[0]),
        ("192.0.2.10", &[0, 1]),
        ("192.0.2.10:53", &[1]),
        ("udp:192.0.2.10:80", &[]),
        ("udp:192.0.2.10", &[1]),
        ("tcp:[2001:db8::1]:80", &[2]),
        ("2001:db8::1", &[2]),
        ("tcp:2001:db8::1", &[2]),
        ("[2001:0db8::1]", &[2]),
        ("192.0.2.11:0", &[3]),
        ("192.0.2.11:80", &[]),
        ("fwm:7", &[4, 5]),
        ("FWM  7 IPv6", &[5]),
        ("fwm:7:ipv4", &[4]),
        ("fwm:8", &[]),
    ] {
        let filter = service(text);
        let matching: Vec<usize> = (0..)
            .zip(keys())
            .filter(|(_, key)| filter.has_service(key))
            .map(|(index, _)| index)
            .collect();
        assert_eq!(matching, expected, "{text}");
    }
}

#[test]
fn every_service_is_found_as_it_is_listed() {
    for key in keys() {
        assert!(service(&key.to_string()).has_service(&key), "{key}");
    }
}

#[test]
fn what_names_nothing_is_refused() {
    for text in [
        "",
        "tcp",
        "tcp:",
        "tcp:http",
        "192.0.2.10:",
        "192.0.2.10:65536",
        "icmp:192.0.2.10",
        "fwm:",
        "fwm:0",
        "fwm:x",
        "fwm:7:ipx",
        "[192.0.2.10]:80",
        "[2001:db8::1",
    ] {
        let message = ServicePattern::read(text).unwrap_err().message;
        assert_eq!(message, format!("invalid service `{text}' specified"));
    }
    assert!(ServerPattern::read("rs1").is_err());
    for text in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0:80", "::/129", "/8"] {
        assert!(Network::read(text).is_err(), "{text}");
    }
    for text in ["", "a,", "a b"] {
        assert!(Filter::read_states(text).is_err(), "{text}");
    }
}

#[test]
fn networks_hold_the_addresses_that_begin_alike() {
    for (network, address, expected) in [
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false),
        ("10.1.2.3/8", "10.9.9.9", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("0.0.0.0/0", "255.0.0.1", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::", false),
    ] {
        let network = Network::read(network).unwrap();
        assert_eq!(
            network.contains(address.parse().unwrap()),
            expected,
            "{network:?} {address}"
        );
    }
}
