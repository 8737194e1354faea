// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director password`: a user of the status page.

use std::fs::metadata;
use std::io::{BufRead as _, Read as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::ExitCode;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::args::Failure;
use super::say::say;
use crate::system::{FileCause, ask_without_echo, read_limited, write_atomically};
use crate::web::{Users, user_line, with_line};

/// The largest file with users, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// The longest line that is read from standard input.
const LONGEST_LINE: u64 = 4096;
/// Only its owner reads the file, and a group that could before.
const OWN: u32 = 0o600;
const GROUP: u32 = 0o040;

/// Prints the line for a user, or puts it into a file.
pub(super) fn password(
    name: &str,
    file: Option<&Path>,
    from_input: bool,
) -> Result<ExitCode, Failure> {
    let password = if from_input { read_line()? } else { ask(name)? };
    let mut salt = [0; 16];
    let drawn = SystemRandom::new().fill(&mut salt);
    drawn.map_err(|_| Failure::failed("the kernel gives no random bytes"))?;
    let line = user_line(name, &password, salt).map_err(Failure::failed)?;
    let said = match file {
        None => format!("{line}\n"),
        Some(file) => {
            put(file, &line)?;
            format!("{name} may log in with it: {}\n", file.display())
        }
    };
    say(&said)?;
    Ok(ExitCode::SUCCESS)
}

fn ask(name: &str) -> Result<String, Failure> {
    let ask = |prompt: &str| {
        ask_without_echo(prompt).map_err(|error| {
            Failure::failed(format!(
                "read the password from the terminal: {error}; without a terminal: --stdin"
            ))
        })
    };
    let first = ask(&format!("Password for {name}: "))?;
    if ask("The same again: ")? != first {
        return Err(Failure::failed("the two are not the same"));
    }
    Ok(first)
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .take(LONGEST_LINE)
        .read_line(&mut line);
    read.map_err(|error| Failure::failed(format!("read standard input: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Puts a line into a file, in the place of the user's older one. A file that is wrong stays as it is.
fn put(file: &Path, line: &str) -> Result<(), Failure> {
    let old = match read_limited(file, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.cause == FileCause::Missing => Vec::new(),
        Err(error) => return Err(Failure::failed(error)),
    };
    let wrong = |why: &dyn std::fmt::Display| {
        let file = file.display();
        Failure::failed(format!("{file}: {why}; correct or remove that line first"))
    };
    Users::read(&old).map_err(|error| wrong(&error))?;
    let old = String::from_utf8(old).map_err(|error| wrong(&error))?;
    let before = metadata(file).ok();
    let mode = before.as_ref().map_or(0, |it| it.mode() & GROUP) | OWN;
    write_atomically(file, with_line(&old, line).as_bytes(), mode).map_err(Failure::failed)?;
    if let Some(before) = before {
        // Who is not root can only have written a file of its own.
        let _ = chown(file, Some(before.uid()), Some(before.gid()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_user_is_put_into_a_file_that_only_its_owner_reads() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.users");
        let mode = || metadata(&file).unwrap().permissions().mode() & 0o777;
        let line = |name, salt| user_line(name, "correct horse", [salt; 16]).unwrap();
        put(&file, &line("alice", 1)).unwrap();
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        put(&file, &line("bob", 2)).unwrap();
        put(&file, &line("alice", 3)).unwrap();
        assert_eq!(mode(), 0o640, "a group may stay, all others not");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("{}\n{}\n", line("alice", 3), line("bob", 2)));
        std::fs::write(&file, "alice:secret\n").unwrap();
        let failure = put(&file, &line("bob", 2)).unwrap_err();
        assert!(failure.message.contains("line 1"), "{}", failure.message);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "alice:secret\n");
    }
}
