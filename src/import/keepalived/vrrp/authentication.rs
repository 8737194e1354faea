// SPDX-License-Identifier: MIT OR Apache-2.0
//! `authentication` and `auth_hmac`: how the hosts prove to each other who they are. A secret is never written here: it goes
//! into a file of its own, and a finding says how.

use super::value::{block, integer, remarked};
use crate::diagnostic::{Finding, Findings, Shown, SourceMap, Span};
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::value::{number, only, too_many};
use crate::import::statement::{Statement, Word};
use crate::import::{Entry, Value};

/// keepalived sends so much of a password.
const PASSWORD: usize = 8;
/// The most keys of ours.
const MOST_KEYS: usize = 8;
/// Where files with secrets are.
const DIRECTORY: &str = "/etc/lvs-director";

/// What a virtual router says of its secrets.
#[derive(Debug, Default)]
pub(super) struct Secrets<'t> {
    at: Option<&'t Statement>,
    is_header: bool,
    kind: Option<&'t Word>,
    password: Option<&'t Word>,
    hmac: Option<Hmac<'t>>,
}

/// `auth_hmac`
#[derive(Debug)]
struct Hmac<'t> {
    at: &'t Statement,
    keys: Vec<(u8, &'t Word)>,
    active: Option<u8>,
    mode: Option<&'static str>,
    anti_replay: Option<&'static str>,
}

/// What decides which secrets are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Router<'r> {
    pub(super) at: &'r Statement,
    pub(super) name: &'r str,
    pub(super) version: u32,
    pub(super) is_strict: bool,
}

impl<'t> Secrets<'t> {
    pub(super) fn take_password(&mut self, statement: &'t Statement, out: &mut Findings) {
        self.at = Some(statement);
        for statement in block(statement) {
            let Some(keyword) = look(statement, Block::Authentication, out) else {
                continue;
            };
            match keyword.today() {
                "auth_type" => self.kind = only(statement, out),
                "auth_pass" => self.password = only(statement, out),
                _ => {}
            }
        }
        match self.kind.map(|it| &*it.text) {
            None | Some("PASS") => {}
            Some("AH") => self.is_header = true,
            Some(other) => {
                let message = format!("auth_type must be PASS or AH, got {}", Shown(other));
                out.error(self.kind.map_or(statement.span(), |it| it.span), message);
            }
        }
    }

    pub(super) fn take_hmac(&mut self, statement: &'t Statement, out: &mut Findings) {
        let mut hmac = Hmac {
            at: statement,
            keys: Vec::new(),
            active: None,
            mode: None,
            anti_replay: None,
        };
        for statement in block(statement) {
            hmac.take(statement, out);
        }
        hmac.sort(out);
        self.hmac = Some(hmac);
    }

    /// The entry of ours, and what is to be done for it.
    pub(super) fn entry(
        &self,
        router: Router<'_>,
        sources: &SourceMap,
        out: &mut Findings,
    ) -> Option<Entry> {
        if let Some(hmac) = &self.hmac {
            if let Some(at) = self.at {
                let message = "authentication is left out: auth_hmac stands beside it";
                out.push(Finding::warning(at.span(), message));
            }
            return hmac.entry(router, sources, out);
        }
        let at = self.at?;
        let place = match self.password {
            Some(word) => unseen(word, [at, router.at], sources),
            None => at.span(),
        };
        if let Some((message, help)) = self.useless(router) {
            out.push(Finding::warning(place, message).help(help));
            return None;
        }
        let word = self.password?;
        let path = secret(
            word,
            &format!("vrrp-{}.password", file_name(router.name)),
            PASSWORD,
        );
        out.push(path.finding(place, "the password", sources));
        if word.text.len() > PASSWORD {
            let message = "auth_pass is longer than 8 bytes: keepalived sends the first 8 only";
            out.push(Finding::note(place, message).help("the file has these 8"));
        }
        let file = Entry::new("password_file", Value::text(&path.path));
        Some(remarked(
            Entry::new("authentication", Value::Map(vec![file])),
            at,
        ))
    }

    /// Why there is no password.
    fn useless(&self, router: Router<'_>) -> Option<(&'static str, &'static str)> {
        let hmac = "write authentication: {hmac: ...} on both hosts for one that cannot be recorded and sent again";
        if self.is_header {
            let message = "authentication is left out: the director does not know AH";
            return Some((message, hmac));
        }
        if router.is_strict {
            let message =
                "authentication is left out: with strict mode keepalived does not authenticate";
            return Some((message, hmac));
        }
        if router.version == 3 {
            let message =
                "authentication is left out: version 3 has none, and keepalived ignores it";
            return Some((message, hmac));
        }
        if self.kind.is_none() {
            let message =
                "authentication is left out: without auth_type keepalived does not authenticate";
            return Some((message, "write auth_type PASS, on all hosts"));
        }
        if self.password.is_none_or(|it| it.text.is_empty()) {
            let message = "authentication is left out: there is no auth_pass";
            return Some((message, hmac));
        }
        None
    }
}

impl<'t> Hmac<'t> {
    fn take(&mut self, statement: &'t Statement, out: &mut Findings) {
        match &*statement.keyword.text {
            "key" => self.take_key(statement, out),
            "active_key" => {
                let id = integer(statement, 1..=255, out);
                self.active = id.and_then(|id| u8::try_from(id).ok());
            }
            "mode" => {
                let words = [
                    ("enforce", "enforce"),
                    ("permissive", "permissive"),
                    ("receive-only", "receive_only"),
                ];
                self.mode = choice(statement, &words, out);
            }
            "anti_replay" => {
                let words = [("time", "time"), ("monotonic", "monotonic")];
                self.anti_replay = choice(statement, &words, out);
            }
            "time_window" => {
                let message = "time_window is left out: it is three intervals here, and at least 5 s, as without it";
                out.push(Finding::warning(statement.span(), message));
            }
            other => {
                let message = format!("unknown keyword {} in auth_hmac", Shown(other));
                let help = "known here: key, active_key, anti_replay, time_window, mode";
                out.push(Finding::new(statement.keyword.span, message).help(help));
            }
        }
    }

    fn take_key(&mut self, statement: &'t Statement, out: &mut Findings) {
        let [id, secret, ..] = &*statement.words else {
            out.error(statement.span(), "key needs a number and a key");
            return;
        };
        too_many(statement, 2, out);
        let Some(id) = number(id, 1..=255_u8, out) else {
            return;
        };
        if self.keys.iter().any(|(known, _)| *known == id) {
            out.error(statement.span(), format!("two keys have the id {id}"));
        } else if self.keys.len() == MOST_KEYS {
            out.error(statement.span(), format!("more than {MOST_KEYS} keys"));
        } else {
            self.keys.push((id, secret));
        }
    }

    /// The key that signs comes first.
    fn sort(&mut self, out: &mut Findings) {
        let Some(active) = self.active else {
            let finding = Finding::new(self.at.span(), "auth_hmac needs active_key");
            out.push(finding.help("it says which key signs"));
            return;
        };
        if !self.keys.iter().any(|(id, _)| *id == active) {
            out.error(self.at.span(), format!("auth_hmac has no key {active}"));
        }
        self.keys.sort_by_key(|(id, _)| *id != active);
    }

    fn entry(&self, router: Router<'_>, sources: &SourceMap, out: &mut Findings) -> Option<Entry> {
        let mut keys = Vec::new();
        for (id, word) in &self.keys {
            let path = if let Some(path) = word.text.strip_prefix("file:") {
                path.to_owned()
            } else {
                let name = format!("vrrp-{}-{id}.key", file_name(router.name));
                let path = secret(word, &name, usize::MAX);
                let place = unseen(word, [self.at, router.at], sources);
                out.push(path.finding(place, "the key", sources));
                path.path
            };
            if !path.starts_with('/') || path.ends_with('/') || path.chars().any(char::is_control) {
                out.error(word.span, "the file of a key must be an absolute path");
                return None;
            }
            keys.push(Value::Map(vec![
                Entry::new("id", Value::word(id)),
                Entry::new("key_file", Value::text(path)),
            ]));
        }
        let mut entries = vec![Entry::new("keys", Value::list(keys))];
        let words = [("mode", self.mode), ("anti_replay", self.anti_replay)];
        let words = words
            .into_iter()
            .filter_map(|(key, word)| Some((key, word?)));
        entries.extend(words.map(|(key, word)| Entry::new(key, Value::word(word))));
        let hmac = Entry::new("hmac", Value::Map(entries));
        Some(remarked(
            Entry::new("authentication", Value::Map(vec![hmac])),
            self.at,
        ))
    }
}

fn choice(
    statement: &Statement,
    words: &[(&str, &'static str)],
    out: &mut Findings,
) -> Option<&'static str> {
    let word = only(statement, out)?;
    let found = words.iter().find(|(theirs, _)| **theirs == *word.text);
    if found.is_none() {
        let all: Vec<&str> = words.iter().map(|(theirs, _)| *theirs).collect();
        let keyword = &statement.keyword.text;
        let message = format!(
            "{keyword} must be one of {}, got {}",
            all.join(", "),
            Shown(&word.text)
        );
        out.error(word.span, message);
    }
    found.map(|(_, ours)| *ours)
}

/// A secret that stands in the text, and the file that it goes to.
struct Secret<'t> {
    word: &'t Word,
    path: String,
    most: usize,
}

fn secret<'t>(word: &'t Word, name: &str, most: usize) -> Secret<'t> {
    Secret {
        word,
        path: format!("{DIRECTORY}/{name}"),
        most,
    }
}

impl Secret<'_> {
    fn finding(&self, place: Span, what: &str, sources: &SourceMap) -> Finding {
        let message = format!("{what} goes into a file of its own, {}", self.path);
        let finding = Finding::warning(place, message);
        match self.command(sources) {
            Some(command) => finding.help(format!("make it: {command}")),
            None => finding.help("write it there, and let nobody else read the file"),
        }
    }

    /// The command that copies the bytes from their place in the text. It shows nobody what they are.
    fn command(&self, sources: &SourceMap) -> Option<String> {
        let (file, range) = sources.locate(self.word.span)?;
        let text = sources.text(file);
        // With escapes or from a definition, the text at this place is something else.
        let written = text.get(range.clone())?;
        let bare = written.trim_matches('"');
        if bare != &*self.word.text {
            return None;
        }
        let line = sources.position(file, range.start).line;
        let begin = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let quote = usize::from(written.starts_with('"'));
        let first = range.start - begin + quote + 1;
        let last = first + bare.len().min(self.most) - 1;
        let name = sources.name(file).replace('\'', "'\\''");
        Some(format!(
            "umask 077; sed -n {line}p '{name}' | cut -b {first}-{last} > {}",
            self.path
        ))
    }
}

/// A place in another line than the secret: who shows a finding shows its line.
fn unseen(word: &Word, near: [&Statement; 2], sources: &SourceMap) -> Span {
    let line = |span: Span| {
        let (file, range) = sources.locate(span)?;
        Some((file, sources.position(file, range.start).line))
    };
    let own = line(word.span);
    let places = near.into_iter().map(|it| it.keyword.span);
    let unseen = places.into_iter().find(|it| line(*it) != own);
    let top = || own.map(|(file, _)| sources.span(file, 0..0));
    unseen.or_else(top).unwrap_or(word.span)
}

/// A name as a part of a file's name.
fn file_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect()
}
