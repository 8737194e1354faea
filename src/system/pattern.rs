// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files by a pattern, with a bound: a pattern may ask for a walk through all files of a host.

use std::fs;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// So many names are looked at for one pattern.
const MOST_LOOKED_AT: usize = 20_000;
/// As glob(7): a star meets no dot at the beginning of a name.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files that a pattern names, as glob(7) has it, in the order of their names.
///
/// # Errors
///
/// Why there is no answer, lower case, no full stop: there are more than `most`, it is too much work, or it is no pattern.
pub fn matching(pattern: &Path, most: usize) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::new()];
    let mut looked_at = 0;
    for component in pattern.components() {
        found = match component {
            Component::Normal(name) if name.to_string_lossy().contains(['*', '?', '[']) => {
                let name = name.to_string_lossy().replace("**", "*");
                let wanted = Pattern::new(&name).map_err(|error| error.msg.to_owned())?;
                within(&found, &wanted, &mut looked_at)?
            }
            other => found.into_iter().map(|it| it.join(other)).collect(),
        };
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok());
    found.sort_unstable();
    if found.len() > most {
        return Err(format!("it names more than {most} files"));
    }
    Ok(found)
}

/// What these directories hold that the pattern meets.
fn within(
    directories: &[PathBuf],
    wanted: &Pattern,
    looked_at: &mut usize,
) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for directory in directories {
        let here = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            directory
        };
        // What cannot be looked into holds nothing.
        let Ok(names) = fs::read_dir(here) else {
            continue;
        };
        for entry in names.flatten() {
            *looked_at += 1;
            if *looked_at > MOST_LOOKED_AT {
                return Err(format!(
                    "more than {MOST_LOOKED_AT} names must be looked at"
                ));
            }
            let name = entry.file_name();
            if wanted.matches_with(&name.to_string_lossy(), OPTIONS) {
                found.push(directory.join(name));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_meets_files_in_order_and_no_hidden_ones() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf", ".c.conf", "d.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let names = |pattern: &str, most: usize| {
            let found = matching(&directory.path().join(pattern), most)?;
            let name = |it: &PathBuf| it.file_name().unwrap().to_string_lossy().into_owned();
            Ok::<_, String>(found.iter().map(name).collect::<Vec<_>>())
        };
        assert_eq!(names("*.conf", 9).unwrap(), ["a.conf", "b.conf"]);
        assert_eq!(names("d.txt", 9).unwrap(), ["d.txt"]);
        assert_eq!(names("e.txt", 9).unwrap(), Vec::<String>::new());
        assert!(names("*", 2).unwrap_err().contains("more than 2 files"));
        assert!(names("[", 2).is_err());
    }

    #[test]
    fn a_walk_through_all_files_ends_soon() {
        assert!(matching(Path::new("/*/*/*/*/*/*/none"), 9).is_err());
    }
}
