// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree as YAML: short maps and lists in one line, others one entry a line.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{Document, Entry, Item, Value};
use crate::config::write_in_quotes;

/// A line is not longer than this, if that can be.
const WIDTH: usize = 110;
/// Each level is so many columns further right.
const STEP: usize = 2;

impl Display for Document {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        comments(f, 0, &self.head)?;
        entries(f, 0, &self.sections)?;
        let has_services = self.sections.iter().any(|it| it.key == "virtual_services");
        if has_services || self.sections.is_empty() {
            return Ok(());
        }
        f.write_str("virtual_services: []\n")
    }
}

fn comments(f: &mut Formatter<'_>, indent: usize, lines: &[String]) -> fmt::Result {
    for line in lines {
        writeln!(f, "{:indent$}{}", "", Comment(line))?;
    }
    Ok(())
}

fn entries(f: &mut Formatter<'_>, indent: usize, entries: &[Entry]) -> fmt::Result {
    for entry in entries {
        comments(f, indent, &entry.before)?;
        write!(f, "{:indent$}", "")?;
        keyed(f, indent, entry)?;
    }
    Ok(())
}

/// From the key to the end of the value.
fn keyed(f: &mut Formatter<'_>, indent: usize, entry: &Entry) -> fmt::Result {
    let key = Scalar(&entry.key).to_string();
    let begin = indent + key.len() + 2;
    if let Some(text) = in_one_line(&entry.value, begin) {
        write!(f, "{key}: {text}")?;
        return end(f, entry.remark.as_deref());
    }
    write!(f, "{key}:")?;
    end(f, entry.remark.as_deref())?;
    match &entry.value {
        Value::Map(inner) => entries(f, indent + STEP, inner),
        Value::List(inner) => items(f, indent + STEP, inner),
        Value::Word(_) | Value::Text(_) => Ok(()),
    }
}

fn items(f: &mut Formatter<'_>, indent: usize, items: &[Item]) -> fmt::Result {
    for item in items {
        comments(f, indent, &item.before)?;
        write!(f, "{:indent$}- ", "")?;
        let inner = indent + STEP;
        match (&item.value, in_one_line(&item.value, inner)) {
            (_, Some(text)) => {
                f.write_str(&text)?;
                end(f, item.remark.as_deref())?;
            }
            (Value::Map(map), None) => first_keyed(f, inner, item, map)?,
            (Value::List(list), None) => {
                f.write_str("\n")?;
                self::items(f, inner, list)?;
            }
            (Value::Word(_) | Value::Text(_), None) => {}
        }
    }
    Ok(())
}

/// A map whose first key stands behind the dash.
fn first_keyed(f: &mut Formatter<'_>, indent: usize, item: &Item, map: &[Entry]) -> fmt::Result {
    let Some((first, rest)) = map.split_first() else {
        return Ok(());
    };
    let mut first = first.clone();
    // No line can stand between the dash and the key.
    let above = std::mem::take(&mut first.before);
    let remarks = [item.remark.clone(), first.remark.take()];
    let remarks: Vec<String> = above
        .into_iter()
        .chain(remarks.into_iter().flatten())
        .collect();
    first.remark = (!remarks.is_empty()).then(|| remarks.join("; "));
    keyed(f, indent, &first)?;
    entries(f, indent, rest)
}

fn end(f: &mut Formatter<'_>, remark: Option<&str>) -> fmt::Result {
    match remark {
        Some(remark) => writeln!(f, "  {}", Comment(remark)),
        None => f.write_char('\n'),
    }
}

/// The value in one line that begins at this column; `None` when it has comments, or is too long.
fn in_one_line(value: &Value, begin: usize) -> Option<String> {
    let mut text = String::new();
    let bare = matches!(value, Value::Word(_) | Value::Text(_));
    flow(value, &mut text)?;
    (bare || begin + text.chars().count() <= WIDTH).then_some(text)
}

/// Writes the value in YAML's short form; `None` when something in it has a comment.
fn flow(value: &Value, text: &mut String) -> Option<()> {
    // A line that is much too long is never needed.
    if text.len() > WIDTH * 8 {
        return None;
    }
    match value {
        Value::Word(word) => text.push_str(word),
        Value::Text(words) => {
            let _ = write!(text, "{}", Scalar(words));
        }
        Value::List(items) => {
            text.push('[');
            for (number, item) in items.iter().enumerate() {
                if !item.before.is_empty() || item.remark.is_some() {
                    return None;
                }
                text.push_str(if number == 0 { "" } else { ", " });
                flow(&item.value, text)?;
            }
            text.push(']');
        }
        Value::Map(entries) => {
            text.push('{');
            for (number, entry) in entries.iter().enumerate() {
                if !entry.before.is_empty() || entry.remark.is_some() {
                    return None;
                }
                let comma = if number == 0 { "" } else { ", " };
                let _ = write!(text, "{comma}{}: ", Scalar(&entry.key));
                flow(&entry.value, text)?;
            }
            text.push('}');
        }
    }
    Some(())
}

/// A comment of one line; what could end it is taken out.
struct Comment<'a>(&'a str);

impl Display for Comment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = self.0.trim_end();
        f.write_str(if text.is_empty() { "#" } else { "# " })?;
        for character in text.trim_start().chars() {
            let ends = character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
            f.write_char(if ends { ' ' } else { character })?;
        }
        Ok(())
    }
}

/// A text as YAML reads it back: bare where that is safe, else in quotes.
struct Scalar<'a>(&'a str);

impl Scalar<'_> {
    fn is_bare(&self) -> bool {
        let text = self.0;
        let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
        let colons = text.matches(':').count();
        let other = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
        begins
            && text.chars().all(harmless)
            && colons < 2
            && !text.ends_with(':')
            && !other.iter().any(|it| it.eq_ignore_ascii_case(text))
            && !is_number(text)
    }
}

/// Whether YAML could take a text for a number.
fn is_number(text: &str) -> bool {
    let digits = |c: char| c.is_ascii_digit() || "._:eExXobaABCDFf-".contains(c);
    text.parse::<f64>().is_ok()
        || (text.starts_with("0x") || text.starts_with("0o")) && text.chars().all(digits)
}

impl Display for Scalar<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_bare() {
            return f.write_str(self.0);
        }
        write_in_quotes(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: impl IntoIterator<Item = Entry>) -> Value {
        Value::Map(entries.into_iter().collect())
    }

    #[test]
    fn what_is_short_stands_in_one_line_and_comments_stand_where_they_belong() {
        let mut document = Document::default();
        document.head.push("made from keepalived.conf".to_owned());
        let server = |address: &str| {
            Value::Map(vec![
                Entry::new("address", Value::text(address)),
                Entry::new("weight", Value::word(2)),
            ])
        };
        let mut second = Item::new(server("10.0.0.3"));
        second.remark = Some("the new one\n".to_owned());
        let servers = vec![Item::new(server("10.0.0.2")), second];
        let service = map([
            Entry::new("address", Value::text("192.0.2.1:80")).before("the shop"),
            Entry::new("scheduler", Value::word("wrr")).remark("by weight"),
            Entry::new("servers", Value::List(servers)),
        ]);
        document.list("virtual_services").push(Item::new(service));
        let always = Value::word("always");
        document
            .map("ipvs")
            .push(Entry::new("adopt_connections", always));
        let text = "\
# made from keepalived.conf
ipvs: {adopt_connections: always}
virtual_services:
  - address: 192.0.2.1:80  # the shop
    scheduler: wrr  # by weight
    servers:
      - {address: 10.0.0.2, weight: 2}
      - {address: 10.0.0.3, weight: 2}  # the new one
";
        assert_eq!(document.to_string(), text);
    }

    #[test]
    fn a_text_is_read_back_as_it_was() {
        for (text, written) in [
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:db8::1]:80", "\"[2001:db8::1]:80\""),
            ("2001:db8::1", "\"2001:db8::1\""),
            ("/etc/a b", "\"/etc/a b\""),
            ("1.5", "\"1.5\""),
            ("0x10", "\"0x10\""),
            ("No", "\"No\""),
            ("", "\"\""),
            ("a\u{7f}\"", "\"a\\U0000007F\\\"\""),
        ] {
            assert_eq!(Scalar(text).to_string(), written);
        }
    }
}
