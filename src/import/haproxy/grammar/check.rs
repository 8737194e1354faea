// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of `http-check` and `tcp-check`.

use super::Judge;
use crate::diagnostic::{Finding, Shown, Span};
use crate::import::haproxy::check::TOLD;
use crate::import::statement::{Statement, Word};

/// Words of a rule, and how many belong to each.
type Words = &'static [(&'static str, usize)];

const HTTP_RULES: [&str; 9] = [
    "connect",
    "send",
    "expect",
    "comment",
    "disable-on-404",
    "send-state",
    "set-var",
    "set-var-fmt",
    "unset-var",
];

const TCP_RULES: [&str; 10] = [
    "connect",
    "send",
    "send-lf",
    "send-binary",
    "send-binary-lf",
    "expect",
    "comment",
    "set-var",
    "set-var-fmt",
    "unset-var",
];

const CONNECT: Words = &[
    ("default", 0),
    ("port", 1),
    ("addr", 1),
    ("send-proxy", 0),
    ("via-socks4", 0),
    ("ssl", 0),
    ("sni", 1),
    ("alpn", 1),
    ("proto", 1),
    ("linger", 0),
    ("comment", 1),
];

const SEND: Words = &[
    ("meth", 1),
    ("uri", 1),
    ("uri-lf", 1),
    ("ver", 1),
    ("hdr", 2),
    ("body", 1),
    ("body-lf", 1),
    ("comment", 1),
];

const HTTP_PATTERNS: [&str; 7] = [
    "string",
    "rstring",
    "string-lf",
    "status",
    "rstatus",
    "hdr",
    "fhdr",
];

const TCP_PATTERNS: [&str; 6] = [
    "string",
    "rstring",
    "string-lf",
    "binary",
    "rbinary",
    "binary-lf",
];

/// The verdicts that an `expect` may name.
const VERDICTS: [(&str, &[&str]); 3] = [
    ("ok-status", &["L7OK", "L7OKC", "L6OK", "L4OK"]),
    (
        "error-status",
        &["L7OKC", "L7RSP", "L7STS", "L6RSP", "L4CON"],
    ),
    ("tout-status", &["L7TOUT", "L6TOUT", "L4TOUT"]),
];

impl Judge<'_> {
    /// A rule of a check.
    pub(super) fn rule(&mut self, statement: &Statement) {
        let keyword = &statement.keyword;
        let is_http = &*keyword.text == "http-check";
        let Some((rule, words)) = statement.words.split_first() else {
            let finding = Finding::new(keyword.span, format!("{} without a rule", keyword.text));
            self.out.push(finding.help("write connect, send or expect"));
            return;
        };
        // The name of a variable stands behind it in parentheses.
        let name = rule.text.split('(').next().unwrap_or_default();
        let known: &[&str] = if is_http { &HTTP_RULES } else { &TCP_RULES };
        if !known.contains(&name) {
            self.one_of(rule, "rule of a check", known);
            return;
        }
        match name {
            "connect" => self.words_of("connect", words, CONNECT),
            "send" if is_http => self.words_of("send", words, SEND),
            "send" | "send-lf" | "send-binary" | "send-binary-lf" => self.say(rule, words),
            "expect" => self.expect(rule, words, is_http),
            _ => {}
        }
    }

    /// Words that each have so many others behind them.
    fn words_of(&mut self, rule: &str, words: &[Word], known: Words) {
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let Some((name, count)) = known.iter().find(|it| it.0 == &*word.text) else {
                let names: Vec<&str> = known.iter().map(|it| it.0).collect();
                self.one_of(word, &format!("keyword of {rule}"), &names);
                return;
            };
            let Some(after) = after.get(*count..) else {
                let message = format!("{name} says nothing alone");
                let finding = Finding::new(word.span, message);
                self.out.push(finding.help("a value must follow"));
                return;
            };
            rest = after;
        }
    }

    /// What a `tcp-check` says. It may be a password, and is not repeated.
    fn say(&mut self, rule: &Word, words: &[Word]) {
        let name = &rule.text;
        let Some((said, rest)) = words.split_first() else {
            let finding = Finding::new(rule.span, format!("{name} says nothing alone"));
            self.out.push(finding.help("what is sent must follow"));
            return;
        };
        if &**name == "send-binary" && !is_hexadecimal(&said.text) {
            self.no_bytes(said.span);
        }
        match rest {
            [] => {}
            [word, _] if &*word.text == "comment" => {}
            [first, ..] => {
                let finding = Finding::new(first.span, "only one word is said");
                self.out
                    .push(finding.help("write what has blanks in double quotes"));
            }
        }
    }

    fn no_bytes(&mut self, span: Span) {
        let finding = Finding::new(span, "this is no even number of hexadecimal digits");
        self.out.push(finding.help("HAProxy refuses it"));
    }

    /// What an answer must have.
    fn expect(&mut self, rule: &Word, words: &[Word], is_http: bool) {
        let known: &[&str] = if is_http {
            &HTTP_PATTERNS
        } else {
            &TCP_PATTERNS
        };
        let Some(rest) = self.told(words) else {
            return;
        };
        let negated = |word: &Word| &*word.text == "!";
        let rest = match rest {
            [sign, after @ ..] if negated(sign) => after,
            rest => rest,
        };
        let Some((kind, rest)) = rest.split_first() else {
            let finding = Finding::new(rule.span, "expect says nothing alone");
            let example = if is_http {
                "write expect status 200"
            } else {
                "write expect string +PONG"
            };
            self.out.push(finding.help(example));
            return;
        };
        let name = kind.text.trim_start_matches('!');
        if !known.contains(&name) {
            let all: Vec<&str> = known.iter().chain(&TOLD).copied().collect();
            self.one_of(kind, "pattern of expect", &all);
            return;
        }
        let Some((pattern, rest)) = rest.split_first() else {
            let finding = Finding::new(kind.span, format!("{name} says nothing alone"));
            self.out.push(finding.help("what is expected must follow"));
            return;
        };
        match name {
            "status" => self.statuses(pattern),
            "binary" if !is_hexadecimal(&pattern.text) => self.no_bytes(pattern.span),
            // They have a language of their own, and are not carried over.
            "hdr" | "fhdr" => return,
            _ => {}
        }
        if let Some([word, ..]) = self.told(rest) {
            let finding = if known.contains(&word.text.trim_start_matches('!')) {
                Finding::new(word.span, "a second pattern in one expect")
                    .help("HAProxy refuses it: write each in a line of its own")
            } else {
                Finding::new(word.span, "a word too many behind what is expected")
                    .help("HAProxy refuses it: write what has blanks in double quotes")
            };
            self.out.push(finding);
        }
    }

    /// What follows the words that say how a result is told. `None` when one of them is wrong.
    fn told<'w>(&mut self, words: &'w [Word]) -> Option<&'w [Word]> {
        let mut rest = words;
        while let [word, after @ ..] = rest
            && TOLD.contains(&&*word.text)
        {
            let Some((value, after)) = after.split_first() else {
                let finding = Finding::new(word.span, format!("{} says nothing alone", word.text));
                self.out.push(finding.help("a value must follow"));
                return None;
            };
            let verdicts = VERDICTS.iter().find(|it| it.0 == &*word.text);
            if let Some((name, known)) = verdicts {
                self.one_of(value, name, known);
            }
            rest = after;
        }
        Some(rest)
    }

    /// `200`, `200-299`, `200,301-302`.
    fn statuses(&mut self, word: &Word) {
        for part in word.text.split(',') {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<u32>().ok();
            let right = match (number(low), number(high)) {
                (Some(low), Some(high)) => low <= high,
                _ => false,
            };
            if !right {
                let message = format!("{} is no status, and no range of them", Shown(part));
                let finding = Finding::new(word.span, message);
                self.out
                    .push(finding.help("HAProxy refuses it: write 200, 200-399 or 200,204"));
                return;
            }
        }
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|it| it.is_ascii_hexdigit())
}
