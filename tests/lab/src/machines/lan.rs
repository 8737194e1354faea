// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab's cables and its hosts that are namespaces: made, found, stopped, taken apart.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::plan::{Host, MANAGEMENT};
use crate::namespace::Namespace;

/// Makes the bridges, in the calling thread's namespace.
pub(crate) fn build(here: &Namespace) -> Result<()> {
    here.ip(&format!(
        "link set lo up\n\
         link add lan type bridge mcast_snooping 0\n\
         link set lan up\n\
         link add mgmt type bridge mcast_snooping 0\n\
         address add {MANAGEMENT} dev mgmt\n\
         link set mgmt up\n"
    ))
}

/// Makes a director's two cables.
pub(crate) fn plug_director(here: &Namespace, host: &Host) -> Result<()> {
    let mut lines = String::new();
    for (port, bridge) in [(host.port(), "lan"), (host.management_port(), "mgmt")] {
        lines.push_str(&format!(
            "tuntap add dev {port} mode tap\nlink set {port} master {bridge}\nlink set {port} up\n"
        ));
    }
    here.ip(&lines)
}

/// Starts a host that is a namespace, and returns its process. The process has its own network, mount table (with its
/// own `/run` and `/sys`) and host name.
pub(crate) fn start_host(here: &Namespace, host: &Host) -> Result<Pid> {
    let mut holder = Command::new("/bin/busybox");
    holder
        .args(["sleep", "2000000000"])
        .current_dir("/")
        .env_clear();
    holder
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let name = host.name.clone();
    #[allow(
        unsafe_code,
        reason = "a child changes its namespaces between fork and exec"
    )]
    // SAFETY: between fork and exec only system calls are made, on memory allocated before.
    unsafe {
        holder.pre_exec(move || {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
            nix::unistd::sethostname(&name)?;
            mount(
                Some("tmpfs"),
                "/run",
                Some("tmpfs"),
                MsFlags::empty(),
                Some("mode=755"),
            )?;
            // Where it is refused, programs there see the network cards of the lab in /sys.
            let _ = mount(
                Some("sysfs"),
                "/sys",
                Some("sysfs"),
                MsFlags::empty(),
                None::<&str>,
            );
            Ok(())
        });
    }
    let child = holder
        .spawn()
        .context("start a host (its holder is busybox)")?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let port = host.port();
    // A machine keeps its network card when it is switched off and on, because others remember its address for a
    // minute.
    let number = host.number;
    here.ip(&format!(
        "link add {port} type veth peer name eth0 address 02:1a:b0:00:00:{number:02x} netns {pid}\n\
         link set {port} master lan up\n"
    ))?;
    let namespace = Namespace::open(&namespace_file(pid)).context("open the host's namespace")?;
    namespace
        .configure_host(&host.addresses)
        .with_context(|| format!("configure {}", host.name))?;
    Ok(pid)
}

/// The file of a process's network namespace.
pub(crate) fn namespace_file(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/net"))
}

/// Ends a host that is a namespace: its cable, then every process in it.
pub(crate) fn stop_host(here: &Namespace, host: &Host, pid: Pid) -> Result<()> {
    here.ip(&format!("link delete {}\n", host.port()))?;
    // A process that we end may just have forked.
    for _ in 0..100 {
        let processes = processes_in(pid);
        if processes.is_empty() {
            break;
        }
        for &process in processes.iter().filter(|&&process| process != pid) {
            let _ = kill(process, Signal::SIGKILL);
        }
        if processes == [pid] {
            let _ = kill(pid, Signal::SIGKILL);
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Sends a signal to every process in the network namespace of `pid`.
pub(crate) fn signal_host(pid: Pid, signal: Signal) {
    for process in processes_in(pid) {
        let _ = kill(process, signal);
    }
}

/// Every living process in the network namespace of `pid`.
fn processes_in(pid: Pid) -> Vec<Pid> {
    let Ok(wanted) = fs::metadata(namespace_file(pid)).map(|file| file.ino()) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .parse()
                .ok()
                .map(Pid::from_raw)
        })
        .filter(|&process| {
            fs::metadata(namespace_file(process)).is_ok_and(|file| file.ino() == wanted)
        })
        .collect()
}

/// Makes `command` run on the host of process `pid`.
pub(crate) fn adopt(command: &mut Command, pid: Pid) -> Result<()> {
    let open = |name: &str| {
        let path = Path::new("/proc")
            .join(pid.to_string())
            .join("ns")
            .join(name);
        fs::File::open(&path).with_context(|| format!("open {}", path.display()))
    };
    let (net, uts, mounts) = (open("net")?, open("uts")?, open("mnt")?);
    // In a chroot the mount table has more than that, and entering it leads to its root.
    let root = Path::new("/proc").join(pid.to_string()).join("root");
    let root = fs::File::open(&root).with_context(|| format!("open {}", root.display()))?;
    let cwd = command
        .get_current_dir()
        .map_or_else(std::env::current_dir, |dir| Ok(dir.to_owned()));
    let cwd = std::ffi::CString::new(
        cwd.context("find the current directory")?
            .into_os_string()
            .into_encoded_bytes(),
    )?;
    #[allow(
        unsafe_code,
        reason = "a child changes its namespaces between fork and exec"
    )]
    // SAFETY: between fork and exec only system calls are made, on descriptors and memory made before.
    unsafe {
        command.pre_exec(move || {
            setns(&net, CloneFlags::CLONE_NEWNET)?;
            setns(&uts, CloneFlags::CLONE_NEWUTS)?;
            setns(&mounts, CloneFlags::CLONE_NEWNS)?;
            if libc::fchdir(root.as_raw_fd()) != 0 || libc::chroot(c".".as_ptr()) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            if libc::chdir(cwd.as_ptr()) != 0 {
                libc::chdir(c"/".as_ptr());
            }
            Ok(())
        });
    }
    Ok(())
}
