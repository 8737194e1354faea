// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiles `shim/xstate.rs`, the preloaded object that lets a user-mode kernel start on processors with a large
//! register file. The library contains it as bytes.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=shim/xstate.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?).join("xstate.so");
    let target = env::var("TARGET")?;
    if target != "x86_64-unknown-linux-gnu" {
        fs::write(out, [])?;
        return Ok(());
    }
    let status = Command::new(env::var("RUSTC")?)
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "--crate-name",
            "xstate",
        ])
        .args([
            "--target",
            &target,
            "-O",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
            "-C",
            "link-arg=-nostdlib",
        ])
        .arg("-o")
        .arg(&out)
        .arg("shim/xstate.rs")
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("compile shim/xstate.rs: {status}").into())
    }
}
