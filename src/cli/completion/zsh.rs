// SPDX-License-Identifier: MIT OR Apache-2.0
//! For zsh: a function for its completion system, which works loaded from `fpath` and read by `eval`.

use std::fmt::{self, Write};

use super::{commands, names, operands, options_of, quoted};
use crate::cli::own::{OwnOption, WORDS};
use crate::ipvsadm::options::Value;

pub(super) fn write(out: &mut impl Write) -> fmt::Result {
    out.write_str(
        "#compdef lvsadm\n\
         # zsh completion of lvsadm, written by: lvsadm completion zsh\n\
         _lvsadm() {\n\
         \x20 local -a first own\n\
         \x20 if (( CURRENT == 2 )); then\n\
         \x20   first=(\n",
    )?;
    for (_, definition) in commands() {
        for name in names(definition) {
            writeln!(
                out,
                "      {}",
                quoted(&format!("{name}:{}", definition.help))
            )?;
        }
    }
    // A separate call: with -o zsh offers only words that start with a dash.
    out.write_str("    )\n    own=(\n")?;
    for own in WORDS {
        writeln!(
            out,
            "      {}",
            quoted(&format!("{}:{}", own.name, own.help))
        )?;
    }
    out.write_str(
        "    )\n\
         \x20   _describe -o command first\n\
         \x20   _describe word own\n\
         \x20   return\n\
         \x20 fi\n\
         \x20 case $words[2] in\n",
    )?;
    write_words(out)?;
    write_commands(out)?;
    out.write_str(
        "  esac\n}\n\
         # Loaded by name it is called at once; read by eval it says what it completes.\n\
         if [ \"$funcstack[1]\" = _lvsadm ]; then _lvsadm \"$@\"; else compdef _lvsadm lvsadm; fi\n",
    )
}

/// The arguments of each of the words; the word itself is the first argument. A colon ends the options of `_arguments`.
fn write_words(out: &mut impl Write) -> fmt::Result {
    for own in WORDS {
        write!(out, "    {}) _arguments : \\\n      '1:word:'", own.name)?;
        for option in own.options {
            let OwnOption { long, value, help } = *option;
            let option = zsh_option(&format!("--{long}"), value, help);
            write!(out, " \\\n      {option}")?;
        }
        match operands(own.operand) {
            None => out.write_str(" \\\n      '2:file:_files'")?,
            Some([]) => {}
            Some(choices) => write!(out, " \\\n      '2:shell:({})'", choices.join(" "))?,
        }
        out.write_str(" ;;\n")?;
    }
    Ok(())
}

/// The arguments of each of the commands. Without the colon `_arguments` would take `-A` and `-S` as its own options.
fn write_commands(out: &mut impl Write) -> fmt::Result {
    for (command, definition) in commands() {
        let mut patterns: Vec<String> = definition
            .short
            .chars()
            .map(|letter| format!("-{letter}*"))
            .collect();
        patterns.push(format!("--{}", definition.long));
        patterns.push(format!("--{}=*", definition.long));
        write!(out, "    {}) _arguments -s :", patterns.join("|"))?;
        for option in [definition].into_iter().chain(options_of(command)) {
            for name in names(option) {
                write!(
                    out,
                    " \\\n      {}",
                    zsh_option(&name, option.value, option.help)
                )?;
            }
        }
        out.write_str(" ;;\n")?;
    }
    Ok(())
}

/// `'--weight=[help]:number:'`.
fn zsh_option(name: &str, value: Value, help: &str) -> String {
    let help = help.replace('[', "\\[").replace(']', "\\]");
    let (colons, what) = match value {
        Value::None => return quoted(&format!("{name}[{help}]")),
        Value::Required(what) => (":", what),
        Value::Optional(what) => ("::", what),
    };
    let sign = if name.starts_with("--") { "=" } else { "+" };
    let choices = match value.choices() {
        [] => String::new(),
        choices => format!("({})", choices.join(" ")),
    };
    quoted(&format!("{name}{sign}[{help}]{colons}{what}:{choices}").replace("[:port]", "\\:port"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvsadm::options::Argument;

    #[test]
    fn brackets_and_colons_of_a_message_are_not_the_specifications() {
        assert_eq!(
            zsh_option(
                "--server",
                Value::Required(Argument::of("address[:port]")),
                "a [b]"
            ),
            "'--server=[a \\[b\\]]:address\\:port:'"
        );
    }

    #[test]
    fn commands_are_not_taken_for_options_of_arguments() {
        let mut script = String::new();
        write(&mut script).unwrap();
        for line in script.lines().filter(|line| line.contains("_arguments")) {
            assert!(line.contains(" : ") || line.ends_with(" : \\"), "{line}");
        }
    }
}
