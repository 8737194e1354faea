// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words and braces of a line, and where its comment begins.

use crate::diagnostic::{Finding, Findings, Span};
use crate::import::statement::Word;
use crate::import::text::{Oddity, oddity};

use super::line::Line;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word.
    Word(Word),
    /// `{`
    Open(Span),
    /// `}`
    Close(Span),
}

/// The offset of the sign that begins a comment. Double quotes protect it, single ones do not; `\#` and `\!` begin none.
pub(super) fn comment(line: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (offset, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' | '!' if !quoted => return Some(offset),
            _ => {}
        }
    }
    None
}

/// Says so when single quotes stand around a sign that begins a comment all the same.
pub(super) fn tell_unprotected(line: &Line<'_>, comment: usize, out: &mut Findings) {
    let text = line.text();
    let (before, behind) = text.split_at(comment);
    let begins = |(at, _): &(usize, &str)| text[..*at].ends_with(|c: char| c.is_ascii_whitespace());
    let quotes: Vec<_> = before.match_indices('\'').filter(begins).collect();
    let is_open = before.matches('\'').count() % 2 == 1 && !quotes.is_empty();
    if is_open && behind.contains('\'') {
        let what = "a comment begins here: single quotes do not protect this sign";
        out.push(
            Finding::new(line.span(comment..comment + 1), what)
                .help("put the text in double quotes, or write a backslash before the sign"),
        );
    }
}

/// The words and braces of a line.
pub(super) fn tokens(line: &Line<'_>, out: &mut Findings) -> Vec<Token> {
    let mut lexer = Lexer { line, at: 0, out };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next() {
        tokens.push(token);
    }
    tokens
}

struct Lexer<'l, 'a, 'o> {
    line: &'l Line<'a>,
    at: usize,
    out: &'o mut Findings,
}

impl Lexer<'_, '_, '_> {
    fn next(&mut self) -> Option<Token> {
        loop {
            let character = self.peek()?;
            let odd = oddity(character);
            if !character.is_ascii_whitespace() && !matches!(odd, Some(Oddity::Blank(_))) {
                break;
            }
            self.tell(odd, character);
            self.at += character.len_utf8();
        }
        Some(match self.peek()? {
            '{' => Token::Open(self.brace()),
            '}' => Token::Close(self.brace()),
            '"' => self.quoted(),
            _ => self.bare(),
        })
    }

    fn peek(&self) -> Option<char> {
        self.line.text().get(self.at..)?.chars().next()
    }

    fn brace(&mut self) -> Span {
        self.at += 1;
        self.line.span(self.at - 1..self.at)
    }

    fn tell(&mut self, odd: Option<Oddity>, character: char) {
        if let Some(odd) = odd {
            let span = self.line.span(self.at..self.at + character.len_utf8());
            self.out.push(odd.finding(span));
        }
    }

    fn quoted(&mut self) -> Token {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut is_closed = false;
        while let Some(character) = self.peek() {
            self.at += character.len_utf8();
            match (character, self.peek()) {
                ('"', _) => {
                    is_closed = true;
                    break;
                }
                ('\\', Some(next @ ('"' | '\\'))) => {
                    text.push(next);
                    self.at += 1;
                }
                _ => text.push(character),
            }
        }
        let span = self.line.span(begin..self.at);
        if !is_closed {
            let finding = Finding::new(span, "the quote is not closed in this line");
            self.out.push(finding.help("keepalived stops here"));
        }
        Self::word(span, &text, true)
    }

    fn bare(&mut self) -> Token {
        let begin = self.at;
        let mut text = String::new();
        let mut braces = 0_usize;
        while let Some(character) = self.peek() {
            let odd = oddity(character);
            let starts = character == '{' && text.ends_with('$');
            let ends = character.is_ascii_whitespace()
                || matches!(odd, Some(Oddity::Blank(_)))
                || (matches!(character, '{' | '}') && braces == 0 && !starts);
            if ends {
                break;
            }
            self.tell(odd, character);
            self.at += character.len_utf8();
            match (character, self.peek()) {
                ('\\', Some(next @ ('#' | '!'))) => {
                    text.push(next);
                    self.at += 1;
                }
                _ => text.push(character),
            }
            match character {
                '{' => braces += 1,
                '}' => braces = braces.saturating_sub(1),
                _ => {}
            }
        }
        let span = self.line.span(begin..self.at);
        Self::word(span, &text, false)
    }

    fn word(span: Span, text: &str, quoted: bool) -> Token {
        Token::Word(Word {
            span,
            text: text.into(),
            quoted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut out = Findings::default();
        let tokens = tokens(&Line::of_file(text, 0), &mut out);
        let shown = tokens.into_iter().map(|token| match token {
            Token::Word(word) if word.quoted => format!("<{}>", word.text),
            Token::Word(word) => word.text.into(),
            Token::Open(_) => "{".to_owned(),
            Token::Close(_) => "}".to_owned(),
        });
        shown.collect()
    }

    #[test]
    fn braces_stick_to_words_and_quotes_hold_them_together() {
        assert_eq!(
            shown("real_server 10.0.0.2 80{weight 1}"),
            ["real_server", "10.0.0.2", "80", "{", "weight", "1", "}"]
        );
        assert_eq!(
            shown("script \"/a b {c} \\\"d\\\"\" x"),
            ["script", "</a b {c} \"d\">", "x"]
        );
        assert_eq!(shown("path ${UNKNOWN}/x {"), ["path", "${UNKNOWN}/x", "{"]);
        assert_eq!(shown("auth_pass a\\#b\\!c"), ["auth_pass", "a#b!c"]);
        assert_eq!(shown("weight\u{a0}1\u{3000}2"), ["weight", "1", "2"]);
    }

    #[test]
    fn a_comment_begins_outside_double_quotes_only() {
        assert_eq!(comment("a # b"), Some(2));
        assert_eq!(comment("a!b"), Some(1));
        assert_eq!(comment("a \"#!\" b"), None);
        assert_eq!(comment("a '#' b"), Some(3));
        assert_eq!(comment("a \\# b"), None);
    }
}
