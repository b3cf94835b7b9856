//! Who did something: a person who is signed in, somebody at the command line, or Vågen itself. Written beside what was done.

use vitals::PatientId;

use crate::access::{Decision, Subject};
use crate::audit::Entry;
use crate::tasks::changes::SYSTEM;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// Somebody signed in.
    Person(&'a Subject),
    /// An operating-system user at the command line.
    CommandLine(&'a str),
    /// Vågen itself, by a rule.
    Vagen,
}

impl Actor<'_> {
    /// `staff`, `patient`, `proxy` or `system`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Person(subject) => subject.kind_key(),
            Self::CommandLine(_) | Self::Vagen => "system",
        }
    }

    /// The person's id, the operating-system user, or nothing.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Person(subject) => &subject.id,
            Self::CommandLine(user) => user,
            Self::Vagen => "",
        }
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Person(subject) => &subject.name,
            Self::CommandLine(user) => user,
            Self::Vagen => SYSTEM,
        }
    }

    /// The role's key, or nothing.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match self {
            Self::Person(subject) => subject.role().map_or("", crate::access::Role::key),
            Self::CommandLine(_) | Self::Vagen => "",
        }
    }

    /// The entry in the audit log that says they did `action`, as `decision` says.
    #[must_use]
    pub fn entry(&self, action: &str, patient: Option<&PatientId>, decision: &Decision) -> Entry {
        match self {
            Self::Person(subject) => Entry::by(subject, action, patient, decision),
            Self::CommandLine(_) | Self::Vagen => Entry {
                reason: decision.why.en.clone(),
                ..Entry::at_the_command_line(self.name(), action, patient)
            },
        }
    }
}
