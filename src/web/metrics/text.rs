// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text format of Prometheus, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//! All of its versions read it.

use std::fmt::{self, Display, Write as _};

use super::families::{Family, Kind};
use crate::model::Histogram;

/// What is sent as its `Content-Type`.
pub(in crate::web) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text, as it grows.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// All samples of one family: its labels, and its value. A family without samples leaves no trace.
    pub(super) fn family<L: Display, V: Display>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = (L, V)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.head(family);
        }
        for (labels, value) in samples {
            self.sample(family.name, "", &labels, &value);
        }
    }

    /// A family with one sample, which has no labels.
    pub(super) fn one(&mut self, family: &Family, value: impl Display) {
        self.family(family, [("", value)]);
    }

    /// All histograms of one family.
    pub(super) fn histograms<'a>(
        &mut self,
        family: &Family,
        samples: impl IntoIterator<Item = (String, &'a Histogram)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.head(family);
        }
        for (labels, histogram) in samples {
            let comma = if labels.is_empty() { "" } else { "," };
            for (bound, count) in histogram.cumulative() {
                let le = format!("{labels}{comma}le=\"{}\"", bound.as_secs_f64());
                self.sample(family.name, "_bucket", &le, &count);
            }
            let le = format!("{labels}{comma}le=\"+Inf\"");
            self.sample(family.name, "_bucket", &le, &histogram.count());
            let sum = histogram.sum().as_secs_f64();
            self.sample(family.name, "_sum", &labels, &sum);
            self.sample(family.name, "_count", &labels, &histogram.count());
        }
    }

    /// All of it.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, family: &Family) {
        let Family { name, help, .. } = family;
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // A string takes all that is written to it, here and below.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &(impl Display + ?Sized),
        value: &impl Display,
    ) {
        let _ = write!(self.0, "{name}{suffix}");
        let before = self.0.len();
        let _ = write!(self.0, "{{{labels}}}");
        if self.0.len() == before + 2 {
            self.0.truncate(before);
        }
        let _ = writeln!(self.0, " {value}");
    }
}

/// Labels with their values: `service="TCP 192.0.2.10:80",server="10.0.0.5:80"`.
pub(super) struct Labels<'a>(pub(super) &'a [(&'static str, &'a dyn Display)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, value)) in self.0.iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            write!(f, "{comma}{name}=\"")?;
            write!(Escaped(f), "{value}")?;
            f.write_str("\"")?;
        }
        Ok(())
    }
}

/// Escapes what is written: a text from a server or a file cannot end its label, its line, or be no text.
struct Escaped<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|char| match char {
            '\\' => self.0.write_str("\\\\"),
            '"' => self.0.write_str("\\\""),
            '\n' => self.0.write_str("\\n"),
            // A terminal that shows it must not obey it.
            char if char.is_control() => self.0.write_char(char::REPLACEMENT_CHARACTER),
            char => self.0.write_char(char),
        })
    }
}
