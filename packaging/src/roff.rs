// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text in the language of man(7).

use std::fmt::Write as _;

/// Escapes the characters that mean something to troff, also at the beginning of a line.
pub(crate) fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('~', "\\(ti")
        .replace('^', "\\(ha")
        .replace('`', "\\(ga");
    if text.starts_with('.') {
        format!("\\&{text}")
    } else {
        text
    }
}

/// A paragraph of Markdown as one line: `code` and **words** become bold, a link its text.
pub(crate) fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[', '*']) {
        let (before, from) = rest.split_at(at);
        out.push_str(&escaped_inside(before, out.is_empty()));
        rest = if let Some((bold, after)) = bold(from) {
            let _ = write!(out, "\\fB{}\\fR", escaped_inside(bold, false));
            after
        } else if let Some((shown, after)) = link(from) {
            out.push_str(&inline(shown));
            after
        } else {
            let (mark, after) = from.split_at(1);
            out.push_str(mark);
            after
        };
    }
    out.push_str(&escaped_inside(rest, out.is_empty()));
    out
}

fn escaped_inside(text: &str, begins_the_line: bool) -> String {
    let escaped = escaped(text);
    match escaped.strip_prefix("\\&") {
        Some(plain) if !begins_the_line => plain.to_owned(),
        Some(_) | None => escaped,
    }
}

/// What stands in marks at the beginning, and what follows.
fn bold(text: &str) -> Option<(&str, &str)> {
    ["`` ", "`", "**"].into_iter().find_map(|mark| {
        let end: String = mark.chars().rev().collect();
        text.strip_prefix(mark)?.split_once(&*end)
    })
}

/// The text of a link at the beginning, and what follows.
fn link(text: &str) -> Option<(&str, &str)> {
    let (shown, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (_, after) = rest.split_once(')')?;
    // The bracket of an address is none of a link.
    (!shown.contains('[') || shown.starts_with('`')).then_some((shown, after))
}

/// The first line of a page.
pub(crate) fn head(name: &str, section: u8, about: &str) -> String {
    format!(
        ".\\\" Written by: cargo run -p packaging -- pages\n\
         .TH {} {section} \"\" \"lvs\\-director\" \"{}\"\n\
         .SH NAME\n{} \\- {}\n",
        escaped(&name.to_uppercase()),
        if section == 5 {
            "File Formats"
        } else {
            "System Administration"
        },
        escaped(name),
        inline(about),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_bold_and_links_their_text() {
        for (text, roff) in [
            ("a `b-c` **d**", "a \\fBb\\-c\\fR \\fBd\\fR"),
            ("[page](page.md#part), [`x`](y)", "page, \\fBx\\fR"),
            ("`[2001:db8::1]:80` [x", "\\fB[2001:db8::1]:80\\fR [x"),
            (".a'b\\", "\\&.a\\(aqb\\e"),
            ("`.` is", "\\fB.\\fR is"),
        ] {
            assert_eq!(inline(text), roff, "{text}");
        }
    }
}
