// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm completion`: what a shell has to know to complete a command line, from the definitions the parser uses.

use std::fmt::{self, Write};

use super::options::{Command, DEFINITIONS, Definition, Meaning, Value};
use super::own::{Operand, OwnOption, OwnWord, WORDS};

/// The shells that can be told.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// Writes the completion script of this shell, and nothing for a shell that is none of [`SHELLS`].
pub fn write(out: &mut impl Write, shell: &str) -> fmt::Result {
    match shell {
        "bash" => write_bash(out),
        "zsh" => write_zsh(out),
        "fish" => write_fish(out),
        _ => Ok(()),
    }
}

fn commands() -> impl Iterator<Item = (Command, &'static Definition)> {
    DEFINITIONS.iter().filter_map(|it| match it.meaning {
        Meaning::Command(command) => Some((command, it)),
        Meaning::Option(_) => None,
    })
}

/// The options a command takes.
fn options_of(command: Command) -> impl Iterator<Item = &'static Definition> {
    let rules = command.rules();
    let takes = [rules.required, rules.exclusive, rules.optional].concat();
    DEFINITIONS.iter().filter(move |it| match it.meaning {
        Meaning::Command(_) => false,
        Meaning::Option(option) => option.topic().is_none_or(|topic| takes.contains(&topic)),
    })
}

/// `-t`, `--tcp-service`.
fn names(definition: &Definition) -> Vec<String> {
    let short = definition.short.chars().map(|letter| format!("-{letter}"));
    short.chain([format!("--{}", definition.long)]).collect()
}

/// A file goes by `None`.
const fn operands(operand: Operand) -> Option<&'static [&'static str]> {
    match operand {
        Operand::None => Some(&[]),
        Operand::File => None,
        Operand::OneOf(choices) => Some(choices),
    }
}

fn write_bash(out: &mut impl Write) -> fmt::Result {
    out.write_str(
        "# bash completion of lvsadm, written by: lvsadm completion bash\n\
         _lvsadm() {\n\
         \x20   local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} choices\n\
         \x20   COMPREPLY=()\n\
         \x20   case ${COMP_WORDS[1]}:$previous in\n",
    )?;
    write_bash_words(out)?;
    // The word itself may be one of these while it is being written.
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

/// What follows each of the words.
fn write_bash_words(out: &mut impl Write) -> fmt::Result {
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

fn own_names(own: &OwnWord) -> Vec<String> {
    own.options
        .iter()
        .map(|option| format!("--{}", option.long))
        .collect()
}

fn write_zsh(out: &mut impl Write) -> fmt::Result {
    out.write_str(
        "#compdef lvsadm\n\
         # zsh completion of lvsadm, written by: lvsadm completion zsh\n\
         _lvsadm() {\n\
         \x20 local -a first\n\
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
         \x20   return\n\
         \x20 fi\n\
         \x20 case $words[2] in\n",
    )?;
    for own in WORDS {
        write!(out, "    {}) _arguments", own.name)?;
        for option in own.options {
            let OwnOption { long, value, help } = *option;
            write!(
                out,
                " \\\n      {}",
                zsh_option(&format!("--{long}"), value, help)
            )?;
        }
        match operands(own.operand) {
            None => out.write_str(" \\\n      '2:file:_files'")?,
            Some([]) => {}
            Some(choices) => write!(out, " \\\n      '2:shell:({})'", choices.join(" "))?,
        }
        out.write_str(" ;;\n")?;
    }
    write_zsh_commands(out)?;
    out.write_str(
        "  esac\n}\n\
         # Loaded by name it is called at once; read by eval it says what it completes.\n\
         if [ \"$funcstack[1]\" = _lvsadm ]; then _lvsadm \"$@\"; else compdef _lvsadm lvsadm; fi\n",
    )
}

/// What follows each of the commands.
fn write_zsh_commands(out: &mut impl Write) -> fmt::Result {
    for (command, definition) in commands() {
        let mut patterns: Vec<String> = definition
            .short
            .chars()
            .map(|letter| format!("-{letter}*"))
            .collect();
        patterns.push(format!("--{}", definition.long));
        patterns.push(format!("--{}=*", definition.long));
        write!(out, "    {}) _arguments -s", patterns.join("|"))?;
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

fn write_fish(out: &mut impl Write) -> fmt::Result {
    out.write_str(
        "# fish completion of lvsadm, written by: lvsadm completion fish\n\
         complete -c lvsadm -f\n",
    )?;
    for definition in DEFINITIONS {
        let when = match definition.meaning {
            Meaning::Command(_) => "__fish_is_first_arg",
            Meaning::Option(_) => "not __fish_is_first_arg",
        };
        write!(out, "complete -c lvsadm -n '{when}' -l {}", definition.long)?;
        for letter in definition.short.chars() {
            write!(out, " -s {letter}")?;
        }
        write_fish_end(out, definition.value, definition.help)?;
    }
    for own in WORDS {
        let (name, help) = (own.name, quoted(own.help));
        writeln!(
            out,
            "complete -c lvsadm -n __fish_is_first_arg -a {name} -d {help}"
        )?;
        let seen = format!("complete -c lvsadm -n '__fish_seen_subcommand_from {name}'");
        match operands(own.operand) {
            None => writeln!(out, "{seen} -F")?,
            Some([]) => {}
            Some(choices) => writeln!(out, "{seen} -a '{}'", choices.join(" "))?,
        }
        for option in own.options {
            write!(out, "{seen} -l {}", option.long)?;
            write_fish_end(out, option.value, option.help)?;
        }
    }
    Ok(())
}

fn write_fish_end(out: &mut impl Write, value: Value, help: &str) -> fmt::Result {
    if let Value::Required(_) = value {
        out.write_str(" -x")?;
    }
    match value.choices() {
        [] => {}
        choices => write!(out, " -a '{}'", choices.join(" "))?,
    }
    writeln!(out, " -d {}", quoted(help))
}

/// In single quotes, for all three shells.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(shell: &str) -> String {
        let mut text = String::new();
        write(&mut text, shell).unwrap();
        text
    }

    /// Whether a name stands there as a word of its own.
    fn has(text: &str, name: &str) -> bool {
        text.split(|it: char| !it.is_ascii_alphanumeric() && it != '-')
            .any(|word| word == name)
    }

    #[test]
    fn every_option_of_the_table_is_in_each() {
        for definition in DEFINITIONS {
            for name in names(definition) {
                assert!(has(&script("bash"), &name), "bash: {name}");
                assert!(has(&script("zsh"), &name), "zsh: {name}");
            }
            let fish = script("fish");
            let long = format!(" -l {} ", definition.long);
            assert!(fish.contains(&long), "fish: {long}");
            for letter in definition.short.chars() {
                assert!(fish.contains(&format!(" -s {letter} ")), "fish: {letter}");
            }
        }
    }

    #[test]
    fn every_word_and_its_options_are_in_each() {
        for shell in SHELLS {
            let text = script(shell);
            for own in WORDS {
                assert!(has(&text, own.name), "{shell}: {}", own.name);
                for option in own.options {
                    let name = match *shell {
                        "fish" => format!("from {}' -l {} ", own.name, option.long),
                        _ => format!("--{}", option.long),
                    };
                    assert!(text.contains(&name), "{shell}: {name}");
                }
            }
        }
    }

    #[test]
    fn a_command_is_completed_with_the_options_it_takes() {
        let takes = |command| -> Vec<&str> { options_of(command).map(|it| it.long).collect() };
        assert_eq!(takes(Command::Save), ["ipv6", "numeric", "sort", "compat"]);
        assert!(takes(Command::List).contains(&"service"));
        assert!(!takes(Command::AddServer).contains(&"scheduler"));
    }

    #[test]
    fn what_a_shell_would_read_as_its_own_is_quoted() {
        assert_eq!(quoted("the daemon's"), "'the daemon'\\''s'");
        assert_eq!(
            zsh_option("--server", Value::Required("address[:port]"), "a [b]"),
            "'--server=[a \\[b\\]]:address\\:port:'"
        );
    }
}
