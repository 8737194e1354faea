// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts as lines of commands.
use super::word::{MOST_VALUES, Word};
use super::*;
use proptest::prelude::*;

fn read(script: &str) -> Vec<(Part, Vec<String>)> {
    let words = |words: &[Word]| {
        let text = |word: &Word| {
            if word.is_open {
                "?".to_owned()
            } else {
                word.values.join(",")
            }
        };
        words.iter().map(text).collect()
    };
    let all = read_script(script).commands;
    all.iter().map(|it| (it.part, words(&it.words))).collect()
}

#[test]
fn the_parts_of_a_script_are_told_apart() {
    let script = "VIP=1.2.3.4\nalways\ncase \"$1\" in\nstart|restart)\n  a $VIP;;\nstop)\n  b\n;;\n*)\n  c\nesac\nd\n";
    let parts: Vec<(Part, String)> = read(script)
        .into_iter()
        .map(|(part, words)| (part, words.join(" ")))
        .collect();
    assert_eq!(
        parts,
        [
            (Part::Start, "always".to_owned()),
            (Part::Start, "a 1.2.3.4".to_owned()),
            (Part::Stop, "b".to_owned()),
            (Part::Other, "c".to_owned()),
            (Part::Start, "d".to_owned()),
        ]
    );
}

#[test]
fn functions_are_parts_by_their_names() {
    let script = "lvs_start() {\n a\n}\nfunction stop {\n b\n}\nset_vip()\n{\n c\n}\n";
    let parts: Vec<Part> = read(script).into_iter().map(|(part, _)| part).collect();
    assert_eq!(parts, [Part::Start, Part::Stop, Part::Start]);
}

#[test]
fn variables_quotes_and_redirections_are_read() {
    let one = |script: &str| read(script).pop().unwrap().1;
    assert_eq!(
        one("A='x y'; echo \"$A\"z >/p 2>&1"),
        ["echo", "x yz", ">", "/p", "2", ">", "1"]
    );
    assert_eq!(
        read("V=\"a b\"\nfor i in $V c; do up ${i}/32; done").len(),
        1
    );
    assert_eq!(
        read("V=\"a b\"\nfor i in $V c; do up ${i}/32; done")[0].1,
        ["up", "a/32,b/32,c/32"]
    );
    assert_eq!(one("up $2 `date` $(date)"), ["up", "?", "?", "?"]);
    assert_eq!(one("a \\\n b # c"), ["a", "b"]);
}

#[test]
fn what_grows_is_bounded() {
    let mut script = "A=xxxxxxxxxxxxxxxx\n".to_owned();
    for _ in 0..64 {
        script.push_str("A=$A$A\n");
    }
    script.push_str(
        "up $A\nfor i in a b c d e f g h; do for j in $i$i$i; do up $i$j$i$j$i$j; done; done\n",
    );
    assert_eq!(read(&script)[0].1, ["up", "?"]);
    let most = read_script(&script)
        .commands
        .into_iter()
        .flat_map(|it| it.words);
    assert!(most.map(|word| word.values.len()).max() <= Some(MOST_VALUES));
}

proptest! {
    #[test]
    fn any_text_is_read(script in "[a-z$`\"'(){}|;&>#\\\\\n =/.0-9*]{0,200}") {
        for command in read_script(&script).commands {
            prop_assert!(script.get(command.line.clone()).is_some());
        }
    }
}

#[test]
fn what_stands_under_a_condition_says_so_and_texts_are_no_commands() {
    let script = "if [ a ]; then\n one\nfi\ntwo\ncat <<EOF\nthree\nEOF\nprint \"a\nfour\"\nwhile x; do five; done; six\n";
    let all = read_script(script).commands;
    let under: Vec<(String, bool)> = all
        .iter()
        .map(|it| (it.words[0].text().to_owned(), it.under.is_some()))
        .collect();
    let expected = [
        ("[", true),
        ("one", true),
        ("two", false),
        ("cat", false),
        ("print", false),
        ("x", true),
        ("five", true),
        ("six", false),
    ];
    assert_eq!(under, expected.map(|(name, is)| (name.to_owned(), is)));
}
