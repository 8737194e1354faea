// SPDX-License-Identifier: MIT OR Apache-2.0
//! Step: the director fills the kernel's table.

use std::time::Instant;

use anyhow::Result;

use super::config::FIRST_VERDICTS;
use super::director::{FOREIGN, HOST, full_table};
use super::report::{Figure, seconds};
use super::stage::{CONFIG, LONG, PORTS, SERVERS, SLACK, VIP};
use super::story::Story;

pub(super) fn tell(story: &mut Story) -> Result<()> {
    story.report.step("The director takes over");
    let address = format!("ip address add {VIP}/32 dev eth0");
    story.report.command(
        HOST,
        &format!("{address}     # by hand: VRRP is a later piece"),
    );
    story.stage.director.run(&address)?;
    for line in FOREIGN {
        story.stage.director.run(&format!("ipvsadm {line}"))?;
    }
    let [service, _] = FOREIGN;
    story.report.command(
        HOST,
        &format!("ipvsadm {service}     # somebody else's, to be left alone"),
    );
    let director = &story.stage.director;
    for command in ["check", "plan"] {
        let command = format!("director {command} {CONFIG}");
        story.report.command(HOST, &command);
        story.report.quote(&director.run(&command)?);
    }
    story
        .report
        .command(HOST, &format!("director run {CONFIG} &"));
    let begun = Instant::now();
    let (mark, started) = director.start()?;
    story.report.quote(&started);
    let all = SERVERS.len() * PORTS.len();
    let ups = director.wait_for_lines(mark, all, LONG, |line| line.contains(": unknown -> up "))?;
    let took = begun.elapsed();
    if let Some(line) = ups.first() {
        story.report.quote(line);
    }
    let figure = Figure {
        what: format!("start: all {all} real servers checked, and in the table, after"),
        measured: seconds(took),
        wanted: format!("{} at most", seconds(FIRST_VERDICTS)),
        holds: took <= FIRST_VERDICTS + SLACK,
    };
    director.wait_for_table("the whole table", SLACK, &full_table()?)?;
    let ours = director.run("lvsadm -Ln")?;
    story.report.command(HOST, "lvsadm -Ln");
    story.report.quote(&ours);
    let theirs = director.run("ipvsadm -Ln")?;
    story.report.figure(
        &format!(
            "all {all} real servers checked and in the table {} after the start",
            seconds(took)
        ),
        figure,
    );
    story.report.check(
        ours == theirs,
        "lvsadm -Ln and ipvsadm -Ln print the same, byte for byte",
    );
    story.look_at_foreign()
}
