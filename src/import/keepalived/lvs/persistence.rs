// SPDX-License-Identifier: MIT OR Apache-2.0
//! `persistence_timeout`, `persistence_granularity` and `persistence_engine`.

use std::net::Ipv4Addr;

use super::group::{Endpoint, Placed};
use crate::diagnostic::{Finding, Findings, Fix, Replacement, Shown, Span};
use crate::import::document::{Entry, Value};
use crate::import::keepalived::value::{number, only, too_many};
use crate::import::statement::Statement;
use crate::model::AddressFamily;

/// What keepalived takes when no number is written, in seconds.
const USUAL: u32 = 360;
/// 31 days, in seconds.
const MOST: u32 = 2_678_400;

#[derive(Debug, Default)]
pub(super) struct Persistence {
    timeout: Option<u32>,
    granularity: Option<(Box<str>, Span)>,
    engine: Option<Box<str>>,
}

impl Persistence {
    /// Takes a keyword of this kind; `false` when it is another one.
    pub(super) fn take(&mut self, name: &str, line: &Statement, out: &mut Findings) -> bool {
        match name {
            "persistence_timeout" => self.timeout = timeout(line, out),
            "persistence_granularity" => {
                self.granularity = only(line, out).map(|word| (word.text.clone(), word.span));
                self.timeout = self.timeout.or(Some(USUAL));
            }
            "persistence_engine" => self.engine = only(line, out).map(|word| word.text.clone()),
            _ => return false,
        }
        true
    }

    /// Says so when the granularity is none of the service's family.
    pub(super) fn fits(
        &self,
        endpoints: &[Placed],
        family: Option<AddressFamily>,
        out: &mut Findings,
    ) {
        let Some((text, span)) = &self.granularity else {
            return;
        };
        let is_v6 = |placed: &Placed| match placed.endpoint {
            Endpoint::Address(address, _) => address.is_ipv6(),
            Endpoint::Mark(_, own) => own.or(family) == Some(AddressFamily::Ipv6),
        };
        let fits = |v6: bool| {
            if v6 {
                let length = text.parse::<u8>();
                return length.is_ok_and(|length| (1..=128).contains(&length));
            }
            text.parse::<Ipv4Addr>().is_ok_and(|mask| {
                let bits = mask.to_bits();
                bits != 0 && bits.count_ones() == bits.leading_ones()
            })
        };
        if !endpoints.iter().map(is_v6).all(fits) {
            let what = format!("{} is no granularity of this service", Shown(text));
            let help = "IPv4: a mask as 255.255.255.0; IPv6: a length from 1 to 128";
            out.push(Finding::new(*span, what).help(help));
        }
    }

    /// Says so when something is written that counts only with a timeout.
    pub(super) fn tell(&self, span: Span, out: &mut Findings) {
        if self.engine.is_some() && self.timeout.is_none() {
            let what = "persistence_engine without persistence_timeout is left out";
            out.push(Finding::warning(span, what).help("it binds nobody without a timeout"));
        }
    }

    pub(super) const fn is_none(&self) -> bool {
        self.timeout.is_none()
    }

    /// The usual timeout, where there must be one.
    pub(super) fn force(&mut self) {
        self.timeout = self.timeout.or(Some(USUAL));
    }

    /// The value of `persistence`; `None` when a client is bound to no server.
    pub(super) fn value(&self) -> Option<Value> {
        let timeout = Value::Word(format!("{}s", self.timeout?));
        if self.granularity.is_none() && self.engine.is_none() {
            return Some(timeout);
        }
        let mut map = vec![Entry::new("timeout", timeout)];
        if let Some((granularity, _)) = &self.granularity {
            map.push(Entry::new("granularity", Value::text(granularity)));
        }
        if let Some(engine) = &self.engine {
            map.push(Entry::new("engine", Value::text(engine)));
        }
        Some(Value::Map(map))
    }
}

fn timeout(line: &Statement, out: &mut Findings) -> Option<u32> {
    let Some(word) = line.words.first() else {
        return Some(USUAL);
    };
    too_many(line, 1, out);
    if &*word.text == "0" {
        let span = line.span();
        let finding = Finding::warning(span, "persistence_timeout 0 is no persistence");
        let text = String::new();
        let fix = Fix::new(
            "remove persistence_timeout 0",
            vec![Replacement { span, text }],
        );
        out.push(
            finding
                .help("keepalived calls it an error; leave the line out")
                .fix(fix),
        );
        return None;
    }
    number(word, 1..=MOST, out)
}
