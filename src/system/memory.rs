// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the C library keeps memory.

/// Makes all threads share one arena. By default each thread has its own, and cannot use what another one frees: a
/// large configuration that one thread reads and another keeps would cost its memory twice. Call it before the first
/// thread starts.
#[expect(unsafe_code, reason = "mallopt has no safe wrapper")]
pub fn share_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets a parameter of the allocator; it may be called at any time, and a failure changes
    // nothing.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
