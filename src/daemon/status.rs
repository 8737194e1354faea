// SPDX-License-Identifier: MIT OR Apache-2.0
//! A snapshot, as clients get it.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use super::pair::ChannelView;
use crate::control::{
    CheckStatus, DrainStatus, FoundDifferently, HeldStatus, MemoryStatus, Overruling, PeerStatus,
    Remembered, ServerStatus, ServiceStatus, SlowStartStatus, Status, Told, TripwireStatus,
    VerdictDelay,
};
use crate::engine::{CheckView, ServerView, Snapshot, closing, living};
use crate::health::{Held, WireHealth};
use crate::model::{
    ConfiguredServer, ConfiguredService, Drain, PoolState, Rank, Recalled, RecalledSlowStart,
    ServiceKey, SlowStart, SlowStarts, Standing, Timestamp, Transition, Weight,
};
use crate::pair::PairRole;

/// The text for a server that nothing checks.
const UNCHECKED: &str = "unchecked";
/// And for one that the configuration has no more.
const LEAVING: &str = "leaving";

/// The note on a server that is down and serves all the same.
const KEPT: &str = "stays in: too few are healthy";
/// And on one that is held down.
const HELD: &str =
    "serves although it is held down: its check passes, and too few others were healthy";

/// The status of these services, or of all when the list is empty.
pub(super) fn status(
    snapshot: &Snapshot,
    now: Timestamp,
    file: &Path,
    only: &[ServiceKey],
) -> Status {
    let delay = snapshot.counters.verdict_delay;
    let services = snapshot.config.services.iter();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        configuration: file.display().to_string(),
        uptime_seconds: now.since(snapshot.started).as_secs(),
        drift_repairs: snapshot.counters.drift_repairs,
        probes_not_run: snapshot.counters.probes_not_run,
        reload_error: snapshot.reloads.refused.as_deref().map(str::to_owned),
        last_event: snapshot.history.last(),
        verdict_delay: VerdictDelay {
            batches: delay.batches,
            latest_microseconds: microseconds(delay.latest),
            longest_microseconds: microseconds(delay.longest),
        },
        services: services
            .filter(|(key, _)| only.is_empty() || only.contains(key))
            .map(|(key, service)| service_status(snapshot, now, *key, service))
            .collect(),
        routers: Vec::new(),
        connection_sync: None,
        peer: None,
    }
}

fn service_status(
    snapshot: &Snapshot,
    now: Timestamp,
    key: ServiceKey,
    service: &ConfiguredService,
) -> ServiceStatus {
    let view = snapshot.services.get(&key);
    let pool = view.map(|view| &view.pool);
    let servers = service.servers.iter();
    ServiceStatus {
        service: key,
        scheduler: service.settings.scheduler.to_string(),
        keeps_connections: service.failover.keeps_connections(),
        take_over: None,
        error: view
            .and_then(|view| view.error.as_deref())
            .map(str::to_owned),
        alarm: pool.and_then(alarm),
        servers: servers
            .filter_map(|(server, configured)| {
                let view = snapshot.server(&key, server)?;
                let order = snapshot.orders.get(&key, server);
                let kept = pool.is_some_and(|pool| pool.keeps(server));
                let held = pool.is_some_and(|pool| pool.uses_held(server));
                let note = note(
                    configured.rank,
                    (kept, held),
                    pair_notes(snapshot, &key, view),
                );
                Some(ServerStatus {
                    note,
                    order: order.map(|order| order.to_string()),
                    drain: snapshot
                        .drains
                        .get(&key, server)
                        .map(|drain| drain_status(&key, drain, now)),
                    ..server_status(view, now, configured)
                })
            })
            .chain(leaving(snapshot, &key, now))
            .collect(),
    }
}

fn alarm(pool: &PoolState) -> Option<String> {
    let lost = pool.lost.map(|lost| format!("quorum lost: {lost}"));
    let shortage = pool.shortage.as_ref();
    let shortage = shortage.map(|it| format!("too few healthy real servers: {it}"));
    let alarms: Vec<String> = lost.into_iter().chain(shortage).collect();
    (!alarms.is_empty()).then(|| alarms.join(" / "))
}

fn note(
    rank: Rank,
    (kept, held): (bool, bool),
    others: impl Iterator<Item = String>,
) -> Option<String> {
    let rank = match rank {
        Rank::Primary => None,
        Rank::Backup => Some("backup server"),
        Rank::Sorry => Some("sorry server"),
    };
    let own = rank.into_iter().chain(kept.then_some(KEPT));
    let own = own.chain(held.then_some(HELD)).map(str::to_owned);
    let notes: Vec<String> = own.chain(others).collect();
    (!notes.is_empty()).then(|| notes.join(", "))
}

/// What the other director of the pair has to do with a server.
fn pair_notes(
    snapshot: &Snapshot,
    service: &ServiceKey,
    view: &ServerView,
) -> impl Iterator<Item = String> {
    let peer = snapshot.config.peer.as_ref();
    let peer = peer.map_or_else(String::new, |it| it.address.ip().to_string());
    let follows = snapshot
        .pair
        .as_ref()
        .is_some_and(|it| it.role == PairRole::Follows);
    let overruled = view.overruled.map(|word| {
        let who = if follows { "leading" } else { "lost" };
        let standing = word.standing;
        format!("counts as {standing}, as the {who} director {peer} finds it")
    });
    let entry = snapshot.ledger.get(service, &view.key);
    let entry = entry.filter(|it| it.at_peer && it.order.is_some());
    let in_force = snapshot.orders.get(service, &view.key);
    let ordered = entry.map(|it| {
        let by = &it.by;
        match it.order {
            Some(order) if in_force != it.order => {
                format!("{order} was ordered by {by} at the peer {peer}, and waits")
            }
            Some(_) | None => format!("ordered by {by} at the peer {peer}"),
        }
    });
    overruled.into_iter().chain(ordered)
}

/// The other director, with what its channel tells.
pub(super) fn peer_status(
    snapshot: &Snapshot,
    channel: &ChannelView,
    now: Timestamp,
) -> Option<PeerStatus> {
    let peer = snapshot.config.peer.as_ref()?;
    let view = snapshot.pair.as_ref()?;
    let shown = channel.shown();
    let number = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
    let refused = shown.refused.into_iter();
    let different = view.verdicts.iter();
    Some(PeerStatus {
        address: peer.address.to_string(),
        connected_seconds: view.since.map(|at| now.since(at).as_secs()),
        heard_milliseconds_ago: shown.heard.map(|at| milliseconds(now.since(at))),
        role: role(view.role).to_owned(),
        last_words: number(view.last_words),
        kept_back: number(view.kept_back),
        kept_out: number(view.kept_out),
        refused: refused.map(|(it, count)| (it.to_owned(), count)).collect(),
        only_here: view.only_here.clone(),
        only_there: view.only_there.clone(),
        configured_differently: view.differ.clone(),
        found_differently: different
            .map(|(service, server, here, there)| FoundDifferently {
                service: *service,
                server: *server,
                here: Cow::Borrowed(here.word()),
                there: Cow::Borrowed(there.word()),
            })
            .collect(),
        problem: shown.problem,
    })
}

const fn role(role: PairRole) -> &'static str {
    match role {
        PairRole::Alone => "alone",
        PairRole::NobodyLeads => "nobody leads",
        PairRole::Leads => "leads",
        PairRole::Follows => "follows",
        PairRole::BothLead => "both lead",
    }
}

/// The servers that the configuration has no more, and that drain.
fn leaving(snapshot: &Snapshot, key: &ServiceKey, now: Timestamp) -> Vec<ServerStatus> {
    let drains = snapshot.drains.of(key);
    let leaving = drains.filter_map(|(server, drain)| Some((server, drain, drain.leaving?)));
    let leaving = leaving.map(|(server, drain, real)| ServerStatus {
        server: *server,
        health: Cow::Borrowed(LEAVING),
        since_seconds: Some(now.since(drain.since).as_secs()),
        weight: Some(real.weight.get()),
        configured_weight: 0,
        by_configuration: false,
        reason: None,
        order: None,
        note: None,
        drain: Some(drain_status(key, drain, now)),
        slow_start: None,
        checks: Vec::new(),
    });
    leaving.collect()
}

fn drain_status(service: &ServiceKey, drain: &Drain, now: Timestamp) -> DrainStatus {
    let since = now.since(drain.since);
    let counted = drain.counted;
    let templates = counted.filter(|_| drain.terms.templates);
    DrainStatus {
        since_seconds: since.as_secs(),
        connections: counted.map(|it| living(service, it.left)),
        closing: counted.map(|it| closing(service, it.left)),
        packets_flow: counted.is_some_and(|it| it.flow.is_moving(it.at)),
        still_seconds: counted.map(|it| it.flow.still_for(it.at).as_secs()),
        templates: templates.map(|it| it.left.persistent),
        deadline_seconds: drain
            .terms
            .deadline
            .map(|deadline| deadline.saturating_sub(since).as_secs()),
        ended: drain.ended,
    }
}

fn server_status(view: &ServerView, now: Timestamp, configured: &ConfiguredServer) -> ServerStatus {
    ServerStatus {
        server: view.key,
        health: Cow::Borrowed(view.standing.map_or(UNCHECKED, Standing::word)),
        since_seconds: view.standing.map(|_| now.since(view.since).as_secs()),
        weight: view.weight.map(Weight::get),
        configured_weight: configured.real_server.weight.get(),
        by_configuration: view.assumed,
        reason: reason(&view.checks),
        order: None,
        note: None,
        drain: None,
        slow_start: view
            .slow_start
            .as_ref()
            .filter(|it| !it.in_full)
            .map(|it| slow_start(**it, now)),
        checks: view
            .checks
            .iter()
            .map(|check| check_status(check, now))
            .collect(),
    }
}

fn slow_start(slow: SlowStart, now: Timestamp) -> SlowStartStatus {
    SlowStartStatus {
        percent: slow.percent(),
        left_milliseconds: milliseconds(slow.end().since(now)),
    }
}

/// What the failing checks saw; when no check fails, what the last probe without success saw.
fn reason(checks: &[CheckView]) -> Option<String> {
    let seen = |failing: bool| {
        checks
            .iter()
            .filter(move |check| failing != check.standing.is_up())
            .filter_map(|check| check.last_failure.as_deref())
    };
    let failing: Vec<&str> = seen(true).collect();
    if failing.is_empty() {
        seen(false).next().map(str::to_owned)
    } else {
        Some(failing.join("; "))
    }
}

fn check_status(view: &CheckView, now: Timestamp) -> CheckStatus {
    CheckStatus {
        probe: view.check.probe.to_string(),
        standing: Cow::Borrowed(view.standing.word()),
        since_seconds: now.since(view.since).as_secs(),
        by_configuration: view.assumed,
        remembered: view.memory.as_deref().map(|memory| MemoryStatus {
            standing: Cow::Borrowed(memory.standing.word()),
            confirmed_seconds_ago: memory.unconfirmed(now).as_secs(),
        }),
        latency_microseconds: view.last_started.map(|_| microseconds(view.last_latency)),
        last_failure: view.last_failure.as_deref().map(str::to_owned),
        warning: view.warning.as_deref().map(str::to_owned),
        last_succeeded: view.last_started.map(|_| view.last_succeeded),
        probes: view.counts,
        against: view.progress.against,
        against_needed: view.progress.needed,
        against_of: view.progress.of,
        held: view.held.as_ref().map(|held| held_status(**held, now)),
        next_milliseconds: view.next.map(|at| milliseconds(at.since(now))),
        checked_seconds_ago: view.last_started.map(|at| now.since(at).as_secs()),
        could_not_run: view.could_not_run,
        no_result: view.no_result,
        not_checked_seconds: view.not_checked_since.map(|at| now.since(at).as_secs()),
        hastened: view.hastened,
        tripwire: view.wire.as_deref().map(|wire| tripwire(wire, now)),
    }
}

fn tripwire(wire: &WireHealth, now: Timestamp) -> TripwireStatus {
    TripwireStatus {
        held_seconds: wire.held_since.map(|at| now.since(at).as_secs()),
        next_milliseconds: wire.next.map(|at| milliseconds(at.since(now))),
        off: wire.is_off,
        ended: wire.ended,
        last_end: wire.last_end.as_ref().map(ToString::to_string),
    }
}

fn held_status(held: Held, now: Timestamp) -> HeldStatus {
    HeldStatus {
        falls: held.falls,
        must_pass_milliseconds: milliseconds(held.time),
        left_milliseconds: held.until.map(|until| milliseconds(until.since(now))),
    }
}

/// What `director plan` needs to know from the running director.
pub(super) fn remembered(snapshot: &Snapshot, now: Timestamp) -> Remembered {
    let recalled = servers(snapshot).flat_map(|(service, server)| {
        server.checks.iter().map(move |view| Recalled {
            service,
            server: server.key,
            probe: view.check.probe.clone(),
            standing: view.standing,
            age: now.since(view.since),
            unconfirmed: view
                .memory
                .as_deref()
                .map_or(Duration::ZERO, |memory| memory.unconfirmed(now)),
            only_held_down: view.held.is_some() && view.progress.is_enough(),
        })
    });
    Remembered {
        recalled: recalled.collect(),
        owned: (*snapshot.owned).clone(),
        config: (*snapshot.config).clone(),
        orders: snapshot.orders.iter().collect(),
        drains: snapshot.drains.recalled(now).collect(),
        slow_starts: slow_starts(snapshot, now),
        overruled: overruled(snapshot, now),
    }
}

/// Each server of each service.
fn servers(snapshot: &Snapshot) -> impl Iterator<Item = (ServiceKey, &ServerView)> {
    let services = snapshot.services.iter();
    services.flat_map(|(service, view)| view.servers.iter().map(move |it| (*service, it)))
}

fn overruled(snapshot: &Snapshot, now: Timestamp) -> Vec<Overruling> {
    let overruled = servers(snapshot).filter_map(|(service, view)| {
        let word = view.overruled?;
        Some(Overruling {
            service,
            server: view.key,
            standing: word.standing,
            age: now.since(word.since),
            only_held_down: word.only_held_down,
        })
    });
    overruled.collect()
}

fn slow_starts(snapshot: &Snapshot, now: Timestamp) -> Vec<RecalledSlowStart> {
    let mut all = SlowStarts::default();
    for (service, view) in servers(snapshot) {
        if let Some(slow) = &view.slow_start {
            all.insert(service, view.key, **slow);
        }
    }
    all.recalled(now).collect()
}

/// One event.
pub(super) fn told(
    number: u64,
    transition: &Transition,
    now: Timestamp,
) -> serde_json::Result<Told> {
    Ok(Told {
        number,
        milliseconds_ago: milliseconds(now.since(transition.at)),
        severity: transition.severity(),
        text: transition.to_string(),
        transition: serde_json::to_value(transition)?,
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
