// SPDX-License-Identifier: MIT OR Apache-2.0
//! A control socket that a thread of the test serves. `tests/cli` includes this file, too.

use std::path::PathBuf;
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::ControlSocket;

/// A socket in a directory of its own, served until this is dropped.
pub(crate) struct Served {
    directory: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves it by this function, which would go on for ever.
    pub(crate) fn by(serve: impl AsyncFnOnce(&ControlSocket) + Send + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = ControlSocket::open(&directory.path().join("sock")).unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            LocalSet::new().block_on(&runtime, async {
                tokio::select! {
                    () = serve(&socket) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            directory,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("sock")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
