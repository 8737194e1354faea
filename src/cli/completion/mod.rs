// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm completion`: scripts that complete a command line, from the definitions that the parser uses.

mod bash;
mod fish;
mod zsh;

use std::fmt::{self, Write};

use super::own::{Operand, OwnWord};
use crate::ipvsadm::options::{Command, DEFINITIONS, Definition, Meaning};

/// The shells with a completion script.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// Writes the completion script of this shell; nothing for a shell that is not in [`SHELLS`].
pub fn write(out: &mut impl Write, shell: &str) -> fmt::Result {
    match shell {
        "bash" => bash::write(out),
        "zsh" => zsh::write(out),
        "fish" => fish::write(out),
        _ => Ok(()),
    }
}

fn commands() -> impl Iterator<Item = (Command, &'static Definition)> {
    DEFINITIONS.iter().filter_map(|it| match it.meaning {
        Meaning::Command(command) => Some((command, it)),
        Meaning::Option(_) => None,
    })
}

/// The options a command takes.
fn options_of(command: Command) -> impl Iterator<Item = &'static Definition> {
    DEFINITIONS
        .iter()
        .filter(move |it| it.is_option_of(command))
}

/// `-t`, `--tcp-service`.
fn names(definition: &Definition) -> Vec<String> {
    let short = definition.short.chars().map(|letter| format!("-{letter}"));
    short.chain([format!("--{}", definition.long)]).collect()
}

/// `None` means a file.
const fn operands(operand: Operand) -> Option<&'static [&'static str]> {
    match operand {
        Operand::None => Some(&[]),
        Operand::File => None,
        Operand::OneOf(choices) => Some(choices),
    }
}

fn own_names(own: &OwnWord) -> Vec<String> {
    own.options
        .iter()
        .map(|option| format!("--{}", option.long))
        .collect()
}

/// In single quotes, for all three shells.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::own::WORDS;

    fn script(shell: &str) -> String {
        let mut text = String::new();
        write(&mut text, shell).unwrap();
        text
    }

    /// Whether the text has the name as a word of its own.
    fn has(text: &str, name: &str) -> bool {
        text.split(|it: char| !it.is_ascii_alphanumeric() && it != '-')
            .any(|word| word == name)
    }

    #[test]
    fn every_option_of_the_table_is_in_each() {
        for definition in DEFINITIONS {
            for name in names(definition) {
                assert!(has(&script("bash"), &name), "bash: {name}");
                assert!(has(&script("zsh"), &name), "zsh: {name}");
            }
            let fish = script("fish");
            let long = format!(" -l {} ", definition.long);
            assert!(fish.contains(&long), "fish: {long}");
            for letter in definition.short.chars() {
                assert!(fish.contains(&format!(" -s {letter} ")), "fish: {letter}");
            }
        }
    }

    #[test]
    fn every_word_and_its_options_are_in_each() {
        for shell in SHELLS {
            let text = script(shell);
            for own in WORDS {
                assert!(has(&text, own.name), "{shell}: {}", own.name);
                for option in own.options {
                    let name = match *shell {
                        "fish" => format!("_of {}' -l {} ", own.name, option.long),
                        _ => format!("--{}", option.long),
                    };
                    assert!(text.contains(&name), "{shell}: {name}");
                }
            }
        }
    }

    #[test]
    fn a_command_is_completed_with_the_options_it_takes() {
        let takes = |command| -> Vec<&str> { options_of(command).map(|it| it.long).collect() };
        assert_eq!(takes(Command::Save), ["ipv6", "numeric", "sort", "compat"]);
        assert!(takes(Command::List).contains(&"service"));
        assert!(!takes(Command::AddServer).contains(&"scheduler"));
    }

    #[test]
    fn what_a_shell_would_read_as_its_own_is_quoted() {
        assert_eq!(quoted("the daemon's"), "'the daemon'\\''s'");
    }
}
