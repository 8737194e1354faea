// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of a command line, read as the popt library reads them: `-Ln`, `-t10.0.0.1:80`, `-t=10.0.0.1:80`,
//! `--numeric`, `--opt=value`, `--opt value`, `--`; options and other words in any order; no abbreviations.

use super::options::{Definition, Value, by_long, by_short};

/// A command line being read.
#[derive(Debug)]
pub struct Words<'a> {
    all: &'a [&'a str],
    next: usize,
    /// The rest of a word of letters.
    letters: Option<&'a str>,
    options_ended: bool,
    own_hidden: bool,
    others: Vec<&'a str>,
}

/// Why a word could not be read. The messages are popt's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// No such option.
    #[error("unknown option")]
    Unknown,
    /// The value is missing.
    #[error("missing argument")]
    NoValue,
    /// A value for an option without one.
    #[error("option does not take an argument")]
    UnwantedValue,
}

/// An option with its value, if it has one.
pub type Read<'a> = (&'static Definition, Option<&'a str>);

impl<'a> Words<'a> {
    /// The words after the program's name.
    #[must_use]
    pub const fn new(words: &'a [&'a str]) -> Self {
        Self {
            all: words,
            next: 0,
            letters: None,
            options_ended: false,
            own_hidden: false,
            others: Vec::new(),
        }
    }

    /// From here on the options that only lvsadm has are unknown, as for ipvsadm.
    pub const fn hide_own(&mut self) {
        self.own_hidden = true;
    }

    /// The next option. Words that are not options are kept for [`Words::others`].
    pub fn next_option(&mut self) -> Option<Result<Read<'a>, WordError>> {
        loop {
            if let Some(letters) = self.letters.take() {
                return Some(self.letter(letters));
            }
            let word = self.take()?;
            match word.as_bytes() {
                b"--" if !self.options_ended => self.options_ended = true,
                [b'-', b'-', ..] if !self.options_ended => {
                    return Some(self.long(word.get(2..).unwrap_or_default()));
                }
                [b'-', _, ..] if !self.options_ended => {
                    return Some(self.letter(word.get(1..).unwrap_or_default()));
                }
                _ => self.others.push(word),
            }
        }
    }

    /// The word read last, which is what messages show.
    #[must_use]
    pub fn last(&self) -> &'a str {
        let last = self.next.checked_sub(1);
        last.and_then(|index| self.all.get(index))
            .copied()
            .unwrap_or_default()
    }

    /// The words that are not options: complete when [`Words::next_option`] has returned `None`.
    #[must_use]
    pub fn others(&self) -> &[&'a str] {
        &self.others
    }

    fn take(&mut self) -> Option<&'a str> {
        let word = self.all.get(self.next)?;
        self.next += 1;
        Some(word)
    }

    fn letter(&mut self, letters: &'a str) -> Result<Read<'a>, WordError> {
        let first = letters.as_bytes().first();
        let definition = first.and_then(|letter| by_short(*letter));
        let definition = definition.ok_or(WordError::Unknown)?;
        // All letters of options are ASCII.
        let rest = letters.get(1..).unwrap_or_default();
        match (definition.value, rest.as_bytes()) {
            (Value::None, [b'=', ..]) => Err(WordError::UnwantedValue),
            (Value::None, _) => {
                self.letters = Some(rest).filter(|rest| !rest.is_empty());
                Ok((definition, None))
            }
            (_, []) => self.value(definition),
            (_, [b'=', ..]) => Ok((definition, rest.get(1..))),
            (_, _) => Ok((definition, Some(rest))),
        }
    }

    fn long(&mut self, long: &'a str) -> Result<Read<'a>, WordError> {
        let (name, attached) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let definition = by_long(name)
            .filter(|definition| !(self.own_hidden && definition.is_own))
            .ok_or(WordError::Unknown)?;
        match (definition.value, attached) {
            (Value::None, Some(_)) => Err(WordError::UnwantedValue),
            (Value::None, None) => Ok((definition, None)),
            (_, Some(value)) => Ok((definition, Some(value))),
            (_, None) => self.value(definition),
        }
    }

    /// The next word as this option's value. An optional value must not start with a dash.
    fn value(&mut self, definition: &'static Definition) -> Result<Read<'a>, WordError> {
        let optional = matches!(definition.value, Value::Optional(_));
        let next = self.all.get(self.next);
        if optional && next.is_none_or(|word| word.starts_with('-')) {
            return Ok((definition, None));
        }
        let value = self.take().ok_or(WordError::NoValue)?;
        Ok((definition, Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each option by its long name with its value, then how it ended, then the other words.
    fn read(line: &str) -> (Vec<String>, Vec<String>) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut reader = Words::new(&words);
        let mut seen = Vec::new();
        while let Some(option) = reader.next_option() {
            match option {
                Ok((definition, None)) => seen.push(definition.long.to_owned()),
                Ok((definition, Some(value))) => seen.push(format!("{}={value}", definition.long)),
                Err(error) => {
                    seen.push(format!("{}: {error}", reader.last()));
                    break;
                }
            }
        }
        let others = reader.others().iter().map(|word| (*word).to_owned());
        (seen, others.collect())
    }

    #[test]
    fn every_way_of_writing_a_value_is_read() {
        for line in [
            "-Lnt10.0.0.1:80",
            "-L -n -t 10.0.0.1:80",
            "-ln -t=10.0.0.1:80",
            "--list --numeric --tcp-service=10.0.0.1:80",
            "--list -n --tcp-service 10.0.0.1:80",
        ] {
            let expected = ["list", "numeric", "tcp-service=10.0.0.1:80"];
            assert_eq!(read(line).0, expected, "{line}");
        }
    }

    #[test]
    fn a_value_may_look_like_an_option() {
        assert_eq!(read("-L -f -n").0, ["list", "fwmark-service=-n"]);
    }

    #[test]
    fn what_popt_refuses_is_refused_in_its_words() {
        for (line, expected) in [
            ("-q", "-q: unknown option"),
            ("-Lq", "-Lq: unknown option"),
            ("--num", "--num: unknown option"),
            ("---list", "---list: unknown option"),
            ("-Lt", "-Lt: missing argument"),
            ("--tcp-service", "--tcp-service: missing argument"),
            ("-Ln=", "-Ln=: option does not take an argument"),
            ("--list=x", "--list=x: option does not take an argument"),
        ] {
            assert_eq!(read(line).0.last().unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn other_words_are_kept_wherever_they_stand() {
        let (seen, others) = read("foo -L - bar -- -n");
        assert_eq!(seen, ["list"]);
        assert_eq!(others, ["foo", "-", "bar", "-n"]);
    }
}
