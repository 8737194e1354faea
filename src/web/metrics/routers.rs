// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual routers, and the other director.

use super::families::{
    Family, PEER_CONNECTED, PEER_DIFFERENCES, PEER_REFUSED, PEER_ROLE, SYNC_AGE, SYNC_COMPLETED,
    SYNC_FAILED, VRRP_DISPUTES, VRRP_DROPPED, VRRP_LATE, VRRP_PRIORITY, VRRP_PROBLEM,
    VRRP_PUT_BACK, VRRP_RECEIVED, VRRP_SENT, VRRP_STATE, VRRP_TRANSITIONS,
};
use super::text::{Labels, Text};
use crate::control::{PeerStatus, RouterStatus, Status, SyncStatus};

/// The states of a virtual router.
const STATES: [&str; 4] = ["initialize", "fault", "backup", "master"];

pub(super) fn write(text: &mut Text, status: &Status) {
    vrrp(text, &status.routers);
    if let Some(peer) = &status.peer {
        of_peer(text, peer);
    }
    if let Some(sync) = &status.connection_sync {
        of_sync(text, sync);
    }
}

fn vrrp(text: &mut Text, routers: &[RouterStatus]) {
    let states = routers.iter().flat_map(|router| {
        STATES.iter().map(|state| {
            let labels = Labels(&[("router", &router.name), ("state", state)]).to_string();
            (labels, u8::from(router.state == *state))
        })
    });
    text.family(&VRRP_STATE, states);
    let mut each = |family: &Family, value: fn(&RouterStatus) -> u64| {
        let samples = routers.iter().map(|router| (name(router), value(router)));
        text.family(family, samples);
    };
    each(&VRRP_PRIORITY, |it| it.priority.into());
    each(&VRRP_PROBLEM, |it| it.problem.is_some().into());
    each(&VRRP_TRANSITIONS, |it| it.transitions);
    each(&VRRP_SENT, |it| it.sent);
    each(&VRRP_RECEIVED, |it| it.heard);
    each(&VRRP_PUT_BACK, |it| it.put_back);
    each(&VRRP_DISPUTES, |it| it.disputes);
    let dropped = routers.iter().flat_map(|router| {
        router.dropped.iter().map(|(reason, count)| {
            let labels = Labels(&[("router", &router.name), ("reason", reason)]).to_string();
            (labels, count)
        })
    });
    text.family(&VRRP_DROPPED, dropped);
    let late = routers.iter();
    let late = late.map(|it| (name(it), seconds(it.late_at_most_microseconds)));
    text.family(&VRRP_LATE, late);
}

fn name(router: &RouterStatus) -> String {
    Labels(&[("router", &router.name)]).to_string()
}

fn of_peer(text: &mut Text, peer: &PeerStatus) {
    text.one(&PEER_CONNECTED, u8::from(peer.connected_seconds.is_some()));
    text.family(&PEER_ROLE, [(Labels(&[("role", &peer.role)]), 1)]);
    let differences = peer.only_here.len()
        + peer.only_there.len()
        + peer.configured_differently.len()
        + peer.found_differently.len();
    text.one(&PEER_DIFFERENCES, differences);
    let refused = peer.refused.iter();
    let refused = refused.map(|(reason, count)| (Labels(&[("reason", reason)]).to_string(), count));
    text.family(&PEER_REFUSED, refused);
}

fn of_sync(text: &mut Text, sync: &SyncStatus) {
    text.one(&SYNC_COMPLETED, sync.completed);
    text.one(&SYNC_FAILED, sync.failed);
    if let Some(age) = sync.seconds_ago {
        text.one(&SYNC_AGE, age);
    }
}

/// So many microseconds.
pub(super) fn seconds(microseconds: u64) -> f64 {
    std::time::Duration::from_micros(microseconds).as_secs_f64()
}
