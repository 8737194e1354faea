// SPDX-License-Identifier: MIT OR Apache-2.0
//! The instructions of the kernel's packet filter that our filters have. Source: `linux/bpf_common.h`,
//! `linux/filter.h`, `Documentation/networking/filter.rst`.

/// The start of a packet's IP header for a filter, wherever the packet stands (`SKF_NET_OFF`).
pub(super) const NETWORK: u32 = 0xfff0_0000;
/// `BPF_LD | BPF_B | BPF_ABS`.
pub(super) const LOAD_BYTE: u16 = 0x30;
/// `BPF_LD | BPF_H | BPF_ABS`.
pub(super) const LOAD_HALF: u16 = 0x28;
/// `BPF_LD | BPF_B | BPF_IND`.
pub(super) const LOAD_BYTE_BEHIND_X: u16 = 0x50;
/// `BPF_LD | BPF_H | BPF_IND`.
pub(super) const LOAD_HALF_BEHIND_X: u16 = 0x48;
/// `BPF_LD | BPF_W | BPF_LEN`.
pub(super) const LOAD_LENGTH: u16 = 0x80;
/// `BPF_LDX | BPF_B | BPF_MSH`: four times the lower half of a byte.
pub(super) const X_IS_IPV4_HEADER: u16 = 0xb1;
/// `BPF_LDX | BPF_W | BPF_IMM`.
pub(super) const X_IS: u16 = 0x01;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const IF_EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGE | BPF_K`.
pub(super) const IF_NOT_LESS: u16 = 0x35;
/// `BPF_JMP | BPF_JSET | BPF_K`.
pub(super) const IF_ANY_BIT: u16 = 0x45;
/// `BPF_JMP | BPF_JGT | BPF_X`.
pub(super) const IF_ABOVE_X: u16 = 0x2d;
/// `BPF_ST`: into the first cell of memory.
pub(super) const STORE: u16 = 0x02;
/// `BPF_LDX | BPF_W | BPF_MEM`: from there.
pub(super) const X_IS_STORED: u16 = 0x61;
/// `BPF_ALU | BPF_MUL | BPF_K`.
pub(super) const MULTIPLY: u16 = 0x24;
/// `BPF_ALU | BPF_ADD | BPF_K`.
pub(super) const ADD: u16 = 0x04;
/// `BPF_ALU | BPF_SUB | BPF_X`.
pub(super) const SUBTRACT_X: u16 = 0x1c;
/// `BPF_RET | BPF_K`.
pub(super) const RETURN: u16 = 0x06;

/// One instruction: where a jump goes on if its condition holds, and if not, by how many instructions from the next one.
pub(super) const fn line(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}
