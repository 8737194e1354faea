// SPDX-License-Identifier: MIT OR Apache-2.0
//! Turns the bytes of a terminal into keys.

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character that can be seen, or the space.
    Character(char),
    /// Return.
    Enter,
    /// Escape by itself.
    Escape,
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first line.
    Home,
    /// To the last line.
    End,
    /// Backspace.
    Erase,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L.
    Redraw,
}

/// No key of any terminal is longer.
const LONGEST: usize = 16;

/// Bytes that are not a complete key yet.
#[derive(Debug, Default)]
pub struct Keys {
    pending: Vec<u8>,
}

impl Keys {
    /// Takes bytes in and hands the keys out that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for &byte in bytes {
            // A second escape is the first one's end.
            if byte == 0x1b && self.pending.as_slice() == [0x1b] {
                keys.push(Key::Escape);
                continue;
            }
            self.pending.push(byte);
            match read(&self.pending) {
                Read::More if self.pending.len() < LONGEST => {}
                Read::More => self.pending.clear(),
                Read::Key(key) => {
                    self.pending.clear();
                    keys.extend(key);
                }
            }
        }
        keys
    }

    /// Whether a key may have begun.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing has followed for a while: a lone escape is the key.
    pub fn flush(&mut self) -> Option<Key> {
        let pending = std::mem::take(&mut self.pending);
        (pending == [0x1b]).then_some(Key::Escape)
    }
}

enum Read {
    /// The process was continued.
    More,
    /// It is complete, and means this or nothing.
    Key(Option<Key>),
}

fn read(bytes: &[u8]) -> Read {
    Read::Key(match bytes {
        [0x1b] | [0x1b, b'[' | b'O'] => return Read::More,
        [0x1b, b'[' | b'O', parameters @ .., last] => {
            if !(0x40..=0x7e).contains(last) {
                return Read::More;
            }
            sequence(parameters, *last)
        }
        [0x03] => Some(Key::Interrupt),
        [0x1a] => Some(Key::Suspend),
        [0x0c] => Some(Key::Redraw),
        [0x08 | 0x7f] => Some(Key::Erase),
        [0x06] => Some(Key::PageDown),
        [0x02] => Some(Key::PageUp),
        [b'\r' | b'\n'] => Some(Key::Enter),
        [byte @ 0x20..=0x7e] => Some(Key::Character(char::from(*byte))),
        // Among others Alt with a key.
        _ => None,
    })
}

/// Shift, Alt and Control come after a semicolon, and change nothing.
fn sequence(parameters: &[u8], last: u8) -> Option<Key> {
    let first = parameters.split(|byte| *byte == b';').next();
    match (last, first.unwrap_or_default()) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'H', _) | (b'~', b"1" | b"7") => Some(Key::Home),
        (b'F', _) | (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"5") => Some(Key::PageUp),
        (b'~', b"6") => Some(Key::PageDown),
        (b'M', b"") => Some(Key::Enter),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Key::{
        Character, Down, End, Enter, Erase, Escape, Home, Interrupt, PageDown, PageUp, Redraw,
        Suspend, Up,
    };

    fn keys(bytes: &[u8]) -> Vec<Key> {
        Keys::default().feed(bytes)
    }

    #[test]
    fn terminals_name_their_keys_in_several_ways() {
        for (bytes, key) in [
            (&b"q"[..], Character('q')),
            (b" ", Character(' ')),
            (b"\r", Enter),
            (b"\x1b[A", Up),
            (b"\x1bOA", Up),
            (b"\x1b[1;5A", Up),
            (b"\x1bOB", Down),
            (b"\x1b[5~", PageUp),
            (b"\x1b[6;2~", PageDown),
            (b"\x1b[H", Home),
            (b"\x1b[1~", Home),
            (b"\x1b[7~", Home),
            (b"\x1bOF", End),
            (b"\x1b[8~", End),
            (b"\x03", Interrupt),
            (b"\x1a", Suspend),
            (b"\x0c", Redraw),
            (b"\x7f", Erase),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn keys_may_come_in_pieces_and_together() {
        let mut pieces = Keys::default();
        assert_eq!(pieces.feed(b"\x1b"), []);
        assert!(pieces.is_pending());
        assert_eq!(pieces.feed(b"["), []);
        assert_eq!(pieces.feed(b"Aj"), [Up, Character('j')]);
        assert!(!pieces.is_pending());
    }

    #[test]
    fn escape_is_a_key_when_nothing_follows() {
        let mut one = Keys::default();
        assert_eq!(one.feed(b"\x1b"), []);
        assert_eq!((one.flush(), one.flush()), (Some(Escape), None));
        assert_eq!(keys(b"\x1b\x1b[A"), [Escape, Up]);
    }

    #[test]
    fn what_is_no_key_is_dropped_and_kept_nowhere() {
        assert_eq!(
            keys(b"\x1b[15~\x1b[200~\x1bx\x00\xc3\xa9q"),
            [Character('q')]
        );
        let mut flood = Keys::default();
        flood.feed(b"\x1b[");
        flood.feed(&[b'1'; 10_000]);
        assert!(flood.pending.len() < LONGEST);
        for byte in 0..=255 {
            let _ = flood.feed(&[0x1b, byte, byte]);
        }
    }
}
