//! Which of the tasks one wants to see.

use vitals::Timestamp;

use crate::access::Subject;
use crate::people::PatientFacts;
use crate::tasks::Task;

/// Which tasks to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// One's own, and those of the unit that nobody has taken.
    #[default]
    MineAndFree,
    /// All of the unit.
    Unit,
    /// Those that lie with a municipality's units, of patients one shares.
    Municipal,
    /// Those of the unit that rest.
    Resting,
}

impl Filter {
    /// Every filter, in the order they are offered.
    pub const ALL: [Self; 4] = [Self::MineAndFree, Self::Unit, Self::Municipal, Self::Resting];

    /// The key in addresses.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::MineAndFree => "mine",
            Self::Unit => "unit",
            Self::Municipal => "municipal",
            Self::Resting => "resting",
        }
    }

    /// The filter with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.key() == key)
    }

    pub(super) fn takes(
        self,
        task: &Task,
        facts: Option<&PatientFacts>,
        subject: &Subject,
        now: Timestamp,
    ) -> bool {
        if task.rests_at(now) != (self == Self::Resting) {
            return false;
        }
        let ours = task.unit.is_none() || task.unit.as_deref() == subject.unit();
        let mine = task.owner.as_deref() == Some(&subject.id);
        match self {
            Self::MineAndFree => mine || (ours && task.owner.is_none()),
            Self::Unit | Self::Resting => ours || mine,
            Self::Municipal => facts.is_some_and(|facts| {
                facts.units.iter().any(|unit| {
                    Some(&unit.id) == task.unit.as_ref() && unit.organisation_kind == "municipality"
                })
            }),
        }
    }
}
