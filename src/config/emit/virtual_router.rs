// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_routers`, every default spelled out.

use std::collections::BTreeMap;
use std::fmt;

use super::Quoted;
use super::check::write_program;
use crate::config::duration;
use crate::model::{
    ConfiguredRouter, Consequence, HmacMode, Preempt, ReplayCheck, RouterAuthentication, RouterKey,
    Tracked, TrackedObject, TrackedScript,
};

/// Writes the list, if there is one.
pub(super) fn write_routers(
    routers: &BTreeMap<Box<str>, ConfiguredRouter>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if routers.is_empty() {
        return Ok(());
    }
    f.write_str("virtual_routers:\n")?;
    routers
        .iter()
        .try_for_each(|(name, router)| write_router(name, router, f))
}

fn write_router(name: &str, router: &ConfiguredRouter, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ConfiguredRouter {
        interface,
        vrid,
        version,
        priority,
        interval,
        preempt,
        hold,
        refresh,
        source,
        peers,
        addresses,
        authentication,
        track,
        group,
        virtual_mac,
    } = router;
    writeln!(f, "  - name: {}", Quoted(name))?;
    writeln!(f, "    interface: {}", Quoted(interface))?;
    writeln!(f, "    vrid: {vrid}")?;
    let each = addresses.iter().map(|it| format!("\"{it}\""));
    writeln!(
        f,
        "    addresses: [{}]",
        each.collect::<Vec<_>>().join(", ")
    )?;
    writeln!(f, "    version: {version}")?;
    writeln!(f, "    priority: {priority}")?;
    writeln!(f, "    interval: {}", duration::write(interval.duration()))?;
    let preempt = match preempt {
        Preempt::Never => "never".to_owned(),
        Preempt::Always => "always".to_owned(),
        Preempt::After(time) => duration::write(*time),
        Preempt::AfterSync => "after_sync".to_owned(),
    };
    writeln!(f, "    preempt: {preempt}")?;
    writeln!(f, "    hold: {}", duration::write(*hold))?;
    let refresh = refresh.map_or_else(|| "none".to_owned(), duration::write);
    writeln!(f, "    refresh: {refresh}")?;
    if let Some(source) = source {
        writeln!(f, "    source: \"{source}\"")?;
    }
    if !peers.is_empty() {
        let each = peers.iter().map(|it| format!("\"{it}\""));
        writeln!(f, "    peers: [{}]", each.collect::<Vec<_>>().join(", "))?;
    }
    if let Some(group) = group {
        writeln!(f, "    group: {}", Quoted(group))?;
    }
    if *virtual_mac {
        f.write_str("    virtual_mac: true\n")?;
    }
    write_authentication(authentication.as_ref(), f)?;
    write_track(track, f)
}

fn write_track(track: &[Tracked], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if track.is_empty() {
        return Ok(());
    }
    f.write_str("    track:\n")?;
    for Tracked {
        object,
        consequence,
    } in track
    {
        write!(f, "      - {{")?;
        write_object(object, f)?;
        match consequence {
            Consequence::Fault => f.write_str("}\n")?,
            Consequence::Weight(weight) => writeln!(f, ", weight: {weight}}}")?,
        }
    }
    Ok(())
}

fn write_object(object: &TrackedObject, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (key, text) = match object {
        TrackedObject::Interface(name) => ("interface", name.to_string()),
        TrackedObject::Route {
            destination,
            prefix,
        } => ("route", format!("{destination}/{prefix}")),
        TrackedObject::Script(script) => return write_script(script, f),
        TrackedObject::File(path) => ("file", path.to_string()),
        TrackedObject::Process(name) => ("process", name.to_string()),
        TrackedObject::Service(service) => ("service", service.to_string()),
    };
    write!(f, "{key}: {}", Quoted(&text))
}

fn write_script(script: &TrackedScript, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let TrackedScript {
        program,
        interval,
        timeout,
        fall,
        rise,
    } = script;
    let (interval, timeout) = (duration::write(*interval), duration::write(*timeout));
    write!(
        f,
        "script: {{{}, interval: {interval}, timeout: {timeout}, fall: {fall}, rise: {rise}}}",
        write_program(program)
    )
}

fn write_authentication(
    authentication: Option<&RouterAuthentication>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let hmac = match authentication {
        None => return Ok(()),
        Some(RouterAuthentication::Password(file)) => {
            let file = file.to_string_lossy();
            return writeln!(
                f,
                "    authentication: {{password_file: {}}}",
                Quoted(&file)
            );
        }
        Some(RouterAuthentication::Hmac(hmac)) => hmac,
    };
    let mode = match hmac.mode {
        HmacMode::Enforce => "enforce",
        HmacMode::Permissive => "permissive",
        HmacMode::ReceiveOnly => "receive_only",
    };
    let anti_replay = match hmac.anti_replay {
        ReplayCheck::Time => "time",
        ReplayCheck::Monotonic => "monotonic",
    };
    f.write_str("    authentication:\n      hmac:\n        keys:\n")?;
    for RouterKey { id, file } in &hmac.keys {
        let file = file.to_string_lossy();
        writeln!(f, "          - {{id: {id}, key_file: {}}}", Quoted(&file))?;
    }
    writeln!(f, "        mode: {mode}")?;
    writeln!(f, "        anti_replay: {anti_replay}")
}
