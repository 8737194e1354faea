// SPDX-License-Identifier: MIT OR Apache-2.0
//! The manual page of the configuration file: `docs/configuration.md` in the language of man(7).

use std::fmt::Write as _;

use crate::command_page::see_also;
use crate::markdown::{Block, Table, blocks};
use crate::roff::{escaped, head, inline};

/// The page director.yaml(5), from the text of `docs/configuration.md`.
pub(crate) fn page(markdown: &str) -> String {
    let mut out = head("director.yaml", 5, "the configuration of director(8)");
    out.push_str(".SH DESCRIPTION\n");
    let mut fresh = true;
    for block in blocks(markdown) {
        match block {
            // The title of the document is that of the page.
            Block::Heading(1, _) => continue,
            Block::Heading(level, title) => {
                let name = if level == 2 { "SH" } else { "SS" };
                let _ = writeln!(out, ".{name} {}", escaped(&title.replace('`', "")));
                fresh = true;
                continue;
            }
            Block::Paragraph(text) => {
                if !fresh {
                    out.push_str(".PP\n");
                }
                let _ = writeln!(out, "{}", inline(&text));
            }
            Block::Item(mark, text) => {
                let mark = if mark == "-" { "\\(bu" } else { &mark };
                let _ = writeln!(out, ".IP {mark} 3\n{}", inline(&text));
            }
            Block::Code(lines) => code(&mut out, &lines, fresh),
            Block::Table(table) => rows(&mut out, &table),
        }
        fresh = false;
    }
    see_also(
        &mut out,
        &[("director", 8), ("lvsadm", 8), ("realserver", 8)],
    );
    out
}

fn code(out: &mut String, lines: &[String], fresh: bool) {
    if !fresh {
        out.push_str(".PP\n");
    }
    out.push_str(".RS 4\n.nf\n");
    for line in lines {
        let _ = writeln!(out, "{}", escaped(line));
    }
    out.push_str(".fi\n.RE\n");
}

/// A row each: its first cell, and what stands beside it.
fn rows(out: &mut String, table: &Table) {
    for row in &table.rows {
        let Some((first, others)) = row.split_first() else {
            continue;
        };
        let _ = writeln!(out, ".TP\n{}", inline(first));
        let titled = table.titles.iter().skip(1).zip(others);
        let said = titled.filter(|(_, cell)| !cell.is_empty() && *cell != "see below");
        for (number, (title, cell)) in said.enumerate() {
            if number > 0 {
                out.push_str(".br\n");
            }
            let title = match title.as_str() {
                "meaning" | "counts as" | "what follows" | "means" | "keepalived" => "",
                "default" => "Default: ",
                "range" => "Values: ",
                other => &format!("{other}: "),
            };
            let _ = writeln!(out, "{}", inline(&format!("{title}{cell}")));
        }
    }
}
