// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shape "one kernel": a command runs inside a user-mode kernel that has IPVS. It has this machine's files, and the
//! caller's directory and environment; its output goes to the caller's.
//!
//! For test programs: [`ipvs_here`] says whether they can run on this kernel, [`rerun_inside`] runs them in the lab. In
//! `main`, before anything else:
//!
//! ```no_run
//! # use std::process::ExitCode;
//! # fn start() -> ExitCode {
//! if !lab::kernel::ipvs_here() {
//!     return lab::kernel::rerun_inside(std::env::args_os().skip(1));
//! }
//! // Here the tests run.
//! # ExitCode::SUCCESS
//! # }
//! ```

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Pid;

use crate::image::DIRECTORY;
use crate::keeper::Keeper;
use crate::keys;
use crate::relay;
use crate::scratch::Scratch;
use crate::uml::{Guest, console_tail, quote};
use crate::watch::{Ending, Signals};

/// The exit status for "the lab failed", as opposed to "the command failed".
pub const LAB_FAILED: u8 = 125;
/// Set to `1` in the environment of everything that runs inside.
pub const INSIDE: &str = "LAB_INSIDE";
/// Names, inside, a directory that is this machine's own. [`rerun_inside`] makes it the one that the caller's names.
pub const OUT: &str = "LAB_OUT";

/// Which part of the tests a process runs, as `1/2`; all of them when it is not set.
const SHARE: &str = "LAB_SHARE";

/// How to run a command in a kernel of its own.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kernel's memory in MiB. Files written inside are kept in it.
    pub memory: u32,
    /// The longest the whole may take.
    pub timeout: Option<Duration>,
    /// The directory given to the command as `LAB_OUT`; a temporary one if none.
    pub out: Option<PathBuf>,
    /// Whether the command reads our standard input; otherwise it has none.
    pub input: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: 1024,
            timeout: Some(Duration::from_mins(15)),
            out: None,
            input: false,
        }
    }
}

/// Runs `command` inside one kernel and returns its exit status (128 + n if signal n ended it).
///
/// Call it from a program's main thread, before there are others: the kernel lives as long as the calling thread, and
/// signals that would end this program end the kernel first.
pub fn run(options: &Options, command: &[OsString]) -> Result<u8> {
    let scratch = Scratch::new()?;
    let dir = scratch.path().join("boot");
    fs::create_dir(&dir).context("create the kernel's directory")?;
    let out = match &options.out {
        Some(out) => {
            fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
            out.canonicalize()
                .with_context(|| format!("resolve {}", out.display()))?
        }
        None => scratch.path().join("out"),
    };
    fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
    let (stdout, stdout_end) = relay::stream()?;
    let (stderr, stderr_end) = relay::stream()?;
    let fds = [stdout_end.as_raw_fd(), stderr_end.as_raw_fd()];
    let [out_fd, err_fd] = fds;
    let (input_end, input) = std::io::pipe().context("make a pipe")?;
    let input_fd = input_end.as_raw_fd();
    let guest = Guest {
        dir: &dir,
        hostname: "lab",
        memory: options.memory,
        out: Some(&out),
        job: &job(command, &out)?,
        arguments: &[
            format!("con1=null,fd:{out_fd}"),
            format!("con2=null,fd:{err_fd}"),
            format!("con3=fd:{input_fd},null"),
        ],
        input: options.input,
        keep: &[out_fd, err_fd, input_fd],
        die_with_us: true,
    };
    let signals = Signals::hold()?;
    let mut kernel = guest.boot()?;
    let _keeper = Keeper::new(
        Some(Pid::from_raw(kernel.id().cast_signed())),
        scratch.path(),
    )?;
    drop((stdout_end, stderr_end, input_end));
    if options.input {
        keys::send_input(&dir, input);
    }
    let streams = [stdout, stderr];
    let ending = relay::wait(&mut kernel, streams, signals, options.timeout)?;
    verdict(ending, &dir, options)
}

fn verdict(ending: Ending, dir: &Path, options: &Options) -> Result<u8> {
    let status = fs::read_to_string(dir.join("status"))
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let console = || console_tail(dir);
    match ending {
        Ending::Exited => match status {
            Some(status) => Ok(status),
            None => bail!(
                "the kernel ended before its command did; its console:\n{}",
                console()
            ),
        },
        Ending::TimedOut => {
            let seconds = options.timeout.unwrap_or_default().as_secs();
            bail!(
                "not done after {seconds} s; the kernel was ended; its console:\n{}",
                console()
            )
        }
        Ending::Interrupted(signal) => Ok(u8::try_from(128 + signal).unwrap_or(LAB_FAILED)),
        // The signal for a write to a closed pipe.
        Ending::Unread => Ok(128 + 13),
    }
}

/// The script that becomes the command: same directory, same environment.
fn job(command: &[OsString], out: &Path) -> Result<String> {
    ensure!(!command.is_empty(), "no command to run");
    let word = |bytes: &OsString| -> Result<String> {
        let text = std::str::from_utf8(bytes.as_bytes());
        Ok(quote(text.with_context(|| {
            format!("{} is not UTF-8", bytes.display())
        })?))
    };
    let cwd = std::env::current_dir().context("find the current directory")?;
    let mut job = format!(
        "cd {} || exit 125\nexec /usr/bin/env -i",
        word(&cwd.into_os_string())?
    );
    for (name, value) in std::env::vars_os() {
        // A variable that is not text does not matter to a test. One with the name of an option cannot be passed on.
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            && !name.starts_with('-')
            && ![INSIDE, OUT, DIRECTORY].contains(&name)
        {
            job.push(' ');
            job.push_str(&quote(&format!("{name}={value}")));
        }
    }
    job.push_str(&format!(
        " {INSIDE}=1 {OUT}={}",
        quote(&out.to_string_lossy())
    ));
    for argument in command {
        job.push(' ');
        job.push_str(&word(argument)?);
    }
    job.push('\n');
    Ok(job)
}

/// Whether `LAB_KERNEL` is `running`: tests use the running kernel in network namespaces, also when it has no IPVS. Those
/// that need IPVS fail then.
#[must_use]
pub fn running_is_wanted() -> bool {
    std::env::var_os(DIRECTORY).is_some_and(|name| name == "running")
}

/// Whether `LAB_KERNEL` names a kernel: then the tests must not use the running one.
#[must_use]
pub fn is_chosen() -> bool {
    std::env::var_os(DIRECTORY).is_some_and(|directory| !directory.is_empty())
}

/// Whether tests can run on the running kernel: it has IPVS, we may administer it, and `LAB_KERNEL` names no other
/// kernel.
///
/// IPVS listens only to the network administrator of the machine itself, not to one of a user namespace.
#[must_use]
pub fn ipvs_here() -> bool {
    !is_chosen()
        && in_first_user_namespace()
        && may_administer_networks()
        && crate::genl::has_family("IPVS")
}

/// Whether we have `CAP_NET_ADMIN`; root in a container may have been denied it.
fn may_administer_networks() -> bool {
    const CAP_NET_ADMIN: u32 = 12;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << CAP_NET_ADMIN) != 0)
}

/// Whether root here is root of the machine: only then are all user ids mapped to themselves.
fn in_first_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let fields: Vec<&str> = map.split_whitespace().collect();
        fields == ["0", "0", "4294967295"]
    })
}

/// Runs this very program with `arguments` inside one kernel, and returns the exit code for `main`.
///
/// Failures of the lab itself are printed, and are exit code [`LAB_FAILED`].
#[must_use]
pub fn rerun_inside<I: IntoIterator<Item = S>, S: Into<OsString>>(arguments: I) -> ExitCode {
    if std::env::var_os(INSIDE).is_some() {
        eprintln!("lab: this kernel is the lab's already, and has no IPVS");
        return ExitCode::from(LAB_FAILED);
    }
    let run = || -> Result<u8> {
        let program = std::env::current_exe().context("find this program's file")?;
        let command: Vec<OsString> = std::iter::once(program.into_os_string())
            .chain(arguments.into_iter().map(Into::into))
            .collect();
        run(
            &Options {
                timeout: Some(TEST_TIMEOUT),
                out: std::env::var_os(OUT).map(PathBuf::from),
                ..Options::default()
            },
            &command,
        )
    };
    exit_code(run())
}

/// As [`rerun_inside`] without arguments, in two kernels side by side when this machine has two processors. Each runs its
/// [`share`] of the tests. What the second one prints comes when both have ended.
#[must_use]
pub fn rerun_inside_shared() -> ExitCode {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    if processors < 2 || std::env::var_os(SHARE).is_some() {
        return rerun_inside(std::iter::empty::<OsString>());
    }
    let in_two = || -> Result<u8> {
        let scratch = Scratch::new()?;
        let mut shares = Vec::new();
        for share in ["1/2", "2/2"] {
            shares.push(Share::start(share, scratch.path())?);
        }
        let mut worst = 0;
        for share in &mut shares {
            worst = worst.max(share.end()?);
        }
        Ok(worst)
    };
    exit_code(in_two())
}

/// A kernel that runs a part of the tests.
struct Share {
    process: Child,
    /// Where it prints, if not where we do.
    prints: Option<PathBuf>,
    _keeper: Keeper,
}

impl Share {
    fn start(share: &str, directory: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(SHARE, share).process_group(0);
        let prints = (share != "1/2").then(|| directory.join("prints"));
        if let Some(prints) = &prints {
            let file = File::create(prints).context("create a file for what a kernel prints")?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        let process = command.spawn().context("start this program again")?;
        let group = Pid::from_raw(process.id().cast_signed());
        let keeper = Keeper::new(Some(group), directory)?;
        Ok(Self {
            process,
            prints,
            _keeper: keeper,
        })
    }

    /// Waits for it, and returns its exit status.
    fn end(&mut self) -> Result<u8> {
        let status = self.process.wait().context("wait for a kernel")?;
        if let Some(prints) = &self.prints {
            let mut prints = File::open(prints).context("read what a kernel has printed")?;
            io::copy(&mut prints, &mut io::stdout())?;
        }
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.unwrap_or(LAB_FAILED))
    }
}

/// Which of how many parts of the tests this process runs: `(0, 2)` is the first of two.
#[must_use]
pub fn share() -> (usize, usize) {
    let written = std::env::var(SHARE).unwrap_or_default();
    let parts = written.split_once('/').and_then(|(part, of)| {
        let (part, of) = (part.parse::<usize>().ok()?, of.parse().ok()?);
        Some((part.checked_sub(1)?, of))
    });
    parts.unwrap_or((0, 1))
}

/// The exit code for the outcome of [`run`]; a failure is printed.
#[must_use]
pub fn exit_code(outcome: Result<u8>) -> ExitCode {
    ExitCode::from(outcome.unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        LAB_FAILED
    }))
}

/// How long a whole test program may take: five times as long as on an idle machine.
const TEST_TIMEOUT: Duration = Duration::from_mins(45);

/// The package with the lab's kernel, for hints.
pub const PACKAGES: &str = "user-mode-linux busybox-static iproute2";
