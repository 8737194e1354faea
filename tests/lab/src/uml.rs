// SPDX-License-Identifier: MIT OR Apache-2.0
//! One user-mode kernel: its start, its console, its end.
//!
//! A guest has this machine's root (read-only, through `hostfs`) under an overlay whose upper layer is its own memory.
//! So it sees every file of this machine and changes none, except in the directories that it gets on purpose. Only the
//! files of names in `/etc` are the lab's own ([`crate::etc`]).

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::image::Image;
use crate::scratch::place_for_programs;

/// The preloaded `ptrace` of `shim/xstate.rs`.
const XSTATE_SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/xstate.so"));
/// The size of the kernel's own buffer for a process's extended registers.
#[cfg(target_arch = "x86_64")]
const XSTATE_ROOM: u32 = 2696;
const BUSYBOX: &str = "/bin/busybox";
const CONSOLE_TAIL: u64 = 6000;

/// The properties of a guest.
#[derive(Debug)]
pub(crate) struct Guest<'a> {
    /// Its directory here, seen at `/run/lab` there: init, job, files of names, console, status.
    pub(crate) dir: &'a Path,
    /// What it calls itself.
    pub(crate) hostname: &'a str,
    /// Its memory in MiB.
    pub(crate) memory: u32,
    /// A directory of this machine that it may write to, at the same path.
    pub(crate) out: Option<&'a Path>,
    /// The shell script it runs; its status is the guest's.
    pub(crate) job: &'a str,
    /// Whether the job reads the third console, on which [`crate::keys`] types.
    pub(crate) input: bool,
    /// More words for the kernel's command line.
    pub(crate) arguments: &'a [String],
    /// Descriptors of ours that the kernel keeps.
    pub(crate) keep: &'a [RawFd],
    /// Whether the kernel dies with the thread that starts it.
    pub(crate) die_with_us: bool,
}

impl Guest<'_> {
    /// Starts the kernel, in a process group of its own.
    pub(crate) fn boot(&self) -> Result<Child> {
        check_busybox()?;
        let Image { program, modules } = Image::find()?;
        self.write_files(&modules)?;
        let console = File::create(self.console()).context("create the console's file")?;
        let mut command = Command::new(&program);
        command
            .args([
                "quiet",
                "selinux=0",
                "rootfstype=hostfs",
                "rootflags=/",
                "ro",
                "noreboot",
                "con=null",
            ])
            .arg(format!("mem={}M", self.memory))
            .arg(format!("init={}", self.dir.join("init").display()))
            .arg(format!("con0=null,fd:{}", console.as_raw_fd()))
            .arg(format!("uml_dir={}", self.dir.display()))
            .arg("umid=kernel")
            .args(self.arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TMPDIR", place_for_programs(self.memory)?)
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console.try_clone()?)
            .process_group(0);
        if let Some(shim) = self.write_shim()? {
            command.env("LD_PRELOAD", shim);
        }
        let mut keep = self.keep.to_vec();
        keep.push(console.as_raw_fd());
        let die_with_us = self.die_with_us;
        #[allow(
            unsafe_code,
            reason = "a child's death signal and kept descriptors are set between fork and exec"
        )]
        // SAFETY: between fork and exec only system calls are made, on memory allocated before.
        unsafe {
            command.pre_exec(move || {
                if die_with_us {
                    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                }
                nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0)?;
                for &fd in &keep {
                    if libc::fcntl(fd, libc::F_SETFD, 0) < 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
        command
            .spawn()
            .with_context(|| format!("start {}", program.display()))
    }

    fn console(&self) -> PathBuf {
        self.dir.join("console")
    }

    fn write_files(&self, modules: &Path) -> Result<()> {
        let out = self.out.unwrap_or(Path::new(""));
        for path in [self.dir, modules, out] {
            // The kernel takes these in a list separated by commas, and its command line by spaces.
            let text = path
                .to_str()
                .context("the lab's directories must have UTF-8 names")?;
            ensure!(
                !text.contains([',', ' ', '\'', '\n']),
                "{text:?}: no comma, space or quote, please"
            );
        }
        let init = format!(
            "#!{BUSYBOX} sh\nLAB_BOOT={}\nLAB_MODULES={}\nLAB_HOSTNAME={}\nLAB_OUT={}\nLAB_INPUT={}\n{}",
            self.dir.display(),
            modules.display(),
            self.hostname,
            out.display(),
            if self.input { "yes" } else { "" },
            include_str!("boot.sh"),
        );
        let init_path = self.dir.join("init");
        fs::write(&init_path, init).with_context(|| format!("write {}", init_path.display()))?;
        fs::set_permissions(&init_path, fs::Permissions::from_mode(0o755))?;
        fs::write(self.dir.join("guest.sh"), include_str!("guest.sh"))?;
        fs::write(self.dir.join("job"), self.job)?;
        crate::etc::write(self.dir)?;
        Ok(())
    }

    fn write_shim(&self) -> Result<Option<PathBuf>> {
        if !needs_shim() || XSTATE_SHIM.is_empty() {
            return Ok(None);
        }
        let path = self.dir.join("xstate.so");
        fs::write(&path, XSTATE_SHIM).with_context(|| format!("write {}", path.display()))?;
        Ok(Some(path))
    }
}

/// The last lines a guest's console showed.
pub(crate) fn console_tail(dir: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(dir.join("console"))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE_TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_else(|error| format!("(the console cannot be read: {error})"))
}

/// Ends a kernel and all its processes on this machine.
pub(crate) fn kill_group(leader: Pid) {
    // This fails when the group has ended already: that is what we want.
    let _ = killpg(leader, Signal::SIGKILL);
}

/// `text` as one word of a shell.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether the guests' own shell is there.
pub(crate) fn check_busybox() -> Result<()> {
    ensure!(
        Path::new(BUSYBOX).exists(),
        "no {BUSYBOX}; install it with: apt-get install busybox-static"
    );
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn needs_shim() -> bool {
    std::arch::is_x86_feature_detected!("xsave")
        && std::arch::x86_64::__cpuid_count(0xd, 0).ebx > XSTATE_ROOM
}

#[cfg(not(target_arch = "x86_64"))]
fn needs_shim() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quoted_words_survive_a_shell() {
        for text in ["", "a b", "it's", "$HOME `x` \"\\", "line\nline"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quote(text))])
                .output()
                .unwrap();
            assert_eq!(output.stdout, text.as_bytes());
        }
    }
}
