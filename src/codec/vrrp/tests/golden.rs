// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes that were made by another program, both ways.

use super::*;

/// One packet: its bytes, from where to where, what it says, and the form of its checksum.
fn check(payload: &str, way: (&str, &str), says: &Advertisement, form: ChecksumForm) {
    let payload = bytes(payload);
    let delivery = delivery(way.0, way.1);
    let emitted = says.emit(delivery.source, delivery.destination, form, None);
    assert_eq!(emitted, payload, "{form}");
    let heard = read(&payload, &delivery).unwrap();
    assert_eq!(heard.advertisement, *says);
    assert_eq!(heard.form, form);
    assert_eq!(heard.proof, Proof::Absent);
}

const LAN: (&str, &str) = ("192.0.2.1", "224.0.0.18");
const UNICAST: (&str, &str) = ("192.0.2.1", "192.0.2.2");

#[test]
fn version_2_with_a_password_and_without() {
    let mut two = version2(Some("secret"));
    two.addresses.push(ip("192.0.2.101"));
    check(
        "21336402 0101b8b2 c0000264 c0000265 7365637265740000",
        LAN,
        &two,
        ChecksumForm::Message,
    );
    check(
        "21336401 0001b865 c0000264 0000000000000000",
        LAN,
        &version2(None),
        ChecksumForm::Message,
    );
}

#[test]
fn version_3_over_ipv4_in_three_forms() {
    let says = version3(&["192.0.2.100"]);
    let message = "3133c801 00644402 c0000264";
    let with_group = "3133c801 0064a171 c0000264";
    let with_host = "3133c801 0064bf81 c0000264";
    check(message, LAN, &says, ChecksumForm::Message);
    check(message, UNICAST, &says, ChecksumForm::Message);
    check(with_group, LAN, &says, ChecksumForm::PseudoHeader);
    check(with_host, UNICAST, &says, ChecksumForm::PseudoHeader);
    check(
        with_group,
        UNICAST,
        &says,
        ChecksumForm::GroupInPseudoHeader,
    );
}

#[test]
fn version_3_over_ipv6_with_the_longest_interval() {
    let says = Advertisement {
        interval: Centiseconds::MAX_V3,
        ..version3(&["fe80::100", "fd00::100"])
    };
    check(
        "3133c802 0ffffb0a fe800000000000000000000000000100 fd000000000000000000000000000100",
        ("fe80::10", "ff02::12"),
        &says,
        ChecksumForm::PseudoHeader,
    );
    assert!(says.first_address_is_right());
    assert!(!version3(&["fd00::100"]).first_address_is_right());
}

#[test]
fn a_form_that_does_not_exist_is_not_sent() {
    for (says, way, form) in [
        (version2(None), LAN, ChecksumForm::Message),
        (
            version3(&["fe80::1"]),
            ("fe80::10", "ff02::12"),
            ChecksumForm::PseudoHeader,
        ),
    ] {
        let delivery = delivery(way.0, way.1);
        for asked in ChecksumForm::ALL {
            let payload = says.emit(delivery.source, delivery.destination, asked, None);
            assert_eq!(read(&payload, &delivery).unwrap().form, form);
        }
    }
}

#[test]
fn what_a_version_cannot_say_becomes_the_nearest_that_it_can() {
    let delivery = delivery(LAN.0, LAN.1);
    for (version, interval, sent) in [
        (VrrpVersion::V2, 0, 100),
        (VrrpVersion::V2, 150, 200),
        (VrrpVersion::V2, 65_535, 25_500),
        (VrrpVersion::V3, 0, 1),
        (VrrpVersion::V3, 5000, 4095),
    ] {
        let says = Advertisement {
            version,
            interval: Centiseconds(interval),
            ..version2(None)
        };
        let form = ChecksumForm::Message;
        let payload = says.emit(delivery.source, delivery.destination, form, None);
        let heard = read(&payload, &delivery).unwrap();
        assert_eq!(heard.advertisement.interval, Centiseconds(sent));
    }
}

#[test]
fn addresses_of_the_other_family_and_behind_the_last_place_are_left_out() {
    let delivery = delivery(LAN.0, LAN.1);
    let mut says = version3(&["192.0.2.100", "fd00::1", "192.0.2.101"]);
    let emit = |says: &Advertisement| {
        says.emit(
            delivery.source,
            delivery.destination,
            ChecksumForm::Message,
            None,
        )
    };
    let heard = read(&emit(&says), &delivery).unwrap();
    assert_eq!(
        heard.advertisement,
        version3(&["192.0.2.100", "192.0.2.101"])
    );
    says.addresses = vec![ip("192.0.2.100"); 300];
    let heard = read(&emit(&says), &delivery).unwrap();
    assert_eq!(heard.advertisement.addresses.len(), 255);
}

#[test]
fn the_longest_message_fits_the_receive_buffer() {
    let longest = length(VrrpVersion::V3, AddressFamily::Ipv6, 255) + TRAILER;
    assert_eq!(MOST_BYTES, longest);
    assert!(length(VrrpVersion::V2, AddressFamily::Ipv4, 255) + TRAILER < longest);
}

#[test]
fn a_virtual_router_has_its_hardware_address_and_its_groups() {
    let vrid = Vrid::new(51).unwrap();
    assert_eq!(
        virtual_mac(AddressFamily::Ipv4, vrid),
        [0, 0, 0x5e, 0, 1, 51]
    );
    assert_eq!(
        virtual_mac(AddressFamily::Ipv6, vrid),
        [0, 0, 0x5e, 0, 2, 51]
    );
    assert_eq!(group(AddressFamily::Ipv4), ip("224.0.0.18"));
    assert_eq!(group(AddressFamily::Ipv6), ip("ff02::12"));
}
