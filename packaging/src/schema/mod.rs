// SPDX-License-Identifier: MIT OR Apache-2.0
//! The JSON Schema of the configuration, for editors: the keys are those that the reader knows, and what a key means and
//! may be is what `docs/configuration.md` says.

mod range;
mod structure;

use lvs_director::config::{SECTIONS, Section};
use serde_json::{Map, Value, json};

use crate::markdown::{Block, Table, blocks};

/// The schema, with the words of `docs/configuration.md`.
#[must_use]
pub fn schema(markdown: &str) -> Value {
    let tables = tables(markdown);
    let sections = SECTIONS.iter().map(|section| {
        let keys = section.keys().map(|key| {
            let row = row(&tables, section, key);
            (key.to_owned(), property(section, key, row))
        });
        let object = json!({
            "type": ["object", "null"],
            "properties": keys.collect::<Map<_, _>>(),
            "additionalProperties": false,
        });
        (structure::name(section.name), object)
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of lvs-director",
        "$ref": format!("#/$defs/{}", structure::name("the file")),
        "$defs": sections.collect::<Map<_, _>>(),
    })
}

/// What is documented of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: String,
    meaning: String,
    default: String,
    range: String,
}

/// The tables of keys, with the rows of each.
#[must_use]
pub fn tables(markdown: &str) -> Vec<(Table, Vec<Row>)> {
    let blocks = blocks(markdown).into_iter();
    let tables = blocks.filter_map(|block| match block {
        Block::Table(table) => Some(table),
        Block::Heading(..) | Block::Paragraph(_) | Block::Item(..) | Block::Code(_) => None,
    });
    let tables =
        tables.filter(|table| table.titles.first().is_some_and(|it| it.starts_with("key")));
    tables.map(|table| (table.clone(), rows(&table))).collect()
}

fn rows(table: &Table) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for cells in &table.rows {
        let cell = |title: &str| {
            let at = table.titles.iter().position(|it| it == title);
            at.and_then(|at| cells.get(at)).cloned().unwrap_or_default()
        };
        let range = match cell("range").as_str() {
            "as above" => rows.last().map(|row| row.range.clone()).unwrap_or_default(),
            range => range.to_owned(),
        };
        let key = cells.first().map(|it| it.replace('`', ""));
        rows.push(Row {
            key: key.unwrap_or_default(),
            meaning: cell("meaning"),
            default: cell("default"),
            range,
        });
    }
    rows
}

/// The row of a key of a section.
#[must_use]
pub fn row<'t>(tables: &'t [(Table, Vec<Row>)], section: &Section, key: &str) -> Option<&'t Row> {
    let places = structure::documented(section.name);
    let at_home = tables.iter().filter(|(table, _)| {
        let intro = &table.intro;
        let mut places = places.iter();
        places.any(|place| {
            table.heading == *place || intro.starts_with(place) || intro.ends_with(place)
        })
    });
    let mut rows = at_home.flat_map(|(_, rows)| rows);
    rows.find(|row| row.key == key)
}

fn property(section: &Section, key: &str, row: Option<&Row>) -> Value {
    let mut said = structure::of(section.name, key);
    if let (None, Some(row)) = (&said, row) {
        said = range::read(&row.range, &row.default);
    }
    let mut property = said.unwrap_or_else(|| json!({}));
    if let (Some(row), Some(object)) = (row, property.as_object_mut()) {
        let mut words = row.meaning.replace('`', "");
        for (title, cell) in [("default", &row.default), ("values", &row.range)] {
            if !cell.is_empty() && cell != "see below" {
                words = format!("{words}\n{title}: {}", cell.replace('`', ""));
            }
        }
        object.insert("description".to_owned(), words.into());
    }
    property
}
