// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program with its arguments, as keepalived divides it into words: no shell reads it.

use super::value::{first, too_many};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::statement::{Statement, Word};

/// The words of the program that a keyword names. `None` with a finding when they are no command of ours.
pub(super) fn command(statement: &Statement, out: &mut Findings) -> Option<Vec<String>> {
    let text: Vec<&str> = statement.words.iter().map(|word| &*word.text).collect();
    let words = divide(&text.join(" "));
    let span = statement.span();
    let Some(program) = words.first() else {
        out.error(
            span,
            format!("{} has no value", Shown(&statement.keyword.text)),
        );
        return None;
    };
    if !program.starts_with('/') {
        let what = format!("{} is no absolute path", Shown(program));
        out.push(Finding::new(span, what).help("write the path of the program from / on"));
        return None;
    }
    let fits = |word: &String| word.len() <= 1024 && !word.chars().any(char::is_control);
    if program.ends_with('/') || words.len() > 64 || !words.iter().all(fits) {
        let what = "this is no command that can be carried over";
        let help =
            "a program and up to 63 arguments of at most 1024 bytes, without control characters";
        out.push(Finding::new(span, what).help(help));
        return None;
    }
    if words
        .iter()
        .any(|word| word.contains(['|', '>', '<', ';', '`']))
    {
        let what = "no shell reads this command";
        let help = "as with keepalived: signs like | and > are arguments; write a script";
        out.push(Finding::warning(span, what).help(help));
    }
    Some(words)
}

/// `user NAME [GROUP]`
pub(super) fn user<'s>(line: &'s Statement, out: &mut Findings) -> Option<&'s str> {
    let name: &Word = first(line, out)?;
    too_many(line, 2, out);
    // The group of the user's own name is one of its groups.
    if let Some(group) = line.words.get(1).filter(|it| it.text != name.text) {
        let what = format!("group {} is not carried over", Shown(&group.text));
        let finding = Finding::warning(group.span, what);
        out.push(finding.help("a program runs with the groups of its user"));
    }
    let fits = (1..=255).contains(&name.text.len()) && !name.text.chars().any(char::is_control);
    if !fits {
        let what = format!("{} is no name of a user", Shown(&name.text));
        out.error(name.span, what);
        return None;
    }
    Some(&name.text)
}

/// As whom keepalived runs a program for which the file names nobody.
pub(super) fn usual_user(span: Span, out: &mut Findings) -> &'static str {
    let message =
        "this runs as root, as with keepalived on a host without a user keepalived_script";
    let finding = Finding::note(span, message);
    out.push(finding.help("write user: nobody if it needs no more"));
    "root"
}

/// Blanks divide; single and double quotes hold together, a backslash takes the next sign as it is.
pub(super) fn divide(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match (quote, sign) {
            (Some(open), _) if sign == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (None, _) if sign.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') => {
                word.get_or_insert_default().extend(signs.next());
            }
            _ => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_divided_as_keepalived_does() {
        assert_eq!(divide("/x/foo -p 80"), ["/x/foo", "-p", "80"]);
        assert_eq!(
            divide("/x/foo 'a b' \"c d\"e f\\ g"),
            ["/x/foo", "a b", "c de", "f g"]
        );
        assert_eq!(divide("/x/foo ''"), ["/x/foo", ""]);
        assert_eq!(divide("  "), Vec::<String>::new());
    }
}
