// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a virtual router watches: the definitions, and the lists that name them.

use super::globals::user;
use super::names::Names;
use super::text::{Text, command, whole_seconds, word};
use crate::export::omission::Omissions;
use crate::model::{Consequence, Tracked, TrackedObject, TrackedScript};

/// The largest weight of keepalived, except for files and processes.
const HEAVIEST: i16 = 253;

/// Whether keepalived can be told of an object that needs a definition.
fn is_sayable(object: &TrackedObject) -> bool {
    match object {
        TrackedObject::Script(script) => command(&script.program.command).is_some(),
        TrackedObject::File(path) => word(path).is_some(),
        TrackedObject::Process(name) | TrackedObject::Interface(name) => word(name).is_some(),
        TrackedObject::Route { .. } | TrackedObject::Service(_) => false,
    }
}

/// The blocks of the scripts, files and processes.
pub(super) fn write_objects(names: &Names<'_>, text: &mut Text, omissions: &mut Omissions) {
    for (object, name) in names.objects().filter(|(object, _)| is_sayable(object)) {
        match object {
            TrackedObject::Script(script) => write_script(script, name, text, omissions),
            TrackedObject::File(path) => text.block(format_args!("track_file {name}"), |text| {
                text.setting("file", word(path));
                // With a weight of 0 each number but 0 is bad.
                text.line("weight 0");
            }),
            TrackedObject::Process(process) => {
                text.block(format_args!("vrrp_track_process {name}"), |text| {
                    text.setting("process", word(process));
                    text.line("weight 0");
                });
            }
            TrackedObject::Interface(_)
            | TrackedObject::Route { .. }
            | TrackedObject::Service(_) => {}
        }
    }
}

fn write_script(script: &TrackedScript, name: &str, text: &mut Text, omissions: &mut Omissions) {
    let TrackedScript {
        program,
        interval,
        timeout,
        fall,
        rise,
    } = script;
    let ((interval, other), (timeout, another)) =
        (whole_seconds(*interval), whole_seconds(*timeout));
    if other || another {
        omissions.note_section(
            "track.script",
            "interval and timeout: keepalived counts whole seconds; they are rounded up",
        );
    }
    text.block(format_args!("vrrp_script {name}"), |text| {
        text.setting("script", command(&program.command));
        text.setting("interval", Some(interval));
        text.setting("timeout", Some(timeout));
        text.setting("fall", Some(fall));
        text.setting("rise", Some(rise));
        text.setting("user", user(program));
    });
}

/// The lists of a virtual router or a sync group. It watches its own interfaces in any case.
pub(super) fn write_track<'a>(
    track: impl Iterator<Item = &'a Tracked> + Clone,
    own: &[&str],
    names: &Names<'_>,
    text: &mut Text,
    note: &mut impl FnMut(String),
) {
    for list in [
        "track_interface",
        "track_script",
        "track_file",
        "track_process",
    ] {
        let lines: Vec<String> = track
            .clone()
            .filter(|it| list_of(&it.object) == Some(list))
            .filter_map(|it| line(it, own, names, note))
            .collect();
        text.list(list, &lines);
    }
    for it in track.filter(|it| list_of(&it.object).is_none()) {
        note(format!(
            "track {}: keepalived watches no such thing",
            it.object
        ));
    }
}

const fn list_of(object: &TrackedObject) -> Option<&'static str> {
    match object {
        TrackedObject::Interface(_) => Some("track_interface"),
        TrackedObject::Script(_) => Some("track_script"),
        TrackedObject::File(_) => Some("track_file"),
        TrackedObject::Process(_) => Some("track_process"),
        TrackedObject::Route { .. } | TrackedObject::Service(_) => None,
    }
}

/// `eth1 weight -50`
fn line(
    tracked: &Tracked,
    own: &[&str],
    names: &Names<'_>,
    note: &mut impl FnMut(String),
) -> Option<String> {
    let Tracked {
        object,
        consequence,
    } = tracked;
    let name = match object {
        TrackedObject::Interface(name) if own.contains(&&**name) => {
            if *consequence != Consequence::Fault {
                note(format!(
                    "track {object}: with keepalived it is its own, and has no weight"
                ));
            }
            return None;
        }
        TrackedObject::Interface(name) => word(name),
        TrackedObject::Script(_)
        | TrackedObject::File(_)
        | TrackedObject::Process(_)
        | TrackedObject::Route { .. }
        | TrackedObject::Service(_) => {
            let name = names.object(object).filter(|_| is_sayable(object));
            name.map(str::to_owned)
        }
    };
    let Some(name) = name else {
        note(format!(
            "track {object}: keepalived cannot read a word of it"
        ));
        return None;
    };
    let Consequence::Weight(weight) = *consequence else {
        return Some(name);
    };
    let allowed = weight.clamp(-HEAVIEST, HEAVIEST);
    if allowed != weight {
        note(format!(
            "track {object}: keepalived's largest weight is {HEAVIEST}"
        ));
    }
    Some(format!("{name} weight {allowed}"))
}
