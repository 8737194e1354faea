// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of other programs, each with what becomes of it: `NAME.yaml` when it has no error, `NAME.said` with what is said, and
//! `NAME.fixed.yaml` when it has errors that corrections mend.

use std::fs;
use std::path::{Path, PathBuf};

use lvs_director::config::parse;
use lvs_director::import::{Imported, Included, Kind, Output, Room, Surroundings, import};

/// A host whose files lie beside the one that is read.
pub(crate) struct Beside<'a>(pub(crate) &'a Path);

impl Surroundings for Beside<'_> {
    fn include(&self, _: &str, pattern: &str, _: Room) -> Result<Vec<Included>, String> {
        let Ok(paths) = glob::glob(&self.0.join(pattern).to_string_lossy()) else {
            return Ok(Vec::new());
        };
        let file = |path: PathBuf| Included {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            bytes: fs::read(&path).map_err(|_| "it cannot be read".to_owned()),
        };
        Ok(paths.flatten().map(file).collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "SITE").then(|| "example".to_owned())
    }

    fn host_name(&self) -> String {
        "host.example".to_owned()
    }
}

/// Reads every file in `tests/import/DIRECTORY` that ends with one of these, and compares.
pub(crate) fn check(kind: Kind, directory: &str, ends: &[&str]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(directory);
    let paths = fs::read_dir(&directory)
        .unwrap()
        .map(|it| it.unwrap().path());
    let is_input = |path: &PathBuf| {
        let end = path.extension().map(|it| it.to_string_lossy().into_owned());
        end.is_some_and(|end| ends.contains(&&*end))
    };
    let mut paths: Vec<_> = paths.filter(is_input).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        one(kind, &path);
    }
}

fn one(kind: Kind, path: &Path) {
    let around = Beside(path.parent().unwrap());
    let name = path.file_name().unwrap().to_str().unwrap();
    let bytes = fs::read(path).unwrap();
    let imported = import(Some(kind), name, &bytes, &around);
    compare(&path.with_extension("said"), &said(&imported));
    let yaml = path.with_extension("yaml");
    if imported.diagnostics.has_errors() {
        assert!(!yaml.exists(), "{} has errors", path.display());
        if let Some(mended) = mended(kind, name, &imported, &around) {
            compare(&path.with_extension("fixed.yaml"), &text(&mended));
        }
    } else {
        compare(&yaml, &text(&imported));
    }
}

/// What becomes of the file with all corrections; `None` when errors are left.
fn mended(kind: Kind, name: &str, imported: &Imported, around: &Beside<'_>) -> Option<Imported> {
    let mut last: Option<Imported> = None;
    for _ in 0..8 {
        let now = last.as_ref().unwrap_or(imported);
        let corrected = now.corrected();
        let (_, text) = corrected
            .texts
            .into_iter()
            .find(|(file, _)| now.name(*file) == name)?;
        let next = import(Some(kind), name, text.as_bytes(), around);
        if !next.diagnostics.has_errors() {
            return Some(next);
        }
        last = Some(next);
    }
    None
}

/// The file of ours, which our own reader takes.
fn text(imported: &Imported) -> String {
    match &imported.output {
        Output::Text(text) => text.clone(),
        Output::Director(document) => {
            let text = document.to_string();
            let wrong = parse("made.yaml", text.as_bytes()).err();
            let wrong = wrong.map(|wrong| wrong.render(false));
            assert_eq!(wrong, None, "{text}");
            text
        }
    }
}

/// Without the blanks that the renderer leaves at the end of a line; empty when nothing is said.
pub(crate) fn said(imported: &Imported) -> String {
    let text = imported.diagnostics.render(false);
    let mut lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.extend((!text.is_empty()).then_some(""));
    lines.join("\n")
}

/// Compares a text with its file, which is not there when the text is empty.
pub(crate) fn compare(golden: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if text.is_empty() {
            let _ = fs::remove_file(golden);
        } else {
            fs::write(golden, text).unwrap();
        }
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    assert_eq!(text, expected, "{}", golden.display());
}
