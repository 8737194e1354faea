// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the log says and what it leaves out, which can change while the director runs.

use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

/// More characters than the path of any module has.
const LONGEST_MODULE: usize = 200;

/// Puts a filter in the place of the one in force.
type Replace = dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync;

/// The levels of the log.
#[derive(Clone)]
pub(in crate::daemon) struct Levels {
    replace: Arc<Replace>,
    /// The filter in force, as `RUST_LOG` has it.
    now: Arc<Mutex<String>>,
}

impl Levels {
    /// With this filter in force, which `replace` replaces.
    pub(in crate::daemon) fn new(
        now: String,
        replace: impl Fn(EnvFilter) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            replace: Arc::new(replace),
            now: Arc::new(Mutex::new(now)),
        }
    }

    /// What is logged, as `RUST_LOG` has it: `info`, `info,lvs_director::daemon::vrrp=debug`.
    pub(in crate::daemon) fn now(&self) -> String {
        self.locked().clone()
    }

    /// Logs messages of this level and above: of one module, beside what is in force for the others; or of all, and nothing
    /// else is in force any more. Returns what is logged now.
    pub(in crate::daemon) fn set(
        &self,
        level: &str,
        module: Option<&str>,
    ) -> Result<String, String> {
        let mut now = self.locked();
        let next = following(&now, level, module)?;
        (self.replace)(next.parse().map_err(|error| format!("{next}: {error}"))?)?;
        now.clone_from(&next);
        Ok(next)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is logged when this level is asked for.
fn following(now: &str, level: &str, module: Option<&str>) -> Result<String, String> {
    if !["error", "warn", "info", "debug", "trace"].contains(&level) {
        return Err("the level must be error, warn, info, debug or trace".to_owned());
    }
    let Some(module) = module else {
        return Ok(level.to_owned());
    };
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if module.is_empty() || module.len() > LONGEST_MODULE || !module.chars().all(known) {
        return Err(
            "name a module as RUST_LOG does: lvs_director::daemon::vrrp, lvs_director::control"
                .to_owned(),
        );
    }
    let same = |directive: &&str| directive.split('=').next() != Some(module);
    let mut directives: Vec<&str> = now.split(',').filter(same).collect();
    let added = format!("{module}={level}");
    directives.push(&added);
    Ok(directives.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> (Levels, Arc<Mutex<Vec<String>>>) {
        let replaced = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&replaced);
        let levels = Levels::new("info".to_owned(), move |filter| {
            noted.lock().unwrap().push(filter.to_string());
            Ok(())
        });
        (levels, replaced)
    }

    #[test]
    fn a_level_is_for_all_or_for_one_module() {
        let (levels, replaced) = levels();
        assert_eq!(levels.now(), "info");
        let vrrp = Some("lvs_director::daemon::vrrp");
        for (level, module, expected) in [
            ("debug", vrrp, "info,lvs_director::daemon::vrrp=debug"),
            (
                "error",
                Some("tokio"),
                "info,lvs_director::daemon::vrrp=debug,tokio=error",
            ),
            (
                "warn",
                vrrp,
                "info,tokio=error,lvs_director::daemon::vrrp=warn",
            ),
            ("warn", None, "warn"),
        ] {
            assert_eq!(levels.set(level, module).as_deref(), Ok(expected));
            assert_eq!(levels.now(), expected);
        }
        let last = replaced.lock().unwrap().last().cloned();
        assert_eq!(last.as_deref(), Some("warn"));
    }

    #[test]
    fn what_is_no_level_or_module_changes_nothing() {
        let (levels, replaced) = levels();
        for (level, module) in [
            ("loud", None),
            ("", None),
            ("debug", Some("")),
            ("debug", Some("a=trace,b")),
            ("debug", Some("[{field}]")),
        ] {
            levels.set(level, module).unwrap_err();
        }
        let long = "x".repeat(10_000);
        levels.set("debug", Some(&long)).unwrap_err();
        assert_eq!(levels.now(), "info");
        assert!(replaced.lock().unwrap().is_empty());
    }
}
