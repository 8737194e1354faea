// SPDX-License-Identifier: MIT OR Apache-2.0
//! The output of `-h` and `-v`, from the definitions that the parser uses.

use std::fmt::{self, Write};

use super::own::WORDS;
use crate::ipvsadm::options::{DEFINITIONS, Definition, Meaning, Value};

/// `-h`. With `compat` it shows only what ipvsadm has.
pub fn write_help(out: &mut impl Write, program: &str, compat: bool) -> fmt::Result {
    write_version(out)?;
    writeln!(out, "Usage:\n  {program} COMMAND [OPTION...]\n\nCommands:")?;
    let is_command = |definition: &&Definition| matches!(definition.meaning, Meaning::Command(_));
    for definition in DEFINITIONS.iter().filter(is_command) {
        write_line(out, definition)?;
    }
    out.write_str("\nOptions:\n")?;
    for definition in DEFINITIONS
        .iter()
        .filter(|definition| !is_command(definition))
        .filter(|definition| !(compat && definition.is_own))
    {
        write_line(out, definition)?;
    }
    if compat {
        return Ok(());
    }
    out.write_str("\nWords that come first, without a dash:\n")?;
    for own in WORDS {
        writeln!(out, "  {:<40} {}", own.usage(), own.help)?;
        for option in own.options {
            let name = match option.value {
                Value::None => format!("--{}", option.long),
                Value::Required(value) | Value::Optional(value) => {
                    format!("--{} {value}", option.long)
                }
            };
            writeln!(out, "    {name:<38} {}", option.help)?;
        }
    }
    Ok(())
}

/// `-v`.
pub fn write_version(out: &mut impl Write) -> fmt::Result {
    writeln!(out, "lvsadm v{}", env!("CARGO_PKG_VERSION"))
}

fn write_line(out: &mut impl Write, definition: &Definition) -> fmt::Result {
    let mut names: Vec<String> = definition
        .short
        .chars()
        .map(|letter| format!("-{letter}"))
        .collect();
    names.push(format!("--{}", definition.long));
    let names = names.join(", ");
    let name = match definition.value {
        Value::None => names,
        Value::Required(value) => format!("{names} {value}"),
        Value::Optional(value) => format!("{names} [{value}]"),
    };
    writeln!(out, "  {name:<40} {}", definition.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_told() {
        let help = |compat| {
            let mut text = String::new();
            write_help(&mut text, "ipvsadm", compat).unwrap();
            text
        };
        for own in [
            "--json",
            "--compat",
            "--atomic-replace",
            "watch",
            "diff FILE",
        ] {
            assert!(help(false).contains(own), "{own}");
            assert!(!help(true).contains(own), "{own}");
        }
        assert!(help(true).contains("--persistent-conn"));
    }
}
