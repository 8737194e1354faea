// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program `realserver`: see `realserver --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    realserver::main()
}
