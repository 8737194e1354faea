// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which maps and lists stand where in the file, and where the documentation has the keys of each map.

use serde_json::{Value, json};

/// What the definition of a section of this name is called.
pub(super) fn name(section: &str) -> String {
    let words = ["the ", "a ", "an "];
    let plain = words.iter().find_map(|word| section.strip_prefix(word));
    plain.unwrap_or(section).replace(' ', "_")
}

/// The headings above the tables with the keys of a section, or how the paragraph before such a table begins or ends.
pub(super) fn documented(section: &str) -> &'static [&'static str] {
    match section {
        "the file" => &["The file"],
        "director" => &["`director`"],
        "ipvs" => &["`ipvs`"],
        "a virtual router" => &["`virtual_routers`"],
        "connection_sync" => &["`connection_sync`"],
        "peer" => &["`peer`"],
        "web" | "web.tls" => &["`web`"],
        "an object of track" => &["Each is one object"],
        "track.script" => &["The keys of a `script`"],
        "authentication" => &["Without it, everybody on the LAN"],
        "authentication.hmac" | "a key of authentication.hmac" => {
            &["With `hmac`", "`authentication`"]
        }
        "defaults" => &[
            "Settings of a service, also under `defaults`",
            "`pools` and `servers`",
        ],
        "a virtual service" => &["`virtual_services`", "`pools` and `servers`"],
        "a real server" => &["`pools` and `servers`"],
        "persistence" => &["`persistence`"],
        "quorum" => &["`quorum`"],
        "tunnel" => &["`tunnel`"],
        "drain" => &["`drain`"],
        "check" => &["`check`"],
        "check.fall" => &["In `fall`:"],
        "check.hold_down" => &["In `hold_down`:"],
        "check.passive" => &["In `passive`"],
        "check.tripwire" => &["In `tripwire`"],
        "check.tcp" => &["In `tcp`"],
        "check.tls" => &["In `tls` (", "In `tcp`"],
        "check.http" => &["In `http`"],
        "check.https" => &["In `http`", "In `tls` ("],
        "check.amqp" => &["In `amqp`"],
        "check.amqp.tls" | "check.rabbitmq.tls" | "check.smtp.tls" => &["In `tls` ("],
        "check.rabbitmq" => &["In `rabbitmq`"],
        "check.agent" => &["In `agent`"],
        "check.file" => &["In `file`"],
        "check.exec" => &["In `exec`"],
        "check.udp" => &["In `udp`"],
        "check.vip" => &["In `vip`"],
        "check.dns" => &["In `dns`"],
        "check.icmp" => &["In `icmp`"],
        "check.smtp" => &["In `smtp`"],
        _ => &[],
    }
}

/// The schema of a key whose value is, or can be, a map or a list; `None` for others.
pub(super) fn of(section: &str, key: &str) -> Option<Value> {
    let words = json!({"type": ["string", "number", "boolean"]});
    let named_check = any([words.clone(), map("check")]);
    let server = any([json!({"type": "string"}), map("a real server")]);
    Some(match (section, key) {
        ("the file", "director" | "ipvs" | "connection_sync" | "peer" | "defaults")
        | (_, "tunnel") => map(key),
        ("the file", "virtual_routers") => list(&map("a virtual router")),
        ("the file", "virtual_services") => list(&map("a virtual service")),
        ("the file", "checks") => names(&named_check),
        ("the file", "pools") => names(&list(&server)),
        ("a virtual router", "authentication") | ("authentication", "hmac") => {
            map(if key == "hmac" {
                "authentication.hmac"
            } else {
                key
            })
        }
        ("a virtual router", "addresses" | "peers") => list(&json!({"type": "string"})),
        ("the file", "web") => any([map(key), list(&map(key))]),
        ("web", "tls") => map("web.tls"),
        ("a virtual router", "track") => list(&map("an object of track")),
        ("an object of track", "script") => map("track.script"),
        ("authentication.hmac", "keys") => list(&map("a key of authentication.hmac")),
        (_, "servers") if section != "quorum" => list(&server),
        (_, "sorry_server") => server,
        (_, "check") => any([json!({"type": "null"}), named_check]),
        ("check", "each") => {
            json!({"type": "array", "minItems": 1, "maxItems": 8, "items": named_check})
        }
        (_, "persistence" | "drain" | "quorum") => any([words, map(key)]),
        ("check", "fall" | "hold_down" | "tripwire" | "passive") => {
            any([words, map(&format!("check.{key}"))])
        }
        (
            "check",
            "tcp" | "tls" | "http" | "https" | "amqp" | "rabbitmq" | "udp" | "dns" | "icmp"
            | "smtp" | "agent" | "file" | "exec" | "vip",
        ) => map(&format!("check.{key}")),
        ("check.amqp" | "check.rabbitmq" | "check.smtp", "tls") => {
            any([json!({"type": "boolean"}), map(&format!("{section}.tls"))])
        }
        ("check.http" | "check.https", "headers" | "json") => json!({"type": ["object", "null"]}),
        ("check.exec" | "track.script", "command") => list(&words),
        (_, "one_packet") => json!({"type": "boolean"}),
        _ => return None,
    })
}

fn any<const N: usize>(of: [Value; N]) -> Value {
    json!({ "anyOf": Vec::from(of) })
}

fn map(section: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{}", name(section)) })
}

fn list(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

/// A map whose keys are names that the user gives.
fn names(value: &Value) -> Value {
    json!({"type": ["object", "null"], "additionalProperties": value})
}
