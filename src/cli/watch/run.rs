// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loop: keys, signals and readings in, drawings out.

use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use super::columns::Column;
use super::draw;
use super::state::{Action, State};
use crate::cli::listing::Listing;
use crate::cli::open;
use crate::cli::own::Asked;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::filter::Filter;
use crate::ipvsadm::list::Format;
use crate::kernel::{Ipvs, IpvsError};
use crate::model::Timestamp;
use crate::screen::{self, Due, Input, Key, Looks, Pace, Pressed, Ready, Screen, Worker, clock};

/// A reading, and when it began.
type Reading = (Timestamp, Result<Listing, IpvsError>);

/// The options of the command line.
#[derive(Debug, PartialEq)]
struct Settings {
    interval: Duration,
    sort: Column,
    filter: Filter,
}

impl Settings {
    fn read(asked: &Asked<'_>) -> Result<Self, Failure> {
        let illegal =
            |what: &str, text: &str| Failure::usage(format!("invalid {what} `{text}' specified"));
        let interval = match asked.value("interval") {
            None => Duration::from_secs(1),
            Some(text) => seconds(text).ok_or_else(|| illegal("interval", text))?,
        };
        let sort = match asked.value("sort") {
            None => Column::Address,
            Some(text) => Column::sorting()
                .find(|column| column.sort_name() == Some(text))
                .ok_or_else(|| illegal("column", text))?,
        };
        Ok(Self {
            interval,
            sort,
            filter: Filter::asked(asked)?,
        })
    }
}

/// 0.1 to 3600 seconds.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    (0.1..=3600.0)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

/// Shows the table until the user quits.
#[expect(clippy::disallowed_methods, reason = "the rim: time begins here")]
pub(in crate::cli) fn run(asked: &Asked<'_>) -> Result<(), Failure> {
    let settings = Settings::read(asked)?;
    let refuse = |why| {
        Failure::usage(format!(
            "watch: {why}; for scripts: lvsadm -L --rate --json"
        ))
    };
    screen::check().map_err(refuse)?;
    let mut ipvs = open()?;
    let start = Instant::now();
    let (now, first) = read(&mut ipvs, &settings.filter, start);
    let first = first.map_err(|error| Failure::list(&error))?;
    let state = State::new(now, first, settings.sort, settings.interval);
    let broken = |error: io::Error| Failure::unlisted(format!("watch: {error}"));
    let input = Input::new().map_err(|errno| broken(errno.into()))?;
    let filter = settings.filter;
    let reader = Worker::start(move |()| read(&mut ipvs, &filter, start)).map_err(broken)?;
    let screen = match Screen::take() {
        Ok(screen) => screen,
        Err(error) => return without_terminal(&error),
    };
    let watch = Watch {
        state,
        looks: screen::looks(),
        time: clock(),
        input,
        reader,
        pace: Pace::begin(),
        screen,
    };
    watch.run()
}

/// The terminal refused something.
fn without_terminal(error: &io::Error) -> Result<(), Failure> {
    if screen::is_gone(error) {
        return Ok(());
    }
    Err(Failure::unlisted(format!("watch: the terminal: {error}")))
}

/// Reads the table. Nobody else reads this clock.
#[expect(clippy::disallowed_methods, reason = "the rim: when it was read")]
fn read(ipvs: &mut Ipvs, filter: &Filter, start: Instant) -> Reading {
    let now = Timestamp::after_start(Instant::now().saturating_duration_since(start));
    let format = Format {
        sorted: false,
        ..Format::DEFAULT
    };
    (now, Listing::read(ipvs, None, filter, format))
}

/// Everything together.
struct Watch {
    state: State,
    looks: Looks,
    /// When the table was read, by the clock on the wall.
    time: String,
    input: Input,
    reader: Worker<(), Reading>,
    pace: Pace,
    /// The last field: errors must appear on the restored terminal.
    screen: Screen,
}

/// Why the watching ended without the user's wish.
enum Ended {
    /// The terminal refused something.
    Terminal(io::Error),
    /// The table cannot be read.
    Table(Failure),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Terminal(error)
    }
}

impl Watch {
    fn run(self) -> Result<(), Failure> {
        match self.until_quit() {
            Err(Ended::Table(failure)) => Err(failure),
            Err(Ended::Terminal(error)) => without_terminal(&error),
            Ok(()) => Ok(()),
        }
    }

    fn until_quit(mut self) -> Result<(), Ended> {
        self.draw()?;
        loop {
            let ready = self.wait().map_err(io::Error::from)?;
            if ready.other {
                self.take_reading().map_err(Ended::Table)?;
            }
            let action = match self.input.take(ready, &mut self.screen)? {
                Pressed::End => Action::Quit,
                Pressed::Keys(keys) => self.press(keys),
            };
            match action {
                Action::Quit => return Ok(()),
                Action::Suspend => self.screen.suspend(true)?,
                Action::Redraw => self.screen.redraw()?,
                Action::None => {}
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

    /// Waits for a key, a signal, a reading, or the time for the next reading. It asks for that reading, and never
    /// while another one runs.
    fn wait(&mut self) -> nix::Result<Ready> {
        let interval = (!self.state.paused).then_some(self.state.interval);
        let left = match self.pace.due(interval) {
            Due::Now => {
                self.reader.ask(());
                None
            }
            Due::Later(left) => left,
        };
        self.input.wait(self.reader.as_fd(), left)
    }

    fn take_reading(&mut self) -> Result<(), Failure> {
        let gone = || Failure::unlisted("watch: the thread that reads the table has ended");
        let (now, listing) = self.reader.take().ok_or_else(gone)?;
        self.pace.has_come();
        let listing = listing.map_err(|error| Failure::list(&error))?;
        self.state.read(now, listing);
        self.time = clock();
        Ok(())
    }

    fn press(&mut self, keys: Vec<Key>) -> Action {
        let mut action = Action::None;
        for key in keys {
            match self.state.press(key) {
                Action::None => {}
                Action::Quit => return Action::Quit,
                other => action = other,
            }
        }
        action
    }
}
