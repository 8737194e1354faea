// SPDX-License-Identifier: MIT OR Apache-2.0
//! `stick-table`, and the rules that use it (section 4.2 of HAProxy's manual).

use super::Judge;
use super::samples::SAMPLES;
use crate::diagnostic::{Finding, Fix, Shown};
use crate::import::statement::{Statement, Word};

/// Words of a table, and how many belong to each.
const TABLE: [(&str, usize); 10] = [
    ("type", 1),
    ("size", 1),
    ("expire", 1),
    ("nopurge", 0),
    ("peers", 1),
    ("store", 1),
    ("srvkey", 1),
    ("write-to", 1),
    ("brates-factor", 1),
    ("recv-only", 0),
];

const TYPES: [&str; 5] = ["ip", "ipv6", "integer", "string", "binary"];

/// What a table stores.
const STORED: [&str; 28] = [
    "server_id",
    "server_key",
    "gpt",
    "gpt0",
    "gpc",
    "gpc_rate",
    "gpc0",
    "gpc0_rate",
    "gpc1",
    "gpc1_rate",
    "conn_cnt",
    "conn_cur",
    "conn_rate",
    "sess_cnt",
    "sess_rate",
    "http_req_cnt",
    "http_req_rate",
    "http_err_cnt",
    "http_err_rate",
    "http_fail_cnt",
    "http_fail_rate",
    "bytes_in_cnt",
    "bytes_in_rate",
    "bytes_out_cnt",
    "bytes_out_rate",
    "glitch_cnt",
    "glitch_rate",
    "key",
];

/// The samples that files have, for one that is misspelt.
const USUAL: [&str; 7] = [
    "src",
    "dst",
    "dst_port",
    "fe_id",
    "always_true",
    "req.cook",
    "url_param",
];

impl Judge<'_> {
    /// `stick-table type ip size 100k expire 30m ...`
    pub(super) fn table(&mut self, statement: &Statement) {
        let mut rest = statement.words.as_slice();
        let mut present = Vec::new();
        while let Some((word, after)) = rest.split_first() {
            let Some((name, count)) = TABLE.iter().find(|it| it.0 == &*word.text) else {
                let names = TABLE.map(|it| it.0);
                self.one_of(word, "word of a stick-table", &names);
                return;
            };
            let Some(arguments) = after.get(..*count) else {
                let finding = Finding::new(word.span, format!("{name} says nothing alone"));
                self.out.push(finding.help("a value must follow"));
                return;
            };
            rest = after.get(*count..).unwrap_or_default();
            present.push(*name);
            match (*name, arguments.first()) {
                ("type", Some(kind)) => {
                    self.one_of(kind, "type of a stick-table", &TYPES);
                    // "string" and "binary" may have a length.
                    if let [length, _, after @ ..] = rest
                        && &*length.text == "len"
                    {
                        rest = after;
                    }
                }
                ("store", Some(what)) => self.stored(what),
                _ => {}
            }
        }
        for needed in ["type", "size"] {
            if !present.contains(&needed) {
                let message = format!("a stick-table without {needed}");
                let finding = Finding::new(statement.span(), message);
                self.out
                    .push(finding.help("write stick-table type ip size 100k expire 30m"));
            }
        }
    }

    /// `gpc0,conn_rate(10s)`
    fn stored(&mut self, word: &Word) {
        for part in word.text.split(',') {
            let name = part.split('(').next().unwrap_or_default();
            if !STORED.contains(&name) {
                let message = format!("a stick-table stores no {}", Shown(name));
                let finding = Finding::new(word.span, message);
                self.out
                    .push(match self.aside.near(name, STORED.into_iter()) {
                        Some(near) => finding.help(format!("did you mean {near}?")),
                        None => finding.help("HAProxy 2.6 does not know it; remove it"),
                    });
                return;
            }
        }
    }

    /// `stick on src table NAME if CONDITION`
    pub(super) fn stick(&mut self, words: &[Word]) {
        let [rule, rest @ ..] = words else {
            return;
        };
        // Others are told as unknown keywords.
        if !matches!(
            &*rule.text,
            "on" | "match" | "store-request" | "store-response"
        ) {
            return;
        }
        let Some((sample, mut rest)) = rest.split_first() else {
            let message = format!("stick {} says nothing alone", rule.text);
            let finding = Finding::new(rule.span, message);
            self.out.push(finding.help("write stick on src"));
            return;
        };
        self.sample(sample);
        while let Some((word, after)) = rest.split_first() {
            match &*word.text {
                "if" | "unless" => return,
                "table" if !after.is_empty() => rest = after.get(1..).unwrap_or_default(),
                "table" => {
                    let finding = Finding::new(word.span, "table says nothing alone");
                    self.out
                        .push(finding.help("the name of a section must follow"));
                    return;
                }
                _ => {
                    self.one_of(word, "word of stick", &["table", "if", "unless"]);
                    return;
                }
            }
        }
    }

    /// What connections are told apart by: one that is nearly a known one is misspelt.
    fn sample(&mut self, word: &Word) {
        let name = word.text.split(['(', ',']).next().unwrap_or_default();
        if SAMPLES.split_whitespace().any(|known| known == name) {
            return;
        }
        let Some(near) = self.aside.near(name, USUAL.into_iter()) else {
            return;
        };
        let message = format!("unknown sample {}", Shown(name));
        let finding = Finding::new(word.span, message).help(format!("did you mean {near}?"));
        let right = word.text.replacen(name, near, 1);
        self.out.push(finding.fix(Fix::replace(word.span, right)));
    }
}
