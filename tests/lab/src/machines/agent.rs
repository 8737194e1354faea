// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent inside a director: runs the commands that it receives, several at once, each on a connection of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::frame::{Frame, Input, Request, Size};

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
    let caller = Arc::new(Mutex::new(stream.try_clone()?));
    let Streams {
        mut child,
        outputs,
        input,
    } = match request.input {
        Input::Terminal(size) => on_a_terminal(request, size)?,
        Input::Nothing | Input::Frames => on_pipes(request)?,
    };
    let group = Pid::from_raw(child.id().cast_signed());
    let ended = Arc::new(AtomicBool::new(false));
    let (done, copies) = mpsc::channel();
    let count = outputs.len();
    for (from, frame) in outputs {
        forward(from, frame, &caller, &done);
    }
    watch_caller(stream.try_clone()?, input, &caller, group, &ended);
    let status = child.wait().context("wait for the command")?;
    ended.store(true, Ordering::Relaxed);
    // Its streams end with the command, unless one of its children keeps them.
    for _ in 0..count {
        let _ = copies.recv_timeout(LINGER);
    }
    Ok(status_number(status))
}

/// Our end of one of a command's outputs, and what makes a frame of it.
type CommandOutput = (File, fn(Vec<u8>) -> Frame);

/// A command that was started, with our ends of its streams.
struct Streams {
    child: Child,
    outputs: Vec<CommandOutput>,
    input: Option<CommandInput>,
}

fn on_pipes(request: &Request) -> Result<Streams> {
    let (out_reader, out_writer) = io::pipe()?;
    let (err_reader, err_writer) = io::pipe()?;
    let mut command = command(request);
    command.stdout(out_writer).stderr(err_writer);
    if request.input == Input::Frames {
        command.stdin(Stdio::piped());
    }
    let mut child = spawn(&mut command, request)?;
    let stdin = child.stdin.take();
    Ok(Streams {
        child,
        outputs: vec![
            (File::from(OwnedFd::from(out_reader)), Frame::Stdout),
            (File::from(OwnedFd::from(err_reader)), Frame::Stderr),
        ],
        input: stdin.map(|pipe| CommandInput::Pipe(File::from(OwnedFd::from(pipe)))),
    })
}

fn on_a_terminal(request: &Request, size: Size) -> Result<Streams> {
    let OpenptyResult { master, slave } =
        openpty(&Winsize::from(size), None).context("make a terminal")?;
    let mut command = command(request);
    command.stdin(slave.try_clone()?);
    command.stdout(slave.try_clone()?).stderr(slave);
    #[allow(
        unsafe_code,
        reason = "a child takes its terminal between fork and exec"
    )]
    // SAFETY: between fork and exec there are two system calls, on a descriptor that is open.
    unsafe {
        command.pre_exec(|| {
            nix::unistd::setsid()?;
            if libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let child = spawn(&mut command, request)?;
    let master = File::from(master);
    Ok(Streams {
        child,
        outputs: vec![(master.try_clone()?, Frame::Stdout)],
        input: Some(CommandInput::Terminal(master)),
    })
}

/// Our end of a command's input.
enum CommandInput {
    Pipe(File),
    Terminal(File),
}

impl CommandInput {
    /// Gives the command its input; nothing is the end. Whether more is wanted.
    fn give(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Pipe(pipe) => !bytes.is_empty() && pipe.write_all(bytes).is_ok(),
            // A terminal stays open; this key is the end of the input.
            Self::Terminal(terminal) if bytes.is_empty() => terminal.write_all(b"\x04").is_ok(),
            Self::Terminal(terminal) => terminal.write_all(bytes).is_ok(),
        }
    }

    fn terminal(&self) -> Option<File> {
        match self {
            Self::Pipe(_) => None,
            Self::Terminal(terminal) => terminal.try_clone().ok(),
        }
    }
}

fn resize(terminal: &File, size: Size) {
    let size = Winsize::from(size);
    #[allow(unsafe_code, reason = "the size of a terminal is set by an ioctl")]
    // SAFETY: the descriptor is open, and the size a whole winsize. A failure leaves the size as it was.
    unsafe {
        libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size);
    }
}

/// Gives a command its input, piece by piece, in a thread of its own: the command may take long to read it.
fn feed(input: CommandInput, caller: Arc<Mutex<TcpStream>>) -> mpsc::Sender<Vec<u8>> {
    let (sender, pieces) = mpsc::channel::<Vec<u8>>();
    thread::spawn(move || {
        // Dropping it closes the command's input.
        let mut wanted = Some(input);
        for piece in pieces {
            if !wanted.as_mut().is_some_and(|input| input.give(&piece)) {
                wanted = None;
            }
            let Ok(mut caller) = caller.lock() else {
                return;
            };
            if Frame::Taken.write(&mut *caller).is_err() {
                return;
            }
        }
    });
    sender
}

/// Passes one stream on, as frames, to its end; drops it when nobody reads it.
fn forward(
    mut from: File,
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

/// Passes on what the caller sends. Ends the command if the caller goes away before it does.
fn watch_caller(
    mut from: TcpStream,
    input: Option<CommandInput>,
    caller: &Arc<Mutex<TcpStream>>,
    group: Pid,
    ended: &Arc<AtomicBool>,
) {
    let (caller, ended) = (Arc::clone(caller), Arc::clone(ended));
    thread::spawn(move || {
        let terminal = input.as_ref().and_then(CommandInput::terminal);
        let feeder = input.map(|input| feed(input, caller));
        // This ends when the caller is gone, or when we closed the connection.
        while let Ok(Some(frame)) = Frame::read(&mut from) {
            match (frame, &feeder, &terminal) {
                (Frame::Stdin(piece), Some(feeder), _) => {
                    let _ = feeder.send(piece);
                }
                (Frame::Resize(size), _, Some(terminal)) => resize(terminal, size),
                _ => {}
            }
        }
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
    command.current_dir(cwd).stdin(Stdio::null());
    // On a terminal it is the first of a session, which is a group, too.
    if !matches!(request.input, Input::Terminal(_)) {
        command.process_group(0);
    }
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
