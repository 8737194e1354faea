// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loop: keys, signals and readings in, drawings out.

use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::read;

use super::columns::Column;
use super::draw::{self, Looks};
use super::keys::{Key, Keys};
use super::reader::{self, Reader};
use super::state::{Action, State};
use super::terminal::{self, Screen};
use crate::cli::open;
use crate::cli::own::Asked;
use crate::ipvsadm::failure::Failure;
use crate::ipvsadm::filter::Filter;
use crate::system::time_of_day;

/// The rest of a key comes sooner than this, also over a slow line.
const KEY_PATIENCE: Duration = Duration::from_millis(100);

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
    terminal::check()?;
    let mut ipvs = open()?;
    let start = Instant::now();
    let (now, first) = reader::read(&mut ipvs, &settings.filter, start);
    let first = first.map_err(|error| Failure::list(&error))?;
    let state = State::new(now, first, settings.sort, settings.interval);
    let broken = |error: io::Error| Failure::unlisted(format!("watch: {error}"));
    let signals = signals().map_err(|errno| broken(errno.into()))?;
    let reader = Reader::start(ipvs, settings.filter, start).map_err(broken)?;
    let screen = match Screen::take() {
        Ok(screen) => screen,
        Err(error) => return without_terminal(&error),
    };
    let watch = Watch {
        state,
        looks: terminal::looks(),
        time: clock(),
        keys: Keys::default(),
        keyed_at: start,
        reader,
        signals,
        asked_at: start,
        reading: false,
        screen,
    };
    watch.run()
}

/// The terminal refused something. When it is gone (EIO), that is the end of the program, as SIGHUP is, and no error.
fn without_terminal(error: &io::Error) -> Result<(), Failure> {
    if error.raw_os_error() == Some(Errno::EIO as i32) {
        return Ok(());
    }
    Err(Failure::unlisted(format!("watch: the terminal: {error}")))
}

/// Signals that end us, and those of the terminal, come through a descriptor. Call this before any thread starts.
fn signals() -> nix::Result<SignalFd> {
    use Signal::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
    let mut set = SigSet::empty();
    for signal in [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH] {
        set.add(signal);
    }
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

fn clock() -> String {
    let (hours, minutes, seconds) = time_of_day();
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

/// Everything together.
struct Watch {
    state: State,
    looks: Looks,
    /// When the table was read, by the clock on the wall.
    time: String,
    keys: Keys,
    /// When the last bytes of an incomplete key came.
    keyed_at: Instant,
    reader: Reader,
    signals: SignalFd,
    /// When we last asked for a reading.
    asked_at: Instant,
    /// Whether it has not come yet.
    reading: bool,
    /// The last field: errors must appear on the restored terminal.
    screen: Screen,
}

/// What is ready.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    keys: bool,
    signals: bool,
    reading: bool,
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
            let mut action = Action::None;
            if ready.reading {
                self.take_reading().map_err(Ended::Table)?;
            }
            if ready.signals {
                action = self.take_signals()?;
            }
            if action != Action::Quit {
                let pressed = self.take_keys(ready.keys)?;
                action = if pressed == Action::None {
                    action
                } else {
                    pressed
                };
            }
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
    #[expect(clippy::disallowed_methods, reason = "the rim: when to read again")]
    fn wait(&mut self) -> nix::Result<Ready> {
        let mut left = None;
        if !self.reading && !self.state.paused {
            let due = self.state.interval.saturating_sub(self.asked_at.elapsed());
            if due.is_zero() {
                self.asked_at = Instant::now();
                self.reading = true;
                self.reader.ask();
            } else {
                left = Some(due);
            }
        }
        if self.keys.is_pending() {
            left = Some(left.map_or(KEY_PATIENCE, |left| left.min(KEY_PATIENCE)));
        }
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            // A millisecond more: not to wake before it is time.
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let input = io::stdin();
        let mut wanted = [
            PollFd::new(input.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.reader.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut wanted, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(errno) => return Err(errno),
        }
        let [keys, signals, reading] = wanted.map(|it| it.any().unwrap_or(true));
        Ok(Ready {
            keys,
            signals,
            reading,
        })
    }

    fn take_reading(&mut self) -> Result<(), Failure> {
        let gone = || Failure::unlisted("watch: the thread that reads the table has ended");
        let (now, listing) = self.reader.take().ok_or_else(gone)?;
        self.reading = false;
        let listing = listing.map_err(|error| Failure::list(&error))?;
        self.state.read(now, listing);
        self.time = clock();
        Ok(())
    }

    fn take_signals(&mut self) -> io::Result<Action> {
        let mut action = Action::None;
        while let Some(signal) = self.signals.read_signal()? {
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            match Signal::try_from(number) {
                // Every drawing looks at the size.
                Ok(Signal::SIGWINCH) | Err(_) => {}
                Ok(Signal::SIGCONT) => self.screen.set_up()?,
                Ok(Signal::SIGTSTP) => self.screen.suspend(false)?,
                Ok(_) => action = Action::Quit,
            }
        }
        Ok(action)
    }

    /// Nothing to read where something is ready is the end of the terminal.
    #[expect(
        clippy::disallowed_methods,
        reason = "the rim: how long a key takes to come"
    )]
    fn take_keys(&mut self, ready: bool) -> io::Result<Action> {
        let mut pressed: Vec<Key> = Vec::new();
        if ready {
            let mut bytes = [0; 1024];
            match read(io::stdin(), &mut bytes) {
                Ok(0) | Err(Errno::EIO) => return Ok(Action::Quit),
                Ok(length) => {
                    self.keyed_at = Instant::now();
                    pressed = self.keys.feed(bytes.get(..length).unwrap_or_default());
                }
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        } else if self.keys.is_pending() && self.keyed_at.elapsed() >= KEY_PATIENCE {
            pressed.extend(self.keys.flush());
        }
        let mut action = Action::None;
        for key in pressed {
            match self.state.press(key) {
                Action::None => {}
                Action::Quit => return Ok(Action::Quit),
                other => action = other,
            }
        }
        Ok(action)
    }
}
