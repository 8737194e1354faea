// SPDX-License-Identifier: MIT OR Apache-2.0
//! The remembered standings, as a value and as a file's text.
//!
//! Older and newer directors read each other's files. A director keeps, and writes again, unknown fields and servers'
//! lines that it does not fully understand.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::kept::Kept;
use super::wall::WallTime;
use crate::model::{
    Beliefs, DrainTerms, Ordered, Probe, RealServer, Recalled, RecalledDrain, RecalledSlowStart,
    ServerKey, ServiceKey, Standing,
};
use crate::pair::LedgerLine;

/// The kind that the file names.
const KIND: &str = "lvs-director remembered";
/// The version that this director writes.
const VERSION: u64 = 1;
/// The oldest version whose director understands what this one writes.
const READABLE_BY: u64 = 1;

/// What is to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::daemon) struct Noted {
    /// The standings of the servers, with their ages.
    pub(in crate::daemon) recalled: Beliefs,
    /// The orders in force.
    pub(in crate::daemon) orders: Vec<Ordered>,
    /// The drains that are under way, or have ended.
    pub(in crate::daemon) drains: Vec<RecalledDrain>,
    /// The slow starts that are under way.
    pub(in crate::daemon) slow_starts: Vec<RecalledSlowStart>,
    /// The last order for each server, with its version.
    pub(in crate::daemon) ledger: Vec<LedgerLine>,
}

#[cfg(test)]
impl From<Vec<Recalled>> for Noted {
    fn from(recalled: Vec<Recalled>) -> Self {
        Self {
            recalled: recalled.into(),
            ..Self::default()
        }
    }
}

/// What a director remembers over a restart.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::daemon) struct Remembered {
    version: u64,
    readable_by: u64,
    /// When a director knew for the last time what the file says.
    written: Option<WallTime>,
    standings: BTreeMap<Identity, Held>,
    orders: Kept<Ordered>,
    drains: Kept<DrainLine>,
    slow_starts: Kept<SlowStartLine>,
    ledger: Kept<LedgerLine>,
    /// Lines of `standings` that only a newer director understands.
    others: Vec<Value>,
    /// Fields that only a newer director understands.
    rest: Map<String, Value>,
}

/// A standing is of one probe of one server of one service.
type Identity = (ServiceKey, ServerKey, Probe);

#[derive(Debug, Clone, PartialEq)]
struct Held {
    standing: Standing,
    since: WallTime,
    confirmed: Option<WallTime>,
    rest: Map<String, Value>,
}

/// What a start takes from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Recollection {
    /// The standings of the servers, each with its age by now.
    pub(in crate::daemon) young: Vec<Recalled>,
    /// How many others are too old, or from the future.
    pub(in crate::daemon) too_old: usize,
}

/// The file.
#[derive(Serialize)]
struct Document<'a> {
    kind: &'static str,
    version: u64,
    readable_by: u64,
    written: WallTime,
    standings: Standings<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    orders: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drains: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slow_starts: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ledger: Vec<Value>,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

/// Serialises its lines one by one: thousands of them need no memory.
struct Standings<'a> {
    recalled: &'a Beliefs,
    now: WallTime,
    kept: &'a Remembered,
}

impl Serialize for Standings<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self {
            recalled,
            now,
            kept,
        } = self;
        let known = recalled.recalled();
        let known = known.map(|it| Line::Known(Box::new(kept.entry(it, *now))));
        to.collect_seq(known.chain(kept.others.iter().map(Line::Other)))
    }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Known(Box<Entry>),
    Other(&'a Value),
}

/// A line of `standings`.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    service: ServiceKey,
    server: ServerKey,
    probe: Probe,
    standing: Standing,
    since: WallTime,
    /// When a director knew it by itself for the last time; absent when that is when the file was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed: Option<WallTime>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A line of `drains`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DrainLine {
    service: ServiceKey,
    server: ServerKey,
    since: WallTime,
    /// In seconds; absent when it waits for as long as connections live.
    deadline: Option<u64>,
    templates: bool,
    /// The rule of a server that has left the configuration.
    leaving: Option<RealServer>,
    ended: bool,
}

impl DrainLine {
    fn of(drain: &RecalledDrain, now: WallTime) -> Self {
        Self {
            service: drain.service,
            server: drain.server,
            since: now.before(drain.age),
            deadline: drain.terms.deadline.map(|deadline| deadline.as_secs()),
            templates: drain.terms.templates,
            leaving: drain.leaving,
            ended: drain.ended,
        }
    }

    fn recalled(&self, now: WallTime) -> RecalledDrain {
        RecalledDrain {
            service: self.service,
            server: self.server,
            terms: DrainTerms {
                deadline: self.deadline.map(Duration::from_secs),
                templates: self.templates,
            },
            leaving: self.leaving,
            ended: self.ended,
            // Both times are whole seconds: without this a deadline could come a second early.
            age: self.since.age(now).saturating_sub(Duration::from_secs(1)),
        }
    }
}

/// A line of `slow_starts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SlowStartLine {
    service: ServiceKey,
    server: ServerKey,
    since: WallTime,
    milliseconds: u64,
    in_full: bool,
}

impl SlowStartLine {
    fn of(slow: &RecalledSlowStart, now: WallTime) -> Self {
        Self {
            service: slow.service,
            server: slow.server,
            since: now.before(slow.age),
            milliseconds: u64::try_from(slow.time.as_millis()).unwrap_or(u64::MAX),
            in_full: slow.in_full,
        }
    }

    fn recalled(&self, now: WallTime) -> RecalledSlowStart {
        RecalledSlowStart {
            service: self.service,
            server: self.server,
            time: Duration::from_millis(self.milliseconds),
            // Both times are whole seconds: without this a weight could become smaller.
            age: self.since.age(now) + Duration::from_secs(1),
            in_full: self.in_full,
        }
    }
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            version: VERSION,
            readable_by: READABLE_BY,
            written: None,
            standings: BTreeMap::new(),
            orders: Kept::default(),
            drains: Kept::default(),
            slow_starts: Kept::default(),
            ledger: Kept::default(),
            others: Vec::new(),
            rest: Map::new(),
        }
    }
}

impl Remembered {
    /// Reads the file's bytes. The error says why they are not such a file, or why this director cannot read them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let read = from.deserialize_map(Fields);
        let (mut fields, mut remembered) = read
            .and_then(|read| from.end().map(|()| read))
            .map_err(|error| error.to_string())?;
        if fields.remove("kind").as_ref().and_then(Value::as_str) != Some(KIND) {
            return Err(format!("it does not call itself {KIND:?}"));
        }
        let mut number = |name| fields.remove(name).as_ref().and_then(Value::as_u64);
        let version = number("version").ok_or("it has no version")?;
        let readable_by = number("readable_by").unwrap_or(version);
        if readable_by > VERSION {
            return Err(format!(
                "it needs a director that reads version {readable_by} or newer, and this one reads version {VERSION}"
            ));
        }
        remembered.written = number("written").map(WallTime);
        remembered.orders = Kept::take(&mut fields, "orders");
        remembered.drains = Kept::take(&mut fields, "drains");
        remembered.slow_starts = Kept::take(&mut fields, "slow_starts");
        remembered.ledger = Kept::take(&mut fields, "ledger");
        remembered.version = version.max(VERSION);
        remembered.readable_by = readable_by.max(READABLE_BY);
        remembered.rest = fields;
        Ok(remembered)
    }

    /// Forgets the standings, which the engine has by now. What only a newer director understands stays.
    pub(super) fn forget_known(&mut self) {
        self.standings.retain(|_, held| !held.rest.is_empty());
    }

    fn take(&mut self, line: Value) {
        match understood(&line) {
            Some(entry) => {
                let (identity, held) = entry.into_held();
                self.standings.insert(identity, held);
            }
            None => self.others.push(line),
        }
    }

    /// The standings of the servers that a director knew less than `limit` ago.
    pub(in crate::daemon) fn recalled(&self, now: WallTime, limit: Duration) -> Recollection {
        let recalled = |(identity, held): (&Identity, &Held)| {
            let confirmed = held.confirmed.or(self.written)?;
            let unconfirmed = confirmed.recent(now, limit)?;
            let (service, server, probe) = identity.clone();
            Some(Recalled {
                service,
                server,
                probe,
                standing: held.standing,
                age: held.since.age(now),
                unconfirmed,
                only_held_down: false,
            })
        };
        let young: Vec<Recalled> = self.standings.iter().filter_map(recalled).collect();
        let too_old = self.standings.len() - young.len();
        Recollection { young, too_old }
    }

    /// The orders that were in force.
    pub(super) fn orders(&self) -> &[Ordered] {
        &self.orders.known
    }

    /// The drains that were under way, or had ended.
    pub(super) fn drains(&self, now: WallTime) -> Vec<RecalledDrain> {
        let drains = self.drains.known.iter();
        drains.map(|line| line.recalled(now)).collect()
    }

    /// The last order for each server, with its version.
    pub(super) fn ledger(&self) -> &[LedgerLine] {
        &self.ledger.known
    }

    /// The slow starts that were under way.
    pub(super) fn slow_starts(&self, now: WallTime) -> Vec<RecalledSlowStart> {
        let slow_starts = self.slow_starts.known.iter();
        slow_starts.map(|line| line.recalled(now)).collect()
    }

    /// The file's content with what was noted, to be serialised. Ages count until `now`.
    pub(super) fn document<'a>(
        &'a self,
        noted: &'a Noted,
        now: WallTime,
    ) -> impl Serialize + use<'a> {
        let recalled = &noted.recalled;
        let drains = noted.drains.iter().map(|drain| DrainLine::of(drain, now));
        let slow_starts = noted.slow_starts.iter();
        let slow_starts = slow_starts.map(|slow| SlowStartLine::of(slow, now));
        Document {
            kind: KIND,
            version: self.version,
            readable_by: self.readable_by,
            written: now,
            standings: Standings {
                recalled,
                now,
                kept: self,
            },
            orders: self.orders.with(noted.orders.iter().copied()),
            drains: self.drains.with(drains),
            slow_starts: self.slow_starts.with(slow_starts),
            ledger: self.ledger.with(noted.ledger.iter().cloned()),
            rest: &self.rest,
        }
    }

    /// A line of the file, with what only a newer director understands of it.
    fn entry(&self, it: Recalled, now: WallTime) -> Entry {
        let identity = (it.service, it.server, it.probe);
        let known = self.standings.get(&identity);
        let (service, server, probe) = identity;
        Entry {
            service,
            server,
            probe,
            standing: it.standing,
            since: now.before(it.age),
            confirmed: (!it.unconfirmed.is_zero()).then(|| now.before(it.unconfirmed)),
            rest: known.map(|held| held.rest.clone()).unwrap_or_default(),
        }
    }
}

/// Reads the fields of the file. The lines of `standings` are understood one by one, and not kept as they are: as values
/// they would take ten times their length.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = (Map<String, Value>, Remembered);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut fields, mut remembered) = (Map::new(), Remembered::default());
        while let Some(name) = map.next_key::<String>()? {
            if name == "standings" {
                map.next_value_seed(Lines(&mut remembered))?;
            } else {
                fields.insert(name, map.next_value()?);
            }
        }
        Ok((fields, remembered))
    }
}

/// Reads `standings`.
struct Lines<'a>(&'a mut Remembered);

impl<'de> DeserializeSeed<'de> for Lines<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Lines<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standings that are a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> Result<(), A::Error> {
        while let Some(line) = lines.next_element()? {
            self.0.take(line);
        }
        Ok(())
    }
}

impl Entry {
    fn into_held(self) -> (Identity, Held) {
        let Self {
            service,
            server,
            probe,
            standing,
            since,
            confirmed,
            rest,
        } = self;
        let held = Held {
            standing,
            since,
            confirmed,
            rest,
        };
        ((service, server, probe), held)
    }
}

/// A line, if we understand it as its writer did: a probe with an unknown option is another probe than the one without
/// it.
fn understood(line: &Value) -> Option<Entry> {
    let entry = Entry::deserialize(line).ok()?;
    let again = serde_json::to_value(&entry).ok()?;
    says_all_of(&again, line).then_some(entry)
}

/// Whether `new` has everything of `old`. What `new` has more is a default.
fn says_all_of(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => old
            .iter()
            .all(|(name, value)| new.get(name).is_some_and(|new| says_all_of(new, value))),
        (new, old) => new == old,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Order;

    const HOUR: Duration = Duration::from_hours(1);
    const NOW: WallTime = WallTime(1_800_000_000);

    fn recalled(server: &str, standing: Standing, age: u64) -> Recalled {
        Recalled {
            service: "TCP 192.0.2.10:80".parse().unwrap(),
            server: server.parse().unwrap(),
            probe: Probe {
                kind: crate::model::ProbeKind::Tcp,
                target: server.parse().unwrap(),
                path: None,
            },
            standing,
            age: Duration::from_secs(age),
            unconfirmed: Duration::ZERO,
            only_held_down: false,
        }
    }

    fn two() -> Vec<Recalled> {
        vec![
            recalled("10.0.0.1:80", Standing::Down, 70),
            recalled(
                "10.0.0.2:80",
                Standing::Up(crate::model::Weight::new(7).map(crate::model::AskedWeight::Weight)),
                5,
            ),
        ]
    }

    fn text(remembered: &Remembered, recalled: &[Recalled]) -> Value {
        serde_json::to_value(remembered.document(&recalled.to_vec().into(), NOW)).unwrap()
    }

    fn read(text: &Value) -> Remembered {
        Remembered::parse(text.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again_and_has_grown_older() {
        let read = read(&text(&Remembered::default(), &two()));
        let later = read.recalled(WallTime(NOW.0 + 30), HOUR).young;
        let ages: Vec<u64> = later.iter().map(|it| it.age.as_secs()).collect();
        assert_eq!(ages, [100, 35]);
        assert_eq!(read.recalled(NOW, HOUR).young, two());
    }

    #[test]
    fn what_no_director_has_known_for_long_or_only_in_the_future_is_not_used() {
        let mut noted = two();
        noted[1].unconfirmed = Duration::from_secs(600);
        let read = read(&text(&Remembered::default(), &noted));
        for (now, young) in [
            (NOW.0, 2),
            (NOW.0 + 2_999, 2),
            (NOW.0 + 3_000, 1),
            (NOW.0 + 3_599, 1),
            (NOW.0 + 3_600, 0),
            (NOW.0 - 1, 1),
            (NOW.0 - 601, 0),
            (0, 0),
            (u64::MAX, 0),
        ] {
            let recalled = read.recalled(WallTime(now), HOUR);
            assert_eq!(recalled.young.len(), young, "{now}");
            assert_eq!(recalled.too_old, 2 - young, "{now}");
        }
        assert_eq!(read.recalled(NOW, Duration::ZERO).young, []);
        let unconfirmed = read.recalled(WallTime(NOW.0 + 60), HOUR).young;
        let unconfirmed: Vec<u64> = unconfirmed
            .iter()
            .map(|it| it.unconfirmed.as_secs())
            .collect();
        assert_eq!(unconfirmed, [60, 660]);
    }

    #[test]
    fn without_the_time_of_its_writing_nothing_of_a_file_is_young() {
        let mut text = text(&Remembered::default(), &two());
        text.as_object_mut().unwrap().remove("written");
        assert_eq!(read(&text).recalled(NOW, HOUR).too_old, 2);
    }

    #[test]
    fn the_file_is_what_it_was_in_version_1() {
        let expected = serde_json::json!({
            "kind": "lvs-director remembered",
            "version": 1,
            "readable_by": 1,
            "written": 1_800_000_000,
            "standings": [{
                "service": "TCP 192.0.2.10:80",
                "server": "10.0.0.1:80",
                "probe": {
                    "kind": "tcp",
                    "target": "10.0.0.1:80",
                    "path": {"source": null, "interface": null, "mark": null},
                },
                "standing": "down",
                "since": 1_799_999_930,
            }],
        });
        assert_eq!(text(&Remembered::default(), &two()[..1]), expected);
    }

    #[test]
    fn the_ledger_is_read_as_it_was_written() {
        let line = serde_json::json!({
            "service": "FWM 7", "server": "10.0.0.1:80", "order": null, "terms": {"deadline": null, "templates": false},
            "force": false, "by": "user 0", "at_peer": true, "version": {"at": 1_800_000_000_123_u64, "origin": 7}
        });
        let entry = serde_json::from_value::<LedgerLine>(line.clone()).unwrap();
        let noted = Noted {
            ledger: vec![entry.clone()],
            ..Noted::default()
        };
        let text = serde_json::to_value(Remembered::default().document(&noted, NOW)).unwrap();
        assert_eq!(text["ledger"], serde_json::json!([line]));
        assert_eq!(read(&text).ledger(), [entry]);
        // It goes with the entries.
        let (again, none) = (read(&text), Noted::default());
        let text = serde_json::to_value(again.document(&none, NOW)).unwrap();
        assert_eq!(text.get("ledger"), None);
    }

    #[test]
    fn orders_are_kept_and_those_of_a_newer_director_too() {
        let ordered = |server: &str, order| Ordered {
            service: "FWM 7".parse().unwrap(),
            server: server.parse().unwrap(),
            order,
        };
        let weight = Order::Weight(crate::model::Weight::new(9).unwrap());
        let noted = Noted {
            recalled: two().into(),
            orders: vec![
                ordered("10.0.0.1:80", Order::Drain),
                ordered("10.0.0.2:80", weight),
            ],
            ..Noted::default()
        };
        let mut text = serde_json::to_value(Remembered::default().document(&noted, NOW)).unwrap();
        assert_eq!(
            text["orders"][1],
            serde_json::json!({"service": "FWM 7", "server": "10.0.0.2:80", "order": {"weight": 9}})
        );
        assert_eq!(read(&text).orders(), noted.orders);
        let newer =
            serde_json::json!({"service": "FWM 7", "server": "10.0.0.3:80", "order": "later"});
        text["orders"].as_array_mut().unwrap().push(newer.clone());
        let again = read(&text);
        assert_eq!(again.orders(), noted.orders);
        let none = Noted::default();
        let text = serde_json::to_value(again.document(&none, NOW)).unwrap();
        assert_eq!(text["orders"], serde_json::json!([newer]));
        // What a newer director says beside an order does not hide it, and an order for the same server replaces its own.
        let more = serde_json::json!([{"service": "FWM 7", "server": "10.0.0.1:80", "order": "drain", "by": "user 0"}, newer]);
        let mut text = serde_json::to_value(Remembered::default().document(&none, NOW)).unwrap();
        text["orders"] = more;
        let again = read(&text);
        assert_eq!(again.orders(), &noted.orders[..1]);
        let replaced = Noted {
            recalled: Beliefs::default(),
            orders: vec![ordered("10.0.0.3:80", Order::Disable)],
            ..Noted::default()
        };
        let text = serde_json::to_value(again.document(&replaced, NOW)).unwrap();
        assert_eq!(text["orders"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_slow_start_goes_on_and_is_never_younger_than_it_was() {
        let slow = RecalledSlowStart {
            service: "FWM 7".parse().unwrap(),
            server: "10.0.0.1:80".parse().unwrap(),
            time: Duration::from_secs(60),
            age: Duration::from_millis(12_800),
            in_full: false,
        };
        let noted = Noted {
            slow_starts: vec![slow],
            ..Noted::default()
        };
        let text = serde_json::to_value(Remembered::default().document(&noted, NOW)).unwrap();
        let age = |now| read(&text).slow_starts(now)[0].age;
        assert_eq!(age(NOW), Duration::from_secs(13));
        assert_eq!(age(WallTime(NOW.0 + 30)), Duration::from_secs(43));
        let expected = RecalledSlowStart {
            age: age(NOW),
            ..slow
        };
        assert_eq!(read(&text).slow_starts(NOW), [expected]);
    }

    #[test]
    fn a_clock_that_stepped_back_gives_no_age() {
        // A clock that shows an earlier time than the age is long.
        let early =
            serde_json::to_value(Remembered::default().document(&two().into(), WallTime(5)));
        assert_eq!(
            read(&early.unwrap()).recalled(WallTime(5), HOUR).young[0]
                .age
                .as_secs(),
            5
        );
    }

    #[test]
    fn what_a_newer_director_wrote_is_kept() {
        let mut newer = text(&Remembered::default(), &two());
        newer["version"] = 3.into();
        newer["drains"] = serde_json::json!([{"server": "10.0.0.1:80", "until": "empty"}]);
        newer["standings"][0]["note"] = "flaky".into();
        // A probe that we understand only in part; and a standing that we do not understand.
        let mut more = newer["standings"][1].clone();
        more["probe"]["path"]["ttl"] = 3.into();
        let mut odd = newer["standings"][1].clone();
        odd["standing"] = serde_json::json!({"limping": 3});
        let standings = newer["standings"].as_array_mut().unwrap();
        standings.extend([more, odd, "?".into()]);

        let mut read = read(&newer);
        assert_eq!(read.recalled(NOW, HOUR).young, two());
        read.forget_known();
        assert_eq!(text(&read, &two()), newer);
        // Of a server that is no longer checked nothing stays.
        newer["standings"].as_array_mut().unwrap().remove(0);
        assert_eq!(text(&read, &two()[1..]), newer);
    }

    #[test]
    fn what_an_older_director_left_out_is_a_default() {
        let mut older = text(&Remembered::default(), &two());
        for line in older["standings"].as_array_mut().unwrap() {
            let path = line["probe"]["path"].as_object_mut().unwrap();
            path.remove("mark");
        }
        assert_eq!(read(&older).recalled(NOW, HOUR).young, two());
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let head = "{\"kind\":\"lvs-director remembered\",\"version\":";
        for (text, why) in [
            ("", "EOF"),
            ("[]", "expected a map"),
            ("{\"version\":1}", "does not call itself"),
            (&format!("{head}\"1\"}}"), "no version"),
            (&format!("{head}1,\"standings\":7}}"), "a list"),
            (&format!("{head}9,\"readable_by\":9}}"), "version 9"),
            (&format!("{head}2}}"), "version 2"),
        ] {
            let error = Remembered::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Remembered::parse(format!("{head}9,\"readable_by\":1}}").as_bytes()).is_ok());
    }
}
