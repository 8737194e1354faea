// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-R`: command lines, one a line. It reads and checks all of them before it carries out the first. It keeps changes
//! that follow each other together.

mod failures;
mod input;
mod line_by_line;
mod steps;

use std::io::{Error, Read};
use std::mem;

use input::Input;

pub use failures::Failures;
pub use line_by_line::line_by_line;
pub use steps::Steps;

use super::arguments::{Context, Invocation, parse};
use super::change::Change;
use super::failure::Failure;

/// So many changes are kept in one piece of memory: what one call takes to the kernel.
pub const TOGETHER: usize = 400;
/// The most lines of an input: far more than any kernel's table has.
const MOST_LINES: u32 = 4 << 20;

/// An item of the input: changes that follow each other, or another command.
#[derive(Debug)]
pub enum Item {
    /// Changes that say everything.
    Steps(Steps),
    /// Anything else, with its line.
    Other(Box<Invocation>, u32),
}

/// Reads all lines, or returns the error of every bad one. It skips empty lines, comments, and the program's name at
/// the start of a line.
pub fn read(context: Context<'_>, from: impl Read) -> Result<Vec<Item>, Failure> {
    let mut items = Items::default();
    let mut failures = Failures::default();
    let mut input = Input::new(from);
    let mut number = 0;
    while let Some(text) = input.next().map_err(|error| unreadable(number, &error))? {
        let mut arguments = Vec::new();
        for line in text.lines() {
            // Editors of other systems put a byte order mark before the first line.
            let line = match number {
                0 => line.strip_prefix('\u{feff}').unwrap_or(line),
                _ => line,
            };
            number += 1;
            match self::line(context, line, &mut arguments) {
                None => {}
                Some(Ok(invocation)) => items.add(invocation, number),
                Some(Err(failure)) => failures.add(number, &failure),
            }
        }
        if failures.are_full() || number > MOST_LINES {
            break;
        }
    }
    if number > MOST_LINES {
        failures.add(number, &Failure::usage("more lines than can be restored"));
    }
    failures.end().map(|()| items.end())
}

/// What one line says; `None` for an empty one, or a comment. Its words are put in place of those of the line before.
pub(crate) fn line<'a>(
    context: Context<'_>,
    line: &'a str,
    words: &mut Vec<&'a str>,
) -> Option<Result<Invocation, Failure>> {
    read_words(line, words);
    if words.is_empty() {
        return None;
    }
    Some(match parse(context, words) {
        Ok(Invocation::Restore { .. } | Invocation::Help | Invocation::Version) => {
            Err(Failure::usage("illegal in a restore"))
        }
        other => other,
    })
}

/// Refuses an input that says nothing about the table. As a whole table it would take everything away, and most likely
/// the program that should have written it has failed: `ssh other ipvsadm-save | lvsadm -R --atomic-replace`. The word
/// `-C` in the input asks for an empty table.
pub fn refuse_nothing(items: &[Item]) -> Result<(), Failure> {
    let of_the_table = |item: &Item| match item {
        Item::Steps(_) => true,
        Item::Other(invocation, _) => {
            matches!(**invocation, Invocation::Change(_) | Invocation::Clear)
        }
    };
    if items.iter().any(of_the_table) {
        return Ok(());
    }
    Err(Failure::usage(
        "the input has no virtual service: as a table it would take all services away; look why it is empty, or ask \
         for an empty table with the line -C",
    ))
}

fn unreadable(lines: u32, error: &Error) -> Failure {
    Failure::usage(format!("read after line {lines}: {error}"))
}

/// The input read so far.
#[derive(Default)]
struct Items {
    all: Vec<Item>,
    steps: Steps,
}

impl Items {
    fn add(&mut self, invocation: Invocation, number: u32) {
        match invocation {
            Invocation::Change(Change::Step(step)) => {
                if self.steps.len() == TOGETHER {
                    self.close();
                    // There will be as many again.
                    self.steps = Steps::with_room(TOGETHER);
                }
                self.steps.push(step, number);
            }
            other => {
                self.close();
                self.all.push(Item::Other(Box::new(other), number));
            }
        }
    }

    fn close(&mut self) {
        if !self.steps.is_empty() {
            self.all.push(Item::Steps(mem::take(&mut self.steps)));
        }
    }

    fn end(mut self) -> Vec<Item> {
        self.close();
        self.all
    }
}

/// Puts the words of a line, without the program's name and comments, in place of those of the line before.
fn read_words<'a>(line: &'a str, words: &mut Vec<&'a str>) {
    words.clear();
    split(line, |word| {
        if word.starts_with('#') {
            return false;
        }
        if !(words.is_empty() && is_program(word)) {
            words.push(word);
        }
        true
    });
}

/// The same as ipvsadm reads them: it knows no comments.
fn read_all_words<'a>(line: &'a str, words: &mut Vec<&'a str>) {
    words.clear();
    split(line, |word| {
        if !(words.is_empty() && is_program(word)) {
            words.push(word);
        }
        true
    });
}

fn is_program(word: &str) -> bool {
    matches!(word, "ipvsadm" | "lvsadm")
}

/// Hands out the words of a line, as `split_ascii_whitespace` does, as long as `take` wants more. Every byte of an input
/// comes by here: one comparison tells most of them from all blanks.
fn split<'a>(line: &'a str, mut take: impl FnMut(&'a str) -> bool) {
    let is_blank = |byte: u8| byte <= b' ' && byte.is_ascii_whitespace();
    let mut start = None;
    for (index, byte) in line.bytes().enumerate() {
        match (start, is_blank(byte)) {
            (None, false) => start = Some(index),
            (Some(first), true) => {
                start = None;
                if !line.get(first..index).is_some_and(&mut take) {
                    return;
                }
            }
            (None, true) | (Some(_), false) => {}
        }
    }
    if let Some(first) = start {
        line.get(first..).map(take);
    }
}

/// The items of this input, which names no host and no port.
#[cfg(test)]
pub(crate) fn items(input: &str) -> Result<Vec<Item>, Failure> {
    items_as(false, input)
}

/// The same, as ipvsadm means it or as lvsadm does.
#[cfg(test)]
pub(crate) fn items_as(compat: bool, input: &str) -> Result<Vec<Item>, Failure> {
    let context = Context {
        program: "lvsadm",
        lookup: &super::address::Nobody,
        compat,
    };
    read(context, input.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_input_without_a_change_is_no_table_unless_it_asks_to_be_one() {
        for nothing in [
            "",
            "\n",
            "# saved by nobody\n",
            "--set 900 120 300\n",
            "-L\n-Z\n",
        ] {
            let failure = refuse_nothing(&items(nothing).unwrap()).unwrap_err();
            assert_eq!(failure.status, 2, "{nothing:?}");
            assert!(failure.message.contains("the line -C"), "{nothing:?}");
        }
        for something in ["-C\n", "-A -f 1\n", "-A -f 1\n-D -f 1\n", "-E -f 1 -s rr\n"] {
            assert_eq!(
                refuse_nothing(&items(something).unwrap()),
                Ok(()),
                "{something:?}"
            );
        }
    }

    #[test]
    fn every_bad_line_is_told() {
        let input = "-A -t 10.0.0.1:80\n# -q\n-A -t 80\n\nipvsadm -A -t 10.0.0.1:81 #-q\n-R\n";
        assert_eq!(
            items(input).unwrap_err(),
            Failure {
                message: "line 3: illegal virtual server address[:port] specified\n\
                          line 6: illegal in a restore"
                    .to_owned(),
                status: 2,
            }
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_word() {
        assert_eq!(items("\u{feff}-A -t 10.0.0.1:80\n").unwrap().len(), 1);
        assert_eq!(items("\u{feff}# a comment\n-C\n").unwrap().len(), 1);
        let later = items("-C\n\u{feff}-A -t 10.0.0.1:80\n").unwrap_err();
        assert!(later.message.starts_with("line 2: "), "{later:?}");
    }

    proptest! {
        #[test]
        fn a_line_is_split_at_its_blanks(line in "[ \t\r\x0b\x0c\x01ab\u{85}\u{a0}é-]{0,30}") {
            let expected: Vec<&str> = line.split_ascii_whitespace().collect();
            let mut words = Vec::new();
            split(&line, |word| {
                words.push(word);
                true
            });
            prop_assert_eq!(words, expected);
        }
    }

    #[test]
    fn changes_that_follow_each_other_go_together() {
        let input = "-A -f 1\n-A -f 2\n-Z\n-A -f 3\n";
        let items = items(input).unwrap();
        let shape: Vec<(usize, u32)> = items
            .iter()
            .map(|item| match item {
                Item::Steps(steps) => (steps.len(), steps.line(0)),
                Item::Other(_, number) => (0, *number),
            })
            .collect();
        assert_eq!(shape, [(2, 1), (0, 3), (1, 4)]);
    }

    #[test]
    fn changes_go_together_up_to_a_limit() {
        let items = items(&"-A -f 7\n".repeat(2500)).unwrap();
        let mut lines = Vec::new();
        for item in &items {
            let Item::Steps(steps) = item else {
                panic!("{item:?}");
            };
            assert!(steps.len() <= TOGETHER);
            lines.extend((0..steps.len()).map(|index| steps.line(index)));
        }
        assert_eq!((items.len(), lines), (7, (1..=2500).collect()));
    }

    #[test]
    fn bad_lines_are_told_up_to_a_limit() {
        let refused = items(&"-L -q\n".repeat(30_000)).unwrap_err();
        let last: Vec<&str> = refused.message.lines().skip(9_999).collect();
        assert_eq!(last, ["line 10000: -q: unknown option", "and more"]);
        assert_eq!(refused.status, 255);
    }
}
