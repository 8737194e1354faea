// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starting a program as a user who can do little, and its end with all of its children.

use std::fs::{self, Metadata};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, Uid, User, geteuid};

use crate::model::ExecProbe;
use crate::probe::tcp::describe;

/// Who runs a program when the director is root and the configuration names nobody.
const NOBODY: &str = "nobody";
/// What every program finds its own programs by.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What the director needs to run a program as somebody else, and to end it.
const MAY_CHANGE_USER: &str = "to run it as another user, the director needs CAP_SETUID, CAP_SETGID and CAP_KILL; or \
    write user: root";
const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_OTHERS: u32 = 0o002;
/// In such a directory nobody can replace the file of somebody else.
const STICKY: u32 = 0o1000;

/// A started program: it leads a process group of its own. Dropping it ends the whole group.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    group: Pid,
    /// What it writes, on both of its outputs.
    pub(super) output: Option<io::PipeReader>,
}

/// Another user than the director's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Other {
    uid: u32,
    gid: u32,
}

impl Program {
    /// Starts the program. May wait for a disk, and for whoever knows the users. An error says why it cannot be started.
    pub(super) fn start(exec: &ExecProbe, server: Option<SocketAddr>) -> Result<Self, String> {
        let (path, arguments) = exec.command.split_first().ok_or("no program is named")?;
        let other = run_as(exec.user.as_deref())?;
        refuse_what_others_can_write(Path::new(&**path), other)?;
        let failed = |error: &io::Error| describe(&format!("run {path}"), error);
        let (output, input) = io::pipe().map_err(|error| failed(&error))?;
        let errors = input.try_clone().map_err(|error| failed(&error))?;
        let mut command = Command::new(&**path);
        command
            .args(arguments.iter().map(|word| &**word))
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(input)
            .stderr(errors)
            .process_group(0);
        if let Some(server) = server {
            command.env("LVS_ADDRESS", server.ip().to_string());
            command.env("LVS_PORT", server.port().to_string());
        }
        if let Some(Other { uid, gid }) = other {
            // With a user, the standard library drops all supplementary groups.
            command.gid(gid).uid(uid);
        }
        let child = command.spawn().map_err(|error| match other {
            Some(_) if error.raw_os_error() == Some(Errno::EPERM as i32) => {
                let failed = failed(&error);
                format!("{failed}; {MAY_CHANGE_USER}")
            }
            Some(_) | None => failed(&error),
        })?;
        let group = i32::try_from(child.id()).map(Pid::from_raw);
        let group = group.map_err(|error| format!("run {path}: {error}"))?;
        Ok(Self {
            child,
            group,
            output: Some(output),
        })
    }

    /// How it ended, if it has. It is not reaped: its number stays its own.
    pub(super) fn ended(&self) -> Result<Option<WaitStatus>, Errno> {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.group), look) {
            Ok(WaitStatus::StillAlive) => Ok(None),
            Ok(status) => Ok(Some(status)),
            Err(error) => Err(error),
        }
    }

    /// Ends it and all of its children that have not left its group.
    pub(super) fn kill(&self) {
        // No process of the group may be left.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Until the reaping the number of the group cannot be anybody else's.
        self.kill();
        let _ = self.child.try_wait();
    }
}

/// The user of this name or number, if this host knows it.
fn look_up(name: &str, number: Option<u32>) -> Result<Option<User>, String> {
    let found = match number {
        Some(uid) => User::from_uid(Uid::from_raw(uid)),
        None => User::from_name(name),
    };
    found.map_err(|error| format!("look up user {name}: {}", error.desc()))
}

/// Whether this host certainly has no user of this name. A number needs none. It asks whoever knows the users.
#[must_use]
pub fn is_unknown_user(name: &str) -> bool {
    name.parse::<u32>().is_err() && matches!(look_up(name, None), Ok(None))
}

/// Who runs the program; `None` for the director's own user.
fn run_as(user: Option<&str>) -> Result<Option<Other>, String> {
    let own = geteuid();
    let name = match user {
        Some(name) => name,
        None if own.is_root() => NOBODY,
        None => return Ok(None),
    };
    let number: Option<u32> = name.parse().ok();
    let found = look_up(name, number)?;
    let other = match (found, number) {
        (Some(user), _) => Other {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        },
        (None, Some(uid)) => Other { uid, gid: uid },
        (None, None) => return Err(format!("look up user {name}: this host has no such user")),
    };
    if other.uid == own.as_raw() {
        return Ok(None);
    }
    if !own.is_root() {
        return Err(format!("run as user {name}: the director is not root"));
    }
    Ok(Some(other))
}

/// Somebody who can replace the program could run whatever he likes as its user.
fn refuse_what_others_can_write(path: &Path, other: Option<Other>) -> Result<(), String> {
    let failed = |error: &io::Error| describe(&format!("run {}", path.display()), error);
    let real: PathBuf = fs::canonicalize(path).map_err(|error| failed(&error))?;
    for part in real.ancestors() {
        let found = fs::metadata(part).map_err(|error| failed(&error))?;
        if part == real && !found.is_file() {
            return Err(format!("run {}: is no regular file", path.display()));
        }
        if let Some(whose) = who_can_write(&found, other) {
            let part = part.display();
            return Err(format!(
                "run {}: {whose} can change {part}; write: chown root {part}; chmod go-w {part}",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Somebody who can write there, and is neither root, nor the director, nor who runs the program.
fn who_can_write(found: &Metadata, other: Option<Other>) -> Option<String> {
    let (mode, owner) = (found.permissions().mode(), found.uid());
    let trusted =
        owner == 0 || owner == geteuid().as_raw() || other.is_some_and(|other| owner == other.uid);
    if !trusted {
        return Some(format!("user {owner}"));
    }
    if found.is_dir() && mode & STICKY != 0 {
        return None;
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Some("everybody".to_owned());
    }
    if mode & WRITABLE_BY_GROUP != 0 && found.gid() != 0 {
        return Some(format!("group {}", found.gid()));
    }
    None
}
