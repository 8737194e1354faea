// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director.

fn main() -> std::process::ExitCode {
    lvs_director::daemon::main(std::env::args_os())
}
