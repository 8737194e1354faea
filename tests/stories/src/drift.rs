// SPDX-License-Identifier: MIT OR Apache-2.0
//! Step: the director finds and repairs what others change in the table by mistake.

use std::thread;
use std::time::Instant;

use anyhow::Result;

use super::config::REPAIR;
use super::director::{HOST, full_table};
use super::report::{Figure, seconds};
use super::stage::LONG;
use super::story::Story;
use super::traffic::Traffic;

/// Changes by hand.
const EDITS: [&str; 3] = [
    "ipvsadm -d -t 192.168.0.10:15672 -r 192.168.0.4:15672",
    "ipvsadm -e -t 192.168.0.10:5672 -r 192.168.0.2:5672 -g -w 50",
    "ipvsadm -a -t 192.168.0.10:5672 -r 192.168.0.99:5672 -g -w 1",
];

pub(super) fn tell(story: &mut Story, traffic: &mut Traffic) -> Result<()> {
    story.report.step("Somebody edits the table by hand");
    let director = &story.stage.director;
    let mark = director.mark()?;
    let begun = traffic.now();
    let edited = Instant::now();
    for edit in EDITS {
        story.report.command(HOST, edit);
        director.run(edit)?;
    }
    let lines = director.wait_for_lines(mark, EDITS.len(), LONG, is_drift)?;
    director.wait_for_table("the repair", LONG, &full_table()?)?;
    let took = edited.elapsed();
    for line in &lines {
        story.report.quote(line);
    }
    let text = format!(
        "all found and repaired {} after the first edit",
        seconds(took)
    );
    let figure = Figure::time("edits by hand: repaired after", took, REPAIR);
    story.report.figures(&text, [figure]);
    // Another round of reading back must find nothing.
    thread::sleep(REPAIR + REPAIR / 4);
    let end = traffic.settle();
    let lines = story.stage.director.lines_since(mark)?;
    let repairs = lines.iter().filter(|line| is_drift(line)).count();
    let count = traffic.count(begun..end);
    let text = format!(
        "{} edits, {repairs} repairs, nothing since; meanwhile {} requests, {} not answered",
        EDITS.len(),
        count.asked,
        count.failed
    );
    let holds = repairs == EDITS.len() && count.failed == 0 && count.asked > 0;
    story.report.check(holds, &text);
    story.look_at_foreign()
}

fn is_drift(line: &str) -> bool {
    line.starts_with("drift: ")
}
