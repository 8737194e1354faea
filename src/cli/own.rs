// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words that only `lvsadm` knows: `lvsadm diff FILE` and the like. Such a word comes first, without a dash, where
//! ipvsadm refuses it. The parser, the help, the completions and the manual page use one table of these words.

use super::completion::SHELLS;
use super::top::TABLES;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::options::{Argument, Value};

/// A command of lvsadm's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// `diff`.
    Diff,
    /// `top-connections`.
    TopConnections,
    /// `completion`.
    Completion,
    /// `man`.
    Manual,
    /// `watch`.
    Watch,
}

/// The argument after a word, apart from options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// Nothing.
    None,
    /// A file, or `-` for standard input.
    File,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// An option of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnOption {
    /// Its name after two dashes.
    pub long: &'static str,
    /// Whether a value follows.
    pub value: Value,
    /// One line of help.
    pub help: &'static str,
}

/// A word with its name, its options and its help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnWord {
    /// Which word it is.
    pub word: Word,
    /// Its name on the command line.
    pub name: &'static str,
    /// The argument after it.
    pub operand: Operand,
    /// Its options.
    pub options: &'static [OwnOption],
    /// One line of help.
    pub help: &'static str,
}

/// The columns that `--sort` of `watch` takes.
pub const SORTING: &[&str] = &[
    "address",
    "servers",
    "active",
    "inactive",
    "conns",
    "in-packets",
    "in-bytes",
    "out-bytes",
];

const JSON: OwnOption = OwnOption {
    long: "json",
    value: Value::None,
    help: "print JSON",
};

const TOP_CONNECTIONS: &[OwnOption] = &[
    OwnOption {
        long: "by",
        value: Value::Required(Argument {
            name: "client|server|service",
            choices: TABLES,
        }),
        help: "print one table: by client, by real server or by virtual service",
    },
    OwnOption {
        long: "rows",
        value: Value::Required(Argument::of("number")),
        help: "rows of a table, 1 to 1000; 10 when not given",
    },
    OwnOption {
        long: "service",
        value: Value::Required(Argument::of("service")),
        help: "only connections of this service",
    },
    OwnOption {
        long: "server",
        value: Value::Required(Argument::of("address[:port]")),
        help: "only connections of this real server",
    },
    OwnOption {
        long: "state",
        value: Value::Required(Argument::of("states")),
        help: "only connections in these states, separated by commas",
    },
    OwnOption {
        long: "client",
        value: Value::Required(Argument::of("address[/prefix]")),
        help: "only connections from this address or network",
    },
    JSON,
];
const WATCH: OwnWord = OwnWord {
    word: Word::Watch,
    name: "watch",
    operand: Operand::None,
    options: &[
        OwnOption {
            long: "interval",
            value: Value::Required(Argument::of("seconds")),
            help: "time between two readings, 0.1 to 3600; 1 when not given",
        },
        OwnOption {
            long: "sort",
            value: Value::Required(Argument {
                name: "column",
                choices: SORTING,
            }),
            help: "sort services and servers by this: address (when not given), servers, active, inactive, conns, \
               in-packets, in-bytes, out-bytes",
        },
        OwnOption {
            long: "service",
            value: Value::Required(Argument::of("service")),
            help: "show only this service, written as for -L --service",
        },
        OwnOption {
            long: "server",
            value: Value::Required(Argument::of("address[:port]")),
            help: "show only this real server, written as for -L --server",
        },
    ],
    help: "show the table on a terminal as it changes, with rates; q quits, ? shows the keys",
};

/// All of them, in the help's order.
pub const WORDS: &[OwnWord] = &[
    WATCH,
    OwnWord {
        word: Word::Diff,
        name: "diff",
        operand: Operand::File,
        options: &[JSON],
        help: "print the changes that make the table equal to a saved file (- for standard input); exit status: 0 none, \
           1 some, 2 an error",
    },
    OwnWord {
        word: Word::TopConnections,
        name: "top-connections",
        operand: Operand::None,
        options: TOP_CONNECTIONS,
        help: "print the clients and the real servers with the most connections",
    },
    OwnWord {
        word: Word::Completion,
        name: "completion",
        operand: Operand::OneOf(SHELLS),
        options: &[],
        help: "print a script with which a shell completes lvsadm's command lines",
    },
    OwnWord {
        word: Word::Manual,
        name: "man",
        operand: Operand::None,
        options: &[],
        help: "print the manual page, for: man -l -",
    },
];

impl OwnWord {
    /// `diff FILE`, `completion bash|zsh|fish`.
    #[must_use]
    pub fn usage(&self) -> String {
        match self.operand {
            Operand::None => self.name.to_owned(),
            Operand::File => format!("{} FILE", self.name),
            Operand::OneOf(choices) => format!("{} {}", self.name, choices.join("|")),
        }
    }
}

/// A parsed command line that begins with such a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The word.
    pub word: Word,
    /// The file or the choice.
    pub operand: Option<&'a str>,
    options: Vec<(&'static str, &'a str)>,
}

impl<'a> Asked<'a> {
    /// Whether the command line has this option.
    #[must_use]
    pub fn has(&self, long: &str) -> bool {
        self.value(long).is_some()
    }

    /// An option's value; empty for an option without one.
    #[must_use]
    pub fn value(&self, long: &str) -> Option<&'a str> {
        let option = self.options.iter().find(|(name, _)| *name == long);
        option.map(|(_, value)| *value)
    }
}

/// Reads a command line that begins with one of the words; `None` for all others, and with `--compat`.
#[must_use]
pub fn parse<'a>(arguments: &[&'a str]) -> Option<Result<Asked<'a>, Failure>> {
    let (first, rest) = arguments.split_first()?;
    let own = WORDS.iter().find(|own| own.name == *first)?;
    if rest.contains(&"--compat") {
        return None;
    }
    Some(read(own, rest))
}

fn read<'a>(own: &OwnWord, words: &[&'a str]) -> Result<Asked<'a>, Failure> {
    let mut asked = Asked {
        word: own.word,
        operand: None,
        options: Vec::new(),
    };
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, attached) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let option = own.options.iter().find(|option| option.long == name);
            let option = option.ok_or_else(|| wrong(own, &format!("{word}: unknown option")))?;
            let value = match (option.value, attached) {
                (Value::None, Some(_)) => {
                    let message = format!("{word}: option does not take an argument");
                    return Err(wrong(own, &message));
                }
                (Value::None, None) => "",
                (Value::Required(_) | Value::Optional(_), Some(value)) => value,
                (Value::Required(_) | Value::Optional(_), None) => words
                    .next()
                    .ok_or_else(|| wrong(own, &format!("{word}: missing argument")))?,
            };
            if asked.has(option.long) {
                let message = format!("multiple '{}' options specified", option.long);
                return Err(wrong(own, &message));
            }
            asked.options.push((option.long, value));
        } else {
            let operand = operand(own, word)?;
            if asked.operand.replace(operand).is_some() {
                return Err(wrong(own, &format!("unexpected argument {word}")));
            }
        }
    }
    match (own.operand, asked.operand) {
        (Operand::File | Operand::OneOf(_), None) => Err(wrong(own, "missing argument")),
        (_, _) => Ok(asked),
    }
}

fn operand<'a>(own: &OwnWord, word: &'a str) -> Result<&'a str, Failure> {
    let good = match own.operand {
        Operand::None => None,
        Operand::File => Some(word).filter(|word| *word == "-" || !word.starts_with('-')),
        Operand::OneOf(choices) => Some(word).filter(|word| choices.contains(word)),
    };
    good.ok_or_else(|| match word.strip_prefix('-') {
        Some(_) => wrong(own, &format!("{word}: unknown option")),
        None => wrong(own, &format!("unexpected argument {word}")),
    })
}

fn wrong(own: &OwnWord, message: &str) -> Failure {
    Failure::usage(format!(
        "{message}\nusage: lvsadm {}{}",
        own.usage(),
        own.options
            .iter()
            .map(|option| match option.value {
                Value::None => format!(" [--{}]", option.long),
                Value::Required(value) | Value::Optional(value) => {
                    format!(" [--{} {value}]", option.long)
                }
            })
            .collect::<String>()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let failure = parse(&words).unwrap().unwrap_err();
        assert_eq!(failure.status, 2, "{line}");
        failure
            .message
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn options_and_operands_stand_in_any_order() {
        for words in [["diff", "--json", "table"], ["diff", "table", "--json"]] {
            let asked = parse(&words).unwrap().unwrap();
            assert_eq!((asked.word, asked.operand), (Word::Diff, Some("table")));
            assert!(asked.has("json"));
        }
        assert_eq!(
            parse(&["diff", "-"]).unwrap().unwrap().operand,
            Some("-"),
            "standard input"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (line, message) in [
            ("diff", "missing argument"),
            ("diff a b", "unexpected argument b"),
            ("diff -x", "-x: unknown option"),
            ("diff --nosuch a", "--nosuch: unknown option"),
            (
                "diff --json=x a",
                "--json=x: option does not take an argument",
            ),
            ("completion", "missing argument"),
            ("completion csh", "unexpected argument csh"),
            ("man -x", "-x: unknown option"),
            ("man page", "unexpected argument page"),
            ("watch 5", "unexpected argument 5"),
            ("watch --interval", "--interval: missing argument"),
            ("diff --json --json a", "multiple 'json' options specified"),
        ] {
            assert_eq!(refusal(line), message, "{line}");
        }
    }

    #[test]
    fn other_command_lines_are_not_these() {
        for words in [
            &[] as &[&str],
            &["-L", "diff"],
            &["differ"],
            &["diff", "table", "--compat"],
        ] {
            assert_eq!(parse(words), None, "{words:?}");
        }
    }
}
