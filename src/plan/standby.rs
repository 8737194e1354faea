// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who stands in when the primaries of a service have lost their quorum: backup servers, then the sorry server.
//!
//! The kernel's table is the memory: a backup or sorry server that takes connections there says that the quorum was
//! lost. So a restart of the director changes nothing.

use super::pool::Wish;
use crate::model::{
    ConfiguredService, LostQuorum, PoolState, Quorum, QuorumUnit, Rank, RealServer,
};

/// Up to which rank servers serve, and what was lost, if that matters to anybody.
pub(super) fn choose(
    quorum: Quorum,
    wishes: &[Wish<'_>],
    before: &PoolState,
) -> (Rank, Option<LostQuorum>) {
    let stood_in = stood_in(wishes, before);
    let is_met = |up_to: Rank| {
        let of = |wish: &&Wish<'_>| wish.rank() <= up_to;
        let healthy = wishes.iter().filter(of).filter(|wish| wish.is_healthy());
        let left = size(quorum.unit, healthy.filter_map(|wish| wish.real));
        let all = wishes.iter().filter(of);
        let all = size(quorum.unit, all.map(|wish| wish.configured.real_server));
        (left, quorum.is_met(left, stood_in > up_to, all))
    };
    let (left, met) = is_met(Rank::Primary);
    if met {
        return (Rank::Primary, None);
    }
    let (_, enough) = is_met(Rank::Backup);
    let healthy = |rank| {
        let mut of_rank = wishes.iter().filter(|wish| wish.rank() == rank);
        of_rank.any(Wish::is_healthy)
    };
    let serves = if !enough && healthy(Rank::Sorry) {
        Rank::Sorry
    } else {
        Rank::Backup
    };
    let stands_in = healthy(serves).then_some(serves);
    let matters = quorum != Quorum::ONE || wishes.iter().any(|wish| wish.rank() != Rank::Primary);
    let lost = matters.then_some(LostQuorum {
        left,
        quorum,
        stands_in,
    });
    (serves, lost)
}

/// Who served until now.
fn stood_in(wishes: &[Wish<'_>], before: &PoolState) -> Rank {
    let serving = wishes.iter().filter(|wish| wish.serving);
    let by_table = serving.map(Wish::rank).max().unwrap_or_default();
    match before.lost {
        Some(_) => by_table.max(Rank::Backup),
        None => by_table,
    }
}

fn size(unit: QuorumUnit, servers: impl Iterator<Item = RealServer>) -> u64 {
    let weights = servers.map(|real| match unit {
        QuorumUnit::Servers => 1,
        QuorumUnit::Weight => u64::from(real.weight.get()),
    });
    weights.sum()
}

/// Those that do not serve are not in the table. The last of the others make room for the sorry server: they keep their
/// connections, where the scheduler gives new ones to somebody else.
pub(super) fn apply(service: &ConfiguredService, serves: Rank, wishes: &mut Vec<Wish<'_>>) {
    wishes.retain(|wish| wish.rank() <= serves);
    if serves != Rank::Sorry {
        return;
    }
    let refuses = service.settings.hashes_clients() && !service.settings.falls_back();
    for wish in wishes {
        if wish.rank() == Rank::Sorry || !wish.takes_connections() {
            continue;
        }
        wish.real = wish.real.map(RealServer::at_rest).filter(|_| !refuses);
    }
}
