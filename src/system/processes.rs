// SPDX-License-Identifier: MIT OR Apache-2.0
//! The processes of this host, by their names.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// The longest name that the kernel keeps of a process, in bytes (`TASK_COMM_LEN`).
const LONGEST: usize = 15;
/// The beginning of `stat` has the name and the state.
const HEAD: u64 = 128;

/// More than `status` or `limits` of a process has.
const SMALL: u64 = 64 * 1024;

/// Whether a process of this name runs. The kernel knows its first 15 bytes only. One that has ended, and waits for its
/// parent, does not run.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn runs(name: &str) -> io::Result<bool> {
    let name = name.as_bytes();
    let name = name.get(..LONGEST).unwrap_or(name);
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let number = entry.file_name();
        let is_process = number.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        // It may be gone by now.
        if is_process && head(&entry.path().join("stat")).is_ok_and(|stat| is(&stat, name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The effective capabilities of a process (capabilities(7)), a bit each.
///
/// # Errors
///
/// When `/proc` cannot be read, or there is no such process.
pub fn capabilities(pid: u32) -> io::Result<u64> {
    let text = small(&format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let number = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// How many files a process may have open at a time: the soft limit.
///
/// # Errors
///
/// When `/proc` cannot be read: it is of another user, or there is no such process.
pub fn most_open_files(pid: u32) -> io::Result<u64> {
    let text = small(&format!("/proc/{pid}/limits"))?;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|rest| rest.split_whitespace().next()) {
        Some("unlimited") => Ok(u64::MAX),
        Some(number) => number
            .parse()
            .map_err(|_| io::ErrorKind::InvalidData.into()),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn small(path: &str) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SMALL).read_to_string(&mut text)?;
    Ok(text)
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether `PID (NAME) STATE ...` is a process of this name that runs. A name may have any bytes in it.
fn is(stat: &[u8], name: &[u8]) -> bool {
    let open = stat.iter().position(|byte| *byte == b'(');
    let close = stat.iter().rposition(|byte| *byte == b')');
    let (Some(open), Some(close)) = (open, close) else {
        return false;
    };
    let state = stat.get(close + 1..).unwrap_or_default().trim_ascii_start();
    stat.get(open + 1..close) == Some(name) && !matches!(state.first(), None | Some(b'Z' | b'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_limit_and_capabilities() {
        let pid = std::process::id();
        assert!(most_open_files(pid).unwrap() > 0);
        assert!(capabilities(pid).is_ok());
        assert!(capabilities(u32::MAX).is_err());
    }

    #[test]
    fn a_process_is_known_by_the_beginning_of_its_name() {
        assert!(is(b"7 (httpd) S 1", b"httpd"));
        assert!(is(b"7 (a) b (c)) R 1", b"a) b (c)"));
        for other in [
            &b"7 (httpd) Z 1"[..],
            b"7 (http) S 1",
            b"7 (httpd)",
            b"7 httpd S",
            b") (",
        ] {
            assert!(!is(other, b"httpd"), "{other:?}");
        }
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        assert!(runs(own.trim_end()).unwrap());
        assert!(runs(&format!("{:x<15}and more", own.trim_end())).is_ok());
        assert!(!runs("no such process").unwrap());
    }
}
