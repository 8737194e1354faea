// SPDX-License-Identifier: MIT OR Apache-2.0
//! `include`: files in files.

use super::{DEEPEST, Source};
use crate::diagnostic::{Finding, Shown, Span};
use crate::import::keepalived::keywords::is_known;
use crate::import::keepalived::lexer::comment;
use crate::import::keepalived::line::Line;
use crate::import::text::decode;
use crate::import::{Included, MAX_BYTES, Room};

/// All included files together are not larger than this, in bytes: as one file.
const MOST_BYTES: usize = MAX_BYTES;
/// More files than any configuration has.
const MOST_FILES: usize = 4_096;
/// So many lines show what kind of file one is.
const MOST_LOOKED_AT: usize = 1_000;

impl Source<'_, '_> {
    /// Reads the files that the line includes; `false` when it includes none.
    pub(super) fn include(&mut self, line: &Line<'_>, comment: Option<&str>) -> bool {
        let text = line.text();
        let end = text
            .find(|c: char| c.is_ascii_whitespace())
            .unwrap_or(text.len());
        let (keyword, pattern) = text.split_at(end);
        let strict = match keyword {
            "include" => false,
            "includer" | "includem" | "includew" | "includeb" | "includea" => true,
            _ => return false,
        };
        if let Some(comment) = comment {
            self.builder.blank(Some(comment));
        }
        let span = line.span(0..text.len());
        let pattern = pattern.trim().trim_matches('"');
        if pattern.is_empty() {
            self.reading
                .out
                .error(span, "the name of the file is missing");
            return true;
        }
        let from = self.open.last().cloned().unwrap_or_default();
        let room = Room {
            files: MOST_FILES.saturating_sub(self.files),
            bytes: MOST_BYTES.saturating_sub(self.bytes),
        };
        let included = match self.reading.around.include(&from, pattern, room) {
            Ok(included) => included,
            Err(why) => {
                let finding = Finding::new(span, format!("{}: {why}", Shown(pattern)));
                self.reading
                    .out
                    .push(finding.help("name the files more closely"));
                return true;
            }
        };
        if included.is_empty() {
            self.reading.out.push(nothing(span, pattern, strict));
        }
        for file in included {
            self.included(&file, span);
        }
        true
    }

    fn included(&mut self, file: &Included, span: Span) {
        let name = Shown(&file.name).to_string();
        let wrong = match &file.bytes {
            _ if self.open.contains(&file.name) => format!("{name} includes itself"),
            _ if self.open.len() >= DEEPEST => {
                format!("{name}: more than {DEEPEST} files include each other")
            }
            _ if self.files >= MOST_FILES => format!("more than {MOST_FILES} included files"),
            Err(cause) => format!("{name} cannot be read: {cause}"),
            Ok(bytes) if self.bytes + bytes.len() > MOST_BYTES => {
                format!(
                    "all included files together are longer than {} MiB",
                    MOST_BYTES >> 20
                )
            }
            Ok(bytes) => {
                self.files += 1;
                self.bytes += bytes.len();
                let text = decode(bytes);
                let sources = &mut *self.reading.sources;
                let id = sources.include(&file.name, text.text.as_str(), span);
                text.tell(sources, id, self.reading.out);
                if !looks_like_ours(&text.text) {
                    let whole = sources.span(id, 0..text.text.len());
                    self.reading.out.conceal_whole(whole);
                }
                return self.file(id);
            }
        };
        self.reading.out.error(span, wrong);
    }
}

/// Whether most lines of an included file begin as those of keepalived do. Another file may hold anything, also secrets: then no
/// line of it is shown.
fn looks_like_ours(text: &str) -> bool {
    let words = text.lines().filter_map(|line| {
        let code = line.get(..comment(line).unwrap_or(line.len()))?;
        code.split(|c: char| c.is_whitespace() || "{}".contains(c))
            .find(|word| !word.is_empty())
    });
    let (mut known, mut others) = (0_usize, 0_usize);
    for word in words.take(MOST_LOOKED_AT) {
        let is_ours = word.starts_with(['@', '~', '$']) || word == "include" || is_known(word);
        *(if is_ours { &mut known } else { &mut others }) += 1;
    }
    known >= others
}

/// What is to be said about a pattern that meets no file.
fn nothing(span: Span, pattern: &str, strict: bool) -> Finding {
    let what = format!("{} names no file", Shown(pattern));
    if strict {
        return Finding::new(span, what).help("keepalived does not start without it");
    }
    let help = "keepalived leaves it out in silence";
    if pattern.contains(['*', '?', '[']) {
        Finding::note(span, what).help(help)
    } else {
        Finding::warning(span, what).help(help)
    }
}
