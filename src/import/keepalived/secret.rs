// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which words of a file of keepalived nobody may read, and which comments are no place for them.

use crate::diagnostic::{Finding, Findings, Span};
use crate::import::secret::is_secret;
use crate::import::statement::Word;

/// Conceals the line of a keyword in the block that begins with `around`, if it holds what nobody may read. A word may come from a
/// definition: then its text stands in another line.
pub(super) fn conceal(around: Option<&str>, line: &[Word], out: &mut Findings) {
    let Some((keyword, words)) = line.split_first() else {
        return;
    };
    let name = &*keyword.text;
    let is_proof = around.is_some_and(|it| matches!(it, "authentication" | "auth_hmac"));
    let is_open = matches!(
        name,
        "auth_type" | "active_key" | "mode" | "anti_replay" | "time_window"
    );
    let is_sent = matches!(name, "payload" | "require_reply");
    if is_open || !(is_sent || is_proof || is_secret(name)) {
        return;
    }
    // A secret without its keyword.
    if is_proof && !is_secret(name) {
        out.conceal_text(keyword.span, name);
    }
    out.conceal(keyword.span);
    for word in words {
        out.conceal_text(word.span, &word.text);
    }
}

/// A comment without the secret that somebody has put out of use there.
pub(super) fn without_secret(comment: &str) -> String {
    const NAMES: [&str; 5] = ["passw", "pasw", "_pass", "passp", "secret"];
    let divided = comment.split_once(|c: char| c.is_whitespace() || "=:".contains(c));
    let Some((keyword, rest)) = divided else {
        return comment.to_owned();
    };
    let lower = keyword.to_ascii_lowercase();
    // `key 1 ...` of `auth_hmac`.
    let is_key = lower == "key" && rest.trim_start().starts_with(|c: char| c.is_ascii_digit());
    if is_key || NAMES.iter().any(|name| lower.contains(name)) {
        return format!("{keyword} ...");
    }
    comment.to_owned()
}

/// What becomes of a comment in the line of a secret: it is left out. One that begins within a word was meant as a part of it.
pub(super) fn tell_of_comment(code: &str, sign: Span, out: &mut Findings) {
    let is_within = code.ends_with(|c: char| !c.is_whitespace() && !matches!(c, '{' | '}' | '"'));
    out.push(if is_within {
        let what = "a comment begins here, within a word";
        Finding::warning(sign, what).help(
            "keepalived reads the word up to here; write a backslash before the sign if it belongs to the word, on all hosts",
        )
    } else {
        let what = "a comment in the line of a secret is not carried over";
        Finding::note(sign, what)
    });
}

/// Whether a line is one of a secret, before its definitions are replaced.
pub(super) fn begins_secret(code: &str) -> bool {
    let keyword = code.split_whitespace().next();
    keyword.is_some_and(is_secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_out_of_use_is_no_comment_of_ours() {
        for (comment, left) in [
            ("auth_pass hunter2", "auth_pass ..."),
            ("$PASSWORD=hunter2", "$PASSWORD ..."),
            (
                "authentication of both hosts",
                "authentication of both hosts",
            ),
            ("the old one", "the old one"),
            ("key 1 hunter2", "key ..."),
            ("key point: passive here", "key point: passive here"),
        ] {
            assert_eq!(without_secret(comment), left);
        }
    }
}
