// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of Markdown that the documentation uses.

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// Its level, and its title.
    Heading(usize, String),
    /// In one line.
    Paragraph(String),
    /// Of a list: its mark, and its text in one line.
    Item(String, String),
    /// Its lines.
    Code(Vec<String>),
    /// A table.
    Table(Table),
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The heading above it.
    pub heading: String,
    /// The paragraph before it, if nothing else stands between them and the heading.
    pub intro: String,
    /// The titles of its columns.
    pub titles: Vec<String>,
    /// The cells of each row.
    pub rows: Vec<Vec<String>>,
}

/// The parts of a page, in their order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_part = |line: &str| {
            line.is_empty()
                || line.starts_with(['#', '|'])
                || line.starts_with("```")
                || mark(line).is_some()
        };
        if line.is_empty() {
        } else if line.starts_with("```") {
            let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
            out.push(Block::Code(code.map(str::to_owned).collect()));
        } else if let Some(title) = line.strip_prefix('#') {
            let level = 1 + title.len() - title.trim_start_matches('#').len();
            out.push(Block::Heading(
                level,
                title.trim_start_matches('#').trim().to_owned(),
            ));
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(line));
            }
            out.push(Block::Table(table(&out, rows)));
        } else {
            let (mark, first) = mark(line).unwrap_or(("", line));
            let mut text = first.to_owned();
            while let Some(line) = lines.next_if(|line| !is_part(line)) {
                text.push(' ');
                text.push_str(line.trim());
            }
            out.push(if mark.is_empty() {
                Block::Paragraph(text)
            } else {
                Block::Item(mark.to_owned(), text)
            });
        }
    }
    out
}

/// The mark of an item of a list, and what follows it.
fn mark(line: &str) -> Option<(&str, &str)> {
    let (mark, rest) = line.trim_start().split_once(' ')?;
    let number = mark
        .strip_suffix('.')
        .is_some_and(|it| it.parse::<u8>().is_ok());
    (mark == "-" || number).then_some((mark, rest))
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_matches('|').replace("\\|", "\u{0}");
    let cells = line.split('|');
    cells
        .map(|cell| cell.trim().replace('\u{0}', "|"))
        .collect()
}

fn table(before: &[Block], mut rows: Vec<Vec<String>>) -> Table {
    let heading = before.iter().rev().find_map(|block| match block {
        Block::Heading(_, title) => Some(title.clone()),
        Block::Paragraph(_) | Block::Item(..) | Block::Code(_) | Block::Table(_) => None,
    });
    let words = before.iter().rev().find_map(|block| match block {
        Block::Paragraph(text) => Some(Some(text.clone())),
        Block::Heading(..) => Some(None),
        Block::Item(..) | Block::Code(_) | Block::Table(_) => None,
    });
    let titles = rows.remove(0);
    // The line below the titles.
    if !rows.is_empty() {
        rows.remove(0);
    }
    Table {
        heading: heading.unwrap_or_default(),
        intro: words.flatten().unwrap_or_default(),
        titles,
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_falls_into_its_parts() {
        let text = "# T\n\na\nb\n- c\n  d\n2. e\n\n```sh\n# x\n```\n| k | v |\n|---|---|\n| `a` | b \\| c |\n";
        let table = Table {
            heading: "T".to_owned(),
            intro: "a b".to_owned(),
            titles: vec!["k".to_owned(), "v".to_owned()],
            rows: vec![vec!["`a`".to_owned(), "b | c".to_owned()]],
        };
        assert_eq!(
            blocks(text),
            [
                Block::Heading(1, "T".to_owned()),
                Block::Paragraph("a b".to_owned()),
                Block::Item("-".to_owned(), "c d".to_owned()),
                Block::Item("2.".to_owned(), "e".to_owned()),
                Block::Code(vec!["# x".to_owned()]),
                Block::Table(table),
            ]
        );
    }
}
