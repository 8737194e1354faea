// SPDX-License-Identifier: MIT OR Apache-2.0
//! A command on a host while it runs, and its output when it has ended.

use std::io::{PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::agent::{GRACE, LINGER, command, spawn, status_number};
use super::frame::Request;
use super::lan;

/// Which of a command's two streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// What a command left.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Output {
    /// Its exit status, or 128 + n if signal n ended it.
    pub status: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether its status was 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// Its standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard error as text.
    #[must_use]
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// A command that runs beside us. Dropping this ends it (SIGTERM, later SIGKILL).
#[derive(Debug)]
pub struct Task {
    cancel: Arc<AtomicBool>,
    output: Arc<Mutex<Output>>,
    thread: Option<JoinHandle<Result<i32>>>,
}

impl Task {
    /// Starts `execute`, which runs the command and passes on its output.
    pub(crate) fn start<E>(execute: E) -> Self
    where
        E: FnOnce(&AtomicBool, &mut dyn FnMut(Stream, &[u8])) -> Result<i32> + Send + 'static,
    {
        let cancel = Arc::new(AtomicBool::new(false));
        let output = Arc::new(Mutex::new(Output::default()));
        let thread = {
            let (cancel, output) = (Arc::clone(&cancel), Arc::clone(&output));
            thread::spawn(move || {
                execute(&cancel, &mut |stream, bytes| {
                    collect(&output, stream, bytes);
                })
            })
        };
        Self {
            cancel,
            output,
            thread: Some(thread),
        }
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Its output so far (the status means nothing yet).
    #[must_use]
    pub fn so_far(&self) -> Output {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Result<Output> {
        self.finish()
    }

    /// Tells it to end, and waits for that.
    pub fn stop(mut self) -> Result<Output> {
        self.cancel.store(true, Ordering::Relaxed);
        self.finish()
    }

    fn finish(&mut self) -> Result<Output> {
        let thread = self
            .thread
            .take()
            .ok_or_else(|| anyhow!("waited for already"))?;
        let status = thread
            .join()
            .map_err(|_| anyhow!("the thread that ran it panicked"))??;
        Ok(Output {
            status,
            ..self.so_far()
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn collect(output: &Mutex<Output>, stream: Stream, bytes: &[u8]) {
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    match stream {
        Stream::Stdout => output.stdout.extend(bytes),
        Stream::Stderr => output.stderr.extend(bytes),
    }
}

/// Runs a command on the host of process `pid`, to its end or until `cancel`.
pub(crate) fn execute(
    pid: Pid,
    request: &Request,
    cancel: &AtomicBool,
    sink: &mut dyn FnMut(Stream, &[u8]),
) -> Result<i32> {
    let (sender, pieces) = mpsc::channel();
    let mut child = {
        let (out_reader, out_writer) = std::io::pipe()?;
        let (err_reader, err_writer) = std::io::pipe()?;
        let mut command = command(request);
        command.stdout(out_writer).stderr(err_writer);
        die_with_thread(&mut command);
        lan::adopt(&mut command, pid)?;
        read_stream(out_reader, Stream::Stdout, sender.clone());
        read_stream(err_reader, Stream::Stderr, sender);
        spawn(&mut command, request)?
    };
    let group = Pid::from_raw(child.id().cast_signed());
    let mut told: Option<Instant> = None;
    let mut ended: Option<(Instant, i32)> = None;
    let mut open = true;
    loop {
        match pieces.recv_timeout(Duration::from_millis(if open { 10 } else { 0 })) {
            Ok((stream, bytes)) => sink(stream, &bytes),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => open = false,
        }
        if ended.is_none() {
            ended = child
                .try_wait()?
                .map(|status| (Instant::now(), status_number(status)));
        }
        match ended {
            Some((at, status)) if !open || at.elapsed() > LINGER => return Ok(status),
            None if !open => thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
        if ended.is_none() && cancel.load(Ordering::Relaxed) {
            let first = *told.get_or_insert_with(|| {
                let _ = killpg(group, Signal::SIGTERM);
                Instant::now()
            });
            if first.elapsed() > GRACE {
                let _ = killpg(group, Signal::SIGKILL);
            }
        }
    }
}

fn die_with_thread(command: &mut std::process::Command) {
    #[allow(
        unsafe_code,
        reason = "a child's death signal is set between fork and exec"
    )]
    // SAFETY: between fork and exec there is one system call.
    unsafe {
        command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?));
    }
}

fn read_stream(mut from: PipeReader, stream: Stream, to: mpsc::Sender<(Stream, Box<[u8]>)>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            // This fails when nobody listens any more; the writer must not notice.
            let _ = to.send((stream, buffer.get(..length).unwrap_or_default().into()));
        }
    });
}
