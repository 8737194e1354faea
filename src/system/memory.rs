// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the C library and the kernel keep memory.

#[cfg(feature = "daemon")]
use std::io;

#[cfg(feature = "daemon")]
use nix::errno::Errno;
#[cfg(feature = "daemon")]
use nix::sys::mman::{MlockAllFlags, mlockall};
#[cfg(feature = "daemon")]
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// From this size on an allocation gets memory of its own, by `mmap`: the C library's default. Setting it keeps it: by
/// default the first such allocation that is freed raises it to its own size.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 128 * 1024;

/// Keeps no memory that is not in use, for a program that runs for months. Call it before the first thread starts.
///
/// All threads share one arena. By default each thread has its own, and cannot use what another one frees: a large
/// configuration that one thread reads and another keeps would cost its memory twice. And a
/// large list always gets memory of its own, which goes back to the kernel with the list.
#[expect(unsafe_code, reason = "mallopt has no safe wrapper")]
pub fn keep_memory_small() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator; it may be called at any time, and a failure changes
    // nothing.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Keeps every page that this process has touched, or touches from now on, in memory: it is never swapped out. Pages that
/// it never touches cost nothing.
///
/// # Errors
///
/// `EPERM` when the limit of locked memory (`RLIMIT_MEMLOCK`) is not infinite and cannot be raised. Nothing is locked
/// then: at a limit the next allocation would fail, and end the program.
#[cfg(feature = "daemon")]
pub fn lock_memory() -> io::Result<()> {
    let limit = Resource::RLIMIT_MEMLOCK;
    let (soft, _) = getrlimit(limit)?;
    if soft != RLIM_INFINITY {
        setrlimit(limit, RLIM_INFINITY, RLIM_INFINITY)?;
    }
    // The bits of `MCL_ONFAULT` are not known to nix.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    let flags = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault;
    mlockall(flags).map_err(|errno: Errno| errno.into())
}

/// Makes the next 240 KiB that this process allocates cheap: two calls bring in memory that would otherwise cost a page
/// fault every 4 KiB. It is a hint: kernels before Linux 5.14 do not know it, and nothing depends on it.
#[expect(unsafe_code, reason = "mallopt and madvise have no safe wrappers")]
pub fn bring_memory_in() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Small enough to be taken by `brk`, and so to be kept when it is freed.
        const PIECE: usize = 120 * 1024;
        const PAGE: usize = 4096;
        // SAFETY: as above: both only set parameters of the allocator.
        unsafe {
            libc::mallopt(libc::M_TRIM_THRESHOLD, 4 * LARGE);
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        }
        let mut pieces: [Vec<u8>; 2] = [Vec::with_capacity(PIECE), Vec::with_capacity(PIECE)];
        for piece in &mut pieces {
            let room = piece.spare_capacity_mut();
            let skipped = room.as_ptr().align_offset(PAGE);
            let Some(pages) = room.get_mut(skipped..) else {
                return;
            };
            // SAFETY: the range is memory of this allocation, which nobody else uses. Bringing pages in changes none
            // of their bytes.
            unsafe {
                libc::madvise(
                    pages.as_mut_ptr().cast(),
                    pages.len() / PAGE * PAGE,
                    libc::MADV_POPULATE_WRITE,
                );
            }
        }
    }
}
