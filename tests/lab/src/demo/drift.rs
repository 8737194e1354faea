// SPDX-License-Identifier: MIT OR Apache-2.0
//! Step: what others change in the table by mistake is found and put right.

use std::thread;
use std::time::Instant;

use anyhow::Result;

use super::config::REPAIR;
use super::director::{HOST, full_table};
use super::report::{Figure, seconds};
use super::stage::{LONG, SLACK};
use super::story::Story;
use super::traffic::Traffic;

/// Changes by hand, and the end of each one's line in the log.
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
    // From the first edit on, to be fair.
    let edited = Instant::now();
    for edit in EDITS {
        story.report.command(HOST, edit);
        director.run(edit)?;
    }
    director.wait_for_table("the repair", LONG, &full_table()?)?;
    let took = edited.elapsed();
    let lines =
        director.wait_for_lines(mark, EDITS.len(), SLACK, |line| line.starts_with("drift: "))?;
    for line in &lines {
        story.report.quote(line);
    }
    story.report.figure(
        &format!(
            "all found and repaired {} after the first edit",
            seconds(took)
        ),
        Figure {
            what: "edits by hand: repaired after".to_owned(),
            measured: seconds(took),
            wanted: format!("{} at most", seconds(REPAIR)),
            holds: took <= REPAIR + SLACK,
        },
    );
    thread::sleep(REPAIR);
    let end = traffic.settle();
    let again = story
        .stage
        .director
        .lines_since(mark)?
        .iter()
        .filter(|line| line.starts_with("drift: "))
        .count();
    story.report.check(
        again == EDITS.len(),
        &format!("{} edits, {again} repairs, and nothing since", EDITS.len()),
    );
    let count = traffic.count(begun..end);
    story.report.check(
        count.failed == 0 && count.asked > 0,
        &format!(
            "meanwhile: {} questions, {} not answered",
            count.asked, count.failed
        ),
    );
    story.look_at_foreign()
}
