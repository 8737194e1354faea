// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks at and edits the kernel's IPVS table: see `lvs_director::cli`.

fn main() -> std::process::ExitCode {
    lvs_director::cli::main(std::env::args_os())
}
