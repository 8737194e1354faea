// SPDX-License-Identifier: MIT OR Apache-2.0
//! A preloaded `ptrace` for user-mode kernels on processors with a large register file.
//!
//! The kernel of Debian's `user-mode-linux` keeps 2696 bytes of extended registers for each process: all of them up to
//! AVX-512 and protection keys. On a processor with AMX, Linux wants 11008 bytes back and refuses less with EFAULT.
//! Then the user-mode kernel dies at its first process. This file adds the missing part as "never used".
#![no_std]

use core::arch::asm;
use core::ffi::{c_int, c_long, c_void};

const PEEK: core::ops::RangeInclusive<c_long> = 1..=3;
const GET_REGISTER_SET: c_long = 0x4204;
const SET_REGISTER_SET: c_long = 0x4205;
const EXTENDED_STATE: c_long = 0x202;
const ROOM: usize = 64 * 1024;
/// The place where the area says which of its parts are in use, and the parts that fit in the user-mode kernel's
/// buffer.
const IN_USE: usize = 512;
const KNOWN_PARTS: u64 = 0x3ff;

#[repr(C)]
struct Piece {
    base: *mut u8,
    bytes: usize,
}

/// Not on the stack: the user-mode kernel calls from stacks of 16 KiB. It has one thread that traces.
static mut AREA: [u8; ROOM] = [0; ROOM];
static mut AREA_BYTES: usize = 0;

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

unsafe fn system_call(request: c_long, pid: c_long, addr: c_long, data: c_long) -> c_long {
    let answer: c_long;
    // SAFETY: the number and the registers are those of ptrace(2); what the pointers mean is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") 101_i64 => answer, in("rdi") request, in("rsi") pid, in("rdx") addr,
             in("r10") data, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

/// Writes the extended registers from a buffer that may be shorter than this processor's.
unsafe fn set_extended_state(pid: c_long, given: &Piece) -> c_long {
    let area = (&raw mut AREA).cast::<u8>();
    // SAFETY: one tracing thread, so nobody else uses AREA; `given` is never longer than ROOM where it is copied, since
    // it is shorter than what the kernel itself just wrote into AREA; the area's header is 576 bytes in.
    unsafe {
        if AREA_BYTES == 0 {
            let mut whole = Piece {
                base: area,
                bytes: ROOM,
            };
            if system_call(
                GET_REGISTER_SET,
                pid,
                EXTENDED_STATE,
                &raw mut whole as c_long,
            ) >= 0
            {
                AREA_BYTES = whole.bytes;
            }
            area.write_bytes(0, ROOM);
        }
        if given.bytes < IN_USE + 8 || given.bytes >= AREA_BYTES {
            return system_call(
                SET_REGISTER_SET,
                pid,
                EXTENDED_STATE,
                core::ptr::from_ref(given) as c_long,
            );
        }
        area.copy_from_nonoverlapping(given.base, given.bytes);
        let in_use = area.add(IN_USE).cast::<u64>();
        in_use.write_unaligned(in_use.read_unaligned() & KNOWN_PARTS);
        let whole = Piece {
            base: area,
            bytes: AREA_BYTES,
        };
        system_call(
            SET_REGISTER_SET,
            pid,
            EXTENDED_STATE,
            &raw const whole as c_long,
        )
    }
}

/// `ptrace(2)` as the C library offers it.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ptrace(
    request: c_long,
    pid: c_long,
    addr: c_long,
    data: *mut c_void,
) -> c_long {
    let mut word: c_long = 0;
    let peek = PEEK.contains(&request);
    // SAFETY: the arguments are the caller's own; a peek's word goes to our variable, as in the C library.
    let answer = unsafe {
        if peek {
            system_call(request, pid, addr, &raw mut word as c_long)
        } else if request == SET_REGISTER_SET && addr == EXTENDED_STATE {
            set_extended_state(pid, &*data.cast::<Piece>())
        } else {
            system_call(request, pid, addr, data as c_long)
        }
    };
    if answer < 0 {
        // SAFETY: the C library's errno of this thread; error numbers are below 4096.
        unsafe { *__errno_location() = -answer as c_int };
        return -1;
    }
    if peek { word } else { answer }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
