// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts of a script's lines: functions, labels, commands and their words.

use super::Part;

/// `NAME() {` or `function NAME {`, and what follows.
pub(super) fn function(text: &str) -> Option<(&str, &str)> {
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
pub(super) fn label(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('(').unwrap_or(text);
    let (label, rest) = text.split_once(')')?;
    let is_pattern = |c: char| c.is_ascii_alphanumeric() || "_-*?|\"' .[]!:/,+".contains(c);
    (!label.is_empty() && label.chars().all(is_pattern)).then_some((label, rest))
}

pub(super) fn part_of_label(label: &str) -> Part {
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

pub(super) fn part_of(function: &str) -> Part {
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

/// The commands of a line, each as words with their quotes, and the quote that is open at its end. A redirection is a word
/// of its own.
pub(super) fn split(line: &str) -> (Vec<Vec<String>>, Option<char>) {
    let mut commands = vec![Vec::new()];
    let mut word = String::new();
    let mut quote = None;
    // Parentheses of "$(" that are open.
    let mut depth = 0_usize;
    let mut characters = line.chars().peekable();
    let end = |word: &mut String, commands: &mut Vec<Vec<String>>| {
        if !word.is_empty()
            && let Some(command) = commands.last_mut()
        {
            command.push(std::mem::take(word));
        }
    };
    while let Some(character) = characters.next() {
        if let Some(open) = quote {
            word.push(character);
            if character == open {
                quote = None;
            }
            continue;
        }
        match character {
            '"' | '\'' | '`' => {
                word.push(character);
                quote = Some(character);
            }
            '(' if depth > 0 || word.ends_with('$') => {
                word.push(character);
                depth += 1;
            }
            ')' if depth > 0 => {
                word.push(character);
                depth -= 1;
            }
            _ if depth > 0 => word.push(character),
            '#' if word.is_empty() => break,
            ' ' | '\t' => end(&mut word, &mut commands),
            '>' => {
                end(&mut word, &mut commands);
                while characters
                    .next_if(|next| matches!(next, '>' | '&'))
                    .is_some()
                {}
                word.push('>');
                end(&mut word, &mut commands);
            }
            ';' | '|' | '&' | ')' => {
                end(&mut word, &mut commands);
                commands.push(Vec::new());
            }
            other => word.push(other),
        }
    }
    end(&mut word, &mut commands);
    commands.retain(|command| !command.is_empty());
    (commands, quote)
}

/// The word that ends a text which begins in the next line (`<<EOF`); `None` without one.
pub(super) fn here_document(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("<<")?;
    if before.contains('#') || rest.starts_with('<') {
        return None;
    }
    let rest = rest.trim_start_matches('-').trim_start();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = rest.trim_start_matches(['"', '\'', '\\']);
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    rest.get(..end).filter(|word| !word.is_empty())
}
