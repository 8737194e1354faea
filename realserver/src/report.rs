// SPDX-License-Identifier: MIT OR Apache-2.0
//! The output for a person or a script.

use std::fmt::Write;

use lvs_director::model::SysctlName;
use lvs_director::plan::HostStep;
use serde::{Serialize, Serializer};

use crate::parts::{Outcome, Part, PartState};
use crate::placement::Placement;

/// What an action did, or found; `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `start`, `stop` or `status`.
    pub action: &'static str,
    /// The present state of this host for these VIPs.
    pub outcome: Outcome,
    /// The VIPs in question.
    pub vips: Vec<Placement>,
    /// The changes, in order. A status changes nothing.
    #[serde(serialize_with = "as_changes")]
    pub changes: Vec<HostStep>,
    /// Every part as it is now. A stop lists the parts of the VIPs that it left.
    pub parts: Vec<Part>,
    /// Notes for a person.
    pub notes: Vec<String>,
}

/// The output of `--json` when an action failed.
#[derive(Debug, Serialize)]
pub struct FailureReport {
    /// `start`, `stop` or `status`.
    pub action: &'static str,
    /// Always `failed`.
    pub outcome: &'static str,
    /// Why.
    pub error: String,
    /// The exit code.
    pub exit_code: u8,
}

/// One change, as `--json` prints it.
#[derive(Debug, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
enum Change<'a> {
    Make {
        device: &'a str,
    },
    Up {
        device: &'a str,
    },
    Down {
        device: &'a str,
    },
    Set {
        name: &'a SysctlName,
        from: i32,
        to: i32,
    },
    Add {
        #[serde(flatten)]
        placement: Placement,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<&'a str>,
    },
    Remove {
        #[serde(flatten)]
        placement: Placement,
    },
}

impl<'a> Change<'a> {
    /// `None` for a step that a real server never takes.
    fn of(step: &'a HostStep) -> Option<Self> {
        Some(match step {
            HostStep::MakeTunnel { device } => Self::Make {
                device: device.name(),
            },
            HostStep::SetLink {
                interface: device,
                up: true,
            } => Self::Up { device },
            HostStep::SetLink {
                interface: device,
                up: false,
            } => Self::Down { device },
            HostStep::SetSetting { name, from, to } => Self::Set {
                name,
                from: *from,
                to: *to,
            },
            HostStep::AddAddress { address, settings } => Self::Add {
                placement: Placement::of(address)?,
                label: settings.label.as_deref(),
            },
            HostStep::RemoveAddress { address } => Self::Remove {
                placement: Placement::of(address)?,
            },
            HostStep::RenewAddress { .. }
            | HostStep::SetTimeouts { .. }
            | HostStep::StartSyncDaemon { .. }
            | HostStep::StopSyncDaemon { .. } => return None,
        })
    }
}

fn as_changes<S: Serializer>(steps: &[HostStep], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(steps.iter().filter_map(Change::of))
}

impl Report {
    /// The text for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        for change in &self.changes {
            writeln!(out, "{change}")?;
        }
        if self.action == "status" {
            for part in &self.parts {
                write_part(out, part)?;
            }
        }
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        writeln!(out, "{}", self.summary())
    }

    fn summary(&self) -> String {
        let vips: std::collections::BTreeSet<_> = self.vips.iter().map(|at| at.vip).collect();
        let vips: Vec<String> = vips.iter().map(ToString::to_string).collect();
        let of = if vips.is_empty() {
            "real server".to_owned()
        } else {
            format!("real server for {}", vips.join(", "))
        };
        let unchanged = self.action != "status" && self.changes.is_empty();
        match self.outcome {
            Outcome::Running if unchanged => format!("{of}: running already, nothing changed"),
            Outcome::Running => format!("{of}: running"),
            Outcome::Stopped if unchanged => format!("{of}: stopped already, nothing changed"),
            Outcome::Stopped => format!("{of}: stopped"),
            Outcome::HalfSetUp => {
                let total = self.parts.len();
                let ok = |part: &&Part| part.state == PartState::Ok;
                let good = self.parts.iter().filter(ok).count();
                let mut wrong = self
                    .parts
                    .iter()
                    .filter(|part| part.state == PartState::Wrong);
                if wrong.clone().any(|part| part.mend.is_none()) {
                    return format!(
                        "{of}: not set up, {good} of {total} parts are right; this host is a director, which needs no \
                         realserver"
                    );
                }
                let wrong = wrong.next().is_some();
                let first = if wrong {
                    "mend what is wrong, then "
                } else {
                    ""
                };
                format!(
                    "{of}: half set up, {good} of {total} parts are right; {first}complete it with: {}",
                    self.start_command()
                )
            }
        }
    }

    fn start_command(&self) -> String {
        let tunneled = self.vips.iter().filter(|at| at.device.tunnel().is_some());
        let (tunneled, all) = (tunneled.count(), self.vips.len());
        let mut command = "realserver start".to_owned();
        if tunneled > 0 && tunneled < all {
            // VIPs of both kinds: only the configuration tells which.
            return command;
        }
        for placement in &self.vips {
            command.push_str(" --vip ");
            command.push_str(&placement.vip.to_string());
        }
        if tunneled > 0 {
            command.push_str(" --tun");
        }
        command
    }
}

fn write_part(out: &mut String, part: &Part) -> std::fmt::Result {
    let state = match part.state {
        PartState::Ok => "ok",
        PartState::Missing => "missing",
        PartState::Wrong => "wrong",
    };
    write!(out, "{state:<8} {}", part.part)?;
    if let Some(detail) = &part.detail {
        write!(out, " ({detail})")?;
    }
    if let Some(mend) = &part.mend {
        write!(out, "; mend it with: {mend}")?;
    }
    out.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use lvs_director::model::TunnelDevice;
    use lvs_director::plan::AddressSettings;

    use super::*;

    #[test]
    fn changes_are_printed_in_words_and_in_json() {
        let vip = Placement::direct("192.0.2.10".parse().unwrap());
        let tunneled = Placement::tunneled("2001:db8::10".parse().unwrap());
        let link = |up| HostStep::SetLink {
            interface: "tunl0".to_owned(),
            up,
        };
        let add = |placement: Placement, label: Option<&str>| HostStep::AddAddress {
            address: placement.key(),
            settings: AddressSettings {
                label: label.map(str::to_owned),
                ..AddressSettings::default()
            },
        };
        let steps = [
            HostStep::MakeTunnel {
                device: TunnelDevice::Tunl0,
            },
            HostStep::SetSetting {
                name: SysctlName::ipv4_conf("eth0.7", "arp_ignore"),
                from: 0,
                to: 1,
            },
            link(true),
            add(vip, Some("lo:0")),
            add(tunneled, None),
            HostStep::RemoveAddress { address: vip.key() },
            link(false),
        ];
        let words: Vec<_> = steps.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "made tunnel device tunl0",
                "set net.ipv4.conf.eth0/7.arp_ignore: 0 -> 1",
                "set tunl0 up",
                "added 192.0.2.10/32 on lo (lo:0)",
                "added 2001:db8::10/128 on ip6tnl0",
                "removed 192.0.2.10/32 from lo",
                "set tunl0 down",
            ]
        );
        let json: Vec<_> = steps
            .iter()
            .map(|step| serde_json::to_string(&Change::of(step).unwrap()).unwrap())
            .collect();
        assert_eq!(
            json,
            [
                r#"{"change":"make","device":"tunl0"}"#,
                r#"{"change":"set","name":"net.ipv4.conf.eth0/7.arp_ignore","from":0,"to":1}"#,
                r#"{"change":"up","device":"tunl0"}"#,
                r#"{"change":"add","vip":"192.0.2.10","device":"lo","label":"lo:0"}"#,
                r#"{"change":"add","vip":"2001:db8::10","device":"ip6tnl0"}"#,
                r#"{"change":"remove","vip":"192.0.2.10","device":"lo"}"#,
                r#"{"change":"down","device":"tunl0"}"#,
            ]
        );
    }
}
