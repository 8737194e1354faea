// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director as a person at its console handles it: start, signal, log, the kernel's table.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::stage::{CONFIG, LONG, PORTS, SERVERS, Server, VIP, run, wait_for};
use lab::machines::Lab;

/// The host it runs on.
pub(super) const HOST: &str = "director1";
/// Somebody else's service, in the same kernel.
pub(super) const FOREIGN_SERVICE: &str = "192.0.2.80:80";
/// How it was made: the service, and its server.
pub(super) const FOREIGN: [&str; 2] = [
    "-A -t 192.0.2.80:80 -s rr",
    "-a -t 192.0.2.80:80 -r 192.0.2.81:80 -m -w 1",
];

/// The kernel's table: the lines of `ipvsadm -Sn`, in no order.
pub(super) type Table = BTreeSet<String>;

/// The director's host, its log, and queries to it.
#[derive(Debug)]
pub(super) struct Director {
    lab: Lab,
    host: &'static str,
    log: PathBuf,
}

/// A place in the log: later lines come after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(usize);

impl Director {
    /// The one of most stories.
    pub(super) fn new(lab: &Lab) -> Self {
        Self::on(lab, HOST)
    }

    /// The one on this host.
    pub(super) fn on(lab: &Lab, host: &'static str) -> Self {
        Self {
            lab: lab.clone(),
            host,
            log: lab.log(host),
        }
    }

    /// Runs a command there, to its end, which must be a success.
    pub(super) fn run(&self, command: &str) -> Result<String> {
        run(&self.lab, self.host, command)
    }

    /// Starts `director run`; returns the place in the log where its messages begin, and its first report.
    pub(super) fn start(&self) -> Result<(Mark, String)> {
        let mark = self.mark()?;
        self.launch(CONFIG)?;
        let started = self.wait_for_lines(mark, 1, LONG, |line| line.starts_with("started: "))?;
        Ok((mark, started.concat()))
    }

    /// Starts `director run` with this configuration, and does not wait for anything.
    pub(super) fn launch(&self, config: &str) -> Result<()> {
        self.lab
            .start_detached(self.host, &["director", "run", config])
    }

    /// Sends the running director a signal such as `TERM`, and waits until it is gone; returns its process number.
    pub(super) fn end_by(&self, signal: &str) -> Result<u64> {
        let status = self.run(&format!("director status --json {CONFIG}"))?;
        let status: serde_json::Value = serde_json::from_str(&status).context("read its status")?;
        let pid = status.get("pid").and_then(serde_json::Value::as_u64);
        let pid = pid.context("no pid in the director's status")?;
        self.run(&format!("busybox kill -{signal} {pid}"))?;
        wait_for("the end of the director", LONG, || {
            Ok((!self.is_process(pid)?).then_some(()))
        })?;
        Ok(pid)
    }

    /// Whether a process is there.
    fn is_process(&self, pid: u64) -> Result<bool> {
        let output = self
            .lab
            .on(self.host, &["busybox", "kill", "-0", &pid.to_string()])?;
        Ok(output.success())
    }

    /// The kernel's table as ipvsadm saves it.
    pub(super) fn table(&self) -> Result<Table> {
        Ok(self
            .run("ipvsadm -Sn")?
            .lines()
            .map(|line| line.trim().to_owned())
            .collect())
    }

    /// Waits until the kernel's table is this one.
    pub(super) fn wait_for_table(&self, what: &str, limit: Duration, wanted: &Table) -> Result<()> {
        wait_for(what, limit, || Ok((self.table()? == *wanted).then_some(())))
    }

    /// Here.
    pub(super) fn mark(&self) -> Result<Mark> {
        Ok(Mark(self.log_text()?.len()))
    }

    /// The director's log since `mark`, without times and levels.
    pub(super) fn lines_since(&self, mark: Mark) -> Result<Vec<String>> {
        let text = self.log_text()?;
        let news = text.get(mark.0..).unwrap_or_default();
        // A line that is still being written is not there yet.
        let whole = news
            .rfind('\n')
            .map_or("", |end| news.get(..end).unwrap_or_default());
        Ok(whole.lines().map(|line| message(line).to_owned()).collect())
    }

    /// Waits until the log has this many lines of this kind since `mark`, and returns them.
    pub(super) fn wait_for_lines(
        &self,
        mark: Mark,
        count: usize,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>> {
        wait_for("a line of the director's log", limit, || {
            let mut lines = self.lines_since(mark)?;
            lines.retain(|line| wanted(line));
            Ok((lines.len() >= count).then_some(lines))
        })
    }

    /// The end of the log, as it is.
    pub(super) fn log_tail(&self, lines: usize) -> String {
        let text = self.log_text().unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all.get(all.len().saturating_sub(lines)..)
            .unwrap_or_default()
            .join("\n")
    }

    fn log_text(&self) -> Result<String> {
        match std::fs::read(&self.log) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).context("read the director's log"),
        }
    }
}

/// A log line without its time and level.
fn message(line: &str) -> &str {
    let ends = [" INFO ", " WARN ", "ERROR "]
        .into_iter()
        .filter_map(|level| Some((line.find(level)?, level.len())));
    let start = ends.min().map_or(0, |(at, length)| at + length);
    line.get(start..).unwrap_or_default()
}

/// The table as it should be with these real servers up: our services, and somebody else's.
pub(super) fn table_with(servers: &[Server]) -> Result<Table> {
    let mut table: Table = FOREIGN.map(str::to_owned).into();
    for port in PORTS {
        table.insert(format!("-A -t {VIP}:{port} -s wrr -p 50"));
        table.extend(servers.iter().map(|server| {
            format!(
                "-a -t {VIP}:{port} -r {}:{port} -g -w {}",
                server.address, server.weight
            )
        }));
    }
    ensure!(
        table.len() == FOREIGN.len() + PORTS.len() * (1 + servers.len()),
        "servers are given twice"
    );
    Ok(table)
}

/// The table with all real servers up.
pub(super) fn full_table() -> Result<Table> {
    table_with(&SERVERS)
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn messages_are_what_follows_the_level() {
        assert_eq!(message("   0.065475584s  INFO started: 2"), "started: 2");
        assert_eq!(message("2026-01-01T00:00:00Z ERROR x: INFO y"), "x: INFO y");
        assert_eq!(message("director: no"), "director: no");
    }
}
