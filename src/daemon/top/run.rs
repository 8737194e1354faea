// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loop: keys, signals and readings in, drawings and orders out.

use std::io;
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::Duration;

use super::columns::Column;
use super::draw;
use super::feed::{Came, Errand, Feed};
use super::state::{Action, State};
use crate::daemon::args::Failure;
use crate::daemon::ask::Whom;
use crate::screen::{self, Due, Input, Key, Looks, Pace, Pressed, Ready, Screen, Worker, clock};

/// The options of the command line.
#[derive(Debug)]
pub(in crate::daemon) struct Settings {
    pub(in crate::daemon) interval: Duration,
    pub(in crate::daemon) sort: Column,
}

/// Shows it until the user quits.
pub(in crate::daemon) fn run(whom: Whom, settings: &Settings) -> Result<ExitCode, Failure> {
    let refuse = |why| {
        Failure::usage(format!(
            "top: {why}; for scripts: director status --json --watch"
        ))
    };
    screen::check().map_err(refuse)?;
    let (socket, client) = whom.connect_at()?;
    let mut feed = Feed::new(socket, client);
    let first = feed.read();
    if let Err(why) = &first.status {
        return Err(Failure::failed(why));
    }
    let state = State::new(first, settings.sort, settings.interval);
    let broken = |error: io::Error| Failure::failed(format!("top: {error}"));
    let input = Input::new().map_err(|errno| broken(errno.into()))?;
    let worker = Worker::start(move |errand| feed.go(errand)).map_err(broken)?;
    let screen = match Screen::take() {
        Ok(screen) => screen,
        Err(error) => return without_terminal(&error),
    };
    let top = Top {
        state,
        looks: screen::looks(),
        time: clock(),
        input,
        worker,
        pace: Pace::begin(),
        screen,
    };
    match top.until_quit() {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => without_terminal(&error),
    }
}

/// The terminal refused something.
fn without_terminal(error: &io::Error) -> Result<ExitCode, Failure> {
    if screen::is_gone(error) {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::failed(format!("top: the terminal: {error}")))
}

/// Everything together.
struct Top {
    state: State,
    looks: Looks,
    /// When it was read, by the clock on the wall.
    time: String,
    input: Input,
    worker: Worker<Errand, Came>,
    pace: Pace,
    /// The last field: errors must appear on the restored terminal.
    screen: Screen,
}

impl Top {
    fn until_quit(mut self) -> io::Result<()> {
        self.draw()?;
        loop {
            let ready = self.wait()?;
            if ready.other {
                self.take()?;
            }
            let keys = match self.input.take(ready, &mut self.screen)? {
                Pressed::End => return Ok(()),
                Pressed::Keys(keys) => keys,
            };
            for key in keys {
                if self.press(key)? {
                    return Ok(());
                }
            }
            self.draw()?;
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let Self {
            state,
            looks,
            time,
            screen,
            ..
        } = self;
        state.fit(draw::rows(screen.height()?));
        screen.draw(|frame| draw::draw(frame, state, *looks, time))
    }

    /// Waits for a key, a signal, an answer, or the time for the next reading. It asks for that reading, and never while
    /// another one runs.
    fn wait(&mut self) -> io::Result<Ready> {
        let interval = (!self.state.paused).then_some(self.state.interval);
        let left = match self.pace.due(interval) {
            Due::Now => {
                self.worker.ask(Errand::Read);
                None
            }
            Due::Later(left) => left,
        };
        Ok(self.input.wait(self.worker.as_fd(), left)?)
    }

    fn take(&mut self) -> io::Result<()> {
        let gone = || io::Error::other("the thread that asks the director has ended");
        match self.worker.take().ok_or_else(gone)? {
            Came::Reading(reading) => {
                self.pace.has_come();
                self.state.read(*reading);
                self.time = clock();
            }
            Came::Ordered(said) => self.state.news = Some(said),
        }
        Ok(())
    }

    /// Returns whether that was the end.
    fn press(&mut self, key: Key) -> io::Result<bool> {
        // What was said before has been read.
        self.state.news = None;
        match self.state.press(key) {
            Action::None => {}
            Action::Quit => return Ok(true),
            Action::Suspend => self.screen.suspend(true)?,
            Action::Redraw => self.screen.redraw()?,
            Action::Do(errand) => self.worker.ask(errand),
        }
        Ok(false)
    }
}
