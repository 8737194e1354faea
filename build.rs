// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links the unwinder of GCC's runtime into the programs, where Rust would have the loader fetch all of `libgcc_s.so` at
//! every start: of a command that takes a millisecond that is a tenth. GCC brings the archive along.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |part: &str| std::env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
