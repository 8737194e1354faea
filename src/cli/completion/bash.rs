// SPDX-License-Identifier: MIT OR Apache-2.0
//! For bash: one function with two tables: the words after an option, and the words after a command.

use std::fmt::{self, Write};

use super::{commands, names, operands, options_of, own_names};
use crate::cli::own::WORDS;
use crate::ipvsadm::options::{DEFINITIONS, Value};

pub(super) fn write(out: &mut impl Write) -> fmt::Result {
    out.write_str(
        "# bash completion of lvsadm, written by: lvsadm completion bash\n\
         _lvsadm() {\n\
         \x20   local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} choices\n\
         \x20   COMPREPLY=()\n\
         \x20   case ${COMP_WORDS[1]}:$previous in\n",
    )?;
    write_words(out)?;
    // While the user types the word itself, these are the choices.
    for definition in DEFINITIONS {
        let Value::Required(_) = definition.value else {
            continue;
        };
        let patterns: Vec<String> = names(definition)
            .iter()
            .map(|it| format!("*:{it}"))
            .collect();
        let choices = definition.value.choices().join(" ");
        writeln!(
            out,
            "        {}) choices='{choices}' ;;",
            patterns.join("|")
        )?;
    }
    out.write_str("        *) case $COMP_CWORD:${COMP_WORDS[1]} in\n")?;
    let mut first: Vec<String> = commands().flat_map(|(_, it)| names(it)).collect();
    first.extend(WORDS.iter().map(|own| own.name.to_owned()));
    writeln!(out, "            1:*) choices='{}' ;;", first.join(" "))?;
    for (command, definition) in commands() {
        let mut patterns: Vec<String> = definition
            .short
            .chars()
            .map(|letter| format!("*:-{letter}*"))
            .collect();
        patterns.push(format!("*:--{}", definition.long));
        patterns.push(format!("*:--{}=*", definition.long));
        let choices: Vec<String> = options_of(command).flat_map(names).collect();
        writeln!(
            out,
            "            {}) choices='{}' ;;",
            patterns.join("|"),
            choices.join(" ")
        )?;
    }
    out.write_str(
        "        esac ;;\n\
         \x20   esac\n\
         \x20   COMPREPLY+=($(compgen -W \"$choices\" -- \"$current\"))\n\
         }\n\
         complete -F _lvsadm lvsadm\n",
    )
}

/// The arguments of each of the words.
fn write_words(out: &mut impl Write) -> fmt::Result {
    for own in WORDS {
        for option in own.options.iter().filter(|it| it.value != Value::None) {
            let choices = option.value.choices().join(" ");
            writeln!(
                out,
                "        {}:--{}) choices='{choices}' ;;",
                own.name, option.long
            )?;
        }
        match operands(own.operand) {
            None => writeln!(
                out,
                "        {}:*) COMPREPLY=($(compgen -f -- \"$current\")); choices='{}' ;;",
                own.name,
                own_names(own).join(" ")
            )?,
            Some(choices) => {
                let mut all: Vec<String> = choices.iter().map(|it| (*it).to_owned()).collect();
                all.extend(own_names(own));
                writeln!(
                    out,
                    "        {}:*) choices='{}' ;;",
                    own.name,
                    all.join(" ")
                )?;
            }
        }
    }
    Ok(())
}
