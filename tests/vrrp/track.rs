// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is tracked, and what it makes of the priority.

use std::sync::Arc;
use std::time::Duration;

use lvs_director::model::{
    Consequence, ExecProbe, Priority, ServiceKey, TrackedObject, TrackedScript,
};
use lvs_director::vrrp::{Effective, Reading, Tracker};

fn script() -> TrackedObject {
    TrackedObject::Script(Arc::new(TrackedScript {
        program: ExecProbe {
            command: ["/bin/probe".into()].into(),
            user: None,
            dynamic: false,
        },
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(3),
        fall: 3,
        rise: 2,
    }))
}

fn file() -> TrackedObject {
    TrackedObject::File("/run/weight".into())
}

fn is(priority: u8) -> Effective {
    Effective::Priority(Priority(priority))
}

/// Base, weight or fault, reading, what it makes.
#[test]
fn each_reading_makes_its_priority() {
    let weight = Consequence::Weight;
    let rows = [
        (100, weight(20), Reading::Good, Some(120)),
        (100, weight(20), Reading::Bad, Some(100)),
        (100, weight(-20), Reading::Good, Some(100)),
        (100, weight(-20), Reading::Bad, Some(80)),
        (100, weight(3), Reading::Number(7), Some(121)),
        (100, weight(3), Reading::Number(-7), Some(79)),
        (100, weight(i16::MAX), Reading::Number(i32::MAX), Some(254)),
        (100, weight(i16::MIN), Reading::Number(i32::MAX), Some(1)),
        (100, weight(-200), Reading::Bad, Some(1)),
        (100, weight(200), Reading::Good, Some(254)),
        (100, Consequence::Fault, Reading::Good, Some(100)),
        (100, Consequence::Fault, Reading::Bad, None),
        (100, Consequence::Fault, Reading::Number(0), Some(100)),
        (100, Consequence::Fault, Reading::Number(1), None),
        // An owner's priority does not change; it can have a fault.
        (255, weight(-20), Reading::Bad, Some(255)),
        (255, Consequence::Fault, Reading::Bad, None),
    ];
    for (base, consequence, reading, expected) in rows {
        let mut tracker = Tracker::new(Priority(base), [(script(), consequence)]);
        tracker.read(&script(), reading);
        let expected =
            expected.map_or_else(|| Effective::Fault("script /bin/probe failed".into()), is);
        assert_eq!(
            tracker.effective(),
            expected,
            "{base} {consequence:?} {reading:?}"
        );
    }
}

#[test]
fn weights_add_up_and_a_change_is_told_once() {
    let service: ServiceKey = "TCP 192.0.2.10:80".parse().unwrap();
    let service = TrackedObject::Service(service);
    let objects = [
        (script(), Consequence::Weight(-10)),
        (file(), Consequence::Weight(2)),
        (service.clone(), Consequence::Weight(-50)),
    ];
    let mut tracker = Tracker::new(Priority(100), objects);
    assert_eq!(tracker.read(&script(), Reading::Bad), Some(is(90)));
    assert_eq!(tracker.read(&script(), Reading::Bad), None);
    assert_eq!(tracker.read(&file(), Reading::Number(5)), Some(is(100)));
    assert_eq!(tracker.read(&service, Reading::Bad), Some(is(50)));
    let stranger = TrackedObject::Process("httpd".into());
    assert_eq!(tracker.read(&stranger, Reading::Bad), None);
    assert_eq!(tracker.read(&service, Reading::Good), Some(is(100)));
}
