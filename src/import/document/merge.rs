// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several documents as one.

use super::{Document, Entry, Item, Value};

/// What two documents say differently, and what only one file can say: `ipvs: tcp_timeout`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Conflict(String);

/// The settings of a check that stand beside its type. Of an outer layer they count for a check of any type.
const BESIDE: [&str; 14] = [
    "interval",
    "interval_from",
    "first_failure",
    "timeout",
    "rise",
    "fall",
    "retry_delay",
    "fast_interval",
    "down_interval",
    "hold_down",
    "initial",
    "source",
    "interface",
    "fwmark",
];

impl Document {
    /// Adds what another document says. When the two have other `defaults`, each service says itself what its own ones were.
    pub fn merge(&mut self, mut other: Self) -> Result<(), Conflict> {
        self.head.append(&mut other.head);
        let both_have_services = self.has_services() && other.has_services();
        if both_have_services && self.defaults() != other.defaults() {
            self.without_defaults()?;
            other.without_defaults()?;
        }
        for section in other.sections {
            match section.value {
                Value::List(mut items) => self.list(&section.key).append(&mut items),
                Value::Map(entries) => {
                    let own = self.map(&section.key);
                    for entry in entries {
                        add(&section.key, own, entry)?;
                    }
                }
                Value::Word(_) | Value::Text(_) => return Err(Conflict(section.key)),
            }
        }
        Ok(())
    }

    fn has_services(&self) -> bool {
        let mut sections = self.sections.iter();
        sections.any(|it| it.key == "virtual_services" && it.value != Value::List(Vec::new()))
    }

    fn defaults(&self) -> &[Entry] {
        let mut sections = self.sections.iter();
        let defaults = sections.find(|it| it.key == "defaults");
        match defaults.map(|it| &it.value) {
            Some(Value::Map(entries)) => entries,
            _ => &[],
        }
    }

    /// Writes the defaults into each service.
    fn without_defaults(&mut self) -> Result<(), Conflict> {
        let defaults = self.defaults().to_vec();
        self.sections.retain(|it| it.key != "defaults");
        if defaults.is_empty() {
            return Ok(());
        }
        for service in self.list("virtual_services") {
            for outer in &defaults {
                put(service, outer.clone())?;
            }
        }
        Ok(())
    }
}

/// Adds a key that the other document may have, too.
fn add(section: &str, own: &mut Vec<Entry>, entry: Entry) -> Result<(), Conflict> {
    match own.iter().find(|known| known.key == entry.key) {
        None => own.push(entry),
        Some(known) if known.value == entry.value => {}
        Some(_) => return Err(Conflict(format!("{section}: {}", entry.key))),
    }
    Ok(())
}

/// Gives a service a setting of the defaults, as far as it does not say it itself.
fn put(service: &mut Item, mut outer: Entry) -> Result<(), Conflict> {
    let Value::Map(entries) = &mut service.value else {
        return Err(Conflict(format!("defaults: {}", outer.key)));
    };
    let known = entries.iter_mut().find(|it| it.key == outer.key);
    let Some(known) = known else {
        let servers = entries.iter().position(|it| it.key == "servers");
        outer.before.clear();
        entries.insert(servers.unwrap_or(entries.len()), outer);
        return Ok(());
    };
    let Value::Map(outer_keys) = outer.value else {
        return Ok(());
    };
    if outer.key == "check"
        && !outer_keys
            .iter()
            .all(|it| BESIDE.contains(&it.key.as_str()))
    {
        return Err(Conflict("defaults: check".to_owned()));
    }
    match &mut known.value {
        Value::Map(inner) => {
            let absent = |it: &Entry| inner.iter().all(|own| own.key != it.key);
            let missing: Vec<Entry> = outer_keys.into_iter().filter(absent).collect();
            inner.extend(missing);
        }
        Value::Text(word) | Value::Word(word) if outer.key == "check" && word != "none" => {
            let mut inner = vec![Entry::new(word.clone(), Value::Map(Vec::new()))];
            inner.extend(outer_keys);
            known.value = Value::Map(inner);
        }
        Value::Text(_) | Value::Word(_) | Value::List(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn document(defaults: &[(&str, Value)], address: &str, check: Option<Value>) -> Document {
        let mut document = Document::default();
        for (key, value) in defaults {
            let entry = Entry::new(*key, value.clone());
            document.map("defaults").push(entry);
        }
        let mut service = vec![Entry::new("address", Value::text(address))];
        service.extend(check.map(|check| Entry::new("check", check)));
        let servers = Value::list([Value::text("10.0.0.1")]);
        service.push(Entry::new("servers", servers));
        let items = document.list("virtual_services");
        items.push(Item::new(Value::Map(service)));
        document
    }

    fn times(interval: &str) -> Value {
        Value::Map(vec![Entry::new("interval", Value::word(interval))])
    }

    #[test]
    fn services_keep_their_own_defaults() {
        let mut one = document(&[("check", Value::word("none"))], "192.0.2.1:80", None);
        let two = [("check", times("5s"))];
        let two = document(&two, "192.0.2.2:80", Some(Value::word("http")));
        let (first, second) = (one.to_string(), two.to_string());
        one.merge(two).unwrap();
        let merged = config::parse("merged", one.to_string().as_bytes()).unwrap();
        for text in [first, second] {
            let alone = config::parse("alone", text.as_bytes()).unwrap();
            for (key, service) in &alone.services {
                assert_eq!(merged.services.get(key), Some(service));
            }
        }
    }

    #[test]
    fn equal_defaults_stay_and_different_settings_of_the_kernel_do_not_go_together() {
        let none = [("check", Value::word("none"))];
        let mut one = document(&none, "192.0.2.1:80", None);
        one.merge(document(&none, "192.0.2.2:80", None)).unwrap();
        let text = "defaults: {check: none}\nvirtual_services: [";
        assert!(one.to_string().starts_with(text), "{one}");
        let timeout = |seconds| {
            let mut document = Document::default();
            let entry = Entry::new("tcp_timeout", Value::word(seconds));
            document.map("ipvs").push(entry);
            document
        };
        one.merge(timeout("900s")).unwrap();
        one.merge(timeout("900s")).unwrap();
        let refused = one.merge(timeout("60s")).unwrap_err();
        assert_eq!(refused.to_string(), "ipvs: tcp_timeout");
    }
}
