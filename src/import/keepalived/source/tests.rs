// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts, and the trees that they become.

use super::tree;
use crate::diagnostic::{Diagnostics, Findings, SourceMap};
use crate::import::statement::Statement;
use crate::import::surroundings::Alone;
use crate::import::{Included, Origins, Reading, Room, Surroundings};

/// A tree in one line, comments in parentheses; and what is said.
fn read(text: &str, around: &dyn Surroundings) -> (String, Diagnostics) {
    let (mut sources, mut out) = (SourceMap::default(), Findings::default());
    let file = sources.add("a/keepalived.conf", text);
    let mut reading = Reading {
        sources: &mut sources,
        out: &mut out,
        around,
        origins: &mut Origins::default(),
    };
    let tree = tree(file, &mut reading);
    (
        shown(&tree.statements),
        Diagnostics::whole(&sources, out, |_| false),
    )
}

fn shown(statements: &[Statement]) -> String {
    let one = |it: &Statement| {
        let words = it.words.iter().map(|word| format!(" {}", word.text));
        let above = it.remarks.before.iter().map(|it| format!("({it}) "));
        let behind = it.remarks.behind.iter().map(|it| format!(" ({it})"));
        let block = it
            .block
            .iter()
            .map(|block| format!(" {{{}}}", shown(block)));
        let before: String = above.chain([it.keyword.text.to_string()]).collect();
        before + &words.chain(block).chain(behind).collect::<String>()
    };
    statements.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn of(text: &str) -> String {
    let (tree, said) = read(text, &Alone);
    assert_eq!(said.count(), 0, "{said}");
    tree
}

fn wrong(text: &str) -> String {
    let (_, said) = read(text, &Alone);
    said.render(false)
}

#[test]
fn braces_make_the_tree_wherever_they_stand() {
    for text in [
        "a b {\n c 1\n d\n}\ne\n",
        "a b{c 1\nd}\ne",
        "a b\n{\n\n c 1\r\n\td }\r\n e\r\n",
    ] {
        assert_eq!(of(text), "a b {c 1; d}; e", "{text}");
    }
    assert_eq!(of("unknown { x { y } } z"), "unknown {x {y}}; z");
}

#[test]
fn comments_stand_with_their_statements() {
    let text = "# head\n\n! above\na { # at a\n c 1 ! at c\n # last\n} # end\nb\n";
    assert_eq!(of(text), "(above) (last) a {c 1 (at c)} (at a; end); b");
}

#[test]
fn braces_that_do_not_fit_are_named_and_swallow_nothing() {
    assert!(wrong("a {\n b {\n").contains("this block is not closed"));
    assert!(wrong("a }\n b").contains("this brace closes nothing"));
    assert!(wrong("{ a }").contains("a block without a keyword"));
    let deep = "a {".repeat(100_000);
    let (tree, said) = read(&deep, &Alone);
    assert!(tree.len() < 10_000 && said.count() < 5, "{said}");
}

#[test]
fn definitions_conditions_and_repetitions_are_carried_out() {
    let text = "$A= \\\n x ${N} { \\\n @host y \\\n @other z \\\n }\n$N=1\n$A\n$N=2\n$A\n";
    let (tree, _) = read(text, &Alone);
    assert_eq!(tree, "x 1 {y}; x 2 {y}");
    assert_eq!(
        of("~SEQ(N, 2) ~LST(M, a, b) x${N}${M}"),
        "x1a; x1b; x2a; x2b"
    );
    assert_eq!(of("@host $P=1\n@^other p $P"), "p 1");
    assert_eq!(of("$C=@host\n$C p 2"), "p 2");
}

#[test]
fn what_never_ends_is_ended() {
    assert!(wrong("$A= \\\n $A \\\n $A\n$A\n").contains("hold each other"));
    assert!(wrong("$A=${A}\nx ${A}\n").contains("becomes too long"));
    let all = "~SEQ(A,1,99999) ~SEQ(B,1,99999) ~SEQ(C,1,99999) x";
    assert!(wrong(all).contains("more than"));
    assert!(wrong(&format!("a {}\n", "b".repeat(2_000))).contains("no line of more than"));
    assert!(wrong("a \"b\nc").contains("is not closed"));
}

#[test]
fn a_few_lines_that_ask_for_any_number_of_others_are_refused() {
    let deep = "~SEQ(A,1,99999) ~SEQ(B,1,99999) x";
    let long = format!("$L={}\n~SEQ(A,1,99999) x $L", "y".repeat(1_000));
    let uses = format!(
        "$B=b\n$A={}\n{}",
        "${B} ".repeat(200),
        "x $A $A\n".repeat(10_000)
    );
    for text in [deep, &long, &uses] {
        let (tree, said) = read(text, &Alone);
        assert!(
            said.to_string()
                .contains("definitions and repetitions make more than"),
            "{said}"
        );
        assert!(
            said.to_string().contains("nothing is read from here on"),
            "{said}"
        );
        assert!(tree.len() < 64 << 20);
    }
}

#[test]
fn a_sign_in_single_quotes_begins_a_comment_and_that_is_said() {
    assert!(wrong("auth_pass 'a!b'\n").contains("single quotes do not protect"));
    assert_eq!(
        of("a 1 # it's nothing, isn't it"),
        "a 1 (it's nothing, isn't it)"
    );
}

/// Files by their names, and a pattern that meets all of them.
struct Files(&'static [(&'static str, &'static str)]);

impl Surroundings for Files {
    fn include(&self, _: &str, pattern: &str, _: Room) -> Result<Vec<Included>, String> {
        let all = self.0.iter();
        let met = all.filter(|(name, _)| pattern == "*" || *name == pattern);
        let file = |(name, text): &(&str, &str)| Included {
            name: (*name).to_owned(),
            bytes: Ok(text.as_bytes().to_vec()),
        };
        Ok(met.map(file).collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }

    fn host_name(&self) -> String {
        String::new()
    }
}

#[test]
fn files_are_included_where_they_stand() {
    let files = Files(&[("b", "b 1\n"), ("c", "c ${_PWD} ${_ENVHOME}\n")]);
    let (tree, said) = read("a {\n include *\n}\nd", &files);
    assert_eq!((tree.as_str(), said.count()), ("a {b 1; c . /root}; d", 0));
}

#[test]
fn a_file_that_includes_itself_or_is_missing_is_named() {
    let files = Files(&[("b", "b\ninclude b\n")]);
    let (tree, said) = read("include b\nc", &files);
    assert_eq!(tree, "b; c");
    assert!(said.to_string().contains("b includes itself"), "{said}");
    assert!(wrong("include /none/x.conf").contains("names no file"));
    assert!(wrong("includer /none/*.conf").contains("does not start without it"));
    assert!(wrong("include").contains("the name of the file is missing"));
}

#[test]
fn a_pattern_that_is_too_much_is_an_error() {
    /// A host that has more files than there is room for.
    struct Large;

    impl Surroundings for Large {
        fn include(&self, _: &str, _: &str, room: Room) -> Result<Vec<Included>, String> {
            Err(format!("it names more than {} files", room.files))
        }

        fn variable(&self, _: &str) -> Option<String> {
            None
        }

        fn host_name(&self) -> String {
            String::new()
        }
    }

    let (_, said) = read("include *.conf\na", &Large);
    assert!(
        said.to_string()
            .contains("*.conf: it names more than 4096 files"),
        "{said}"
    );
}
