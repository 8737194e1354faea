// SPDX-License-Identifier: MIT OR Apache-2.0
//! This process and the C library: names, terminal, output, memory, files and their locks, sockets, error numbers. It
//! has no policy. Linux's networking is in the room [`kernel`](crate::kernel).

mod calendar;
mod caretakers;
#[cfg(feature = "daemon")]
mod disk;
mod errno;
mod file;
mod icmp_filter;
mod lock;
mod memory;
mod names;
#[cfg(feature = "daemon")]
mod notify;
#[cfg(feature = "daemon")]
mod pattern;
#[cfg(feature = "daemon")]
mod poll;
mod processes;
mod pulse;
mod reader;
#[cfg(feature = "daemon")]
mod secret;
mod socket;
#[cfg(feature = "daemon")]
mod synchronised;
mod terminal;
#[cfg(feature = "daemon")]
mod thread;
#[cfg(feature = "daemon")]
mod whereabouts;

pub use calendar::{CivilTime, since_1970, time_of_day};
pub use caretakers::{Caretakers, Networkd};
#[cfg(feature = "daemon")]
pub use disk::{Disk, disk};
pub use errno::errno_name;
pub use file::{
    FileCause, FileError, is_readable_by_all, make_directory, read_first_line, read_limited,
    remove_unfinished, write_atomically, write_atomically_with, write_for_this_boot,
};
pub use icmp_filter::pass_only_icmp;
pub use lock::{FileLock, LockError};
#[cfg(feature = "daemon")]
pub use memory::lock_memory;
pub use memory::{bring_memory_in, keep_memory_small};
pub use names::{Names, Resolver, host_address, port_name, port_number};
#[cfg(feature = "daemon")]
pub use notify::{Notifier, monotonic_moment, watchdog_period};
#[cfg(feature = "daemon")]
pub use pattern::matching;
#[cfg(feature = "daemon")]
pub use poll::{Happened, Poll};
pub use processes::{capabilities, most_open_files, runs};
pub use pulse::{Pulse, beat, entrusted, rest};
pub use reader::{Reader, print};
#[cfg(feature = "daemon")]
pub use secret::ask_without_echo;
pub use socket::{acknowledge_with_data, disconnect, peer_groups, unacknowledged};
#[cfg(feature = "daemon")]
pub use synchronised::clock_is_synchronised;
pub use terminal::terminal_size;
#[cfg(feature = "daemon")]
pub use thread::{go_first, step_back};
#[cfg(feature = "daemon")]
pub use whereabouts::Whereabouts;
