// SPDX-License-Identifier: MIT OR Apache-2.0
//! One line of `haproxy.cfg` as words: blanks, quotes, backslashes, comments, and the environment (sections 2.2 and 2.3
//! of HAProxy's configuration manual).

use std::iter::Peekable;
use std::str::CharIndices;

use super::environment::Environment;
use crate::diagnostic::{FileId, Finding, Findings, Fix, SourceMap, Span};
use crate::import::statement::Word;
use crate::import::text::oddity;

/// A byte above 0x7f that the text names by `\xNN` is this character and so many more: a word is text, and such a byte is
/// none.
pub(super) const BYTES: u32 = 0xf_0000;

/// The words of a line, and its comment.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) words: Vec<Word>,
    pub(super) comment: Option<Box<str>>,
}

/// What a line is read with.
pub(super) struct Lexer<'l, 'a> {
    pub(super) sources: &'l SourceMap,
    pub(super) file: FileId,
    pub(super) environment: &'l mut Environment<'a>,
    pub(super) out: &'l mut Findings,
}

/// A line that is being read.
struct Cursor<'t> {
    text: &'t str,
    /// Where the line begins in its file.
    base: usize,
    rest: Peekable<CharIndices<'t>>,
    /// The word that has begun.
    word: Option<Started>,
    line: Line,
}

/// A word without its end.
struct Started {
    begin: usize,
    text: String,
    quoted: bool,
}

impl Lexer<'_, '_> {
    /// Reads one line, which begins at this byte of the file.
    pub(super) fn line(&mut self, base: usize, text: &str) -> Line {
        let mut at = Cursor {
            text,
            base,
            rest: text.char_indices().peekable(),
            word: None,
            line: Line::default(),
        };
        while let Some((place, character)) = at.rest.next() {
            match character {
                ' ' | '\t' | '\r' => self.end(&mut at, place),
                '#' => {
                    self.end(&mut at, place);
                    let comment = text.get(place + 1..).unwrap_or_default();
                    at.line.comment = Some(comment.trim_end().into());
                    return at.line;
                }
                '\'' => self.strong(&mut at, place),
                '"' => self.weak(&mut at, place),
                '\\' => self.escape(&mut at, place),
                other => self.plain(&mut at, place, other),
            }
        }
        self.end(&mut at, text.len());
        at.line
    }

    fn span(&self, base: usize, from: usize, to: usize) -> Span {
        self.sources.span(self.file, base + from..base + to)
    }

    /// Ends the word that has begun, if one has.
    fn end(&self, at: &mut Cursor<'_>, place: usize) {
        if let Some(word) = at.word.take() {
            at.line.words.push(Word {
                span: self.span(at.base, word.begin, place),
                text: word.text.into(),
                quoted: word.quoted,
            });
        }
    }

    /// A character outside quotes.
    fn plain(&mut self, at: &mut Cursor<'_>, place: usize, character: char) {
        let Some(odd) = oddity(character) else {
            at.word(place).text.push(character);
            return;
        };
        let end = place + character.len_utf8();
        self.out.push(odd.finding(self.span(at.base, place, end)));
        match odd.meant() {
            Some(' ') => self.end(at, place),
            Some(meant) => at.word(place).text.push(meant),
            None => {}
        }
    }

    /// From a single quote to the next one.
    fn strong(&mut self, at: &mut Cursor<'_>, begin: usize) {
        at.word(begin).quoted = true;
        while let Some((_, character)) = at.rest.next() {
            if character == '\'' {
                return;
            }
            at.word(begin).text.push(character);
        }
        self.unterminated(at, begin, "'");
    }

    /// From a double quote to the next one.
    fn weak(&mut self, at: &mut Cursor<'_>, begin: usize) {
        at.word(begin).quoted = true;
        while let Some((place, character)) = at.rest.next() {
            match character {
                '"' => return,
                '\\' => self.escape(at, place),
                '$' => self.variable(at, place),
                other => at.word(begin).text.push(other),
            }
        }
        self.unterminated(at, begin, "\"");
    }

    fn unterminated(&mut self, at: &Cursor<'_>, begin: usize, quote: &str) {
        let length = at.text.trim_end().len().max(begin + 1);
        let end = self.span(at.base, length, length);
        let finding = Finding::new(
            self.span(at.base, begin, begin + 1),
            "a quote that does not end in its line",
        );
        let fix = Fix {
            title: format!("end the quote by {quote}"),
            ..Fix::replace(end, quote)
        };
        self.out.push(finding.help("HAProxy refuses it").fix(fix));
    }

    /// What a backslash and the next character stand for.
    fn escape(&mut self, at: &mut Cursor<'_>, place: usize) {
        let Some((_, next)) = at.rest.next() else {
            at.word(place).text.push('\\');
            return;
        };
        let meant = match next {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'x' => {
                let text = at.text.get(place + 2..place + 4).unwrap_or_default();
                let Ok(byte) = u8::from_str_radix(text, 16) else {
                    let span = self.span(at.base, place, place + 2);
                    let finding = Finding::new(span, "\\x without two hexadecimal digits");
                    self.out.push(finding.help("HAProxy refuses it"));
                    return;
                };
                at.rest.nth(1);
                byte_as_char(byte)
            }
            ' ' | '#' | '\\' | '\'' | '"' | '$' => next,
            other => {
                at.word(place).text.push('\\');
                other
            }
        };
        at.word(place).text.push(meant);
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}` and `${NAME[*]}` in double quotes.
    fn variable(&mut self, at: &mut Cursor<'_>, place: usize) {
        let rest = at.text.get(place + 1..).unwrap_or_default();
        let (length, inner) = variable_in(rest);
        if length == 0 {
            at.word(place).text.push('$');
            return;
        }
        // The cursor goes by characters.
        let characters = rest.get(..length).map_or(0, |it| it.chars().count());
        if let Some(last) = characters.checked_sub(1) {
            at.rest.nth(last);
        }
        let span = self.span(at.base, place, place + 1 + length);
        let value = self.environment.value(inner, span, self.out);
        at.word(place).text.push_str(&value);
    }
}

impl Cursor<'_> {
    /// The word that has begun, or one that begins here.
    fn word(&mut self, begin: usize) -> &mut Started {
        self.word.get_or_insert_with(|| Started {
            begin,
            text: String::new(),
            quoted: false,
        })
    }
}

fn byte_as_char(byte: u8) -> char {
    let code = match byte {
        0..=0x7f => u32::from(byte),
        _ => BYTES + u32::from(byte),
    };
    // Every such code is a character.
    char::from_u32(code).unwrap_or('\u{fffd}')
}

/// How long a variable behind a dollar sign is, and what is in its braces, or its name.
fn variable_in(text: &str) -> (usize, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (length, from, to) = if let Some(braced) = text.strip_prefix('{') {
        match braced.find('}') {
            Some(end) => (end + 2, 1, end + 1),
            None => (0, 0, 0),
        }
    } else {
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        (end, 0, end)
    };
    (length, text.get(from..to).unwrap_or_default())
}

/// The bytes that a word stands for.
pub(super) fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        let named = u32::from(character).checked_sub(BYTES);
        match named.and_then(|code| u8::try_from(code).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::surroundings::Alone;

    fn words(text: &str) -> (Vec<String>, Option<String>, bool) {
        let mut sources = SourceMap::default();
        let file = sources.add("haproxy.cfg", text);
        let mut out = Findings::default();
        let mut environment = Environment::new(&Alone);
        let mut lexer = Lexer {
            sources: &sources,
            file,
            environment: &mut environment,
            out: &mut out,
        };
        let line = lexer.line(0, text);
        let words = line.words.iter().map(|word| word.text.to_string());
        let comment = line.comment.map(String::from);
        (words.collect(), comment, out.has_errors())
    }

    #[test]
    fn quotes_backslashes_and_comments_are_haproxy_s() {
        for (text, expected) in [
            ("a  b\tc\r", vec!["a", "b", "c"]),
            ("log \"a b\"' c#'\\ d", vec!["log", "a b c# d"]),
            (
                "send PING\\r\\n \\x41 \\#",
                vec!["send", "PING\r\n", "A", "#"],
            ),
            ("'\\n \"' \"it's\"", vec!["\\n \"", "it's"]),
            ("a\"\" \"\"", vec!["a", ""]),
            (
                "\"${NO-10.0.0.1}:80 ${NO-\u{4e3b}}x\"",
                vec!["10.0.0.1:80 \u{4e3b}x"],
            ),
            ("\"a$ ${b\" $c", vec!["a$ ${b", "$c"]),
        ] {
            let (words, comment, wrong) = words(text);
            assert_eq!(words, expected, "{text}");
            assert_eq!((comment, wrong), (None, false), "{text}");
        }
        let (found, comment, _) = words("bind :80#all of it ");
        assert_eq!(found, ["bind", ":80"]);
        assert_eq!(comment.as_deref(), Some("all of it"));
    }

    #[test]
    fn a_quote_that_does_not_end_and_half_an_escape_are_errors() {
        for text in ["\"a", "'a", "\\x4", "\\xzz"] {
            assert!(words(text).2, "{text}");
        }
    }

    #[test]
    fn bytes_above_ascii_come_back_as_they_were_named() {
        let (words, ..) = words("\\xff\u{e9}\\x00");
        assert_eq!(bytes_of(&words[0]), b"\xff\xc3\xa9\x00");
    }
}
