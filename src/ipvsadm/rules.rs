// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command needs, takes and refuses, from all rows of the table.

use std::collections::BTreeSet;

use super::failure::Failure;
use super::options::{Command, DEFINITIONS, Meaning};
use super::topic::{Topic, Topics};

/// Some commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Commands(u32);

impl Commands {
    const fn of(mut list: &[Command]) -> Self {
        let mut all = 0;
        while let [first, others @ ..] = list {
            all |= 1 << *first as u8;
            list = others;
        }
        Self(all)
    }

    const fn contains(self, command: Command) -> bool {
        self.0 & 1 << command as u8 != 0
    }
}

/// The topic of an option, and how each command treats it. Options of one topic have the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Legality {
    /// `None` for an option that may be repeated, and goes with every command.
    pub topic: Option<Topic>,
    /// The topic's name in messages; `None` means the option's long name.
    pub(super) name: Option<&'static str>,
    /// Commands that cannot do without it.
    required: Commands,
    /// Commands that take at most one of several.
    exclusive: Commands,
    /// Commands that take it as well.
    optional: Commands,
}

impl Legality {
    /// With no command so far.
    pub(super) const NEVER: Self = Self {
        topic: None,
        name: None,
        required: Commands(0),
        exclusive: Commands(0),
        optional: Commands(0),
    };
    /// With every command, as often as one likes.
    pub(super) const ALWAYS: Self = Self {
        optional: Commands(u32::MAX),
        ..Self::NEVER
    };

    /// These commands cannot do without it.
    pub(super) const fn required(mut self, commands: &[Command]) -> Self {
        self.required = Commands::of(commands);
        self
    }

    /// Of all that is exclusive to one of these commands it takes at most one.
    pub(super) const fn exclusive(mut self, commands: &[Command]) -> Self {
        self.exclusive = Commands::of(commands);
        self
    }

    /// These commands take it as well.
    pub(super) const fn optional(mut self, commands: &[Command]) -> Self {
        self.optional = Commands::of(commands);
        self
    }

    /// Its topic.
    pub(super) const fn about(mut self, topic: Topic) -> Self {
        self.topic = Some(topic);
        self
    }

    /// The topic's name in messages, when several options have this topic.
    pub(super) const fn called(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Whether a command takes it at all.
    #[must_use]
    pub const fn allows(self, command: Command) -> bool {
        self.required.contains(command)
            || self.exclusive.contains(command)
            || self.optional.contains(command)
    }
}

/// The topics that a command takes. All others are illegal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The command's name in messages.
    pub name: &'static str,
    /// Topics that it needs.
    pub required: Topics,
    /// Topics of which it takes at most one.
    pub exclusive: Topics,
    /// Topics that it also takes.
    pub optional: Topics,
}

impl Command {
    /// The rules of every command. Every line of a restore is checked with them, so the compiler makes them from the
    /// table.
    #[must_use]
    pub const fn rules(self) -> &'static Rules {
        macro_rules! compiled {
            ($($command:ident)*) => {
                match self {
                    $(Self::$command => const { &Rules::of(Self::$command) },)*
                }
            };
        }
        compiled! {
            AddService EditService DeleteService Clear Restore Save AddServer EditServer DeleteServer
            List Zero SetTimeouts StartDaemon StopDaemon Help Version
        }
    }
}

impl Rules {
    /// The rules of a command, from the rows of the table.
    const fn of(command: Command) -> Self {
        let mut rules = Self {
            name: "",
            required: Topics::NONE,
            exclusive: Topics::NONE,
            optional: Topics::NONE,
        };
        let mut rows = DEFINITIONS;
        while let [row, others @ ..] = rows {
            if let Meaning::Command(named) = row.meaning
                && named as u8 == command as u8
            {
                rules.name = row.called;
            }
            if let Some(topic) = row.legality.topic {
                if row.legality.required.contains(command) {
                    rules.required.insert(topic);
                }
                if row.legality.exclusive.contains(command) {
                    rules.exclusive.insert(topic);
                }
                if row.legality.optional.contains(command) {
                    rules.optional.insert(topic);
                }
            }
            rows = others;
        }
        rules
    }

    /// Checks, topic by topic, that a command got what it needs and nothing that it does not take.
    pub fn check(&self, given: Topics) -> Result<(), Failure> {
        // Most lines of a restore are as they should be: only the others are looked at topic by topic.
        let taken = self.required.with(self.optional);
        if given.contain(self.required) && taken.contain(given) {
            return Ok(());
        }
        let command = self.name;
        let mut exclusive: Option<&str> = None;
        let topics: BTreeSet<Topic> = DEFINITIONS
            .iter()
            .filter_map(|row| row.legality.topic)
            .collect();
        for topic in topics {
            let name = topic.name();
            if !given.contains(topic) {
                if self.required.contains(topic) {
                    return Err(Failure::usage(format!(
                        "You need to supply the '{name}' option for the '{command}' command"
                    )));
                }
            } else if self.exclusive.contains(topic) {
                if let Some(earlier) = exclusive {
                    return Err(Failure::usage(format!(
                        "The option '{name}' conflicts with the '{earlier}' option in the '{command}' command"
                    )));
                }
                exclusive = Some(name);
            } else if !self.required.contains(topic) && !self.optional.contains(topic) {
                return Err(Failure::usage(format!(
                    "Illegal '{name}' option with the '{command}' command"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_about_one_topic_go_with_the_same_commands() {
        for row in DEFINITIONS {
            if let Some(topic) = row.legality.topic {
                for other in DEFINITIONS {
                    if other.legality.topic == Some(topic) {
                        assert_eq!(row.legality, other.legality, "{} {}", row.long, other.long);
                    }
                }
            }
        }
    }

    #[test]
    fn every_command_is_named_and_every_option_is_taken_by_one() {
        let commands: Vec<Command> = DEFINITIONS
            .iter()
            .filter_map(|row| match row.meaning {
                Meaning::Command(command) => Some(command),
                Meaning::Option(_) => None,
            })
            .collect();
        for command in &commands {
            assert_ne!(command.rules().name, "", "{command:?}");
        }
        assert_eq!(Command::Clear.rules().name, "flush");
        for row in DEFINITIONS {
            let taken = commands.iter().any(|command| row.is_option_of(*command));
            assert_eq!(
                taken,
                matches!(row.meaning, Meaning::Option(_)),
                "{}",
                row.long
            );
        }
    }
}
