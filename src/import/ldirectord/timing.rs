// SPDX-License-Identifier: MIT OR Apache-2.0
//! When ldirectord checks, and how long it waits. Its times are whole seconds.

use super::line::{Directive, last};
use crate::diagnostic::{Finding, Findings};
use crate::import::document::{Entry, Value};

/// Our longest timeout, interval and number of failures.
const LONGEST_TIMEOUT: u32 = 60;
const LONGEST_INTERVAL: u32 = 3600;
const MOST_FAILURES: u32 = 100;

/// What one place of the file says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given {
    checktimeout: Option<u32>,
    negotiatetimeout: Option<u32>,
    checkinterval: Option<u32>,
    checkcount: Option<u32>,
    failurecount: Option<u32>,
}

/// What holds for a virtual service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// How long a connection, a ping or a program may take.
    pub(super) connect: u32,
    /// How long everything else may take.
    pub(super) negotiate: u32,
    /// The pause between two checks of a server.
    pub(super) interval: u32,
    /// How often a ping is tried.
    pub(super) tries: u32,
    /// How many failures in a row take a server out.
    pub(super) failures: u32,
}

impl Given {
    pub(super) fn read(directives: &[Directive], out: &mut Findings) -> Self {
        let mut number = |name: &str, most: u32| {
            let directive = last(directives, name)?;
            let number = directive.number(1, out)?;
            if number > most {
                let message = format!("{name} becomes {most}, the most there is");
                out.push(Finding::warning(directive.at, message));
            }
            Some(number.min(most))
        };
        Self {
            checktimeout: number("checktimeout", LONGEST_TIMEOUT),
            negotiatetimeout: number("negotiatetimeout", LONGEST_TIMEOUT),
            checkinterval: number("checkinterval", LONGEST_INTERVAL),
            checkcount: number("checkcount", MOST_FAILURES),
            failurecount: number("failurecount", MOST_FAILURES),
        }
    }

    /// The times of a service, by `ld_setup` of ldirectord: each of the two timeouts stands in for the other.
    pub(super) fn times(self, top: Self, forks: bool) -> Times {
        let own_interval = self.checkinterval.filter(|_| forks);
        let connect = self.checktimeout.or(self.negotiatetimeout);
        let connect = connect.or(top.checktimeout).or(top.negotiatetimeout);
        let negotiate = self.negotiatetimeout.or(self.checktimeout);
        let negotiate = negotiate.or(top.negotiatetimeout).or(top.checktimeout);
        let failures = self.failurecount.or(top.failurecount);
        Times {
            connect: connect.unwrap_or(5),
            negotiate: negotiate.unwrap_or(30),
            interval: own_interval.or(top.checkinterval).unwrap_or(10),
            tries: self.checkcount.or(top.checkcount).unwrap_or(1),
            failures: failures.unwrap_or(1),
        }
    }
}

/// When a check of ours runs, as far as ldirectord's ones differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Timing {
    interval: u32,
    timeout: u32,
    fall: u32,
    /// Whether a failure is followed by the next try at once, as by those of a ping.
    at_once: bool,
}

impl Times {
    /// For a check that is over within `timeout`.
    pub(super) fn timing(&self, timeout: u32) -> Timing {
        Timing {
            interval: self.interval,
            timeout,
            fall: self.failures,
            at_once: false,
        }
    }

    /// For a ping: each of its tries is a probe of ours.
    pub(super) fn ping(&self) -> Timing {
        let fall = self.tries.saturating_mul(self.failures);
        Timing {
            fall: fall.min(MOST_FAILURES),
            at_once: self.tries > 1,
            ..self.timing(self.connect)
        }
    }
}

fn seconds(key: &str, seconds: u32) -> Entry {
    Entry::new(key, Value::word(format!("{seconds}s")))
}

impl Timing {
    /// All of it, as the defaults of a file.
    pub(super) fn defaults(&self) -> Vec<Entry> {
        vec![
            seconds("interval", self.interval)
                .remark("checkinterval: from the end of a check to the next one"),
            Entry::new("interval_from", Value::word("end")),
            seconds("timeout", self.timeout),
            Entry::new("rise", Value::word(1)).remark("one success brings a server back"),
            Entry::new("fall", Value::word(self.fall)).remark("failurecount"),
            self.retry(),
        ]
    }

    /// After a failure ldirectord waits as long as after a success.
    fn retry(&self) -> Entry {
        if self.at_once {
            return Entry::new("retry_delay", Value::word("10ms"));
        }
        seconds("retry_delay", self.interval)
    }

    /// What is another than in these defaults.
    pub(super) fn differing(&self, usual: &Self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.interval != usual.interval {
            entries.push(seconds("interval", self.interval));
        }
        if self.timeout != usual.timeout {
            entries.push(seconds("timeout", self.timeout));
        }
        if self.fall != usual.fall {
            entries.push(Entry::new("fall", Value::word(self.fall)));
        }
        if self.retry() != usual.retry() {
            entries.push(self.retry());
        }
        entries
    }

    /// For the rarer one of two checks: once in so many intervals, and at every interval while it fails.
    pub(super) fn rarer(&self, every: u32, timeout: u32) -> Vec<Entry> {
        let interval = self.interval.saturating_mul(every).min(LONGEST_INTERVAL);
        vec![
            seconds("interval", interval),
            seconds("down_interval", self.interval),
            seconds("timeout", timeout),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timeout_stands_in_for_the_other_and_the_inner_ones_come_first() {
        let none = Given::default();
        let of = |own: Given, top: Given| {
            let times = own.times(top, false);
            (times.connect, times.negotiate)
        };
        let check = |seconds| Given {
            checktimeout: Some(seconds),
            ..none
        };
        let negotiate = |seconds| Given {
            negotiatetimeout: Some(seconds),
            ..none
        };
        assert_eq!(of(none, none), (5, 30));
        assert_eq!(of(none, check(3)), (3, 3));
        assert_eq!(of(none, negotiate(9)), (9, 9));
        assert_eq!(of(negotiate(9), check(3)), (9, 9));
        assert_eq!(of(check(2), negotiate(9)), (2, 2));
    }

    #[test]
    fn a_service_has_an_interval_of_its_own_only_in_a_process_of_its_own() {
        let own = Given {
            checkinterval: Some(2),
            ..Given::default()
        };
        assert_eq!(own.times(Given::default(), false).interval, 10);
        assert_eq!(own.times(Given::default(), true).interval, 2);
    }
}
