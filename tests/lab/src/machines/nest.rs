// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way into the lab: fresh namespaces, a first process in them that builds everything and reaps dead processes, and
//! then the program itself inside.
//!
//! The program starts three times: by the user, as the lab's first process, and inside the lab. When the first of these
//! ends for any reason, the second is killed, and with it everything in its process namespace.

use std::fs::{self, OpenOptions};
use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getegid, geteuid};

use super::plan::{Kind, Shape};
use super::state::{DIR, State};
use super::{Lab, agent, director, lan};
use crate::image::{self, Image};
use crate::keeper::Keeper;
use crate::kernel::LAB_FAILED;
use crate::namespace::Namespace;
use crate::scratch::Scratch;
use crate::uml;
use crate::watch::{Ending, Signals};

/// Distinguishes the lab's first process from the program inside.
const FIRST: &str = "LAB_FIRST";
/// How long the command may take to end after Ctrl-C.
const INTERRUPT_GRACE: Duration = Duration::from_secs(3);

/// How to make a lab.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How large.
    pub shape: Shape,
    /// A directory for its state that stays afterwards; `None` means one in memory.
    pub dir: Option<PathBuf>,
    /// Whether to print nothing while starting.
    pub quiet: bool,
}

/// Whether this program was started as the agent inside a director: then call [`reexec_inside`], whatever the arguments
/// are.
#[must_use]
pub fn is_agent() -> bool {
    std::env::var_os(director::AGENT_ADDRESS).is_some()
}

/// Call it at the start of `main`, with one thread. `None` means that we are inside a lab and the program may go on.
/// Otherwise the lab has ended, and `main` must return this code.
///
/// Inside, the program has the same arguments and environment as before, plus [`DIR`].
#[must_use]
pub fn reexec_inside(options: &Options) -> Option<ExitCode> {
    let outcome = if let Some(address) = std::env::var_os(director::AGENT_ADDRESS) {
        serve_agent(&address.to_string_lossy())
    } else if std::env::var_os(FIRST).is_some() {
        be_first(options)
    } else if std::env::var_os(DIR).is_some() {
        return None;
    } else {
        enter(options)
    };
    Some(crate::kernel::exit_code(outcome))
}

fn serve_agent(address: &str) -> Result<u8> {
    let address: Ipv4Addr = address.parse().context("understand the agent's address")?;
    agent::serve(address)?;
    Ok(0)
}

/// The outermost process: makes the namespaces, starts the first process in them, and waits.
fn enter(options: &Options) -> Result<u8> {
    options.shape.hosts()?;
    if options.shape.directors > 0 {
        Image::find()?;
        let tun = Path::new("/dev/net/tun");
        OpenOptions::new().read(true).write(true).open(tun).with_context(|| {
            format!("open {} (the directors' network cards need it; as root: modprobe tun, chmod a+rw it)", tun.display())
        })?;
    }
    let program = std::env::current_exe().context("find this program's file")?;
    let scratch = if options.dir.is_none() {
        Some(Scratch::new()?)
    } else {
        None
    };
    let dir = match (&options.dir, &scratch) {
        (Some(dir), _) => {
            fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
            dir.canonicalize()?
        }
        (None, Some(scratch)) => scratch.path().to_owned(),
        (None, None) => bail!("the lab has no directory"),
    };
    uml::check_busybox()?;
    // From outside, where the directory is an empty one.
    let _keeper = match &scratch {
        Some(scratch) => Some(Keeper::new(None, scratch.path())?),
        None => None,
    };
    make_namespaces()?;
    let mut command = Command::new(program);
    command
        .args(std::env::args_os().skip(1))
        .env(FIRST, "1")
        .env(DIR, &dir);
    // Absolute, for a director that is started again from another directory.
    if let Some(kernel) = image::directory()? {
        command.env(image::DIRECTORY, kernel);
    }
    #[allow(
        unsafe_code,
        reason = "a child's death signal is set between fork and exec"
    )]
    // SAFETY: between fork and exec there is one system call.
    unsafe {
        command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?));
    }
    let mut first = command.spawn().context("start the lab's first process")?;
    let status = wait_for_first(&mut first)?;
    if scratch.is_some() {
        let _ = umount2(&dir, MntFlags::MNT_DETACH);
    }
    Ok(status)
}

/// Waits for the end. Ctrl-C at a terminal reaches the command by itself; we end what it leaves running.
fn wait_for_first(first: &mut Child) -> Result<u8> {
    let pid = Pid::from_raw(first.id().cast_signed());
    let signals = Signals::hold()?;
    let interrupted = loop {
        match signals.watch(pid, None)? {
            Ending::Interrupted(libc::SIGINT) if is_interactive() => {}
            Ending::Interrupted(libc::SIGINT) => {
                signals.watch(pid, Some(INTERRUPT_GRACE))?;
                break Some(libc::SIGINT);
            }
            Ending::Interrupted(signal) => break Some(signal),
            Ending::Exited | Ending::TimedOut | Ending::Unread => break None,
        }
    };
    if interrupted.is_some() {
        // It fails if it has ended meanwhile.
        let _ = first.kill();
    }
    let status = first.wait().context("wait for the lab's first process")?;
    let number = interrupted.map(|signal| 128 + signal).or(status.code());
    let number = number.unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(u8::try_from(number).unwrap_or(LAB_FAILED))
}

/// Makes our own network, mount and process namespaces. If we are not root, it first makes a user namespace with us as
/// root.
fn make_namespaces() -> Result<()> {
    let flags = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC;
    let (uid, gid) = (geteuid(), getegid());
    let mut done = if uid.is_root() {
        unshare(flags)
    } else {
        Err(Errno::EPERM)
    };
    if done == Err(Errno::EPERM) {
        unshare(CloneFlags::CLONE_NEWUSER).context(
            "make a user namespace, which the lab needs where it is not root (is kernel.unprivileged_userns_clone 0, \
             or does AppArmor restrict them?)",
        )?;
        fs::write("/proc/self/setgroups", "deny").context("give up groups")?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1"))
            .context("become root of a user namespace")?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
            .context("become root of a user namespace")?;
        done = unshare(flags);
    }
    done.context("make the lab's namespaces")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("make mounts private")
}

/// The lab's first process: builds the lab, runs the program inside, reaps processes that end meanwhile.
fn be_first(options: &Options) -> Result<u8> {
    let started = Instant::now();
    let dir = PathBuf::from(std::env::var_os(DIR).context("the lab has no directory")?);
    mount(
        Some("proc"),
        "/proc",
        Some("proc"),
        MsFlags::empty(),
        None::<&str>,
    )
    .context("mount /proc for the lab (in a container, its own /proc must not be masked)")?;
    if options.dir.is_none() {
        mount(
            Some("tmpfs"),
            &dir,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("mode=755"),
        )
        .context("mount the lab's directory")?;
    }
    let lab = build(&dir, options)?;
    if !options.quiet {
        let names: Vec<&str> = lab.hosts().iter().map(|host| host.name.as_str()).collect();
        eprintln!(
            "lab: {} up after {:.1} s",
            names.join(" "),
            started.elapsed().as_secs_f64()
        );
    }
    let program = std::env::current_exe().context("find this program's file")?;
    let mut path = program
        .parent()
        .unwrap_or(Path::new("/"))
        .as_os_str()
        .to_owned();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    let child = Command::new(&program)
        .args(std::env::args_os().skip(1))
        .env_remove(FIRST)
        .env("PATH", path)
        .spawn()
        .context("start the program inside the lab")?;
    bury_until(Pid::from_raw(child.id().cast_signed()))
}

fn build(dir: &Path, options: &Options) -> Result<Lab> {
    let state = State::create(dir, &options.shape)?;
    lan::build(&Namespace::open(Path::new("/proc/self/ns/net"))?)?;
    let lab = Lab::open(dir)?;
    let mut booting = Vec::new();
    // Directors first: they take longer, and boot while the other hosts are made.
    for host in state
        .hosts
        .iter()
        .filter(|host| host.kind == Kind::Director)
    {
        lan::plug_director(&lab.here, host)?;
        booting.push((host, lab.switch_on(host)?));
    }
    for host in state
        .hosts
        .iter()
        .filter(|host| host.kind == Kind::Namespace)
    {
        lab.switch_on(host)?;
    }
    for (host, pid) in booting {
        lab.wait_until_up(&host.name, pid)?;
    }
    Ok(lab)
}

/// Waits for `program` as well as for every orphan, which come to us.
fn bury_until(program: Pid) -> Result<u8> {
    loop {
        let status = match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, status)) if pid == program => status,
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => 128 + signal as i32,
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => bail!("wait for the program inside the lab: {error}"),
        };
        return Ok(u8::try_from(status).unwrap_or(LAB_FAILED));
    }
}

/// Whether a person sits in front of us.
fn is_interactive() -> bool {
    std::io::stdin().is_terminal()
}
