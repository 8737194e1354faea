// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many servers a service needs, and who stands in for them.

use super::method::Method;
use super::server::Sorry;
use super::service::Virtual;
use crate::diagnostic::{Finding, Findings, Severity};
use crate::import::keepalived::keywords::not_carried_over;
use crate::import::keepalived::value::{flag, number, only};
use crate::import::statement::Statement;

impl Virtual {
    /// What says when the sorry server comes, and which it is.
    pub(super) fn quorum_line(
        &mut self,
        name: &str,
        line: &Statement,
        out: &mut Findings,
    ) -> &'static str {
        let count =
            |line, out: &mut Findings| number(only(line, out)?, 0..=i32::MAX.unsigned_abs(), out);
        match name {
            "quorum" => {
                self.quorum = count(line, out);
                if self.quorum == Some(0) {
                    let finding = Finding::warning(line.span(), "quorum 0 becomes 1");
                    out.push(
                        finding.help(
                            "keepalived does the same: a service without servers has no quorum",
                        ),
                    );
                }
            }
            "hysteresis" => self.hysteresis = count(line, out).unwrap_or_default(),
            "sorry_server" => {
                self.sorry = Sorry::read(line, out);
                return "sorry_server";
            }
            "sorry_server_lvs_method" => {
                self.sorry_method = Method::read(line, out);
                return "sorry_server";
            }
            _ => {
                flag(line, out);
                let why = "a sorry server leaves the table when it is needed no more";
                out.push(not_carried_over(line, Severity::Warning, why));
                return "sorry_server";
            }
        }
        "quorum"
    }

    /// keepalived cuts what cannot be met.
    pub(super) fn cut_quorum(&mut self, out: &mut Findings) {
        let weights = self
            .servers
            .iter()
            .map(|it| it.weight.or(self.weight).unwrap_or(1));
        let total = weights.fold(0_u32, u32::saturating_add);
        let quorum = self.quorum.unwrap_or(1);
        if quorum > total.max(1) {
            let what =
                format!("quorum {quorum} becomes {total}, the weights of all servers together");
            let finding = Finding::warning(self.span, what);
            out.push(finding.help("keepalived does the same: it counts weights, not servers"));
            self.quorum = Some(total.max(1));
        }
        let quorum = self.quorum.unwrap_or(1);
        if self.hysteresis > 0 && self.hysteresis >= quorum {
            let most = quorum.saturating_sub(1);
            let what = format!("hysteresis {} becomes {most}", self.hysteresis);
            let finding = Finding::warning(self.span, what);
            out.push(finding.help("keepalived does the same: it must be less than the quorum"));
            self.hysteresis = most;
        }
    }
}
