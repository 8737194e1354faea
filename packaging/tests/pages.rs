// SPDX-License-Identifier: MIT OR Apache-2.0
//! The manual pages and the schema in the repository are those that the sources make, and they say all.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is wrong"
)]

use std::collections::BTreeSet;
use std::fs;

use clap::Command;
use lvs_director::config::{SECTIONS, parse};
use packaging::{commands, pages, root, schema};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Value, json};

fn configuration() -> String {
    fs::read_to_string(root().join("docs/configuration.md")).unwrap()
}

fn page(path: &str) -> String {
    let pages = pages(&configuration());
    pages.into_iter().find(|(it, _)| *it == path).unwrap().1
}

#[test]
fn the_pages_in_the_repository_are_these() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (path, text) in pages(&configuration()) {
        if update {
            fs::write(root().join(path), &text).unwrap();
        }
        let kept = fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(
            kept == text,
            "{path} is another: write it again with cargo run -p packaging -- pages"
        );
    }
}

/// The long options of a program and its commands.
fn options(command: &Command, into: &mut BTreeSet<String>) {
    let long = command.get_arguments().filter(|it| !it.is_hide_set());
    into.extend(long.filter_map(|arg| arg.get_long().map(str::to_owned)));
    for sub in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        options(sub, into);
    }
}

#[test]
fn every_option_is_in_the_page_and_the_page_has_no_other() {
    for command in commands() {
        let page = page(&format!("docs/man/{}.8", command.get_name()));
        let mut known = BTreeSet::new();
        options(&command, &mut known);
        let named = page.lines().filter(|line| line.starts_with("\\fB\\-"));
        let words = named.flat_map(|line| line.split("\\fB\\-\\-").skip(1));
        let words = words.map(|rest| rest.split("\\fR").next().unwrap_or_default());
        let said: BTreeSet<String> = words.map(|word| word.replace("\\-", "-")).collect();
        assert_eq!(said, known, "{}", command.get_name());
    }
}

#[test]
fn every_key_has_a_row_in_the_documentation_and_every_row_is_of_a_key() {
    let tables = schema::tables(&configuration());
    let mut met = Vec::new();
    for section in &SECTIONS {
        for key in section.keys() {
            let row = schema::row(&tables, section, key);
            let row =
                row.unwrap_or_else(|| panic!("{key} of {} has no row in its table; packaging/src/schema/structure.rs names the table", section.name));
            met.push(std::ptr::from_ref(row));
        }
    }
    for (table, rows) in &tables {
        for row in rows {
            let known = met.contains(&std::ptr::from_ref(row));
            assert!(
                known,
                "{} in the table of {} is no key",
                row.key, table.heading
            );
        }
    }
}

#[test]
fn every_key_is_in_the_page_of_the_configuration() {
    let page = page("docs/man/director.yaml.5");
    for section in &SECTIONS {
        for key in section.keys() {
            assert!(
                page.contains(&format!(".TP\n\\fB{key}\\fR\n")),
                "{key} of {}",
                section.name
            );
        }
    }
}

/// A file as JSON; `None` when it is no YAML that other programs read.
fn as_json(text: &str) -> Option<Value> {
    let documents = Yaml::load_from_str(text).ok()?;
    match documents.as_slice() {
        [only] => value(only),
        _ => None,
    }
}

fn value(yaml: &Yaml<'_>) -> Option<Value> {
    Some(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(it)) => json!(it),
        Yaml::Value(Scalar::Integer(it)) => json!(it),
        Yaml::Value(Scalar::FloatingPoint(it)) => json!(it.into_inner()),
        Yaml::Value(Scalar::String(it)) => json!(it),
        Yaml::Sequence(items) => items.iter().map(value).collect::<Option<_>>()?,
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, it)| {
                let key = match value(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                Some((key, value(it)?))
            });
            Value::Object(entries.collect::<Option<_>>()?)
        }
        Yaml::Representation(..) | Yaml::Tagged(..) | Yaml::Alias(_) | Yaml::BadValue => {
            return None;
        }
    })
}

/// Says what the schema has against a value.
fn judge() -> impl Fn(&Value) -> Result<(), String> {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("director.json", schema::schema(&configuration()))
        .unwrap();
    let index = compiler.compile("director.json", &mut schemas).unwrap();
    move |value| {
        schemas
            .validate(value, index)
            .map_err(|error| format!("{error:#}"))
    }
}

#[test]
fn the_schema_accepts_every_good_file_and_refuses_unknown_keys() {
    let judge = judge();
    let (mut good, mut bad) = (0, 0);
    for directory in ["tests/config", "examples"] {
        for entry in fs::read_dir(root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "yaml") {
                continue;
            }
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let Some(json) = as_json(&text) else {
                continue;
            };
            match parse("file", text.as_bytes()) {
                Ok(_) => {
                    good += 1;
                    judge(&json).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
                }
                Err(why) if why.to_string().contains("unknown key") => {
                    bad += 1;
                    assert!(judge(&json).is_err(), "{}", path.display());
                }
                Err(_) => {}
            }
        }
    }
    assert!(
        good >= 10 && bad >= 5,
        "{good} good files, {bad} with unknown keys"
    );
}
