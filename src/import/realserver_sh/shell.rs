// SPDX-License-Identifier: MIT OR Apache-2.0
//! As much of a shell script as says what it does: commands, simple variables, and the parts of `case "$1" in`. Nothing is
//! run.

use std::collections::HashMap;
use std::ops::Range;

/// When a command is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// At the start, or always.
    Start,
    /// At the stop.
    Stop,
    /// For a status, for help.
    Other,
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// What it can stand for; several within a loop.
    pub(super) values: Vec<String>,
    /// Whether a part of it is known to a running shell only.
    pub(super) is_open: bool,
}

/// A command with its words.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) part: Part,
    pub(super) words: Vec<Word>,
    /// The bytes of its line.
    pub(super) line: Range<usize>,
}

/// Bounds: a script as this has a few dozen lines.
const MOST_VARIABLES: usize = 1_000;
const MOST_VALUES: usize = 64;
const DEEPEST: usize = 64;
const LONGEST_VALUE: usize = 4_096;

impl Word {
    /// Its only value; empty for several, and for one that nobody knows.
    pub(super) fn text(&self) -> &str {
        match self.values.as_slice() {
            [value] if !self.is_open => value,
            _ => "",
        }
    }
}

/// The commands of a script, in their order.
pub(super) fn commands(script: &str) -> Vec<Command> {
    let mut reader = Reader::default();
    let mut lines = Lines { script, at: 0 };
    while let Some((text, range)) = lines.next_line() {
        reader.line(&text, &range);
    }
    reader.commands
}

/// Lines, with those joined that end with a backslash.
struct Lines<'s> {
    script: &'s str,
    at: usize,
}

impl Lines<'_> {
    fn next_line(&mut self) -> Option<(String, Range<usize>)> {
        let start = self.at;
        let mut text = String::new();
        let mut end = start;
        loop {
            let rest = self.script.get(self.at..)?;
            if rest.is_empty() {
                break;
            }
            let line = rest.split_inclusive('\n').next().unwrap_or(rest);
            let plain = line.trim_end_matches(['\n', '\r']);
            end = self.at + plain.len();
            self.at += line.len();
            let Some(plain) = plain.strip_suffix('\\') else {
                text.push_str(plain);
                break;
            };
            text.push_str(plain);
            text.push(' ');
        }
        if self.at == start {
            return None;
        }
        let blanks = text.len() - text.trim_start().len();
        let first = (start + blanks).min(end);
        Some((text, first..end))
    }
}

#[derive(Default)]
struct Reader {
    commands: Vec<Command>,
    variables: HashMap<String, Vec<String>>,
    /// The part of each `case` that is open; `None` before its first label.
    cases: Vec<Option<Part>>,
    function: Option<Part>,
}

impl Reader {
    fn line(&mut self, text: &str, range: &Range<usize>) {
        let mut text = text.trim();
        if let Some((name, rest)) = function(text) {
            self.function = Some(part_of(name));
            text = rest;
        }
        if text == "}" {
            self.function = None;
            return;
        }
        if !self.cases.is_empty()
            && let Some((label, rest)) = label(text)
        {
            if let Some(case) = self.cases.last_mut() {
                *case = Some(part_of_label(label));
            }
            text = rest;
        }
        for words in split(text) {
            self.command(&words, range);
        }
    }

    /// The part that the innermost labels name.
    fn part(&self) -> Part {
        let case = self.cases.iter().flatten();
        let mut parts = case.copied().chain(self.function);
        parts
            .rfind(|part| *part != Part::Start)
            .unwrap_or(Part::Start)
    }

    fn command(&mut self, mut raw: &[String], range: &Range<usize>) {
        let prefixes = [
            "then", "else", "do", "{", "sudo", "export", "local", "readonly", "!",
        ];
        while let [first, rest @ ..] = raw
            && prefixes.contains(&first.as_str())
        {
            raw = rest;
        }
        while let [first, rest @ ..] = raw
            && let Some((name, value)) = assignment(first)
        {
            let value = self.expand(value);
            self.assign(
                name,
                if value.is_open {
                    Vec::new()
                } else {
                    value.values
                },
            );
            raw = rest;
        }
        match raw {
            [] => {}
            [case, subject, ..] if case == "case" => {
                let is_action = matches!(subject.trim_matches('"'), "$1" | "${1}");
                if self.cases.len() < DEEPEST {
                    self.cases.push((!is_action).then_some(Part::Start));
                }
            }
            [esac, ..] if esac == "esac" => {
                self.cases.pop();
            }
            [word, name, kind, values @ ..] if word == "for" && kind == "in" => {
                let values = values.iter().map(|value| self.expand(value));
                let values = values.filter(|value| !value.is_open);
                let values = values.flat_map(|value| value.values);
                let values: Vec<String> = values
                    .flat_map(|value| words_of(&value))
                    .take(MOST_VALUES)
                    .collect();
                self.assign(name, values);
            }
            words => {
                let words = words.iter().map(|word| self.expand(word)).collect();
                self.commands.push(Command {
                    part: self.part(),
                    words,
                    line: range.clone(),
                });
            }
        }
    }

    fn assign(&mut self, name: &str, values: Vec<String>) {
        if self.variables.len() < MOST_VARIABLES || self.variables.contains_key(name) {
            self.variables.insert(name.to_owned(), values);
        }
    }

    /// The word without quotes, with the values of its variables.
    fn expand(&self, raw: &str) -> Word {
        let mut word = Word {
            values: vec![String::new()],
            is_open: false,
        };
        let mut rest = raw;
        let mut is_literal = false;
        while let Some(character) = rest.chars().next() {
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            match character {
                '\'' => is_literal = !is_literal,
                '"' if !is_literal => {}
                '`' if !is_literal => word.is_open = true,
                '$' if !is_literal => {
                    let (name, behind) = variable(rest);
                    rest = behind;
                    match self.variables.get(name) {
                        Some(values) if !values.is_empty() => word.append(values),
                        _ => word.is_open = true,
                    }
                }
                other => word.append(&[other.to_string()]),
            }
        }
        word
    }
}

impl Word {
    /// Each of its values with each of these behind it.
    fn append(&mut self, more: &[String]) {
        if let [only] = more {
            for value in &mut self.values {
                value.push_str(only);
            }
        } else {
            let both = |value: &String| -> Vec<String> {
                more.iter().map(|more| format!("{value}{more}")).collect()
            };
            let values = self.values.iter().flat_map(both);
            self.values = values.take(MOST_VALUES).collect();
        }
        self.is_open |= self.values.iter().any(|value| value.len() > LONGEST_VALUE);
        if self.is_open {
            self.values.truncate(1);
            self.values.iter_mut().for_each(|value| value.truncate(0));
        }
    }
}

/// The name behind a `$`, and what follows it. An empty name is one that only a running shell knows.
fn variable(text: &str) -> (&str, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(inner) = text.strip_prefix('{') {
        let (name, behind) = inner.split_once('}').unwrap_or((inner, ""));
        let is_plain = name.chars().all(is_name);
        return (if is_plain { name } else { "" }, behind);
    }
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// `NAME=VALUE`.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (begins && is_name).then_some((name, value))
}

fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// `NAME() {` or `function NAME {`, and what follows.
fn function(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = match text.strip_prefix("function ") {
        Some(rest) => {
            let rest = rest.trim_start();
            let end = rest.find(|c: char| c.is_whitespace() || c == '(' || c == '{');
            rest.split_at(end.unwrap_or(rest.len()))
        }
        None => text
            .split_once('(')
            .filter(|(_, rest)| rest.trim_start().starts_with(')'))?,
    };
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let rest = rest.trim_start_matches(['(', ')', ' ', '\t', '{']);
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, rest))
}

/// `start|restart)`, and what follows.
fn label(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('(').unwrap_or(text);
    let (label, rest) = text.split_once(')')?;
    let is_pattern = |c: char| c.is_ascii_alphanumeric() || "_-*?|\"' ".contains(c);
    (!label.is_empty() && label.chars().all(is_pattern)).then_some((label, rest))
}

fn part_of_label(label: &str) -> Part {
    let mut words = label
        .split('|')
        .map(|it| it.trim().trim_matches(['"', '\'']));
    if words.clone().any(|word| word == "start") {
        return Part::Start;
    }
    if words.any(|word| word == "stop") {
        return Part::Stop;
    }
    Part::Other
}

fn part_of(function: &str) -> Part {
    let name = function.to_ascii_lowercase();
    if name.contains("stop") || name.contains("down") {
        Part::Stop
    } else if ["restart", "status", "usage", "help"]
        .iter()
        .any(|it| name.contains(it))
    {
        Part::Other
    } else {
        Part::Start
    }
}

/// The commands of a line, each as words with their quotes. A redirection is a word of its own.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word = String::new();
    let mut quote = None;
    let mut characters = line.chars().peekable();
    let end = |word: &mut String, commands: &mut Vec<Vec<String>>| {
        if !word.is_empty()
            && let Some(command) = commands.last_mut()
        {
            command.push(std::mem::take(word));
        }
    };
    while let Some(character) = characters.next() {
        match (character, quote) {
            (_, Some(open)) => {
                word.push(character);
                if character == open {
                    quote = None;
                }
            }
            ('"' | '\'' | '`', None) => {
                word.push(character);
                quote = Some(character);
            }
            ('#', None) if word.is_empty() => break,
            (' ' | '\t', None) => end(&mut word, &mut commands),
            ('>', None) => {
                end(&mut word, &mut commands);
                while characters
                    .next_if(|next| matches!(next, '>' | '&'))
                    .is_some()
                {}
                word.push('>');
                end(&mut word, &mut commands);
            }
            (';' | '|' | '&' | ')', None) => {
                end(&mut word, &mut commands);
                commands.push(Vec::new());
            }
            (other, None) => word.push(other),
        }
    }
    end(&mut word, &mut commands);
    commands.retain(|command| !command.is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(script: &str) -> Vec<(Part, Vec<String>)> {
        let words = |words: &[Word]| {
            let text = |word: &Word| {
                if word.is_open {
                    "?".to_owned()
                } else {
                    word.values.join(",")
                }
            };
            words.iter().map(text).collect()
        };
        let all = commands(script);
        all.iter().map(|it| (it.part, words(&it.words))).collect()
    }

    #[test]
    fn the_parts_of_a_script_are_told_apart() {
        let script = "VIP=1.2.3.4\nalways\ncase \"$1\" in\nstart|restart)\n  a $VIP;;\nstop)\n  b\n;;\n*)\n  c\nesac\nd\n";
        let parts: Vec<(Part, String)> = read(script)
            .into_iter()
            .map(|(part, words)| (part, words.join(" ")))
            .collect();
        assert_eq!(
            parts,
            [
                (Part::Start, "always".to_owned()),
                (Part::Start, "a 1.2.3.4".to_owned()),
                (Part::Stop, "b".to_owned()),
                (Part::Other, "c".to_owned()),
                (Part::Start, "d".to_owned()),
            ]
        );
    }

    #[test]
    fn functions_are_parts_by_their_names() {
        let script = "lvs_start() {\n a\n}\nfunction stop {\n b\n}\nset_vip()\n{\n c\n}\n";
        let parts: Vec<Part> = read(script).into_iter().map(|(part, _)| part).collect();
        assert_eq!(parts, [Part::Start, Part::Stop, Part::Start]);
    }

    #[test]
    fn variables_quotes_and_redirections_are_read() {
        let one = |script: &str| read(script).pop().unwrap().1;
        assert_eq!(
            one("A='x y'; echo \"$A\"z >/p 2>&1"),
            ["echo", "x yz", ">", "/p", "2", ">", "1"]
        );
        assert_eq!(
            one("V=\"a b\"\nfor i in $V c; do up ${i}/32; done").len(),
            1
        );
        assert_eq!(
            read("V=\"a b\"\nfor i in $V c; do up ${i}/32; done")[0].1,
            ["up", "a/32,b/32,c/32"]
        );
        assert_eq!(one("up $2 `date` $(date)"), ["up", "?", "?", "?"]);
        assert_eq!(one("a \\\n b # c"), ["a", "b"]);
    }

    #[test]
    fn what_grows_is_bounded() {
        let mut script = "A=xxxxxxxxxxxxxxxx\n".to_owned();
        for _ in 0..64 {
            script.push_str("A=$A$A\n");
        }
        script.push_str(
            "up $A\nfor i in a b c d e f g h; do for j in $i$i$i; do up $i$j$i$j$i$j; done; done\n",
        );
        assert_eq!(read(&script)[0].1, ["up", "?"]);
        let most = commands(&script).into_iter().flat_map(|it| it.words);
        assert!(most.map(|word| word.values.len()).max() <= Some(MOST_VALUES));
    }

    proptest! {
        #[test]
        fn any_text_is_read(script in "[a-z$`\"'(){}|;&>#\\\\\n =/.0-9*]{0,200}") {
            for command in commands(&script) {
                prop_assert!(script.get(command.line.clone()).is_some());
            }
        }
    }
}
