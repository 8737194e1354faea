// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the virtual services of a text are, so that one of them can be read alone.
//!
//! A text has an outline when its services are a block list: each begins on a line of its own with a dash, in the same
//! column, and no value has an anchor. Then YAML reads what is between two dashes in the same way wherever it stands: a
//! dash in that column ends everything that an earlier service began.

use std::ops::Range;

use super::super::tree::Node;
use crate::model::ServiceKey;

/// What can make a text reach beyond its own lines, or be reached from elsewhere: anchors, aliases, tags, block scalars
/// and directives.
const FAR_REACHING: [char; 7] = ['&', '*', '!', '|', '>', '%', '\u{feff}'];
/// What begins and ends a document, at the start of a line.
const DOCUMENT_MARKS: [&str; 2] = ["---", "..."];

/// What begins an item of a block list.
const DASH: &str = "- ";

/// The places of the services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Outline {
    /// How many spaces are before each dash.
    indent: usize,
    /// Where the line of each service starts, and where the last one ends.
    bounds: Vec<usize>,
    /// Which services they are.
    keys: Vec<ServiceKey>,
}

/// How two texts differ, in whole services.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Which services of the old text are not in the new one as they were.
    pub(super) services: Range<usize>,
    /// What the new text has in their place.
    pub(super) text: Range<usize>,
}

impl Outline {
    /// The outline of `text`. `nodes` are its services, `keys` who they are, and the last one ends before `end`.
    pub(in crate::config) fn of(
        text: &str,
        nodes: &[Node<'_>],
        keys: Vec<ServiceKey>,
        end: usize,
    ) -> Option<Self> {
        let (first, _) = line_of_dash(text, nodes.first()?)?;
        let indent = indentation(text.get(first..)?);
        let mut bounds = lines_of_dashes(text, nodes, indent)?;
        bounds.push(end);
        (keys.len() == nodes.len()).then_some(Self {
            indent,
            bounds,
            keys,
        })
    }

    /// Who the services are.
    pub(super) fn keys(&self) -> &[ServiceKey] {
        &self.keys
    }

    /// What `new` has in place of `old`, which has this outline. `None` when they differ outside the services, or when
    /// YAML may read what is new in another way when it stands alone.
    pub(super) fn difference(&self, old: &str, new: &str) -> Option<Difference> {
        let end = *self.bounds.last()?;
        let same = common_prefix(old.as_bytes(), new.as_bytes());
        let most = old.len().min(new.len()) - same;
        let same_after = common_suffix(old.as_bytes(), new.as_bytes(), most);
        let changed_end = old.len() - same_after;
        if changed_end > end {
            return None;
        }
        let starts = self.bounds.get(..self.keys.len())?;
        // The first one whose text begins in both with the dash.
        let dash = |start: &usize| start + self.indent + DASH.len();
        let first = starts.partition_point(|start| dash(start) <= same);
        let first = first.checked_sub(1)?;
        let behind = self.bounds.partition_point(|bound| *bound < changed_end);
        let behind = behind.max(first);
        let begin = *self.bounds.get(first)?;
        let stays = old.len() - self.bounds.get(behind)?;
        let text = begin..new.len() - stays;
        stands_alone(new.get(text.clone())?, stays > 0).then_some(Difference {
            services: first..behind,
            text,
        })
    }

    /// The outline after `difference`. `nodes` are the services that are read of its text `part` alone.
    pub(super) fn after(
        &self,
        difference: &Difference,
        part: &str,
        nodes: &[Node<'_>],
        keys: &[ServiceKey],
    ) -> Option<Self> {
        let Difference { services, text } = difference;
        let added = lines_of_dashes(part, nodes, self.indent)?;
        let old_end = *self.bounds.get(services.end)?;
        let kept = self.bounds.get(..services.start)?.iter().copied();
        let moved = self.bounds.get(services.end..)?.iter();
        let bounds = kept
            .chain(added.iter().map(|start| start + text.start))
            .chain(moved.map(|bound| bound - old_end + text.end))
            .collect();
        let mut all = self.keys.clone();
        all.splice(services.clone(), keys.iter().copied());
        Some(Self {
            indent: self.indent,
            bounds,
            keys: all,
        })
    }
}

/// Whether YAML reads this text of services in the same way alone as between others.
fn stands_alone(text: &str, more_follows: bool) -> bool {
    let ends = !more_follows || text.ends_with('\n');
    let marked = |line: &str| DOCUMENT_MARKS.iter().any(|mark| line.starts_with(mark));
    ends && !text.contains(FAR_REACHING) && !text.split(['\n', '\r']).any(marked)
}

/// Where the lines of these services start; `None` unless each begins with a dash after `indent` spaces.
fn lines_of_dashes(text: &str, nodes: &[Node<'_>], indent: usize) -> Option<Vec<usize>> {
    let starts = nodes.iter().map(|node| {
        let (start, dash) = line_of_dash(text, node)?;
        (dash - start == indent).then_some(start)
    });
    starts.collect()
}

/// Where the line of a list's item starts, and where its dash is. Only spaces are before the dash and behind it.
fn line_of_dash(text: &str, node: &Node<'_>) -> Option<(usize, usize)> {
    let before = text.get(..node.span.start())?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.get(start..)?;
    let dash = indentation(line);
    let behind = line.get(dash..)?.strip_prefix(DASH)?;
    behind
        .chars()
        .all(|c| c == ' ')
        .then_some((start, start + dash))
}

fn indentation(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

/// How many bytes are compared at a time: large files differ in few places.
const PIECE: usize = 4096;

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let pieces = a.chunks(PIECE).zip(b.chunks(PIECE));
    let same = pieces.take_while(|(a, b)| a == b).count() * PIECE;
    let same = same.min(a.len()).min(b.len());
    let rest = a.iter().skip(same).zip(b.iter().skip(same));
    same + rest.take_while(|(a, b)| a == b).count()
}

/// At most `most` bytes.
fn common_suffix(a: &[u8], b: &[u8], most: usize) -> usize {
    let pieces = a.rchunks(PIECE).zip(b.rchunks(PIECE));
    let same = pieces.take_while(|(a, b)| a == b).count() * PIECE;
    let same = same.min(a.len()).min(b.len());
    let rest = a.iter().rev().skip(same).zip(b.iter().rev().skip(same));
    (same + rest.take_while(|(a, b)| a == b).count()).min(most)
}
