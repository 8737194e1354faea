// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm man`: the manual page, from the definitions that the parser uses. `docs/man/lvsadm.8` is its output.

use std::fmt::{self, Write};

use super::own::WORDS;
use crate::ipvsadm::options::{DEFINITIONS, Definition, Meaning, Value};

/// Writes the page, in the language of man(7).
pub fn write(out: &mut impl Write) -> fmt::Result {
    out.write_str(HEAD)?;
    for own in WORDS {
        writeln!(out, ".br\n.B lvsadm {}", escaped(&own.usage()))?;
    }
    out.write_str(DESCRIPTION)?;
    out.write_str(".SH COMMANDS\n")?;
    let is_command = |definition: &&Definition| matches!(definition.meaning, Meaning::Command(_));
    for definition in DEFINITIONS.iter().filter(is_command) {
        write_definition(out, definition)?;
    }
    out.write_str(".SH OPTIONS\n")?;
    for definition in DEFINITIONS.iter().filter(|it| !is_command(it)) {
        write_definition(out, definition)?;
    }
    out.write_str(WORDS_HEAD)?;
    for own in WORDS {
        writeln!(
            out,
            ".TP\n.B {}\n{}.",
            escaped(&own.usage()),
            escaped(own.help)
        )?;
        if own.options.is_empty() {
            continue;
        }
        out.write_str(".RS\n")?;
        for option in own.options {
            let name = format!("\\fB\\-\\-{}\\fR", escaped(option.long));
            write_entry(out, &name, option.value, option.help)?;
        }
        out.write_str(".RE\n")?;
    }
    out.write_str(TAIL)
}

const HEAD: &str = "\
.\\\" Written by: lvsadm man
.TH LVSADM 8 \"\" \"lvs\\-director\" \"System Administration\"
.SH NAME
lvsadm \\- look at and edit the IPVS table of the kernel
.SH SYNOPSIS
.B lvsadm
.I COMMAND
.RI [ OPTION ...]
";

const DESCRIPTION: &str = "\
.SH DESCRIPTION
.B lvsadm
takes the whole command line of
.BR ipvsadm (8)
and prints what ipvsadm 1.31 prints, or JSON.
The command comes first, its options after it.
You may write letters together
.RB ( \\-Ln )
and attach values
.RB ( \\-t192.0.2.10:80 ,
.BR \\-\\-weight=3 ).
You cannot shorten long names.
Without any argument it lists the table.
.PP
A link named
.B ipvsadm
behaves as ipvsadm does, as if
.B \\-\\-compat
stood on every line. A link named
.B ipvsadm\\-save
saves the table. A link named
.B ipvsadm\\-restore
makes the table equal to its standard input.
It needs CAP_NET_ADMIN in the initial user namespace.
";

const WORDS_HEAD: &str = "\
.SH WORDS
These come first, without a dash.
.B ipvsadm
refuses them, and so does
.BR \\-\\-compat .
";

const TAIL: &str = "\
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Nothing to list; for
.BR diff ,
a difference; for
.BR watch ,
an error while it runs.
.TP
.B 2
Wrong arguments, or no IPVS.
.TP
.B 255
Unknown option, or the kernel refused.
.SH FILES
.TP
.I /proc/net/ip_vs_conn
The connections.
.SH SEE ALSO
.BR ipvsadm (8),
.BR ipvsadm\\-save (8),
.BR ipvsadm\\-restore (8)
";

fn write_definition(out: &mut impl Write, definition: &Definition) -> fmt::Result {
    let short = definition.short.chars();
    let mut names: Vec<String> = short.map(|letter| format!("\\fB\\-{letter}\\fR")).collect();
    names.push(format!("\\fB\\-\\-{}\\fR", escaped(definition.long)));
    write_entry(out, &names.join(", "), definition.value, definition.help)
}

fn write_entry(out: &mut impl Write, names: &str, value: Value, help: &str) -> fmt::Result {
    let value = match value {
        Value::None => String::new(),
        Value::Required(value) => format!(" \\fI{}\\fR", escaped(value.name)),
        Value::Optional(value) => format!(" [\\fI{}\\fR]", escaped(value.name)),
    };
    writeln!(out, ".TP\n{names}{value}\n{}.", escaped(help))
}

/// Escapes the characters that mean something to troff.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let mut text = String::new();
        write(&mut text).unwrap();
        text
    }

    #[test]
    fn every_option_of_the_table_is_in_it() {
        let page = page();
        for definition in DEFINITIONS {
            let long = format!("\\fB\\-\\-{}\\fR", escaped(definition.long));
            assert!(page.contains(&long), "{long}");
            assert!(page.contains(&escaped(definition.help)), "{long}");
            for letter in definition.short.chars() {
                assert!(page.contains(&format!("\\fB\\-{letter}\\fR")), "{letter}");
            }
        }
        for own in WORDS {
            assert!(page.contains(&escaped(own.help)), "{}", own.name);
            for option in own.options {
                assert!(page.contains(&escaped(option.help)), "{}", option.long);
            }
        }
    }

    #[test]
    fn the_page_in_the_documentation_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/man/lvsadm.8");
        let kept = std::fs::read_to_string(path).unwrap();
        assert!(
            kept == page(),
            "write it again: cargo run --bin lvsadm -- man > docs/man/lvsadm.8"
        );
    }

    #[test]
    fn no_line_of_text_is_one_of_commands() {
        for line in page().lines() {
            if let Some(rest) = line.strip_prefix(['.', '\'']) {
                let macros = [
                    "TH", "SH", "TP", "PP", "B", "BR", "RB", "RI", "I", "RS", "RE", "br", "\\\"",
                ];
                let name = rest.split(' ').next().unwrap_or_default();
                assert!(macros.contains(&name), "{line}");
            }
        }
    }
}
