// SPDX-License-Identifier: MIT OR Apache-2.0
//! Step: three hosts become real servers.

use anyhow::{Context, Result};

use super::config;
use super::stage::{CONFIG, PORTS, SERVERS, VIP};
use super::story::Story;

pub(super) fn tell(story: &mut Story) -> Result<()> {
    let path = story.stage.lab.share().join(CONFIG);
    std::fs::write(&path, config::derive(|_| ())?)
        .with_context(|| format!("write {}", path.display()))?;
    let report = &mut story.report;
    report.step(&format!("Three hosts become real servers for {VIP}"));
    let changes = config::SHOWN;
    report.say(&format!(
        "{CONFIG} is examples/rabbitmq.yaml with other values, to fit in a minute: {changes}."
    ));
    let start = format!("realserver start --config {CONFIG}");
    let mut again = 0;
    for (index, server) in SERVERS.into_iter().enumerate() {
        let said = story.stage.start_server(server)?;
        let status = story.stage.run(server.name, "realserver status")?;
        if index == 0 {
            report.command(server.name, &start);
            report.quote(said.lines().last().unwrap_or_default());
            report.command(server.name, "realserver status");
            report.quote(&status);
        }
        let said = story.stage.run(server.name, &start)?;
        again += usize::from(said.contains("nothing changed"));
    }
    let names = SERVERS.map(|server| server.name).join(", ");
    let [first, second] = PORTS;
    report.check(
        true,
        &format!(
            "running on {names}; a TCP service answers on each, at ports {first} and {second}"
        ),
    );
    let all = SERVERS.len();
    let text = format!("a second realserver start changed nothing on {again} of {all}");
    report.check(again == all, &text);
    Ok(())
}
