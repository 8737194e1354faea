// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director itself: what it has told, how late it was, what it did to the kernel, and its probes by type.

use super::Known;
use super::families::{
    DRIFT_REPAIRS, EVENTS, FAILED_EXCHANGES, INFO, KERNEL_UP, LOOP_LAG, LOOP_LAG_MAX,
    PROBE_LATENCY, PROBES, REFUSED_STEPS, RELOAD_SUCCESS, RELOADS, START_TIME, STEPS,
    VERDICT_DELAY,
};
use super::text::{Labels, Text};

pub(super) fn write(text: &mut Text, known: &Known<'_>) {
    let (status, figures) = (known.status, known.figures);
    text.family(&INFO, [(Labels(&[("version", &status.version)]), 1)]);
    text.one(&START_TIME, known.started);
    let told = figures.told();
    let told = told.map(|(severity, count)| (format!("severity=\"{}\"", severity.name()), count));
    text.family(&EVENTS, told);
    reconciling(text, known);
    let types = figures.probes.each();
    let outcomes = types.flat_map(|(name, of)| {
        of.outcomes().map(move |(result, count)| {
            let labels = format!("type=\"{name}\",outcome=\"{}\"", result.name());
            (labels, count)
        })
    });
    text.family(&PROBES, outcomes);
    let latencies = figures.probes.each();
    let latencies = latencies.map(|(name, of)| (format!("type=\"{name}\""), &of.latency));
    text.histograms(&PROBE_LATENCY, latencies);
}

fn reconciling(text: &mut Text, known: &Known<'_>) {
    let (status, figures) = (known.status, known.figures);
    text.histograms(&VERDICT_DELAY, [(String::new(), &figures.verdict_delay)]);
    text.histograms(&LOOP_LAG, [(String::new(), &figures.lag)]);
    text.one(&LOOP_LAG_MAX, figures.longest_lag.as_secs_f64());
    text.one(&STEPS, figures.steps);
    text.one(&REFUSED_STEPS, figures.refused_steps);
    text.one(&FAILED_EXCHANGES, figures.failed_exchanges);
    text.one(&DRIFT_REPAIRS, status.drift_repairs);
    let reloads = [
        ("result=\"applied\"", figures.reloads),
        ("result=\"refused\"", figures.refused_reloads),
    ];
    text.family(&RELOADS, reloads);
    text.one(&RELOAD_SUCCESS, u8::from(status.reload_error.is_none()));
    if !status.services.is_empty() {
        text.one(&KERNEL_UP, u8::from(known.kernel.is_some()));
    }
}
