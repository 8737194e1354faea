// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent inside a director: runs the commands that it receives, several at once, each on a connection of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::frame::{Frame, Request};

/// The port on the management network.
pub(crate) const PORT: u16 = 7700;
/// How long a command whose caller is gone may take to end by itself.
pub(crate) const GRACE: Duration = Duration::from_secs(3);
/// How long after a command's end its output is still passed on, if its children keep it open.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// Serves until the machine stops.
pub(crate) fn serve(address: Ipv4Addr) -> Result<()> {
    let listener = TcpListener::bind(SocketAddrV4::new(address, PORT))
        .with_context(|| format!("listen on {address}:{PORT}"))?;
    loop {
        let (stream, _) = listener.accept().context("accept a connection")?;
        thread::spawn(move || {
            if let Err(error) = converse(&stream) {
                eprintln!("lab agent: {error:#}");
            }
        });
    }
}

fn converse(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = stream;
    let Some(Frame::Run(request)) = Frame::read(&mut reader).context("read the request")? else {
        return Ok(());
    };
    let answer = match &request.log {
        Some(log) => start_detached(&request, log).map(|()| 0),
        None => run(&request, stream),
    };
    let last = match answer {
        Ok(status) => Frame::Exit(status),
        Err(error) => Frame::Failed(format!("{error:#}")),
    };
    // The caller may be gone; nobody else needs the result.
    let _ = last.write(&mut &*stream);
    Ok(())
}

fn start_detached(request: &Request, log: &std::path::Path) -> Result<()> {
    let (mut output, child) = {
        let (reader, writer) = io::pipe()?;
        let mut command = command(request);
        command.stdout(writer.try_clone()?).stderr(writer);
        (reader, spawn(&mut command, request)?)
    };
    let mut log = open_log(log)?;
    thread::spawn(move || {
        // Write it through at once, for the other side.
        let _ = copy(&mut output, |bytes| {
            log.write_all(bytes).and_then(|()| log.sync_data())
        });
        let _ = drain(&mut output);
    });
    reap(child);
    Ok(())
}

/// Opens a log for appending.
pub(crate) fn open_log(path: &std::path::Path) -> Result<File> {
    let open = OpenOptions::new().create(true).append(true).open(path);
    open.with_context(|| format!("open {}", path.display()))
}

fn reap(mut child: Child) {
    thread::spawn(move || {
        let _ = child.wait();
    });
}

fn run(request: &Request, stream: &TcpStream) -> Result<i32> {
    let writer = Arc::new(Mutex::new(stream.try_clone()?));
    let (out_reader, out_writer) = io::pipe()?;
    let (err_reader, err_writer) = io::pipe()?;
    let mut child = {
        let mut command = command(request);
        command.stdout(out_writer).stderr(err_writer);
        spawn(&mut command, request)?
    };
    let group = Pid::from_raw(child.id().cast_signed());
    let ended = Arc::new(AtomicBool::new(false));
    let (done, copies) = mpsc::channel();
    forward(out_reader, Frame::Stdout, &writer, &done);
    forward(err_reader, Frame::Stderr, &writer, &done);
    watch_caller(stream.try_clone()?, group, &ended);
    let status = child.wait().context("wait for the command")?;
    ended.store(true, Ordering::Relaxed);
    // Both streams end with the command, unless one of its children keeps them.
    for _ in 0..2 {
        let _ = copies.recv_timeout(LINGER);
    }
    Ok(status_number(status))
}

/// Passes one stream on, as frames, to its end; drops it when nobody reads it.
fn forward(
    mut from: PipeReader,
    frame: fn(Vec<u8>) -> Frame,
    to: &Arc<Mutex<TcpStream>>,
    done: &mpsc::Sender<()>,
) {
    let (to, done) = (Arc::clone(to), done.clone());
    thread::spawn(move || {
        let _ = copy(&mut from, |bytes| {
            let mut to = to.lock().map_err(|_| io::ErrorKind::Other)?;
            frame(bytes.to_vec()).write(&mut *to)
        });
        let _ = done.send(());
        let _ = drain(&mut from);
    });
}

/// Ends the command if its caller goes away before it does.
fn watch_caller(mut caller: TcpStream, group: Pid, ended: &Arc<AtomicBool>) {
    let ended = Arc::clone(ended);
    thread::spawn(move || {
        // The caller never sends anything: this returns when the caller is gone, or when we closed the connection.
        let _ = caller.read(&mut [0]);
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            let _ = killpg(group, signal);
            thread::sleep(GRACE);
        }
    });
}

fn copy(from: &mut impl Read, mut to: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        to(buffer.get(..length).unwrap_or_default())?;
    }
}

fn drain(from: &mut impl Read) -> io::Result<()> {
    copy(from, |_| Ok(()))
}

/// The command of a request, with its streams still to be set.
pub(crate) fn command(request: &Request) -> Command {
    let mut argv = request.argv.iter();
    let mut command = Command::new(argv.next().map_or("", String::as_str));
    command
        .args(argv)
        .env_clear()
        .envs(request.env.iter().map(|(name, value)| (name, value)));
    let cwd = if request.cwd.is_dir() {
        request.cwd.as_path()
    } else {
        std::path::Path::new("/")
    };
    command
        .current_dir(cwd)
        .stdin(Stdio::null())
        .process_group(0);
    command
}

pub(crate) fn spawn(command: &mut Command, request: &Request) -> Result<Child> {
    command.spawn().with_context(|| {
        format!(
            "run {}",
            request.argv.first().map_or("nothing", String::as_str)
        )
    })
}

/// A status as shells count it: 128 + n for signal n.
pub(crate) fn status_number(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}
