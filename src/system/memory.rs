// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the C library keeps memory.

/// Makes all threads share one arena. By default each gets its own, and what one frees another cannot use: a large
/// configuration, read on one thread and kept by another, would cost its memory twice. To be called before the first
/// thread is started.
#[expect(unsafe_code, reason = "mallopt has no safe wrapper")]
pub fn share_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets a parameter of the allocator; it may be called at any time, and a failure changes
    // nothing.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
