// SPDX-License-Identifier: MIT OR Apache-2.0
//! A text without what web pages and word processors put in the place of blanks and quotes, for readers by lines.

use super::text::{Oddity, oddity};
use crate::diagnostic::{FileId, Findings, SourceMap};

/// The text with plain characters, as long as it was: each byte stays where it is. What was replaced is told. What stands
/// in plain quotes or behind `#` stays.
pub(super) fn plain(sources: &SourceMap, file: FileId, out: &mut Findings) -> String {
    let text = sources.text(file);
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let mut place = Place::default();
        for character in line.chars() {
            let length = character.len_utf8();
            let counts = place.takes(character);
            match oddity(character).filter(|_| counts) {
                None => plain.push(character),
                Some(odd) => {
                    out.push(odd.finding(sources.span(file, at..at + length)));
                    push(&mut plain, odd, length, place.opens(odd));
                }
            }
            at += length;
        }
    }
    plain
}

/// What was meant, and blanks for the other bytes: outside what is quoted.
fn push(plain: &mut String, odd: Oddity, length: usize, opens: bool) {
    let blanks = std::iter::repeat_n(' ', length - 1);
    let meant = odd.meant().unwrap_or(' ');
    if opens {
        plain.extend(blanks);
        plain.push(meant);
    } else {
        plain.push(meant);
        plain.extend(blanks);
    }
}

/// Where in a line a character stands.
#[derive(Debug, Default)]
struct Place {
    quote: Option<char>,
    /// The character before, unless the line begins.
    before: Option<char>,
    comment: bool,
    /// Whether an odd quote is open.
    odd_quote: bool,
}

impl Place {
    /// Whether an odd character opens what is quoted.
    fn opens(&mut self, odd: Oddity) -> bool {
        let is_quote = matches!(odd, Oddity::DoubleQuote | Oddity::SingleQuote);
        self.odd_quote ^= is_quote;
        is_quote && self.odd_quote
    }

    /// Whether a character counts: outside quotes and comments.
    fn takes(&mut self, character: char) -> bool {
        let begins = self.before.is_none_or(char::is_whitespace);
        match self.quote {
            Some(open) if open == character => self.quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'' | '`') => self.quote = Some(character),
            None => self.comment |= begins && character == '#',
        }
        self.before = Some(character);
        self.quote.is_none() && !self.comment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;

    fn read(text: &str) -> (String, usize) {
        let (mut sources, mut out) = (SourceMap::default(), Findings::default());
        let file = sources.add("pasted", text);
        let plain = plain(&sources, file, &mut out);
        let said = Diagnostics::whole(&sources, out, |_| false);
        (plain, said.iter().count())
    }

    #[test]
    fn what_web_pages_put_in_the_place_of_blanks_is_plain_and_each_byte_stays_in_its_place() {
        let (plain, told) = read("a\u{a0}b\u{3000}c = \u{201c}d\u{201d}\n");
        assert_eq!((&*plain, told), ("a  b   c =   \"d\"  \n", 4));
    }

    #[test]
    fn quotes_and_comments_stay_as_they_are() {
        let text = "echo \"it\u{2019}s\u{3000}up\" # \u{3000}\nx=1 # \u{201c}\n'\u{a0}'\n";
        assert_eq!(read(text), (text.to_owned(), 0));
    }
}
