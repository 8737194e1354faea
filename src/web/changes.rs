// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is another between two looks at the state. Only words and numbers count: that everything has become older is no
//! change, and neither is the latency of the last probe.

use crate::control::{
    CheckStatus, HeldStatus, PeerStatus, RouterStatus, ServerStatus, ServiceStatus, Status,
    SyncStatus, TripwireStatus,
};

/// Since which version each part of the state is as it is. A version is a number that grows with each look that found
/// something changed; a later director begins with a larger one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changes {
    version: u64,
    layout: u64,
    rest: u64,
    services: Vec<u64>,
}

impl Changes {
    /// Everything is new in this version.
    pub(super) fn all_new(version: u64, status: &Status) -> Self {
        Self {
            version,
            layout: version,
            rest: version,
            services: vec![version; status.services.len()],
        }
    }

    /// The versions after a later look.
    pub(super) fn next(&self, before: &Status, now: &Status) -> Self {
        let next = self.version + 1;
        let keys = |of: &Status| of.services.iter().map(|it| it.service).collect::<Vec<_>>();
        if keys(before) != keys(now) {
            return Self::all_new(next, now);
        }
        let pairs = before.services.iter().zip(&now.services);
        let services = self.services.iter().zip(pairs);
        let services: Vec<u64> = services
            .map(|(version, (before, now))| if same(before, now) { *version } else { next })
            .collect();
        let rest = if timeless(before) == timeless(now) {
            self.rest
        } else {
            next
        };
        let changed = rest == next || services.contains(&next);
        Self {
            version: if changed { next } else { self.version },
            layout: self.layout,
            rest,
            services,
        }
    }

    /// The version of the last change.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Whether somebody who has seen this version knows other services, or none of this director's at all.
    pub(super) const fn is_foreign(&self, seen: u64) -> bool {
        seen < self.layout || seen > self.version
    }

    /// Whether something that is no service has changed after this version.
    pub(super) const fn rest_changed(&self, seen: u64) -> bool {
        self.rest > seen
    }

    /// The places of the services that have changed after this version.
    pub(super) fn services(&self, seen: u64) -> impl Iterator<Item = usize> {
        let services = self.services.iter().enumerate();
        services
            .filter(move |(_, it)| **it > seen)
            .map(|(at, _)| at)
    }
}

/// Everything but the services, without what only time changes.
fn timeless(status: &Status) -> Status {
    let router = |it: &RouterStatus| RouterStatus {
        since_seconds: 0,
        ..it.clone()
    };
    Status {
        version: status.version.clone(),
        pid: status.pid,
        configuration: status.configuration.clone(),
        uptime_seconds: 0,
        drift_repairs: status.drift_repairs,
        probes_not_run: status.probes_not_run,
        reload_error: status.reload_error.clone(),
        last_event: status.last_event,
        verdict_delay: status.verdict_delay,
        services: Vec::new(),
        routers: status.routers.iter().map(router).collect(),
        connection_sync: status.connection_sync.as_ref().map(|it| SyncStatus {
            seconds_ago: None,
            ..it.clone()
        }),
        peer: status.peer.as_ref().map(|it| PeerStatus {
            connected_seconds: it.connected_seconds.map(|_| 0),
            heard_milliseconds_ago: None,
            ..it.clone()
        }),
    }
}

fn same(before: &ServiceStatus, now: &ServiceStatus) -> bool {
    let ServiceStatus {
        service,
        scheduler,
        keeps_connections,
        take_over,
        error,
        alarm,
        servers,
    } = before;
    *service == now.service
        && *scheduler == now.scheduler
        && *keeps_connections == now.keeps_connections
        && *take_over == now.take_over
        && *error == now.error
        && *alarm == now.alarm
        && all_same(servers, &now.servers, same_server)
}

fn same_server(before: &ServerStatus, now: &ServerStatus) -> bool {
    let ServerStatus {
        server,
        health,
        since_seconds: _,
        weight,
        configured_weight,
        by_configuration,
        reason,
        order,
        note,
        drain,
        slow_start,
        checks,
    } = before;
    *server == now.server
        && *health == now.health
        && *weight == now.weight
        && *configured_weight == now.configured_weight
        && *by_configuration == now.by_configuration
        && *reason == now.reason
        && *order == now.order
        && *note == now.note
        // Few servers drain or begin slowly, and people watch them.
        && *drain == now.drain
        && *slow_start == now.slow_start
        && all_same(checks, &now.checks, same_check)
}

fn same_check(before: &CheckStatus, now: &CheckStatus) -> bool {
    let CheckStatus {
        // The page does not show them.
        probes: _,
        probe,
        standing,
        since_seconds: _,
        by_configuration,
        remembered,
        latency_microseconds: _,
        last_failure,
        warning,
        last_succeeded,
        against,
        against_needed,
        against_of,
        held,
        next_milliseconds: _,
        checked_seconds_ago: _,
        could_not_run,
        no_result,
        not_checked_seconds,
        hastened,
        tripwire,
    } = before;
    let remembered = remembered.as_ref().map(|it| &it.standing);
    *probe == now.probe
        && *standing == now.standing
        && *by_configuration == now.by_configuration
        && remembered == now.remembered.as_ref().map(|it| &it.standing)
        && *last_failure == now.last_failure
        && *warning == now.warning
        && *last_succeeded == now.last_succeeded
        && *against == now.against
        && *against_needed == now.against_needed
        && *against_of == now.against_of
        && held.map(without_time) == now.held.map(without_time)
        && (*could_not_run > 0) == (now.could_not_run > 0)
        && *no_result == now.no_result
        && not_checked_seconds.is_some() == now.not_checked_seconds.is_some()
        && *hastened == now.hastened
        && tripwire.as_ref().map(lasting) == now.tripwire.as_ref().map(lasting)
}

const fn without_time(held: HeldStatus) -> (u32, u64, bool) {
    (
        held.falls,
        held.must_pass_milliseconds,
        held.left_milliseconds.is_some(),
    )
}

fn lasting(wire: &TripwireStatus) -> (bool, bool, u32, Option<&str>) {
    let TripwireStatus {
        held_seconds,
        next_milliseconds: _,
        off,
        ended,
        last_end,
    } = wire;
    (held_seconds.is_some(), *off, *ended, last_end.as_deref())
}

fn all_same<T>(before: &[T], now: &[T], same: fn(&T, &T) -> bool) -> bool {
    before.len() == now.len()
        && before
            .iter()
            .zip(now)
            .all(|(before, now)| same(before, now))
}

#[cfg(test)]
mod tests {
    use super::super::tests::status;
    use super::*;

    fn services(changes: &Changes, seen: u64) -> Vec<usize> {
        changes.services(seen).collect()
    }

    #[test]
    fn what_only_became_older_is_no_change() {
        let before = status();
        let changes = Changes::all_new(100, &before);
        let mut now = before.clone();
        now.uptime_seconds += 1;
        now.services[0].servers[0].since_seconds = Some(8);
        assert_eq!(changes.next(&before, &now), changes);
    }

    #[test]
    fn a_changed_service_has_the_new_version_and_the_others_keep_theirs() {
        let mut before = status();
        let mut other = before.services[0].clone();
        other.service = "UDP 192.0.2.10:53".parse().unwrap();
        before.services.push(other);
        let first = Changes::all_new(100, &before);
        let mut now = before.clone();
        now.services[1].servers[0].health = "down".into();
        let next = first.next(&before, &now);
        assert_eq!((next.version(), services(&next, 100)), (101, vec![1]));
        assert!(!next.rest_changed(100) && !next.is_foreign(100));
        assert_eq!(services(&next, 101), [] as [usize; 0]);
    }

    #[test]
    fn who_has_seen_other_services_or_another_director_needs_everything() {
        let before = status();
        let first = Changes::all_new(100, &before);
        let mut now = before.clone();
        now.services.clear();
        let next = first.next(&before, &now);
        assert!(next.is_foreign(100) && next.is_foreign(99) && next.is_foreign(900));
        assert!(!next.is_foreign(101));
    }

    #[test]
    fn what_is_no_service_changes_by_itself() {
        let before = status();
        let first = Changes::all_new(100, &before);
        let mut now = before.clone();
        now.reload_error = Some("no such file".to_owned());
        let next = first.next(&before, &now);
        assert!(next.rest_changed(100) && !next.rest_changed(101));
        assert_eq!(services(&next, 100), [] as [usize; 0]);
    }
}
