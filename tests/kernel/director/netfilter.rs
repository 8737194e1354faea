// SPDX-License-Identifier: MIT OR Apache-2.0
//! A rule in the output chain of a host's IPv4 packet filter, by the kernel's own interface (`struct ipt_replace` in
//! `linux/netfilter_ipv4/ip_tables.h`): no program for it need be installed.

use std::os::fd::AsRawFd as _;
use std::process::Command;

use lab::netns::Host;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

/// What a rule does to the TCP packets that leave for a port.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deny {
    Drop,
    /// With a RST.
    Reset,
    /// With "port unreachable".
    Unreachable,
}

/// Whether this kernel has such a filter. Debian's User Mode Linux of 7.2 has none, and no nftables for a family.
pub(super) fn is_there() -> bool {
    let mut modules = ["iptable_filter", "xt_tcpudp", "ipt_REJECT"].iter();
    modules.all(|module| {
        let status = Command::new("modprobe").arg(module).status();
        status.is_ok_and(|it| it.success())
    })
}

/// Denies what this host sends to this port. It had no rules before.
pub(super) fn deny(host: &Host, port: u16, how: Deny) {
    let target = match how {
        Deny::Drop => standard(DROP),
        Deny::Unreachable => extension(b"REJECT", &3_u32.to_ne_bytes(), 8),
        Deny::Reset => extension(b"REJECT", &7_u32.to_ne_bytes(), 8),
    };
    let ports = [[0, u16::MAX], [port, port]].as_flattened().to_vec();
    let ports: Vec<u8> = ports.into_iter().flat_map(u16::to_ne_bytes).collect();
    let rule = entry(TCP, &extension(b"tcp", &ports, 16), &target);
    replace(host, Some(&rule), 4);
}

/// Takes the rule away.
pub(super) fn allow(host: &Host) {
    replace(host, None, 5);
}

const TCP: u16 = 6;
/// `-NF_DROP - 1`
const DROP: i32 = -1;
/// `-NF_ACCEPT - 1`
const ACCEPT: i32 = -2;

/// A match or a target, with so much room for its data.
fn extension(name: &[u8], data: &[u8], room: usize) -> Vec<u8> {
    let size = u16::try_from(32 + room).unwrap();
    let mut bytes = size.to_ne_bytes().to_vec();
    bytes.extend_from_slice(name);
    bytes.resize(32, 0);
    bytes.extend_from_slice(data);
    bytes.resize(32 + room, 0);
    bytes
}

fn standard(verdict: i32) -> Vec<u8> {
    extension(b"", &verdict.to_ne_bytes(), 8)
}

/// `struct ipt_entry` for a protocol, or for any (0), with what follows it.
fn entry(protocol: u16, matches: &[u8], target: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 112];
    bytes[80..82].copy_from_slice(&protocol.to_ne_bytes());
    let target_at = u16::try_from(112 + matches.len()).unwrap();
    let end = target_at + u16::try_from(target.len()).unwrap();
    bytes[88..90].copy_from_slice(&target_at.to_ne_bytes());
    bytes[90..92].copy_from_slice(&end.to_ne_bytes());
    bytes.extend_from_slice(matches);
    bytes.extend_from_slice(target);
    bytes
}

/// Makes the table one that accepts everything, but for this rule in its output chain. Until now it has so many entries.
#[expect(unsafe_code, reason = "nix does not know this option")]
fn replace(host: &Host, rule: Option<&[u8]>, entries_before: u32) {
    let policy = entry(0, &[], &standard(ACCEPT));
    let end = entry(0, &[], &extension(b"ERROR", b"ERROR", 32));
    let rule = rule.unwrap_or_default();
    let entries = [&policy, &policy, rule, &policy, &end].concat();
    let number = |number: usize| u32::try_from(number).unwrap();
    let step = policy.len();
    // Input, forward, output, and where their policies are.
    let begins = [0, 0, step, 2 * step, 0].map(number);
    let policies = [0, 0, step, 2 * step + rule.len(), 0].map(number);
    let mut counters = vec![0_u64; 2 * usize::try_from(entries_before).unwrap()];
    let mut bytes = b"filter".to_vec();
    bytes.resize(32, 0);
    // Input, forward, output.
    let hooks = 0b1110;
    let count = 4 + u32::from(!rule.is_empty());
    let head = [hooks, count, number(entries.len())];
    let numbers = [&head[..], &begins, &policies, &[entries_before]].concat();
    bytes.extend(numbers.into_iter().flat_map(u32::to_ne_bytes));
    bytes.extend(counters.as_mut_ptr().expose_provenance().to_ne_bytes());
    bytes.extend(entries);
    host.run(|| {
        const SET_REPLACE: libc::c_int = 64;
        let socket = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::Raw,
        )
        .unwrap();
        let length = libc::socklen_t::try_from(bytes.len()).unwrap();
        // SAFETY: the kernel reads `length` bytes of `bytes`, and writes two numbers for each former entry to where
        // `counters` is.
        let done = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_IP,
                SET_REPLACE,
                bytes.as_ptr().cast(),
                length,
            )
        };
        Errno::result(done).unwrap();
    });
}
