// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words of `server` and `default-server`, also of sections that are not carried over.

use super::Judge;
use crate::diagnostic::{Finding, Fix, Shown, Span};
use crate::import::haproxy::words::{CHOICES, Means, WORDS};
use crate::import::statement::Word;

/// A word that was there before.
struct Seen {
    name: &'static str,
    first: Span,
    is_told: bool,
}

impl Judge<'_> {
    /// The words behind a server's address, or behind `default-server`.
    pub(super) fn server(&mut self, words: &[Word]) {
        let mut rest = words;
        let mut seen: Vec<Seen> = Vec::new();
        while let Some((word, after)) = rest.split_first() {
            let Some((name, count, means)) = WORDS.iter().find(|it| it.0 == &*word.text) else {
                self.unknown(word);
                return;
            };
            let Some((arguments, after)) = after.split_at_checked(*count) else {
                let message = format!("{name} says nothing alone");
                let finding = Finding::new(word.span, message);
                self.out.push(finding.help("a value must follow"));
                return;
            };
            let last = arguments.last().map_or(word.span, |it| it.span);
            self.twice(name, word.span.through(last), &mut seen);
            let choices = CHOICES.iter().find(|it| it.0 == *name);
            if let (Some((_, known)), Some(argument)) = (choices, arguments.first()) {
                self.one_of(argument, &format!("word of {name}"), known);
            }
            rest = after;
            // It has a grammar of its own.
            while *means == Means::Source
                && let [word, _, after @ ..] = rest
                && matches!(&*word.text, "usesrc" | "interface")
            {
                rest = after;
            }
        }
    }

    /// Says once for each word that it stands in its line more than once.
    fn twice(&mut self, name: &'static str, span: Span, seen: &mut Vec<Seen>) {
        let Some(known) = seen.iter_mut().find(|it| it.name == name) else {
            seen.push(Seen {
                name,
                first: span,
                is_told: false,
            });
            return;
        };
        if known.is_told {
            return;
        }
        known.is_told = true;
        let message =
            format!("{name} stands twice in this line, and the last one counts, as in HAProxy");
        let finding = Finding::warning(span, message).label(known.first, "the first one");
        self.out.push(finding.help("remove one of them"));
    }

    fn unknown(&mut self, word: &Word) {
        let message = format!("unknown keyword {} of a server", Shown(&word.text));
        let finding = Finding::new(word.span, message);
        let near = self.aside.near(&word.text, WORDS.iter().map(|it| it.0));
        self.out.push(match near {
            Some(near) => finding
                .help(format!("did you mean {near}?"))
                .fix(Fix::replace(word.span, near)),
            None => finding.help("HAProxy 2.6 does not know it; remove it"),
        });
    }
}
