// SPDX-License-Identifier: MIT OR Apache-2.0
//! Standard input on its way into a kernel, as keys typed on one of its consoles.
//!
//! A console has no end as a pipe has one; the key Ctrl-D is it. The line discipline there knows this key, and Ctrl-V,
//! after which any key is just a byte (`guest.sh`). A line may have 4095 bytes at most; a Ctrl-D within a line hands on
//! what was typed of it so far.

use std::fs;
use std::io::{self, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The end of what was typed so far.
const END: u8 = 0x04;
/// The next key is no key, but a byte.
const LITERAL: u8 = 0x16;
/// So many bytes of a line are handed on together.
const TOGETHER: usize = 1024;

/// Types our standard input into the kernel of this directory, in a thread that ends with the program.
pub(crate) fn send_input(dir: &Path, to: PipeWriter) {
    let ready: PathBuf = dir.join("input");
    thread::spawn(move || {
        // Before that, the console has other keys.
        while !fs::exists(&ready).unwrap_or(true) {
            thread::sleep(Duration::from_millis(10));
        }
        // Where it fails there is nobody to type for.
        let _ = type_all(io::stdin().lock(), &to);
        // A console whose other side is gone is closed, with what was not yet read of it.
        std::mem::forget(to);
    });
}

fn type_all(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut typist = Typist::default();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        to.write_all(&typist.keys(bytes))?;
        if length == 0 {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Typist {
    /// How many bytes of the last line were typed and not handed on.
    held: usize,
}

impl Typist {
    /// The keys for these bytes, which hand all of them on; no bytes are the end.
    fn keys(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.is_empty() {
            return vec![END];
        }
        let mut keys = Vec::with_capacity(bytes.len() + bytes.len() / TOGETHER + 1);
        for &byte in bytes {
            if matches!(byte, END | LITERAL) {
                keys.push(LITERAL);
            }
            keys.push(byte);
            self.held = if byte == b'\n' { 0 } else { self.held + 1 };
            if self.held == TOGETHER {
                self.hand_on(&mut keys);
            }
        }
        self.hand_on(&mut keys);
        keys
    }

    /// With nothing held this key would be the end.
    fn hand_on(&mut self, keys: &mut Vec<u8>) {
        if self.held > 0 {
            keys.push(END);
            self.held = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader of the console gets: the pieces, and whether the end came.
    fn read_back(keys: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let (mut pieces, mut piece, mut ended) = (Vec::new(), Vec::new(), false);
        let mut keys = keys.iter().copied();
        while let Some(key) = keys.next() {
            assert!(!ended, "keys after the end");
            match key {
                END if piece.is_empty() => ended = true,
                END => pieces.push(std::mem::take(&mut piece)),
                LITERAL => piece.extend(keys.next()),
                b'\n' => {
                    piece.push(b'\n');
                    pieces.push(std::mem::take(&mut piece));
                }
                other => piece.push(other),
            }
        }
        assert!(piece.is_empty(), "something was typed and not handed on");
        (pieces, ended)
    }

    #[test]
    fn what_is_typed_is_read_whatever_it_is() {
        let all: Vec<u8> = (0..=255).collect();
        let long = vec![b'x'; 3 * TOGETHER];
        for bytes in [
            &b""[..],
            b"\n",
            b"\n\n\n",
            b"one\ntwo",
            b"\x04\x16\x04\n\x04",
            &all,
            &long,
            &long[..TOGETHER],
        ] {
            for step in [1, 7, TOGETHER, 16 * 1024] {
                let mut typist = Typist::default();
                let mut keys = Vec::new();
                for chunk in bytes.chunks(step) {
                    keys.extend(typist.keys(chunk));
                }
                keys.extend(typist.keys(b""));
                let (pieces, ended) = read_back(&keys);
                assert!(ended);
                assert_eq!(pieces.concat(), bytes);
                assert!(pieces.iter().all(|piece| piece.len() <= TOGETHER + 1));
            }
        }
    }
}
