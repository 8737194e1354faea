// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm diff`: the changes that make the kernel's table equal to a file, as ipvsadm's lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use serde::Serialize;

use crate::ipvsadm::{ServerRule, ServiceRule};
use crate::model::{IpvsTable, RealServer, ServerKey, ServiceKey};
use crate::plan::{Step, diff};

/// All that differs, service by service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// No difference.
    pub equal: bool,
    /// The services that differ, in the order of listings.
    pub services: Vec<ServiceDifference>,
}

/// The changes of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceDifference {
    /// The service, as it is listed.
    pub service: String,
    /// The kind of change.
    pub change: Change,
    /// How, in the order in which it is safe.
    pub steps: Vec<Difference>,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The file has it, the kernel does not.
    Add,
    /// Both have it, and not alike.
    Edit,
    /// The kernel has it, the file does not.
    Delete,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it does.
    pub change: Change,
    /// The real server of the step; `None` for the service itself.
    pub server: Option<String>,
    /// The line that does it.
    pub line: String,
    /// The kernel's present settings, as words of such a line.
    pub was: Option<String>,
}

impl Comparison {
    /// The changes from the kernel's table to the wanted one. Every service counts, even if others made it.
    #[must_use]
    pub fn new(wanted: &IpvsTable, kernel: &IpvsTable) -> Self {
        let all: BTreeSet<ServiceKey> = kernel.services.keys().copied().collect();
        let plan = diff(wanted, kernel, &all);
        let mut services: BTreeMap<ServiceKey, Vec<Difference>> = BTreeMap::new();
        for step in plan.steps() {
            let steps = services.entry(*step.service()).or_default();
            steps.push(Difference::new(step, kernel));
        }
        let services = services.into_iter().map(|(key, steps)| ServiceDifference {
            service: key.to_string(),
            change: match (
                wanted.services.contains_key(&key),
                kernel.services.contains_key(&key),
            ) {
                (false, _) => Change::Delete,
                (true, false) => Change::Add,
                (true, true) => Change::Edit,
            },
            steps,
        });
        Self {
            equal: plan.is_empty(),
            services: services.collect(),
        }
    }

    /// For people, and without the lines that begin with `#` for ipvsadm.
    pub fn render(&self, out: &mut impl Write) -> fmt::Result {
        for (index, service) in self.services.iter().enumerate() {
            if index > 0 {
                out.write_char('\n')?;
            }
            writeln!(out, "# {}: {}", service.service, service.summary())?;
            for step in &service.steps {
                match (step.change, &step.was) {
                    (Change::Edit, Some(was)) => writeln!(out, "# now {was}")?,
                    (Change::Delete, Some(was)) => writeln!(out, "# goes: {was}")?,
                    (Change::Add | Change::Edit | Change::Delete, _) => {}
                }
                writeln!(out, "{}", step.line)?;
            }
        }
        Ok(())
    }
}

impl ServiceDifference {
    /// `not in the kernel`, `settings differ, 2 real servers to add`.
    fn summary(&self) -> String {
        match self.change {
            Change::Add => return "not in the kernel".to_owned(),
            Change::Delete => return "only in the kernel".to_owned(),
            Change::Edit => {}
        }
        let mut parts = Vec::new();
        if self.steps.iter().any(|step| step.server.is_none()) {
            parts.push("settings differ".to_owned());
        }
        for (change, what) in [
            (Change::Add, "to add"),
            (Change::Edit, "to edit"),
            (Change::Delete, "to delete"),
        ] {
            let servers = self.steps.iter().filter(|step| step.server.is_some());
            match servers.filter(|step| step.change == change).count() {
                0 => {}
                1 => parts.push(format!("1 real server {what}")),
                count => parts.push(format!("{count} real servers {what}")),
            }
        }
        parts.join(", ")
    }
}

impl Difference {
    fn new(step: &Step, kernel: &IpvsTable) -> Self {
        let key = step.service();
        let service = kernel.services.get(key);
        let settings = || service.map(|service| settings(&ServiceRule(key, &service.settings)));
        let real = |server| {
            service.and_then(|service| server_settings(key, server, service.servers.get(server)?))
        };
        let (change, server, was) = match step {
            Step::AddService(..) => (Change::Add, None, None),
            Step::EditService(..) => (Change::Edit, None, settings()),
            Step::DeleteService(_) => (Change::Delete, None, settings()),
            Step::AddServer(_, server, _) => (Change::Add, Some(server), None),
            Step::EditServer(_, server, _) => (Change::Edit, Some(server), real(server)),
            Step::DeleteServer(_, server) => (Change::Delete, Some(server), real(server)),
        };
        Self {
            change,
            server: server.map(ToString::to_string),
            line: step.to_string(),
            was,
        }
    }
}

/// A rule without the service it is about: `-s wrr -p 300`.
fn settings(rule: &ServiceRule<'_>) -> String {
    let text = rule.to_string();
    match text.split_once(" -s ") {
        Some((_, settings)) => format!("-s {settings}"),
        None => text,
    }
}

/// A rule without the service and the server it is about: `-m -w 3`.
fn server_settings(key: &ServiceKey, server: &ServerKey, real: &RealServer) -> Option<String> {
    let rule = ServerRule(key, server, Some(real)).to_string();
    let name = ServerRule(key, server, None).to_string();
    rule.strip_prefix(&name)
        .map(|rest| rest.trim_start().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::restore;
    use crate::ipvsadm::restore::items_as;

    /// The lines are ipvsadm's: an edit resets what is not given.
    fn table(lines: &str) -> IpvsTable {
        restore::table(&items_as(true, lines).unwrap()).unwrap()
    }

    const WANTED: &str = "\
-A -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 0
-a -t 10.0.0.1:80 -r 10.0.0.3:80 -m -w 1
-A -t 10.0.0.1:81 -s rr
-a -t 10.0.0.1:81 -r 10.0.0.2:81 -m -w 1
-A -f 8 -6 -s rr
";
    const KERNEL: &str = "\
-A -t 10.0.0.1:80 -s rr -p 300
-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1 -x 5
-a -t 10.0.0.1:80 -r 10.0.0.4:80 -m -w 1
-A -t 10.0.0.1:81 -s rr
-a -t 10.0.0.1:81 -r 10.0.0.2:81 -m -w 1
-A -f 7 -s rr
-a -f 7 -r 10.0.0.2:0 -m -w 1
";

    fn rendered(wanted: &str, kernel: &str) -> String {
        let mut out = String::new();
        let comparison = Comparison::new(&table(wanted), &table(kernel));
        comparison.render(&mut out).unwrap();
        out
    }

    #[test]
    fn what_differs_is_told_by_service_with_what_is_there_now() {
        assert_eq!(
            rendered(WANTED, KERNEL),
            "\
# TCP 10.0.0.1:80: settings differ, 1 real server to add, 1 real server to edit, 1 real server to delete
# now -s rr -p 300
-E -t 10.0.0.1:80 -s wrr
-a -t 10.0.0.1:80 -r 10.0.0.3:80 -m -w 1
# now -m -w 1 -x 5
-e -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 0
# goes: -m -w 1
-d -t 10.0.0.1:80 -r 10.0.0.4:80

# FWM 7: only in the kernel
# goes: -s rr
-D -f 7

# FWM 8 IPv6: not in the kernel
-A -f 8 -6 -s rr
"
        );
    }

    #[test]
    fn what_is_told_makes_the_tables_equal() {
        let steps = rendered(WANTED, KERNEL);
        assert_eq!(table(&format!("{KERNEL}{steps}")), table(WANTED));
    }

    #[test]
    fn equal_tables_do_not_differ() {
        assert_eq!(rendered(WANTED, WANTED), "");
        assert!(Comparison::new(&table(WANTED), &table(WANTED)).equal);
        assert!(!Comparison::new(&table(""), &table(KERNEL)).equal);
    }

    #[test]
    fn json_says_the_same() {
        let comparison = Comparison::new(&table(WANTED), &table(KERNEL));
        let json = serde_json::to_value(comparison).unwrap();
        assert_eq!(json["equal"], false);
        assert_eq!(json["services"][0]["change"], "edit");
        let step = &json["services"][0]["steps"][2];
        assert_eq!(step["change"], "edit");
        assert_eq!(step["server"], "10.0.0.2:80");
        assert_eq!(step["was"], "-m -w 1 -x 5");
        assert_eq!(
            json["services"][2]["steps"][0]["was"],
            serde_json::Value::Null
        );
    }
}
