// SPDX-License-Identifier: MIT OR Apache-2.0
//! Step: the director fills the kernel's table.

use std::time::Instant;

use anyhow::Result;

use super::config::FIRST_VERDICTS;
use super::director::{FOREIGN, HOST, full_table};
use super::report::{Figure, seconds};
use super::stage::{CONFIG, LONG, PORTS, SERVERS, VIP};
use super::story::Story;

pub(super) fn tell(story: &mut Story) -> Result<()> {
    let (director, report) = (&story.stage.director, &mut story.report);
    report.step("The director takes over");
    let address = format!("ip address add {VIP}/32 dev eth0");
    report.command(
        HOST,
        &format!("{address}    # by hand: VRRP is a later piece"),
    );
    director.run(&address)?;
    for line in FOREIGN {
        director.run(&format!("ipvsadm {line}"))?;
    }
    let [service, _] = FOREIGN;
    report.command(
        HOST,
        &format!("ipvsadm {service}         # somebody else's, to be left alone"),
    );
    let check = format!("director check {CONFIG}");
    report.command(HOST, &check);
    report.quote(&director.run(&check)?);
    let plan = format!("director plan {CONFIG}");
    report.command(HOST, &plan);
    plan_shown(&director.run(&plan)?, report);

    report.command(HOST, &format!("director run {CONFIG} &"));
    let begun = Instant::now();
    let (mark, started) = director.start()?;
    report.quote(&started);
    let all = SERVERS.len() * PORTS.len();
    director.wait_for_lines(mark, all, LONG, |line| line.contains(": unknown -> up "))?;
    let took = begun.elapsed();
    director.wait_for_table("the whole table", LONG, &full_table()?)?;
    let ours = director.run("lvsadm -Ln")?;
    report.command(HOST, "lvsadm -Ln");
    report.quote(&ours);
    let text = format!(
        "all {all} real servers were checked, and in the table, {} after the start",
        seconds(took)
    );
    let what = format!("start: all {all} real servers checked after");
    report.figures(&text, [Figure::time(&what, took, FIRST_VERDICTS)]);
    let same = ours == director.run("ipvsadm -Ln")?;
    report.check(same, "ipvsadm -Ln prints the same, byte for byte");
    story.look_at_foreign()
}

/// The steps for the first service represent all.
fn plan_shown(plan: &str, report: &super::report::Report) {
    let (mut services, mut left) = (0, 0);
    for line in plan.lines() {
        services += usize::from(line.starts_with("-A "));
        if services > 1 {
            left += 1;
        } else {
            report.quote(line);
        }
    }
    let [_, port] = PORTS;
    report.quote(&format!("... ({left} more for port {port})"));
}
