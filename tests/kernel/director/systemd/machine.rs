// SPDX-License-Identifier: MIT OR Apache-2.0
//! systemd as process 1 of its own namespaces, in the network of a host.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lab::netns::Host;
use tempfile::TempDir;

use super::super::process::{Said, said};
use super::until;

/// systemd, and what it started. All of it ends when this is dropped.
pub(super) struct Machine<'h> {
    child: Child,
    /// Process 1, by the number that it has here.
    pid: String,
    host: &'h Host,
    _directory: TempDir,
}

/// Files that go onto the root before the boot.
pub(super) struct Root<'d>(&'d Path);

impl Root<'_> {
    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn copy(&self, from: &Path, to: &str) {
        let to = self.0.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// What is started: the journal, and what a service waits for.
const TARGET: &str = "[Unit]\nRequires=basic.target\nAfter=basic.target\n\
    Wants=systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service\n";

impl<'h> Machine<'h> {
    /// Boots it, with these files.
    pub(super) fn boot(host: &'h Host, files: impl FnOnce(&Root<'_>)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (place, root) = (
            directory.path().join("place"),
            directory.path().join("files"),
        );
        fs::create_dir(&place).unwrap();
        let root = Root(&root);
        root.write("etc/lab-units/lab.target", TARGET);
        files(&root);
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/kernel/director/systemd/boot.sh"
        );
        let mut program = Command::new("unshare");
        program.args(["--mount", "sh", script]);
        program.args([place.as_path(), root.0]).stdin(Stdio::null());
        host.adopt(&mut program);
        let child = program.spawn().unwrap();
        let mut machine = Self {
            child,
            pid: String::new(),
            host,
            _directory: directory,
        };
        machine.pid = until("systemd runs", || first(machine.child.id()));
        until("the machine is up", || {
            let said = machine.systemctl(&["is-active", "lab.target"]);
            (said.out.trim() == "active").then_some(())
        });
        machine
    }

    /// Runs a program there.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.pid, "-m", "-p", "-i", "-u", "-C", program])
            .args(arguments);
        said(self.host, &mut command)
    }

    pub(super) fn systemctl(&self, arguments: &[&str]) -> Said {
        self.run("systemctl", arguments)
    }

    pub(super) fn property(&self, unit: &str, name: &str) -> String {
        let said = self.systemctl(&["show", "--value", "--property", name, unit]);
        said.succeeds().trim().to_owned()
    }

    pub(super) fn wait_for_property(&self, unit: &str, name: &str, right: impl Fn(&str) -> bool) {
        until(
            &format!("{name} of {unit}: {}", self.property(unit, name)),
            || right(&self.property(unit, name)).then_some(()),
        );
    }

    /// Waits for an entry of the journal with these words, and returns its line.
    pub(super) fn wait_for_journal(&self, options: &[&str], words: &str) -> String {
        until(&format!("{words:?} in the journal"), || {
            let said = self.run("journalctl", &[&["--no-pager", "-q"], options].concat());
            said.out
                .lines()
                .find(|line| line.contains(words))
                .map(str::to_owned)
        })
    }

    /// Writes a file there.
    pub(super) fn write(&self, path: &str, text: &str) {
        let path = Path::new("/proc").join(&self.pid).join("root").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The process that is systemd, below this one.
fn first(pid: u32) -> Option<String> {
    let mut pid = pid.to_string();
    loop {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        if name.trim() == "systemd" {
            return Some(pid);
        }
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().next()?.clone_into(&mut pid);
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
