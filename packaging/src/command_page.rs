// SPDX-License-Identifier: MIT OR Apache-2.0
//! The manual page of a program, from the definition of its command line.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::roff::{escaped, head, inline};

/// What a page has beside the command line.
#[derive(Debug)]
pub(crate) struct More {
    /// Of files and the like: the section, the name and what it is.
    pub(crate) entries: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// Other pages.
    pub(crate) see_also: &'static [(&'static str, u8)],
}

/// The page of this program in section 8.
pub(crate) fn page(mut command: Command, more: &More) -> String {
    command.build();
    let name = command.get_name().to_owned();
    let about = command.get_about().map(ToString::to_string);
    let mut out = head(&name, 8, &about.clone().unwrap_or_default());
    let _ = write!(
        out,
        ".SH SYNOPSIS\n.B {0}\n.I COMMAND\n.RI [ OPTION ...]\n.br\n.B {0}\n.I COMMAND\n.B \\-\\-help\n.br\n\
         .B {0} \\-\\-version\n.SH DESCRIPTION\n",
        escaped(&name)
    );
    let about = about.unwrap_or_default();
    let long = command.get_long_about().map(ToString::to_string);
    let long = long.unwrap_or_else(|| about.clone());
    let rest = long.strip_prefix(&*about).unwrap_or(&long);
    paragraphs(&mut out, if rest.is_empty() { &long } else { rest });
    out.push_str(".SH COMMANDS\n");
    for sub in command
        .get_subcommands()
        .filter(|it| it.get_name() != "help" && !it.is_hide_set())
    {
        command_part(&mut out, &name, sub);
    }
    exit_status(&mut out, &command);
    for (section, entries) in more.entries {
        let _ = writeln!(out, ".SH {section}");
        for (name, what) in *entries {
            let _ = writeln!(out, ".TP\n.I {}\n{}", escaped(name), inline(what));
        }
    }
    see_also(&mut out, more.see_also);
    out
}

pub(crate) fn see_also(out: &mut String, pages: &[(&str, u8)]) {
    out.push_str(".SH SEE ALSO\n");
    let pages = pages.iter();
    let lines: Vec<_> = pages
        .map(|(page, section)| format!(".BR {} ({section})", escaped(page)))
        .collect();
    out.push_str(&lines.join(" ,\n"));
    out.push('\n');
}

fn command_part(out: &mut String, program: &str, command: &Command) {
    let operands = command.get_positionals().map(|arg| {
        let name = arg.get_value_names().and_then(|names| names.first());
        let name = name.map_or_else(|| arg.get_id().to_string(), ToString::to_string);
        let several = if arg.get_num_args().is_some_and(|it| it.max_values() > 1) {
            "..."
        } else {
            ""
        };
        if arg.is_required_set() {
            format!(" {name}{several}")
        } else {
            format!(" [{name}]{several}")
        }
    });
    let operands: String = operands.collect();
    let options = if command.get_opts().next().is_some() {
        " [OPTION ...]"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        ".SS {} {}{}{}",
        escaped(program),
        escaped(command.get_name()),
        escaped(options),
        escaped(&operands)
    );
    let about = command.get_long_about().or_else(|| command.get_about());
    paragraphs(
        out,
        &sentence(&about.map(ToString::to_string).unwrap_or_default()),
    );
    let aliases: Vec<_> = command.get_visible_aliases().collect();
    if !aliases.is_empty() {
        let aliases = aliases.join(" or ");
        let _ = writeln!(
            out,
            ".PP\nIts other name is {}.",
            inline(&format!("`{aliases}`"))
        );
    }
    for arg in command
        .get_arguments()
        .filter(|it| !it.is_hide_set() && it.get_id() != "help")
    {
        argument(out, arg);
    }
}

fn argument(out: &mut String, arg: &Arg) {
    let short = arg.get_short().map(|letter| format!("\\fB\\-{letter}\\fR"));
    let long = arg
        .get_long()
        .map(|name| format!("\\fB\\-\\-{}\\fR", escaped(name)));
    let mut names: Vec<String> = short.into_iter().chain(long).collect();
    let value = arg.get_value_names().and_then(|names| names.first());
    let value = value.filter(|_| arg.get_action().takes_values());
    match value {
        Some(value) if names.is_empty() => names.push(format!("\\fI{}\\fR", escaped(value))),
        Some(value) => {
            if let Some(last) = names.last_mut() {
                let _ = write!(last, " \\fI{}\\fR", escaped(value));
            }
        }
        None => {}
    }
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let help = sentence(&help.map(ToString::to_string).unwrap_or_default());
    let _ = writeln!(
        out,
        ".TP\n{}\n{}",
        names.join(", "),
        inline(&help.replace('\n', " "))
    );
    let choices = arg.get_possible_values();
    let choices: Vec<_> = choices
        .iter()
        .map(|it| format!("`{}`", it.get_name()))
        .collect();
    if !choices.is_empty() && arg.get_action().takes_values() {
        let _ = writeln!(out, "One of {}.", inline(&choices.join(", ")));
    }
    let default = arg.get_default_values().first();
    if let Some(default) = default.filter(|_| arg.get_action().takes_values()) {
        let default = default.to_string_lossy();
        let _ = writeln!(out, "The default is {}.", inline(&format!("`{default}`")));
    }
}

/// The table of exit codes that the help ends with.
fn exit_status(out: &mut String, command: &Command) {
    let Some(after) = command.get_after_help() else {
        return;
    };
    let after = after.to_string();
    let codes = after
        .lines()
        .filter_map(|line| line.trim().split_once("  "));
    out.push_str(".SH EXIT STATUS\n");
    for (code, meaning) in codes.filter(|(code, _)| code.bytes().all(|it| it.is_ascii_digit())) {
        let _ = writeln!(out, ".TP\n.B {code}\n{}", inline(&sentence(meaning)));
    }
}

/// With a full stop, and a capital letter.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string());
    let stop = if text.is_empty() || text.ends_with(['.', ':']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.unwrap_or_default(), letters.as_str())
}

fn paragraphs(out: &mut String, text: &str) {
    let paragraphs = text
        .split("\n\n")
        .map(str::trim)
        .filter(|it| !it.is_empty());
    for (number, paragraph) in paragraphs.enumerate() {
        if number > 0 {
            out.push_str(".PP\n");
        }
        let _ = writeln!(out, "{}", inline(&sentence(&paragraph.replace('\n', " "))));
    }
}
