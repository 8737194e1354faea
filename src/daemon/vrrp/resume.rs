// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which virtual routers go on where the process before has left them.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::warn;

use super::member::Member;
use crate::daemon::clock::Clock;
use crate::daemon::state::Mastership;
use crate::kernel::Route;
use crate::model::Timestamp;
use crate::vrrp::shortest_wait;

/// Why a virtual router does not go on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Anew {
    #[error("it is configured otherwise now")]
    Changed,
    #[error("it advertised last {0:.1?} ago, and other hosts may wait for {1:.1?} only")]
    Late(Duration, Duration),
    #[error("it advertised last in the future, by this host's clock")]
    Future,
    #[error("not all of its addresses are here any more")]
    NotHere,
}

/// For how long each of these has been silent, if it goes on; the others begin as usual. A sync group goes on as a whole
/// or not at all.
pub(super) fn resumable(
    members: &[Member],
    left: &[Mastership],
    route: &mut Route,
) -> Vec<Option<Duration>> {
    let now = Clock::since_boot();
    let mut goes_on = |member: &Member| {
        let mastership = left.iter().find(|it| *it.name == *member.name())?;
        let here = |member: &Member| member.has_its_addresses(route);
        let silent = silent(member, mastership, now, here);
        let tell = |why: &Anew| {
            let name = member.name();
            warn!(
                "virtual router {name}: the director before was master, and this one begins anew: {why}"
            );
        };
        silent.inspect_err(tell).ok()
    };
    let mut all: Vec<_> = members.iter().map(&mut goes_on).collect();
    let group = |member: &Member| member.router().group.clone();
    let parted = members.iter().zip(&all);
    let parted = parted.filter(|(_, silent)| silent.is_none());
    let parted: BTreeSet<_> = parted.filter_map(|(it, _)| group(it)).collect();
    for (member, silent) in members.iter().zip(&mut all) {
        if silent.is_some() && group(member).is_some_and(|it| parted.contains(&it)) {
            let name = member.name();
            warn!("virtual router {name}: begins anew with its sync group");
            *silent = None;
        }
    }
    all
}

fn silent(
    member: &Member,
    left: &Mastership,
    now: Timestamp,
    here: impl FnOnce(&Member) -> bool,
) -> Result<Duration, Anew> {
    let router = member.router();
    if !left.is_of(member.name(), router) {
        return Err(Anew::Changed);
    }
    if left.advertised > now {
        return Err(Anew::Future);
    }
    let silent = now.since(left.advertised);
    let wait = shortest_wait(router.interval);
    if silent >= wait {
        return Err(Anew::Late(silent, wait));
    }
    if here(member) {
        Ok(silent)
    } else {
        Err(Anew::NotHere)
    }
}

#[cfg(test)]
mod tests {
    use super::super::secrets::Secrets;
    use super::*;

    fn member(rest: &str) -> Member {
        let text = format!(
            "virtual_routers: [{{name: a, interface: eth0, vrid: 51, addresses: [192.0.2.10/24], {rest}}}]\n\
             virtual_services: []\n"
        );
        let config = crate::config::parse("test.yaml", text.as_bytes()).unwrap();
        let (name, router) = config.routers.into_iter().next().unwrap();
        Member::new(&name, router, Timestamp::ZERO, &Secrets::default())
    }

    #[test]
    fn who_was_master_goes_on_within_three_intervals() {
        let at = |seconds| Timestamp::after_start(Duration::from_secs(seconds));
        let two_seconds = member("interval: 2s");
        let left = Mastership::of("a", two_seconds.router(), at(100));
        let silent = |member: &Member, seconds, here| {
            super::silent(member, &left, at(seconds), |_| here).map(|it| it.as_secs())
        };
        assert_eq!(silent(&two_seconds, 100, true), Ok(0));
        assert_eq!(silent(&two_seconds, 105, true), Ok(5));
        let seconds = Duration::from_secs;
        let late = Err(Anew::Late(seconds(6), seconds(6)));
        assert_eq!(silent(&two_seconds, 106, true), late);
        assert_eq!(silent(&two_seconds, 99, true), Err(Anew::Future));
        assert_eq!(silent(&two_seconds, 105, false), Err(Anew::NotHere));
        assert_eq!(
            silent(&member("interval: 3s"), 105, true),
            Err(Anew::Changed)
        );
        let better = member("interval: 2s, priority: 200");
        assert_eq!(silent(&better, 105, true), Ok(5));
    }
}
