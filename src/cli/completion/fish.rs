// SPDX-License-Identifier: MIT OR Apache-2.0
//! For fish: a line for every option, with the commands after which it is offered.

use std::fmt::{self, Write};

use super::{commands, operands, options_of, quoted};
use crate::cli::own::{OwnWord, WORDS};
use crate::ipvsadm::options::{DEFINITIONS, Definition, Value};

pub(super) fn write(out: &mut impl Write) -> fmt::Result {
    out.write_str("# fish completion of lvsadm, written by: lvsadm completion fish\n")?;
    write_condition(out)?;
    out.write_str("complete -c lvsadm -f\n")?;
    for (_, definition) in commands() {
        write_definition(out, "__fish_is_first_arg", definition)?;
        if definition.value != Value::None {
            let when = format!("__lvsadm_is_of {}", definition.long);
            write_definition(out, &when, definition)?;
        }
    }
    for definition in DEFINITIONS {
        let takes = commands().filter(|(command, _)| {
            options_of(*command).any(|option| option.meaning == definition.meaning)
        });
        let takes: Vec<&str> = takes.map(|(_, command)| command.long).collect();
        if !takes.is_empty() {
            let when = format!("__lvsadm_is_of {}", takes.join(" "));
            write_definition(out, &when, definition)?;
        }
    }
    for own in WORDS {
        write_word(out, own)?;
    }
    Ok(())
}

/// A function that tells whether the line before the cursor starts with one of these commands or words.
fn write_condition(out: &mut impl Write) -> fmt::Result {
    out.write_str(
        "function __lvsadm_is_of\n\
         \x20   set -l line (commandline -opc)\n\
         \x20   switch \"$line[2]\"\n",
    )?;
    for (_, definition) in commands() {
        let long = definition.long;
        write!(out, "        case --{long} '--{long}=*'")?;
        for letter in definition.short.chars() {
            write!(out, " '-{letter}*'")?;
        }
        writeln!(out, "\n            contains -- {long} $argv")?;
    }
    out.write_str(
        "        case '*'\n\
         \x20           contains -- \"$line[2]\" $argv\n\
         \x20   end\n\
         end\n",
    )
}

fn write_definition(out: &mut impl Write, when: &str, definition: &Definition) -> fmt::Result {
    write!(out, "complete -c lvsadm -n '{when}' -l {}", definition.long)?;
    for letter in definition.short.chars() {
        write!(out, " -s {letter}")?;
    }
    write_end(out, definition.value, definition.help)
}

fn write_word(out: &mut impl Write, own: &OwnWord) -> fmt::Result {
    let (name, help) = (own.name, quoted(own.help));
    writeln!(
        out,
        "complete -c lvsadm -n __fish_is_first_arg -a {name} -d {help}"
    )?;
    let when = format!("__lvsadm_is_of {name}");
    match operands(own.operand) {
        None => writeln!(out, "complete -c lvsadm -n '{when}' -F")?,
        Some([]) => {}
        Some(choices) => {
            let choices = choices.join(" ");
            let missing = format!("{when}; and not __fish_seen_subcommand_from {choices}");
            writeln!(out, "complete -c lvsadm -n '{missing}' -a '{choices}'")?;
        }
    }
    for option in own.options {
        write!(out, "complete -c lvsadm -n '{when}' -l {}", option.long)?;
        write_end(out, option.value, option.help)?;
    }
    Ok(())
}

fn write_end(out: &mut impl Write, value: Value, help: &str) -> fmt::Result {
    if let Value::Required(_) = value {
        out.write_str(" -x")?;
    }
    match value.choices() {
        [] => {}
        choices => write!(out, " -a '{}'", choices.join(" "))?,
    }
    writeln!(out, " -d {}", quoted(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_offered_after_the_commands_that_take_it() {
        let mut script = String::new();
        write(&mut script).unwrap();
        for line in [
            "complete -c lvsadm -n '__lvsadm_is_of add-service edit-service' -l scheduler -s s -x -a 'rr wrr ",
            "complete -c lvsadm -n '__lvsadm_is_of list' -l stats -d 'list counters'\n",
            "complete -c lvsadm -n '__lvsadm_is_of start-daemon' -l start-daemon -x -a 'master backup' ",
            "complete -c lvsadm -n '__lvsadm_is_of diff' -F\n",
        ] {
            assert!(script.contains(line), "{line}");
        }
    }
}
