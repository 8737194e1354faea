// SPDX-License-Identifier: MIT OR Apache-2.0
//! What several services say alike is written once: lists of servers as pools, settings as defaults.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Known;

use super::{Document, Entry, Item, Value};

/// Settings of services that may stand under `defaults`.
const SETTINGS: [&str; 10] = [
    "scheduler",
    "scheduler_flags",
    "persistence",
    "forwarding",
    "tunnel",
    "weight",
    "inhibit_on_failure",
    "min_healthy",
    "quorum",
    "check",
];
/// Keys of `check` that mean the same beside every type of check.
const TIMES: [&str; 8] = [
    "interval",
    "interval_from",
    "timeout",
    "rise",
    "fall",
    "retry_delay",
    "first_failure",
    "initial",
];

impl Document {
    /// Writes once what several services say alike. `names` are what their servers could be called, in the order of the services.
    pub(crate) fn shorten(&mut self, names: &[Option<Box<str>>]) {
        if self.services().len() < 2 {
            return;
        }
        self.share_servers(names);
        for key in SETTINGS {
            self.share_setting(key);
        }
        self.share_times();
    }

    /// The keys of each service.
    fn services(&mut self) -> Vec<&mut Vec<Entry>> {
        let section = self
            .sections
            .iter_mut()
            .find(|it| it.key == "virtual_services");
        let items = match section.map(|it| &mut it.value) {
            Some(Value::List(items)) => items.as_mut_slice(),
            _ => &mut [],
        };
        items
            .iter_mut()
            .filter_map(|item| as_map(&mut item.value))
            .collect()
    }

    /// Lists of servers that several services have become pools.
    fn share_servers(&mut self, names: &[Option<Box<str>>]) {
        let mut lists: HashMap<Value, Vec<usize>> = HashMap::new();
        let mut order = Vec::new();
        for (number, service) in self.services().into_iter().enumerate() {
            let Some(servers) = service.iter().find(|it| it.key == "servers") else {
                continue;
            };
            match lists.entry(plain(&servers.value)) {
                Known::Occupied(mut known) => known.get_mut().push(number),
                Known::Vacant(new) => {
                    order.push(number);
                    new.insert(vec![number]);
                }
            }
        }
        let mut shared: Vec<_> = lists
            .into_values()
            .filter(|users| users.len() > 1)
            .collect();
        shared.sort_by_key(|users| users.first().copied());
        for users in shared {
            let wanted = users.iter().find_map(|user| names.get(*user)?.as_deref());
            let name = self.pool_name(wanted.unwrap_or("servers"));
            let pool = self.make_pool(&name, &users);
            self.map("pools").push(Entry::new(name, pool));
        }
    }

    /// A name that no pool has yet.
    fn pool_name(&mut self, wanted: &str) -> String {
        let pools = self.map("pools");
        let is_free = |name: &String| pools.iter().all(|pool| pool.key != *name);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        // There are fewer pools than numbers.
        names.find(is_free).unwrap_or_else(|| wanted.to_owned())
    }

    /// The list of servers that these services share; they name the pool in its place.
    fn make_pool(&mut self, name: &str, users: &[usize]) -> Value {
        let mut pool = Value::List(Vec::new());
        let mut services = self.services();
        for (number, user) in users.iter().enumerate() {
            let service = services.get_mut(*user);
            let entry = service.and_then(|it| it.iter_mut().find(|it| it.key == "servers"));
            let Some(entry) = entry else { continue };
            let named = Entry {
                key: "pool".to_owned(),
                value: Value::text(name),
                ..entry.clone()
            };
            let servers = std::mem::replace(entry, named).value;
            if number == 0 {
                pool = servers;
            } else if let (Value::List(pool), Value::List(servers)) = (&mut pool, servers) {
                for (item, other) in pool.iter_mut().zip(servers) {
                    merge(
                        &mut item.before,
                        &mut item.remark,
                        other.before,
                        other.remark,
                    );
                }
            }
        }
        pool
    }

    /// A setting that all services have becomes a default.
    fn share_setting(&mut self, key: &str) {
        let mut services = self.services();
        let values = services.iter().map(|it| it.iter().find(|it| it.key == key));
        let values: Option<Vec<_>> = values.map(|it| it.map(|it| plain(&it.value))).collect();
        if values.is_none_or(|values| values.windows(2).any(|pair| pair.first() != pair.last())) {
            return;
        }
        let mut shared: Option<Entry> = None;
        for service in &mut services {
            let Some(at) = service.iter().position(|it| it.key == key) else {
                continue;
            };
            let entry = service.remove(at);
            match &mut shared {
                None => shared = Some(entry),
                Some(shared) => {
                    merge(
                        &mut shared.before,
                        &mut shared.remark,
                        entry.before,
                        entry.remark,
                    );
                }
            }
        }
        self.map("defaults").extend(shared);
    }

    /// Times of checks that all services have become defaults, when the checks themselves differ.
    fn share_times(&mut self) {
        let mut services = self.services();
        let checks = services.iter_mut().map(|it| {
            let check = it.iter_mut().find(|it| it.key == "check");
            check.and_then(|it| as_map(&mut it.value))
        });
        let Some(mut checks) = checks.collect::<Option<Vec<_>>>() else {
            return;
        };
        let first = checks
            .first()
            .map(|first| (*first).clone())
            .unwrap_or_default();
        let is_shared = |entry: &Entry| {
            let all = checks.iter().all(|check| check.contains(entry));
            TIMES.contains(&&*entry.key) && all
        };
        let shared: Vec<_> = first.into_iter().filter(is_shared).collect();
        if shared.is_empty() {
            return;
        }
        for check in &mut checks {
            check.retain(|entry| !shared.contains(entry));
        }
        for service in services {
            service.retain(|it| it.key != "check" || it.value != Value::Map(Vec::new()));
        }
        self.map("defaults")
            .push(Entry::new("check", Value::Map(shared)));
    }
}

fn as_map(value: &mut Value) -> Option<&mut Vec<Entry>> {
    match value {
        Value::Map(entries) => Some(entries),
        Value::Word(_) | Value::Text(_) | Value::List(_) => None,
    }
}

/// Without comments.
fn plain(value: &Value) -> Value {
    match value {
        Value::Word(_) | Value::Text(_) => value.clone(),
        Value::List(items) => {
            Value::List(items.iter().map(|it| Item::new(plain(&it.value))).collect())
        }
        Value::Map(entries) => {
            let entries = entries
                .iter()
                .map(|it| Entry::new(it.key.clone(), plain(&it.value)));
            Value::Map(entries.collect())
        }
    }
}

/// Adds comments that are not there yet.
fn merge(
    before: &mut Vec<String>,
    remark: &mut Option<String>,
    other: Vec<String>,
    other_remark: Option<String>,
) {
    for line in other.into_iter().chain(other_remark) {
        if remark.as_deref() != Some(&*line) && !before.contains(&line) {
            before.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(address: &str, scheduler: &str, check: &[(&str, &str)]) -> Item {
        let word = |(key, value): &(&str, &str)| Entry::new(*key, Value::word(value));
        let servers = Value::list([Value::text("10.0.0.2"), Value::text("10.0.0.3")]);
        Item::new(Value::Map(vec![
            Entry::new("address", Value::text(address)),
            Entry::new("scheduler", Value::word(scheduler)),
            Entry::new("check", Value::Map(check.iter().map(word).collect())),
            Entry::new("servers", servers),
        ]))
    }

    #[test]
    fn what_all_services_say_is_said_once() {
        let mut document = Document::default();
        let services = document.list("virtual_services");
        services.push(service(
            "192.0.2.1:80",
            "wrr",
            &[("interval", "6s"), ("rise", "1")],
        ));
        services.push(service(
            "192.0.2.1:81",
            "rr",
            &[("interval", "6s"), ("rise", "2")],
        ));
        document.shorten(&[None, None]);
        let text = "\
defaults: {check: {interval: 6s}}
pools: {servers: [10.0.0.2, 10.0.0.3]}
virtual_services:
  - {address: 192.0.2.1:80, scheduler: wrr, check: {rise: 1}, pool: servers}
  - {address: 192.0.2.1:81, scheduler: rr, check: {rise: 2}, pool: servers}
";
        assert_eq!(document.to_string(), text);
    }

    #[test]
    fn one_service_stays_as_it_is() {
        let mut document = Document::default();
        let services = document.list("virtual_services");
        services.push(service("192.0.2.1:80", "wrr", &[("interval", "6s")]));
        let before = document.clone();
        document.shorten(&[]);
        assert_eq!(document, before);
    }
}
