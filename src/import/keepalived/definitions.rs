// SPDX-License-Identifier: MIT OR Apache-2.0
//! `$NAME=value`, and what stands where a name is used.

use std::collections::HashMap;
use std::ops::Range;

use super::line::Line;
use crate::diagnostic::{Finding, Findings};
use crate::import::Surroundings;

/// keepalived takes no line that is longer, in bytes.
pub(super) const LONGEST_LINE: usize = 1023;
/// So many uses are replaced in one line: a definition that holds itself never ends.
const MOST_USES: usize = 500;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Definition {
    /// Words within a line.
    Words(Box<str>),
    /// Whole lines.
    Lines(Vec<Box<str>>),
}

/// All names that are defined so far.
pub(super) struct Definitions<'a> {
    named: HashMap<Box<str>, Definition>,
    around: &'a dyn Surroundings,
    /// The directory of the file that is read.
    pub(super) directory: String,
    /// How many bytes were copied to replace names.
    copied: usize,
}

/// The use of a name.
struct Use<'t> {
    range: Range<usize>,
    name: &'t str,
}

impl<'a> Definitions<'a> {
    pub(super) fn new(around: &'a dyn Surroundings) -> Self {
        Self {
            named: HashMap::new(),
            around,
            directory: String::new(),
            copied: 0,
        }
    }

    /// How many bytes were copied since this was asked.
    pub(super) fn take_copied(&mut self) -> usize {
        std::mem::take(&mut self.copied)
    }

    /// Defines a name, again if it is known.
    pub(super) fn define(&mut self, name: &str, definition: Definition) {
        self.named.insert(name.into(), definition);
    }

    /// The lines of the definition that is all that this line has.
    pub(super) fn lines(&self, line: &str) -> Option<Vec<Box<str>>> {
        let used = next_use(line, 0).filter(|used| used.range == (0..line.len()))?;
        match self.named.get(used.name) {
            Some(Definition::Lines(lines)) => Some(lines.clone()),
            Some(Definition::Words(_)) | None => None,
        }
    }

    /// The line with what its names stand for. A name that is not defined stays. `None` with a finding when that never ends.
    pub(super) fn replace<'l>(&mut self, line: Line<'l>, out: &mut Findings) -> Option<Line<'l>> {
        let (mut line, mut from, mut uses) = (line, 0, 0);
        while let Some(used) = next_use(line.text(), from) {
            let Some(value) = self.value(used.name, &line, &used.range, out) else {
                from = used.range.end;
                continue;
            };
            uses += 1;
            let (range, behind) = (used.range.clone(), line.text().len() + value.len());
            if uses > MOST_USES || behind > LONGEST_LINE * 2 {
                let what = format!("{} becomes too long", line.text().get(range.clone())?);
                let finding = Finding::new(line.span(range), what);
                out.push(finding.help("a definition must not use itself"));
                return None;
            }
            from = range.start;
            self.copied += behind;
            line = line.replaced(range, &value);
        }
        Some(line)
    }

    fn value(
        &self,
        name: &str,
        line: &Line<'_>,
        range: &Range<usize>,
        out: &mut Findings,
    ) -> Option<String> {
        match self.named.get(name) {
            Some(Definition::Words(words)) => return Some(words.to_string()),
            Some(Definition::Lines(_)) => {
                let what = format!("the definition {name} has several lines");
                let finding = Finding::new(line.span(range.clone()), what);
                out.push(finding.help("it must stand alone in its line"));
                return None;
            }
            None => {}
        }
        let random = name.strip_prefix("_RANDOM");
        Some(match name {
            "_HASH" => "#".to_owned(),
            "_BANG" => "!".to_owned(),
            "_PWD" => self.directory.clone(),
            "_INSTANCE" => config_id(self.around),
            _ if random.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')) => {
                let least = random.and_then(|rest| rest.split_whitespace().next());
                let least = least.unwrap_or("0").to_owned();
                let what = format!("a random number becomes {least}");
                let finding = Finding::warning(line.span(range.clone()), what);
                out.push(finding.help("keepalived takes another one at each start"));
                least
            }
            _ => {
                let variable = name.strip_prefix("_ENV")?;
                let bare = variable.strip_prefix('_').unwrap_or(variable);
                let around = self.around;
                around
                    .variable(variable)
                    .or_else(|| around.variable(bare))?
            }
        })
    }
}

/// What `@id` is compared with: the first part of the host's name.
pub(super) fn config_id(around: &dyn Surroundings) -> String {
    let name = around.host_name();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// The name and the value of a line that defines something.
pub(super) fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('$')?.split_once('=')?;
    (is_name(name) && !name.is_empty()).then_some((name, value.trim()))
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The next use of a name: `${NAME}`, or `$NAME` before a blank or the end.
fn next_use(text: &str, from: usize) -> Option<Use<'_>> {
    let mut from = from;
    loop {
        let at = from + text.get(from..)?.find('$')?;
        let rest = text.get(at + 1..)?;
        let used = if let Some(braced) = rest.strip_prefix('{') {
            let name = braced.find('}').and_then(|end| braced.get(..end));
            name.map(|name| (name, name.len() + 3))
        } else {
            let end = rest.find(|c: char| c.is_ascii_whitespace());
            let name = rest.get(..end.unwrap_or(rest.len()));
            name.map(|name| (name, name.len() + 1))
        };
        let bare = |name: &str| name.split(' ').next().is_some_and(is_name);
        match used {
            Some((name, length)) if !name.is_empty() && bare(name) => {
                let range = at..at + length;
                return Some(Use { range, name });
            }
            _ => from = at + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::surroundings::Alone;

    fn replaced(definitions: &[(&str, &str)], line: &str) -> Option<String> {
        let mut known = Definitions::new(&Alone);
        for (name, value) in definitions {
            known.define(name, Definition::Words((*value).into()));
        }
        let line = known.replace(Line::of_file(line, 0), &mut Findings::default());
        line.map(|line| line.text().to_owned())
    }

    #[test]
    fn names_are_replaced_when_they_are_used_and_unknown_ones_stay() {
        let base = [("BASE", "10.2.${SUB}"), ("SUB", "7")];
        let text = |line| replaced(&base, line).unwrap();
        assert_eq!(text("${BASE}.100/32"), "10.2.7.100/32");
        assert_eq!(text("priority $SUB x"), "priority 7 x");
        assert_eq!(text("$SUBNET ${NOT} $1 $"), "$SUBNET ${NOT} $1 $");
        assert_eq!(text("a${_HASH}b ${_INSTANCE}"), "a#b host");
    }

    #[test]
    fn a_definition_that_holds_itself_ends() {
        assert_eq!(replaced(&[("A", "${A}")], "${A}"), None);
        assert_eq!(replaced(&[("A", "${A}${A}")], "${A}"), None);
    }

    #[test]
    fn a_definition_is_known_by_its_sign() {
        assert_eq!(assignment("$A=b c "), Some(("A", "b c")));
        assert_eq!(assignment("$A="), Some(("A", "")));
        for none in ["$A =b", "A=b", "$=b", "$1=b"] {
            assert_eq!(assignment(none), None, "{none}");
        }
    }
}
