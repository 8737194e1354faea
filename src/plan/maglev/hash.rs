// SPDX-License-Identifier: MIT OR Apache-2.0
//! `hsiphash` of one word, as a 64-bit kernel has it: SipHash-1-3, folded to 32 bits. Source: `lib/siphash.c`.

/// A key of two words.
pub(super) type Key = [u64; 2];

/// The hash of a word that lies in memory in this machine's byte order (`hsiphash(&word, 4, key)`).
pub(super) fn hsiphash(word: u32, key: Key) -> u32 {
    let [low, high] = key;
    let mut state = State([
        0x736f_6d65_7073_6575 ^ low,
        0x646f_7261_6e64_6f6d ^ high,
        0x6c79_6765_6e65_7261 ^ low,
        0x7465_6462_7974_6573 ^ high,
    ]);
    // The kernel reads its input as little-endian words, and puts the length into the highest byte.
    let block = 4 << 56 | u64::from(u32::from_le_bytes(word.to_ne_bytes()));
    state.0[3] ^= block;
    state.round();
    state.0[0] ^= block;
    state.0[2] ^= 0xff;
    state.round();
    state.round();
    state.round();
    let [a, b, c, d] = state.0;
    let all = (a ^ b ^ c ^ d).to_le_bytes();
    u32::from_le_bytes([all[0], all[1], all[2], all[3]])
}

struct State([u64; 4]);

impl State {
    fn round(&mut self) {
        let [a, b, c, d] = &mut self.0;
        *a = a.wrapping_add(*b);
        *c = c.wrapping_add(*d);
        *b = b.rotate_left(13) ^ *a;
        *d = d.rotate_left(16) ^ *c;
        *a = a.rotate_left(32).wrapping_add(*d);
        *c = c.wrapping_add(*b);
        *d = d.rotate_left(21) ^ *a;
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_kernels() {
        // The vector for four bytes of `lib/tests/siphash_kunit.c`.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let word = u32::from_ne_bytes([0, 1, 2, 3]);
        assert_eq!(hsiphash(word, key), 0x88d3_8328);
    }
}
