// SPDX-License-Identifier: MIT OR Apache-2.0
//! The VRRP side: `vrrp_instance` and what belongs to it become virtual routers, `lvs_sync_daemon` becomes `connection_sync`.
//!
//! Everything is collected first (`defaults`, `known`, `instance`), because keepalived lets a group name what stands below. Then
//! groups have their members share what they must share, and each instance becomes one or several of ours (`routers`).

mod addresses;
mod authentication;
mod defaults;
mod group;
mod instance;
mod known;
mod preempt;
mod routers;
mod script;
mod sync;
mod timing;
mod track;
mod unicast;
mod unique;
mod value;

use self::defaults::Defaults;
use self::instance::Instance;
use self::known::Known;
use self::routers::File;
use super::draft::Draft;
use crate::import::statement::Statement;

/// What is said above the first virtual router.
const MEANT: [&str; 2] = [
    "preempt, hold and refresh are as keepalived has them. Without these lines the director's own values count:",
    "preempt: never, hold: 30s, refresh: 60s.",
];

/// Reads the VRRP side: the lines of `global_defs` that are its own, and its blocks at the root.
pub(super) fn read(globals: &[&Statement], roots: &[&Statement], draft: &mut Draft<'_>) {
    let mut defaults = Defaults {
        user: draft.user.clone(),
        ..Defaults::default()
    };
    for statement in globals {
        defaults.take(statement, draft.out);
    }
    let mut known = Known::default();
    for statement in roots {
        known.take(statement, &defaults, draft.out);
    }
    let mut instances: Vec<Instance<'_>> = called("vrrp_instance", roots)
        .filter_map(|it| Instance::read(it, (&known, &defaults), draft.out))
        .collect();
    let mut names = group::Names::new();
    for (place, instance) in instances.iter().enumerate() {
        // Of two of one name keepalived takes the first.
        names.entry(instance.word()).or_insert(place);
    }
    for at in called("vrrp_sync_group", roots) {
        group::read(at, &known, (&names, &mut instances), draft.out);
    }
    unique::groups(called("vrrp_sync_group", roots), draft.out);
    let file = File {
        defaults: &defaults,
        sources: draft.sources,
    };
    write(&instances, file, draft);
    let by = defaults
        .sync
        .or_else(|| instances.iter().find_map(|it| it.sync));
    if let Some(by) = by {
        draft.origins.add("connection_sync", by.span());
    }
    sync::write(defaults.sync, &instances, &mut draft.document, draft.out);
}

/// The blocks of one kind.
fn called<'s>(name: &str, roots: &[&'s Statement]) -> impl Iterator<Item = &'s Statement> {
    let blocks = roots.iter().copied();
    blocks.filter(move |it| *it.keyword.text == *name)
}

/// Writes the virtual routers.
fn write(instances: &[Instance<'_>], file: File<'_, '_>, draft: &mut Draft<'_>) {
    unique::names(instances, draft.out);
    let mut parts = Vec::new();
    for instance in instances {
        parts.extend(routers::parts(instance, draft.out));
    }
    unique::parts(&parts, draft.out);
    let items: Vec<_> = parts.iter().map(|it| it.item(file, draft.out)).collect();
    for part in &parts {
        draft.origins.add("virtual_routers", part.place());
    }
    let Some(mut first) = items.first().cloned() else {
        return;
    };
    first.before.splice(0..0, MEANT.map(str::to_owned));
    let list = draft.document.list("virtual_routers");
    list.push(first);
    list.extend(items.into_iter().skip(1));
}
