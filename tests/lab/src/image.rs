// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which kernel the lab boots: the one in the directory that `LAB_KERNEL` names, otherwise that of Debian's installed
//! package.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The variable that names a directory with a kernel for the lab; `make kernels` makes such directories.
pub(crate) const DIRECTORY: &str = "LAB_KERNEL";
const PROGRAM: &str = "linux.uml";
const MODULES: &str = "lib/modules";
const PACKAGED_MODULES: &str = "/usr/lib/uml/modules";
const OVERLAY: &str = "kernel/fs/overlayfs/overlay.ko";

/// A kernel that runs as a process, and the modules that belong to it.
#[derive(Debug)]
pub(crate) struct Image {
    /// The kernel's program.
    pub(crate) program: PathBuf,
    /// The directory with one directory of modules per version, like `/lib/modules`.
    pub(crate) modules: PathBuf,
}

impl Image {
    /// The kernel to boot. Without one the error says what is missing and how to get it.
    pub(crate) fn find() -> Result<Self> {
        match directory()? {
            Some(directory) => Self::from_directory(&directory),
            None => Self::from_package(),
        }
    }

    /// `linux.uml`, `lib/modules/VERSION/` and, where the program needs a C library of its own, that library in `lib/`.
    fn from_directory(directory: &Path) -> Result<Self> {
        let image = Self {
            program: directory.join(PROGRAM),
            modules: directory.join(MODULES),
        };
        let mut missing = Vec::new();
        if !image.program.is_file() {
            missing.push(format!("{PROGRAM} (the kernel's program)"));
        }
        if !has_overlay(&image.modules) {
            missing.push(format!("{MODULES}/VERSION/{OVERLAY} (its modules)"));
        }
        let interpreter = image.program.is_file().then(|| interpreter(&image.program));
        if let Some(interpreter) = interpreter.transpose()?
            && !interpreter.is_file()
        {
            missing.push(format!(
                "{} (the C library's loader that {PROGRAM} names; a directory that was moved needs make kernels again)",
                interpreter.display()
            ));
        }
        ensure!(
            missing.is_empty(),
            "no kernel for the lab: {DIRECTORY}={} lacks {}; make kernels makes such directories",
            directory.display(),
            missing.join(", ")
        );
        Ok(image)
    }

    fn from_package() -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let program = env::split_paths(&path)
            .chain(["/usr/bin", "/usr/local/bin"].map(PathBuf::from))
            .map(|dir| dir.join(PROGRAM))
            .find(|file| file.is_file());
        let Some(program) = program else {
            bail!(
                "no kernel for the lab: Debian package user-mode-linux is not installed; install it with: \
                 apt-get install {}",
                crate::kernel::PACKAGES
            )
        };
        let modules = PathBuf::from(PACKAGED_MODULES);
        ensure!(
            modules.is_dir(),
            "no kernel modules in {PACKAGED_MODULES}; install them with: apt-get install --reinstall user-mode-linux"
        );
        Ok(Self { program, modules })
    }
}

/// The directory that `LAB_KERNEL` names, as an absolute path; `None` when the variable is unset or empty.
pub(crate) fn directory() -> Result<Option<PathBuf>> {
    let Some(named) = env::var_os(DIRECTORY).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let named = PathBuf::from(named);
    let directory = named.canonicalize();
    directory.map(Some).with_context(|| {
        format!(
            "no kernel for the lab: find {DIRECTORY}={}",
            named.display()
        )
    })
}

fn has_overlay(modules: &Path) -> bool {
    modules.read_dir().is_ok_and(|mut versions| {
        versions.any(|version| version.is_ok_and(|it| it.path().join(OVERLAY).is_file()))
    })
}

/// The loader that an ELF program names (64 bits, this machine's byte order).
fn interpreter(program: &Path) -> Result<PathBuf> {
    let bytes = std::fs::read(program).with_context(|| format!("read {}", program.display()))?;
    elf_interpreter(&bytes)
        .map(|path| PathBuf::from(String::from_utf8_lossy(path).into_owned()))
        .with_context(|| {
            format!(
                "{} is not a program of 64 bits with a loader",
                program.display()
            )
        })
}

/// The path in an ELF file's segment `PT_INTERP`.
fn elf_interpreter(bytes: &[u8]) -> Option<&[u8]> {
    const INTERPRETER: u32 = 3;
    const HEADER: usize = 56;
    let word = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let index = |at: usize| usize::try_from(word(at)?).ok();
    if bytes.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    let first = index(32)?;
    let count = usize::from(u16::from_ne_bytes(bytes.get(56..58)?.try_into().ok()?));
    let header = (0..count)
        .filter_map(|number| first.checked_add(number * HEADER))
        .find(|&at| bytes.get(at..at + 4) == Some(&INTERPRETER.to_ne_bytes()))?;
    let (offset, length) = (index(header + 8)?, index(header + 32)?);
    let path = bytes.get(offset..offset.checked_add(length)?)?;
    path.split(|&byte| byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_lacks_something_is_told_by_name() {
        let dir = crate::scratch::Scratch::new().unwrap();
        let missing = |dir: &Path| Image::from_directory(dir).unwrap_err().to_string();
        let told = missing(dir.path());
        assert!(told.contains("linux.uml (the kernel's program)"), "{told}");
        assert!(told.contains("lib/modules/VERSION/"), "{told}");

        let program = std::env::current_exe().unwrap();
        std::fs::copy(program, dir.path().join(PROGRAM)).unwrap();
        let told = missing(dir.path());
        assert!(!told.contains("program)"), "{told}");
        assert!(told.contains("lib/modules/VERSION/"), "{told}");

        let overlay = dir.path().join(MODULES).join("6.1.0").join(OVERLAY);
        std::fs::create_dir_all(overlay.parent().unwrap()).unwrap();
        std::fs::write(&overlay, "").unwrap();
        let image = Image::from_directory(dir.path()).unwrap();
        assert_eq!(image.modules, dir.path().join(MODULES));
    }

    #[test]
    fn the_loader_of_a_program_is_found_and_nonsense_has_none() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let loader = std::str::from_utf8(elf_interpreter(&program).unwrap()).unwrap();
        assert!(Path::new(loader).is_file(), "{loader}");
        for length in [0, 4, 40, 64, 200] {
            assert_eq!(elf_interpreter(&program[..length]), None, "{length} bytes");
        }
        assert_eq!(elf_interpreter(b"#!/bin/sh\n"), None);
    }
}
