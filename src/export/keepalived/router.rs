// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_instance` and `vrrp_sync_group`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::names::Names;
use super::text::{Text, seconds, whole_seconds, word};
use super::track::write_track;
use crate::export::omission::Omissions;
use crate::model::{
    ConfiguredRouter, HmacMode, Preempt, Priority, ReplayCheck, RouterAuthentication, RouterHmac,
    Tracked,
};

/// What stands where a password has to be written by hand.
const FILL_IN: &str = "FILL_IN";
/// The longest `preempt_delay`.
const LONGEST_DELAY: Duration = Duration::from_secs(1000);

/// The virtual routers with their names.
type Routers = BTreeMap<Box<str>, ConfiguredRouter>;

pub(super) fn write_routers(
    routers: &Routers,
    names: &Names<'_>,
    text: &mut Text,
    omissions: &mut Omissions,
) {
    let mut groups: BTreeMap<&str, Vec<(&str, &ConfiguredRouter)>> = BTreeMap::new();
    for (name, router) in routers {
        if let Some(group) = &router.group {
            groups.entry(group).or_default().push((name, router));
        }
    }
    for (group, members) in &groups {
        write_group(group, members, names, text, omissions);
    }
    for (name, router) in routers {
        let members = router.group.as_deref().and_then(|it| groups.get(it));
        let is_grouped = members.is_some_and(|it| it.len() > 1);
        write_router((name, router), is_grouped, names, text, omissions);
    }
}

/// What one of them watches counts for all. Keepalived wants that in the group.
fn write_group(
    group: &str,
    members: &[(&str, &ConfiguredRouter)],
    names: &Names<'_>,
    text: &mut Text,
    omissions: &mut Omissions,
) {
    let first = members.first().map_or("", |(name, _)| name);
    if members.len() < 2 {
        omissions.note_router(first, "group: keepalived has no group of one");
        return;
    }
    let Some(head) = word(group) else {
        omissions.note_router(first, "group: keepalived cannot read this name");
        return;
    };
    let mut track: Vec<&Tracked> = Vec::new();
    for tracked in members.iter().flat_map(|(_, router)| &router.track) {
        if !track.contains(&tracked) {
            track.push(tracked);
        }
    }
    let own: Vec<&str> = members.iter().map(|(_, it)| &*it.interface).collect();
    text.block(format_args!("vrrp_sync_group {head}"), |text| {
        let members: Vec<String> = members
            .iter()
            .map(|(name, _)| names.router(name).to_owned())
            .collect();
        text.list("group", &members);
        let mut note = |what| omissions.note_router(first, what);
        write_track(track.iter().copied(), &own, names, text, &mut note);
    });
}

fn write_router(
    (name, router): (&str, &ConfiguredRouter),
    is_grouped: bool,
    names: &Names<'_>,
    text: &mut Text,
    omissions: &mut Omissions,
) {
    let Some(interface) = word(&router.interface) else {
        omissions.note_router(name, "interface: keepalived cannot read this name");
        return;
    };
    let is_owner = router.priority == Priority::OWNER;
    let mut note = |what: String| omissions.note_router(name, what);
    text.block(
        format_args!("vrrp_instance {}", names.router(name)),
        |text| {
            text.setting("state", Some(if is_owner { "MASTER" } else { "BACKUP" }));
            text.setting("interface", Some(interface));
            text.setting("virtual_router_id", Some(router.vrid));
            text.setting("priority", Some(router.priority));
            text.setting("version", Some(router.version));
            text.setting("advert_int", Some(seconds(router.interval.duration())));
            if !is_owner {
                write_preempt(router.preempt, text, &mut note);
            }
            write_rest(router, text, &mut note);
            if !is_grouped {
                let own = [&*router.interface];
                write_track(router.track.iter(), &own, names, text, &mut note);
            }
            let each = router.addresses.iter();
            let each: Vec<String> = each.map(ToString::to_string).collect();
            text.list("virtual_ipaddress", &each);
            // The last one: a keepalived that does not know auth_hmac takes its end for that of the virtual router.
            write_authentication(router.authentication.as_ref(), text, &mut note);
        },
    );
}

fn write_preempt(preempt: Preempt, text: &mut Text, note: &mut impl FnMut(String)) {
    let delay = match preempt {
        Preempt::Never => return text.line("nopreempt"),
        Preempt::Always => return,
        Preempt::After(delay) => delay,
        Preempt::AfterSync => {
            note("preempt: keepalived does not wait for connections; it waits for a minute".into());
            Duration::from_secs(60)
        }
    };
    if delay > LONGEST_DELAY {
        note("preempt: keepalived waits for 1000 s at most".into());
    }
    text.setting("preempt_delay", Some(seconds(delay.min(LONGEST_DELAY))));
}

fn write_rest(router: &ConfiguredRouter, text: &mut Text, note: &mut impl FnMut(String)) {
    if !router.hold.is_zero() {
        note("hold: keepalived takes the addresses though it hears nothing at all".into());
    }
    if let Some(refresh) = router.refresh {
        let (refresh, rounded) = whole_seconds(refresh);
        text.setting("garp_master_refresh", Some(refresh));
        if rounded {
            note("refresh: keepalived counts whole seconds; it is rounded up".into());
        }
    }
    let told = !router.peers.is_empty();
    let source = if told {
        "unicast_src_ip"
    } else {
        "mcast_src_ip"
    };
    text.setting(source, router.source);
    let peers: Vec<String> = router.peers.iter().map(ToString::to_string).collect();
    text.list("unicast_peer", &peers);
    if router.virtual_mac {
        text.line("use_vmac");
        if told {
            text.line("vmac_xmit_base");
        }
    }
}

fn write_authentication(
    authentication: Option<&RouterAuthentication>,
    text: &mut Text,
    note: &mut impl FnMut(String),
) {
    match authentication {
        None => {}
        Some(RouterAuthentication::Password(file)) => {
            text.block("authentication", |text| {
                text.line("auth_type PASS");
                text.line("# The password itself: keepalived reads it from no file.");
                text.setting("auth_pass", Some(FILL_IN));
            });
            note(format!(
                "password_file: write the first line of {} in place of {FILL_IN}",
                file.display()
            ));
        }
        Some(RouterAuthentication::Hmac(hmac)) => write_hmac(hmac, text, note),
    }
}

fn write_hmac(hmac: &RouterHmac, text: &mut Text, note: &mut impl FnMut(String)) {
    let RouterHmac {
        keys,
        mode,
        anti_replay,
    } = hmac;
    let key = |file: &std::path::Path| word(&format!("file:{}", file.display()));
    let said: Option<Vec<String>> = keys
        .iter()
        .map(|it| Some(format!("key {} {}", it.id, key(&it.file)?)))
        .collect();
    let (Some(said), true) = (said, keys.iter().all(|key| key.id != 0)) else {
        note(
            "hmac: keepalived knows no key 0, and cannot read every file name; it signs nothing"
                .into(),
        );
        return;
    };
    note(
        "hmac: keepalived 2.4.2 or later; an earlier one does not know the block auth_hmac".into(),
    );
    let mode = match mode {
        HmacMode::Enforce => "enforce",
        HmacMode::Permissive => "permissive",
        HmacMode::ReceiveOnly => {
            note("mode: keepalived has no receive_only; it signs".into());
            "permissive"
        }
    };
    let anti_replay = match anti_replay {
        ReplayCheck::Time => "time",
        ReplayCheck::Monotonic => "monotonic",
    };
    text.block("auth_hmac", |text| {
        text.lines(&said);
        text.setting("active_key", keys.first().map(|key| key.id));
        text.setting("mode", Some(mode));
        text.setting("anti_replay", Some(anti_replay));
    });
}
