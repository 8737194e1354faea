// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checker that reads a file of this host: a weight, or words of an agent.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Answer;
use super::reading::Readings;
use crate::codec::agent::AgentLine;
use crate::codec::shown_bytes;
use crate::model::{
    AgentState, AskedWeight, CheckSchedule, FileProbe, MissingFile, ProbeOutcome, Standing, Weight,
};
use crate::system::{FileCause, read_limited};

/// The longest line that is shown, in characters.
const LONGEST_SHOWN: usize = 200;
/// The longest time that one reading serves the checks of several servers.
const FRESH: Duration = Duration::from_secs(1);

/// The largest file, in bytes.
const MOST_BYTES: u64 = 4096;

thread_local! {
    /// Contents, by path; `None` when there is no such file.
    static FILES: Readings<PathBuf, Option<Arc<[u8]>>> = Readings::default();
}

/// Reads the file. A reading for another check serves if it is fresh; but each probe of a check finds what was changed
/// before the probe before it.
pub(super) async fn probe(file: &FileProbe, schedule: &CheckSchedule) -> Answer {
    let fresh = FRESH.min(schedule.interval) / 4;
    let path = PathBuf::from(&*file.path);
    let known = FILES.with(|files| files.of(&path));
    let operation = format!("read {}", path.display());
    let read = move || match read_limited(&path, MOST_BYTES) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.cause == FileCause::Missing => Ok(None),
        Err(error) => Err(error.to_string().into()),
    };
    let content = match known.get(&operation, fresh, schedule.timeout, read).await {
        Ok(content) => content,
        Err(answer) => return answer,
    };
    let Some(bytes) = content else {
        let why = format!("{operation}: no such file or directory (ENOENT)");
        return match file.missing {
            MissingFile::Up => Answer::up(),
            MissingFile::Down => Answer::down(why),
            MissingFile::Ignore => Answer::abstained(why),
        };
    };
    understand(&bytes)
        .unwrap_or_else(|why| Answer::could_not_run(format!("{}: {why}", file.path.display())))
}

/// The only line that is neither empty nor a comment. The file is all that is known: no word of an earlier content stays in
/// force.
fn understand(bytes: &[u8]) -> Result<Answer, String> {
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines.map(|line| line.split(|byte| *byte == b'#').next().unwrap_or_default());
    let mut lines = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let line = lines.next().ok_or("says nothing")?;
    if lines.next().is_some() {
        return Err("has more than one line".to_owned());
    }
    let state = state(line)?;
    let why = || format!("the file says: {}", shown_bytes(line, LONGEST_SHOWN));
    Ok(match state.standing() {
        Standing::Unknown => return Err("says nothing".to_owned()),
        Standing::Up(weight) => Answer::new(ProbeOutcome::Up(weight), ""),
        Standing::Down => Answer::down(why()),
        Standing::Drain => Answer::drain(why()),
        Standing::Maintenance => Answer::new(ProbeOutcome::Maintenance, why()),
    })
}

fn state(line: &[u8]) -> Result<AgentState, String> {
    if line.iter().all(u8::is_ascii_digit) {
        let number = std::str::from_utf8(line)
            .ok()
            .and_then(|text| text.parse().ok());
        let Some(weight) = number.and_then(Weight::new) else {
            return Err(format!(
                "a weight is 0 to 2147483647, got {}",
                shown_bytes(line, LONGEST_SHOWN)
            ));
        };
        let weight = Some(AskedWeight::Weight(weight));
        return Ok(AgentState {
            weight,
            ..AgentState::NOTHING
        });
    }
    let AgentLine { state, unknown } = AgentLine::read(line);
    if unknown.is_some() || state == AgentState::NOTHING {
        let line = shown_bytes(line, LONGEST_SHOWN);
        return Err(format!(
            "is neither a weight, nor a share like 75%, nor up, down, drain or maint: {line}"
        ));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::Percent;

    fn run(path: &Path, missing: MissingFile) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let file = FileProbe {
            path: path.into(),
            missing,
        };
        let schedule = CheckSchedule {
            interval: Duration::ZERO,
            timeout: Duration::from_secs(60),
            ..CheckSchedule::DEFAULT
        };
        runtime.block_on(probe(&file, &schedule))
    }

    fn says(bytes: &[u8]) -> Answer {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, bytes).unwrap();
        run(&file, MissingFile::Ignore)
    }

    #[test]
    fn a_file_tells_a_weight_or_a_state() {
        let weight = |number| Weight::new(number).map(AskedWeight::Weight);
        let share = Some(AskedWeight::Percent(Percent(50)));
        for (bytes, outcome) in [
            (&b"0"[..], ProbeOutcome::Up(weight(0))),
            (b"007\n", ProbeOutcome::Up(weight(7))),
            (b"2147483647\r\n\n", ProbeOutcome::Up(weight(2_147_483_647))),
            (
                b"# by the operator\n\n  50%  # half\n",
                ProbeOutcome::Up(share),
            ),
            (b"up", ProbeOutcome::Up(None)),
            (b"ready 50%", ProbeOutcome::Up(share)),
            (b"DOWN", ProbeOutcome::Down),
            (b"drain 50%", ProbeOutcome::Drain),
            (b"maint", ProbeOutcome::Maintenance),
        ] {
            assert_eq!(says(bytes).outcome, outcome, "{bytes:?}");
        }
        assert_eq!(
            says(b"down # disk\x1b[31m full").reason,
            "the file says: down".into()
        );
    }

    #[test]
    fn a_file_that_says_something_else_is_no_failure_of_the_server() {
        for bytes in [
            &b""[..],
            b" \n# up\n",
            b"up\ndown\n",
            b"-1",
            b"2147483648",
            b"99999999999999999999999",
            b"7.5",
            b"updown",
            b"up soon",
            b"maxconn:7",
            b"\xff\0\x1b]0;x\x07",
            &[b'7'; 5000],
        ] {
            let answer = says(bytes);
            assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{bytes:?}");
            assert!(!answer.reason.chars().any(char::is_control), "{answer:?}");
        }
    }

    #[test]
    fn what_a_missing_file_means_is_a_setting_and_what_is_no_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let none = directory.path().join("none");
        assert_eq!(run(&none, MissingFile::Up), Answer::up());
        assert_eq!(run(&none, MissingFile::Down).outcome, ProbeOutcome::Down);
        let ignored = run(&none, MissingFile::Ignore);
        assert_eq!(ignored.outcome, ProbeOutcome::Abstained);
        assert!(ignored.reason.contains("none: no such file"), "{ignored:?}");

        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for file in [Path::new("/dev/zero"), directory.path(), &fifo] {
            let answer = run(file, MissingFile::Down);
            assert_eq!(answer.outcome, ProbeOutcome::CouldNotRun, "{answer:?}");
        }
    }
}
