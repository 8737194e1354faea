// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new configuration for a running engine: all of it, or none.

use tracing::{error, info};

use super::describe::steps;
use super::engine::Engine;
use super::kernel::Kernel;
use crate::model::{Config, Timestamp};

impl<K: Kernel> Engine<K>
where
    K::Error: std::fmt::Display,
{
    /// Goes over to a new configuration. Checks of servers that stay go on with what they know. If the kernel refuses
    /// any of it, the old configuration is put back.
    pub(super) fn reload(&mut self, now: Timestamp, config: Config) {
        if config.director != self.config.director {
            return self.reload_refused(
                "director: settings cannot change while the director runs; restart it (no connection is lost)".to_owned(),
            );
        }
        match self.go_over_to(config) {
            Ok(None) => {
                self.configure_checks(now);
                self.reload_error = None;
            }
            Ok(Some(refusal)) => self.reload_refused(refusal),
            Err(error) => {
                // Nothing is known to be wrong with the new configuration: it stays, and the next round carries it out.
                self.configure_checks(now);
                self.exchange_failed(&error, now);
            }
        }
    }

    /// Tells that the old configuration stays, and why.
    pub(super) fn reload_refused(&mut self, why: String) {
        error!("reload refused, the running configuration stays: {why}");
        self.reload_error = Some(why);
    }

    /// `Some` is why the kernel refused it; the old configuration is then in force again.
    fn go_over_to(&mut self, config: Config) -> Result<Option<String>, K::Error> {
        let before = std::mem::replace(&mut self.config, config);
        let mut keys = self.ours();
        keys.extend(
            before
                .services
                .keys()
                .filter(|key| !self.config.services.contains_key(key)),
        );
        self.remember(&keys);
        let outcome = self.converge(keys.clone())?;
        // What others changed since the last round is found now, not in the next one.
        self.unread.extend(keys.iter().copied());
        if outcome.is_complete() {
            // Only now: settings that are kept as they are could not be put back.
            self.settle();
            self.forget_removed();
            info!("reloaded: {}", steps(outcome.done));
            return Ok(None);
        }
        let reasons: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
        self.config = before;
        // They are errors of what is given up here, and where the old configuration fails it will say so.
        for failure in &outcome.failures {
            self.errors.remove(failure.step.service());
        }
        self.converge(keys)?;
        self.forget_removed();
        Ok(Some(reasons.join("; ")))
    }
}
