// SPDX-License-Identifier: MIT OR Apache-2.0
//! Step: three hosts become real servers.

use anyhow::{Context, Result};

use super::config;
use super::stage::{CONFIG, PORTS, SERVERS, VIP};
use super::story::Story;

pub(super) fn tell(story: &mut Story) -> Result<()> {
    let (yaml, changes) = config::derive()?;
    let path = story.stage.lab.share().join(CONFIG);
    std::fs::write(&path, yaml).with_context(|| format!("write {}", path.display()))?;

    story
        .report
        .step(&format!("Three hosts become real servers for {VIP}"));
    story.report.say(&format!(
        "{CONFIG} is examples/rabbitmq.yaml with unequal weights, and faster, to fit in a minute: {changes}."
    ));
    let start = format!("realserver start --config {CONFIG}");
    let mut again = 0;
    for (index, server) in SERVERS.into_iter().enumerate() {
        let said = story.stage.start_server(server)?;
        let status = story.stage.run(server.name, "realserver status")?;
        if index == 0 {
            story.report.command(server.name, &start);
            story.report.quote(&said);
            story.report.command(server.name, "realserver status");
            story.report.quote(&status);
        }
        again += usize::from(
            story
                .stage
                .run(server.name, &start)?
                .contains("nothing changed"),
        );
    }
    story
        .report
        .check(true, "realserver status is 0 (running) on rs1, rs2 and rs3");
    story.report.check(
        again == SERVERS.len(),
        &format!(
            "a second start changed nothing on {again} of {}",
            SERVERS.len()
        ),
    );
    let [first, second] = PORTS;
    story.report.check(
        true,
        &format!("a TCP service answers on each, at ports {first} and {second}"),
    );
    Ok(())
}
