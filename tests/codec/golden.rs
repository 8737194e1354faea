// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of `tests/golden/`: one message each.

use std::fs;
use std::path::PathBuf;

use lvs_director::codec::message::{Incoming, IncomingKind, parse_all};

fn directory(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name]
        .iter()
        .collect()
}

/// The bytes of `tests/golden/NAME.hex`.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = directory(name).with_extension("hex");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let codes = text
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(str::split_whitespace);
    codes
        .map(|code| {
            u8::from_str_radix(code, 16).unwrap_or_else(|_| panic!("{}: {code:?}", path.display()))
        })
        .collect()
}

/// The names of the files in `tests/golden/DIRECTORY`.
pub(crate) fn names(of: &str) -> Vec<String> {
    let entries = fs::read_dir(directory(of)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| format!("{of}/{}", path.file_stem().unwrap().to_str().unwrap()))
        .collect()
}

/// Hands the one message of a file to `look`.
pub(crate) fn message<T>(name: &str, look: impl FnOnce(&IncomingKind<'_>) -> T) -> T {
    let bytes = bytes(name);
    let messages: Vec<_> = parse_all(&bytes).collect();
    let [Ok(Incoming { kind, .. })] = messages.as_slice() else {
        panic!("{name}: {messages:?}");
    };
    look(kind)
}

/// Hands the attributes of a file's message to `parse`.
pub(crate) fn attributes<T>(name: &str, parse: impl FnOnce(&[u8]) -> T) -> T {
    message(name, |kind| parse(kind.genl_attributes().unwrap()))
}
