// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `lab`: see `lab --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::cli::main()
}
