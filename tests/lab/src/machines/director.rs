// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director: a kernel of its own with two network cards, and the agent in it.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

use super::agent::{GRACE, PORT};
use super::frame::{Frame, Input, Request};
use super::keyboard;
use super::plan::Host;
use super::state::is_running;
use super::task::Stream;
use crate::namespace::Namespace;
use crate::question::connect;
use crate::uml::{Guest, console_tail, quote};

/// The longest that booting may take.
const BOOT_LIMIT: Duration = Duration::from_mins(1);
/// The longest that the agent of a running machine may take to accept a connection.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The environment variables for the agent of a director.
pub(crate) const AGENT_ADDRESS: &str = "LAB_AGENT";

/// Starts the kernel in `dir`, and returns its process at once.
pub(crate) fn boot(host: &Host, dir: &Path, share: &Path, memory: u32) -> Result<Pid> {
    let card = |index: u8, port: &str| {
        let number = host.number;
        format!(
            "vec{index}:transport=tap,ifname={port},depth=128,gro=1,mac=02:1a:b0:00:{index:02x}:{number:02x}"
        )
    };
    let guest = Guest {
        dir,
        hostname: &host.name,
        memory,
        out: Some(share),
        job: &job(host)?,
        arguments: &[card(0, &host.port()), card(1, &host.management_port())],
        input: false,
        keep: &[],
        die_with_us: false,
    };
    // The lab's first process waits for this process, unless we live longer.
    Ok(Pid::from_raw(guest.boot()?.id().cast_signed()))
}

/// The script that names and configures the network cards, and becomes the agent.
fn job(host: &Host) -> Result<String> {
    let agent = std::env::current_exe().context("find this program's file")?;
    let agent = agent.to_str().context("this program's path is not UTF-8")?;
    let mut lines = String::from("link set vec0 name eth0\nlink set vec1 name mgmt\n");
    for card in ["eth0", "mgmt"] {
        lines.push_str(&format!("link set {card} up\n"));
    }
    lines.push_str(&format!("address add {}/24 dev mgmt\n", host.management()));
    for address in &host.addresses {
        let nodad = if address.contains(':') { " nodad" } else { "" };
        lines.push_str(&format!("address add {address} dev eth0{nodad}\n"));
    }
    Ok(format!(
        "exec >/dev/console 2>&1\n\
         for f in /proc/sys/net/ipv6/conf/*/accept_dad /proc/sys/net/ipv6/conf/*/accept_ra; do echo 0 >\"$f\"; done\n\
         ip -batch - <<'END'\n{lines}END\n\
         export {AGENT_ADDRESS}={}\nexec {}\n",
        host.management(),
        quote(agent)
    ))
}

/// Waits until the agent of a booting director answers.
pub(crate) fn wait_until_up(host: &Host, pid: Pid, dir: &Path, here: &Namespace) -> Result<()> {
    let deadline = Instant::now() + BOOT_LIMIT;
    let address = agent_address(host);
    while here
        .run(|| connect(None, address, Duration::from_millis(300)))
        .is_err()
    {
        if !is_running(pid) {
            bail!(
                "{} died while booting; its console:\n{}",
                host.name,
                console_tail(dir)
            );
        }
        if Instant::now() > deadline {
            bail!(
                "{} is not up after {BOOT_LIMIT:?}; its console:\n{}",
                host.name,
                console_tail(dir)
            );
        }
        thread::sleep(Duration::from_millis(30));
    }
    Ok(())
}

fn agent_address(host: &Host) -> SocketAddr {
    SocketAddr::new(host.management().into(), PORT)
}

/// Runs a command by the agent, to its end or until `cancel`.
pub(crate) fn execute(
    host: &Host,
    pid: Pid,
    here: &Namespace,
    request: Request,
    cancel: &AtomicBool,
    sink: &mut dyn FnMut(Stream, &[u8]),
) -> Result<i32> {
    let address = agent_address(host);
    let stream = here
        .run(|| connect(None, address, ANSWER_LIMIT))
        .with_context(|| format!("{} does not answer (is it paused?)", host.name))?;
    let input = request.input;
    Frame::Run(request)
        .write(&mut &stream)
        .context("send the request")?;
    let taken = if input == Input::Nothing {
        None
    } else {
        Some(keyboard::send(stream.try_clone()?, input))
    };
    let ended = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| cut_when_over(&stream, pid, cancel, &ended));
        let outcome = receive(&stream, taken.as_ref(), sink);
        ended.store(true, Ordering::Relaxed);
        outcome
    })?;
    outcome.context("the connection to its agent was cut")
}

/// Closes our half of the connection when the command should end: that tells the agent. Closes all of it when nothing
/// more can come.
fn cut_when_over(stream: &TcpStream, pid: Pid, cancel: &AtomicBool, ended: &AtomicBool) {
    let mut told: Option<Instant> = None;
    while !ended.load(Ordering::Relaxed) {
        let overdue = told.is_some_and(|at| at.elapsed() > GRACE + ANSWER_LIMIT);
        if overdue || !is_running(pid) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        if told.is_none() && cancel.load(Ordering::Relaxed) {
            let _ = stream.shutdown(Shutdown::Write);
            told = Some(Instant::now());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Passes on the output; `None` if the connection ended before the command did.
fn receive(
    stream: &TcpStream,
    taken: Option<&mpsc::Sender<()>>,
    sink: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Option<i32>> {
    let mut reader = std::io::BufReader::new(stream);
    while let Ok(Some(frame)) = Frame::read(&mut reader) {
        match frame {
            Frame::Stdout(bytes) => sink(Stream::Stdout, &bytes),
            Frame::Stderr(bytes) => sink(Stream::Stderr, &bytes),
            Frame::Exit(status) => return Ok(Some(status)),
            Frame::Failed(why) => bail!("{why}"),
            Frame::Taken => {
                // This fails when our own input is at its end.
                let _ = taken.map(|taken| taken.send(()));
            }
            Frame::Run(_) | Frame::Stdin(_) | Frame::Resize(_) => {
                bail!("the agent sent a request")
            }
        }
    }
    Ok(None)
}
