// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checks of a virtual service as they are written: at the service when all of its servers have the same.

use super::block::Made;
use super::check::Check;
use super::timing::Timing;
use crate::import::document::{Entry, Value};

impl Made {
    /// Writes the check, as far as it is another than the defaults.
    pub(super) fn write_checks(&mut self, usual: &Timing) {
        let first = self.checks.first().cloned().unwrap_or(Check::None);
        if self.checks.iter().all(|check| *check == first) {
            let value = written(&first, usual);
            self.service.rules.push(Entry::new("check", value));
            return;
        }
        let checks = self.checks.iter();
        for (server, check) in self.service.servers.iter_mut().zip(checks) {
            let value = written(check, usual);
            server.rules.push(Entry::new("check", value));
        }
    }

    /// When its checks run, for those that have one.
    pub(super) fn timings(&self) -> impl Iterator<Item = Timing> {
        self.checks.iter().filter_map(|check| match check {
            Check::None => None,
            Check::Some(_, timing) => Some(*timing),
        })
    }
}

fn written(check: &Check, usual: &Timing) -> Value {
    let (checks, timing) = match check {
        Check::None => return Value::word("none"),
        Check::Some(checks, timing) => (checks, timing),
    };
    let mut times = timing.differing(usual);
    if let [check] = checks.as_slice() {
        let mut entries = check.clone();
        entries.append(&mut times);
        return match entries.as_slice() {
            [bare] if bare.value == Value::Map(Vec::new()) => Value::text(&bare.key),
            _ => Value::Map(entries),
        };
    }
    let each = checks.iter().cloned().map(Value::Map);
    times.push(Entry::new("each", Value::list(each)));
    Value::Map(times)
}
