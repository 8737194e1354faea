// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs one program in one fresh network namespace, and measures it.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is what this file is for"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::namespace::Namespace;
use lvs_director::kernel::Ipvs;
use lvs_director::plan::Target as _;

use crate::inputs::Scale;

pub(crate) const DIRECTOR: &str = env!("CARGO_BIN_EXE_director");
/// How long the processor must have been idle.
const WINDOW: Duration = Duration::from_millis(200);
/// How long that is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const LVSADM: &str = env!("CARGO_BIN_EXE_lvsadm");

/// Wall time of a whole process, and of its exchange with the kernel if the process reports that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Apply {
    pub(crate) whole: Duration,
    pub(crate) applying: Duration,
}

/// The inputs, written down.
pub(crate) struct Bench {
    pub(crate) scale: Scale,
    pub(crate) directory: PathBuf,
}

impl Bench {
    pub(crate) fn prepare(scale: Scale, directory: &Path) -> Result<Self> {
        let bench = Self {
            scale,
            directory: directory.to_owned(),
        };
        fs::write(bench.path("rules"), scale.for_ipvsadm())?;
        bench.write_configurations(1)?;
        // The schedulers' modules are loaded once, before anything is measured.
        let namespace = Namespace::fresh()?;
        for (address, scheduler) in [("10.9.9.9:80", "rr"), ("10.9.9.9:81", "wrr")] {
            let warm = namespace.command("ipvsadm", &["-A", "-t", address, "-s", scheduler])?;
            ensure!(
                warm.status.success(),
                "ipvsadm: {}",
                String::from_utf8_lossy(&warm.stderr)
            );
        }
        Ok(bench)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn write_configurations(&self, weight: u32) -> Result<()> {
        let directory = self.directory.to_string_lossy();
        fs::write(
            self.path("director.yaml"),
            self.scale.for_director(&directory, weight),
        )?;
        fs::write(
            self.path("keepalived.conf"),
            self.scale.for_keepalived(weight, 60),
        )?;
        Ok(())
    }

    pub(crate) fn namespace() -> Result<Namespace> {
        let namespace = Namespace::fresh()?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// A command in a namespace of its own, timed.
    fn timed(namespace: &Namespace, command: &mut Command) -> Result<(Duration, String)> {
        settle()?;
        command.stderr(Stdio::piped());
        // Cargo's own; every program would look for its libraries there first.
        command.env_remove("LD_LIBRARY_PATH");
        // Use a thread that exists already. A command that changes its namespace itself must be forked from this large
        // process, and we would measure that, too.
        let (output, took) = namespace.run(|| {
            let start = Instant::now();
            let output = command
                .spawn()
                .and_then(std::process::Child::wait_with_output);
            (output, start.elapsed())
        });
        let output = output.with_context(|| format!("run {command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?} failed: {said}");
        Ok((took, String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// `director apply` into an empty kernel.
    pub(crate) fn director_apply(&self) -> Result<Apply> {
        let namespace = Self::namespace()?;
        let _ = fs::remove_file(self.path("state.json"));
        let mut command = Command::new(DIRECTOR);
        command.arg("apply").arg(self.path("director.yaml"));
        command.stdout(Stdio::piped());
        let (whole, said) = Self::timed(&namespace, &mut command)?;
        self.check(&namespace)?;
        Ok(Apply {
            whole,
            applying: applying(&said)?,
        })
    }

    /// `ipvsadm-restore` into an empty kernel.
    pub(crate) fn ipvsadm_restore(&self) -> Result<Duration> {
        let namespace = Self::namespace()?;
        let mut command = Command::new("ipvsadm-restore");
        command.stdin(File::open(self.path("rules"))?);
        let (whole, _) = Self::timed(&namespace, &mut command)?;
        self.check(&namespace)?;
        Ok(whole)
    }

    /// A process that does nothing.
    pub(crate) fn nothing() -> Result<Duration> {
        let (whole, _) = Self::timed(&Self::namespace()?, &mut Command::new("true"))?;
        Ok(whole)
    }

    /// The kernel's own time for the changes of `lvsadm -R`: by the library, and nothing else.
    pub(crate) fn exchange(&self) -> Result<Duration> {
        let namespace = Self::namespace()?;
        let steps = self.scale.steps()?;
        settle()?;
        let took = namespace.run(|| {
            let mut ipvs = Ipvs::open()?;
            let start = Instant::now();
            let refused = ipvs.apply(&steps)?;
            ensure!(refused.is_empty(), "the kernel refused {refused:?}");
            Ok(start.elapsed())
        })?;
        self.check(&namespace)?;
        Ok(took)
    }

    /// `lvsadm -R` into an empty kernel.
    pub(crate) fn lvsadm_restore(&self) -> Result<Duration> {
        let namespace = Self::namespace()?;
        let mut command = Command::new(LVSADM);
        command.arg("-R").stdin(File::open(self.path("rules"))?);
        let (whole, _) = Self::timed(&namespace, &mut command)?;
        self.check(&namespace)?;
        Ok(whole)
    }

    /// `-Ln` of the whole table into a file by lvsadm and by ipvsadm, each this many times by turns; both print the
    /// same.
    pub(crate) fn listings(&self, rounds: usize) -> Result<Vec<[Duration; 2]>> {
        let namespace = Self::namespace()?;
        let mut load = Command::new(LVSADM);
        load.arg("-R").stdin(File::open(self.path("rules"))?);
        Self::timed(&namespace, &mut load)?;
        let list = |program| {
            let listing = self.path("listing");
            let mut command = Command::new(program);
            command.arg("-Ln").stdout(File::create(&listing)?);
            let (took, _) = Self::timed(&namespace, &mut command)?;
            anyhow::Ok((took, fs::read_to_string(&listing)?))
        };
        let mut took = Vec::new();
        for round in 0..rounds {
            let (ours, theirs) = if round % 2 == 0 {
                let ours = list(LVSADM)?;
                (ours, list("ipvsadm")?)
            } else {
                let theirs = list("ipvsadm")?;
                (list(LVSADM)?, theirs)
            };
            ensure!(ours.1 == theirs.1, "the listings differ");
            took.push([ours.0, theirs.0]);
        }
        Ok(took)
    }

    /// Whether `director plan` has nothing to do after `director apply`.
    pub(crate) fn second_plan_is_empty(&self) -> Result<bool> {
        let namespace = Self::namespace()?;
        let file = self.path("director.yaml");
        let mut apply = Command::new(DIRECTOR);
        Self::timed(&namespace, apply.arg("apply").arg(&file))?;
        let mut plan = Command::new(DIRECTOR);
        plan.args(["plan", "--detailed-exitcode"]).arg(&file);
        namespace.adopt(&mut plan);
        Ok(plan.status()?.success())
    }

    /// The kernel really has all of it.
    fn check(&self, namespace: &Namespace) -> Result<()> {
        let table = namespace.run(|| {
            let mut ipvs = Ipvs::open()?;
            lvs_director::plan::Target::read(&mut ipvs).map_err(anyhow::Error::from)
        })?;
        let (services, servers) = (table.services.len(), table.server_count());
        ensure!(
            services == usize::try_from(self.scale.services)? && servers == self.servers()?,
            "the kernel has {services} services and {servers} servers"
        );
        Ok(())
    }
}

/// Waits until the processor is idle: the kernel removes the tables of ended namespaces in the background, and that
/// must not count here.
fn settle() -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut before = processor_time()?;
    loop {
        thread::sleep(WINDOW);
        let now = processor_time()?;
        let (all, idle) = (now.0 - before.0, now.1 - before.1);
        if idle * 10 > all * 8 {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "the processor is still busy after {PATIENCE:?}"
        );
        before = now;
    }
}

/// The total time and the idle time, in ticks. Source: `proc_stat(5)`.
pub(crate) fn processor_time() -> Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let first = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first
        .split_ascii_whitespace()
        .skip(1)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let idle = ticks.iter().skip(3).take(2).sum();
    Ok((ticks.iter().take(8).sum(), idle))
}

/// The figure in `director apply`'s own words.
fn applying(said: &str) -> Result<Duration> {
    let figure = said
        .split_once(", applying ")
        .and_then(|(_, rest)| rest.split_once(" ms"));
    let Some((milliseconds, _)) = figure else {
        bail!("director apply did not say how long: {said}")
    };
    Ok(Duration::from_secs_f64(
        milliseconds.parse::<f64>()? / 1000.0,
    ))
}
