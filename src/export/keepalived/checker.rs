// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checkers of a real server.

use super::asked::{Asked, TCP_CHECK, asked};
use super::text::{Text, seconds, whole_seconds, word};
use crate::export::omission::OfServer;
use crate::model::{
    Check, CheckSchedule, Checks, Fall, FirstFailure, Initial, IntervalFrom, Need, Probe,
    ProbeKind, ProbePath, Retry,
};

/// Keepalived spreads first checks over the whole `delay_loop` unless told otherwise, ours come within a second.
const WARMUP: &str = "warmup 1";

pub(super) fn write_checkers(checks: &Checks, text: &mut Text, of: &mut OfServer<'_>) {
    match (checks.need, &*checks.each) {
        (_, [] | [_]) | (Need::All, _) => {}
        (Need::Any | Need::AtLeast(_), _) => {
            of.note("need: keepalived wants every check to pass");
        }
    }
    let mut connects: Vec<&Probe> = Vec::new();
    for check in checks.each.iter() {
        let Some(asked) = asked(&check.probe.kind, of) else {
            continue;
        };
        // Several checks may become the same connection.
        if asked.block == TCP_CHECK {
            let (at, path) = (check.probe.target, &check.probe.path);
            if connects
                .iter()
                .any(|it| it.target == at && it.path == *path)
            {
                continue;
            }
            connects.push(&check.probe);
        }
        write_checker(check, &asked, text, of);
    }
}

fn write_checker(check: &Check, asked: &Asked, text: &mut Text, of: &mut OfServer<'_>) {
    text.block(asked.block, |text| {
        text.lines(&asked.lines);
        text.list("url", &asked.url);
        if check.probe.uses_network() {
            write_target(check, text, of);
        }
        write_schedule(check, text, of);
    });
}

fn write_target(check: &Check, text: &mut Text, of: &mut OfServer<'_>) {
    let (target, server) = (check.probe.target, of.server);
    let elsewhere = target.ip() != server.address;
    text.setting("connect_ip", elsewhere.then(|| target.ip()));
    let port = target.port();
    // An echo has no port.
    text.setting(
        "connect_port",
        (port != 0 && port != server.port).then_some(port),
    );
    let Some(ProbePath {
        source,
        interface,
        mark,
    }) = check.probe.path.as_deref()
    else {
        return;
    };
    text.setting("bindto", *source);
    text.setting("fwmark", *mark);
    if let Some(interface) = interface {
        let said = word(interface);
        if said.is_none() {
            of.note("interface: keepalived cannot read this name");
        }
        text.setting("bind_if", said);
    }
}

fn write_schedule(check: &Check, text: &mut Text, of: &mut OfServer<'_>) {
    let is_program = matches!(check.probe.kind, ProbeKind::Exec(_));
    let CheckSchedule {
        interval,
        interval_from,
        timeout,
        rise,
        fall,
        first_failure,
        retry,
        down_interval,
        hold_down,
        tripwire,
        initial,
        passive,
    } = *check.schedule;
    if is_program {
        let (timeout, rounded) = whole_seconds(timeout);
        text.setting("misc_timeout", Some(timeout));
        if rounded {
            of.note("timeout: keepalived counts whole seconds for a program");
        }
    } else {
        text.setting("connect_timeout", Some(seconds(timeout)));
    }
    text.setting("delay_loop", Some(seconds(interval)));
    note_interval_from(interval_from, is_program, of);
    write_fall(fall, first_failure, text, of);
    write_retry(retry, is_program, text, of);
    text.line(WARMUP);
    match initial {
        Initial::Up => {}
        Initial::Down => text.line("alpha on"),
        Initial::Remembered => {
            text.line("alpha on");
            of.note("initial: keepalived remembers nothing; a server begins as down");
        }
    }
    if rise != 1 {
        of.note("rise: with keepalived one success brings a server up");
    }
    let missing = [
        (down_interval.is_some(), "down_interval"),
        (hold_down.is_some(), "hold_down"),
        (tripwire.is_some(), "tripwire"),
        (passive.is_some(), "passive"),
    ];
    for (_, key) in missing.into_iter().filter(|(set, _)| *set) {
        of.note(format!("{key}: keepalived has nothing like it"));
    }
}

/// Keepalived counts from the end of a check, and for a program from its start (`check_misc.c`).
fn note_interval_from(from: IntervalFrom, is_program: bool, of: &mut OfServer<'_>) {
    match (from, is_program) {
        (IntervalFrom::End, false) | (IntervalFrom::Start, true) => {}
        (IntervalFrom::Start, false) => {
            of.note("interval_from: keepalived's delay_loop runs from the end of a check");
        }
        (IntervalFrom::End, true) => {
            of.note("interval_from: keepalived's delay_loop runs from the start of a program");
        }
    }
}

/// Keepalived counts the failures after the first one, and its first failure decides.
fn write_fall(fall: Fall, first: FirstFailure, text: &mut Text, of: &mut OfServer<'_>) {
    let failures = match fall {
        Fall::InARow(failures) => failures,
        Fall::OfTheLast { failures, .. } => {
            of.note("fall: keepalived counts failures in a row");
            failures
        }
    };
    text.setting("retry", Some(failures.saturating_sub(1)));
    match first {
        FirstFailure::Decides => {}
        FirstFailure::Counts if failures == 1 => {}
        FirstFailure::Counts => {
            of.note("first_failure: with keepalived the first failure decides");
        }
    }
}

/// After a failure keepalived waits from the end of the check, and for a program from its start.
fn write_retry(retry: Retry, is_program: bool, text: &mut Text, of: &mut OfServer<'_>) {
    let (delay, is_as_meant) = match retry {
        Retry::Delay(delay) => (delay, !is_program),
        Retry::FastInterval(interval) => (interval, is_program),
    };
    text.setting("delay_before_retry", Some(seconds(delay)));
    if is_as_meant {
        return;
    }
    of.note(if is_program {
        "retry_delay: keepalived's delay_before_retry runs from the start of a program"
    } else {
        "fast_interval: keepalived's delay_before_retry runs from the end of a check"
    });
}
