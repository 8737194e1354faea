// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pool does when servers fail.

use super::stand::{Stand, TWO_SERVERS, all, weights};
use crate::plan::SimulatedKernel;

/// The servers of [`TWO_SERVERS`], with more settings of the service.
fn running(settings: &str) -> Stand {
    let services = TWO_SERVERS.replace("scheduler: wrr", settings);
    let mut stand = Stand::start(SimulatedKernel::default(), &services);
    stand.seconds(1, all);
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)])
    );
    stand
}

fn only_1(server: &str) -> bool {
    server == "10.0.0.1:80"
}

#[test]
fn under_mh_and_sh_a_dead_server_keeps_its_place_when_its_clients_can_go_elsewhere() {
    for (settings, weight) in [
        ("scheduler: mh, scheduler_flags: [mh-fallback]", Some(0)),
        ("scheduler: sh, scheduler_flags: [flag-1]", Some(0)),
        ("scheduler: mh, scheduler_flags: [mh-port]", None),
        ("scheduler: wrr, scheduler_flags: [flag-1]", None),
    ] {
        let mut stand = running(settings);
        stand.seconds(10, only_1);
        let dead = stand.weights().get("10.0.0.2:80").copied();
        assert_eq!(dead, weight, "{settings}");
    }
}
