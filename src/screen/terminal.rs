// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal: takes it over, and always restores it, whatever happens.

use std::cell::RefCell;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Stdout, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::termios::{InputFlags, SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::{Attribute, SetAttribute};
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

use super::canvas::Looks;
use crate::system::{terminal_size, time_of_day};

/// The terminal's old settings, while we have it.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);
/// Whether we have it now. We restore it once: a second time would overwrite later output.
static OURS: AtomicBool = AtomicBool::new(false);

/// The largest screen; of a larger one we draw a part.
const LARGEST: (u16, u16) = (1000, 500);
/// The assumed size of a terminal that does not know its size.
const USUAL: (u16, u16) = (80, 24);

/// The terminal, in our mode until this is dropped.
pub struct Screen {
    terminal: Drawing,
    size: (u16, u16),
    failure: Rc<RefCell<Option<io::Error>>>,
}

type Drawing = Terminal<CrosstermBackend<BufWriter<Out>>>;

/// Standard output, which keeps its first error for [`Screen::draw`]. The library's terminal writes once more when it
/// ends; when that fails it prints to standard error, and panics when that is gone, too.
struct Out {
    out: Stdout,
    failure: Rc<RefCell<Option<io::Error>>>,
}

impl Out {
    fn keep<T>(&self, done: io::Result<T>, otherwise: T) -> io::Result<T> {
        match done {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.failure.borrow_mut().get_or_insert(error);
                Ok(otherwise)
            }
            done => done,
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.keep(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.keep(flushed, ())
    }
}

/// Why this cannot be a screen: a file that is no terminal, or a terminal that cannot move its cursor.
pub fn check() -> Result<(), &'static str> {
    if !io::stdin().is_terminal() {
        return Err("standard input is no terminal");
    }
    if !io::stdout().is_terminal() {
        return Err("standard output is no terminal");
    }
    match std::env::var("TERM").as_deref() {
        Err(_) | Ok("") => Err("TERM is not set, so that the terminal's kind is not known"),
        Ok("dumb" | "unknown") => Err("the terminal (by TERM) cannot move its cursor"),
        Ok(_) => Ok(()),
    }
}

/// Whether a terminal that refused something is gone (EIO). That is the end of the program, as SIGHUP is, and no error.
#[must_use]
pub fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EIO as i32)
}

/// The time of day by the clock on the wall: `14:03:22`.
#[must_use]
pub fn clock() -> String {
    let (hours, minutes, seconds) = time_of_day();
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

/// The terminal's properties from the environment.
#[must_use]
pub fn looks() -> Looks {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    Looks {
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
        colour: set("NO_COLOR").is_none(),
    }
}

impl Screen {
    /// Takes the terminal over. A panic restores it, too, before it prints anything.
    pub fn take() -> io::Result<Self> {
        let found = tcgetattr(io::stdin())?;
        *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        let (size, failure) = (size(), Rc::default());
        let mut screen = Self {
            terminal: terminal(size, &failure)?,
            size,
            failure,
        };
        screen.set_up()?;
        Ok(screen)
    }

    /// Sets the terminal's mode, also when another program had the terminal meanwhile.
    pub fn set_up(&mut self) -> io::Result<()> {
        OURS.store(true, Ordering::SeqCst);
        let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(mut raw) = found {
            cfmakeraw(&mut raw);
            // Ctrl-S would stop more than the screen.
            raw.input_flags.remove(InputFlags::IXON);
            tcsetattr(io::stdin(), SetArg::TCSANOW, &raw)?;
        }
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        self.redraw()
    }

    /// The next drawing draws everything.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.size = size();
        self.terminal = terminal(self.size, &self.failure)?;
        execute!(
            io::stdout(),
            SetAttribute(Attribute::Reset),
            Clear(ClearType::All)
        )
    }

    /// The terminal's present height; the next drawing uses its present size.
    pub fn height(&mut self) -> io::Result<u16> {
        if self.size != size() {
            self.redraw()?;
        }
        Ok(self.size.1)
    }

    /// Draws what has changed.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw)?;
        match self.failure.borrow_mut().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Stops as Ctrl-Z stops other programs: the whole process group, or only this process. Returns when the shell
    /// continues us.
    pub fn suspend(&mut self, all: bool) -> io::Result<()> {
        give_back();
        let mut stop = SigSet::empty();
        stop.add(Signal::SIGTSTP);
        stop.thread_unblock()?;
        if all {
            kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        } else {
            raise(Signal::SIGTSTP)?;
        }
        stop.thread_block()?;
        self.set_up()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Restore the old settings. If that fails there is nobody to tell.
fn give_back() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = &*found {
        let _ = execute!(
            io::stdout(),
            SetAttribute(Attribute::Reset),
            LeaveAlternateScreen,
            Show
        );
        let _ = io::stdout().flush();
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, found);
    }
}

fn size() -> (u16, u16) {
    let (width, height) = terminal_size(io::stdout()).unwrap_or(USUAL);
    (width.min(LARGEST.0), height.min(LARGEST.1))
}

/// A terminal of fixed size. Nothing asks the real one for its state: the answers would mix with the keys.
fn terminal(
    (width, height): (u16, u16),
    failure: &Rc<RefCell<Option<io::Error>>>,
) -> io::Result<Drawing> {
    let out = Out {
        out: io::stdout(),
        failure: Rc::clone(failure),
    };
    let out = BufWriter::with_capacity(64 * 1024, out);
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(CrosstermBackend::new(out), TerminalOptions { viewport })
}
