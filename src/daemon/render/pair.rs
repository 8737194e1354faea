// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two directors as text for people: virtual routers, the other director, what a take-over would do.

use std::fmt::Write as _;
use std::time::Duration;

use crate::control::{FoundDifferently, PeerStatus, RouterStatus, SyncStatus, TrackedStatus};

/// A line for its state, and one for what was sent and heard.
pub(super) fn router(text: &mut String, it: &RouterStatus) {
    let reason = it.reason.as_ref().map(|it| format!(" ({it})"));
    let _ = writeln!(
        text,
        "virtual router {} (vrid {} on {}): {} for {} s{}, priority {}; {}",
        it.name,
        it.vrid,
        it.interface,
        it.state,
        it.since_seconds,
        reason.unwrap_or_default(),
        it.priority,
        it.addresses.join(", "),
    );
    if let Some(group) = &it.group {
        let _ = writeln!(text, "  group: {group}");
    }
    if let Some(master) = &it.master {
        let _ = writeln!(
            text,
            "  master: {}, priority {}",
            master.address, master.priority
        );
    }
    for it in &it.tracked {
        let TrackedStatus {
            object,
            reading,
            consequence,
        } = it;
        let _ = writeln!(text, "  tracked: {object}: {reading} ({consequence})");
    }
    if let Some(problem) = &it.problem {
        let _ = writeln!(text, "  problem: {problem}");
    }
    let _ = write!(text, "  advertisements: {} sent", it.sent);
    if it.late_at_most_microseconds > 0 {
        let late = Duration::from_micros(it.late_at_most_microseconds);
        let _ = write!(text, " (at most {late:.1?} late)");
    }
    let _ = write!(text, ", {} heard", it.heard);
    for (reason, number) in &it.dropped {
        let _ = write!(text, ", {number} dropped ({reason})");
    }
    if it.put_back > 0 {
        let _ = write!(text, "; an address was put back {} times", it.put_back);
    }
    if it.disputes > 0 {
        let _ = write!(
            text,
            "; another host claimed an address {} times",
            it.disputes
        );
    }
    text.push('\n');
}

/// A line for what was sent, and one for what was not.
pub(super) fn sync(text: &mut String, it: &SyncStatus) {
    let SyncStatus {
        completed,
        failed,
        last,
        seconds_ago,
        problem,
    } = it;
    let _ = write!(text, "all connections were sent {completed} times");
    if *failed > 0 {
        let _ = write!(text, ", and {failed} times not all");
    }
    if let (Some(last), Some(seconds)) = (last, seconds_ago) {
        let _ = write!(text, "; {seconds} s ago: {last}");
    }
    text.push('\n');
    if let Some(problem) = problem {
        let _ = writeln!(text, "  problem: {problem}");
    }
}

/// A line for what the two directors are for each other, and one for each thing that is not as it should be.
pub(super) fn peer(text: &mut String, it: &PeerStatus) {
    let connected = it.connected_seconds.map_or_else(
        || "not connected".to_owned(),
        |seconds| format!("connected for {seconds} s"),
    );
    let heard = it.heard_milliseconds_ago.map_or_else(String::new, |ago| {
        format!(", last heard {}.{} s ago", ago / 1000, ago % 1000 / 100)
    });
    let role = match &*it.role {
        "leads" | "follows" => format!("this director {}", it.role),
        "alone" => "this director is alone".to_owned(),
        role => role.to_owned(),
    };
    let _ = writeln!(text, "peer {}: {connected}{heard}; {role}", it.address);
    if let Some(problem) = &it.problem {
        let _ = writeln!(text, "  problem: {problem}");
    }
    for (number, what) in [
        (
            it.last_words,
            "servers that count by the last word of the lost leader",
        ),
        (
            it.kept_back,
            "orders of it that wait, because nobody would serve",
        ),
        (it.kept_out, "orders of it for servers that are not here"),
    ] {
        if number > 0 {
            let _ = writeln!(text, "  {what}: {number}");
        }
    }
    for (services, what) in [
        (&it.only_here, "only here"),
        (&it.only_there, "only there"),
        (&it.configured_differently, "configured differently there"),
    ] {
        for service in services {
            let _ = writeln!(text, "  {what}: {service}");
        }
    }
    for FoundDifferently {
        service,
        server,
        here,
        there,
    } in &it.found_differently
    {
        let _ = writeln!(
            text,
            "  found {here} here and {there} there: {server} of {service}"
        );
    }
    for (reason, number) in &it.refused {
        let _ = writeln!(text, "  refused: {number} ({reason})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::MasterStatus;

    #[test]
    fn a_virtual_router_is_shown_with_what_it_dropped() {
        let it = RouterStatus {
            name: "eth0/51".to_owned(),
            interface: "eth0".to_owned(),
            vrid: 51,
            state: "backup".to_owned(),
            since_seconds: 12,
            reason: Some("started".to_owned()),
            priority: 100,
            master: Some(MasterStatus {
                address: [192, 0, 2, 2].into(),
                priority: 150,
            }),
            addresses: vec!["192.0.2.10/24".to_owned(), "192.0.2.11/32".to_owned()],
            sent: 4,
            heard: 120,
            dropped: [("checksum".to_owned(), 2), ("vrid".to_owned(), 1)].into(),
            transitions: 3,
            late_at_most_microseconds: 2_345,
            put_back: 0,
            disputes: 2,
            group: Some("lan".to_owned()),
            tracked: vec![TrackedStatus {
                object: "service TCP 192.0.2.10:80".to_owned(),
                consequence: "weight -50".to_owned(),
                reading: "bad".to_owned(),
            }],
            problem: Some("no IPv4 address on eth0".to_owned()),
        };
        let mut text = String::new();
        router(&mut text, &it);
        assert_eq!(
            text,
            "virtual router eth0/51 (vrid 51 on eth0): backup for 12 s (started), priority 100; 192.0.2.10/24, 192.0.2.11/32\n  \
             group: lan\n  master: 192.0.2.2, priority 150\n  tracked: service TCP 192.0.2.10:80: bad (weight -50)\n  problem: no IPv4 address on eth0\n  \
             advertisements: 4 sent (at most 2.3ms late), 120 heard, 2 dropped (checksum), 1 dropped (vrid); another host claimed an address 2 times\n"
        );
    }

    #[test]
    fn a_person_reads_what_the_other_director_is_and_what_differs() {
        let mut it = PeerStatus {
            address: "192.0.2.2:9568".to_owned(),
            connected_seconds: Some(12),
            heard_milliseconds_ago: Some(345),
            role: "follows".to_owned(),
            configured_differently: vec!["TCP 192.0.2.10:80".parse().unwrap()],
            found_differently: vec![FoundDifferently {
                service: "TCP 192.0.2.10:80".parse().unwrap(),
                server: "10.0.0.5:80".parse().unwrap(),
                here: "up".into(),
                there: "down".into(),
            }],
            refused: [("wrong key".to_owned(), 3)].into(),
            kept_out: 2,
            ..PeerStatus::default()
        };
        let said = |it: &PeerStatus| {
            let mut text = String::new();
            peer(&mut text, it);
            text
        };
        assert_eq!(
            said(&it),
            "peer 192.0.2.2:9568: connected for 12 s, last heard 0.3 s ago; this director follows\n  \
             orders of it for servers that are not here: 2\n  \
             configured differently there: TCP 192.0.2.10:80\n  \
             found up here and down there: 10.0.0.5:80 of TCP 192.0.2.10:80\n  \
             refused: 3 (wrong key)\n"
        );
        it = PeerStatus {
            address: "192.0.2.2:9568".to_owned(),
            role: "alone".to_owned(),
            problem: Some("192.0.2.2:9568: connection refused".to_owned()),
            ..PeerStatus::default()
        };
        assert_eq!(
            said(&it),
            "peer 192.0.2.2:9568: not connected; this director is alone\n  problem: 192.0.2.2:9568: connection refused\n"
        );
    }
}
