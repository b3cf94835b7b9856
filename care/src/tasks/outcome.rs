//! How a task can end: the acts a nurse chooses among, each one click with a note and a date to follow up.

use crate::language::Words;

/// What came of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing needed doing.
    NoAction,
    /// Advice was written to the patient.
    AdviceWritten,
    /// The patient was phoned.
    Phoned,
    /// A home visit was ordered.
    HomeVisitOrdered,
    /// A visit was booked elsewhere.
    VisitBookedElsewhere,
    /// A prescriber changed the medication.
    MedicationChanged,
    /// The patient was referred.
    Referred,
    /// The patient was sent to emergency care.
    SentToEmergency,
    /// The alert was false; the note says why.
    FalseAlert,
}

impl Outcome {
    /// Every outcome, in the order they are offered.
    pub const ALL: [Self; 9] = [
        Self::NoAction,
        Self::AdviceWritten,
        Self::Phoned,
        Self::HomeVisitOrdered,
        Self::VisitBookedElsewhere,
        Self::MedicationChanged,
        Self::Referred,
        Self::SentToEmergency,
        Self::FalseAlert,
    ];

    /// The key in the store and in exports.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NoAction => "no_action",
            Self::AdviceWritten => "advice_written",
            Self::Phoned => "phoned",
            Self::HomeVisitOrdered => "home_visit_ordered",
            Self::VisitBookedElsewhere => "visit_booked_elsewhere",
            Self::MedicationChanged => "medication_changed",
            Self::Referred => "referred",
            Self::SentToEmergency => "sent_to_emergency",
            Self::FalseAlert => "false_alert",
        }
    }

    /// The outcome with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.key() == key)
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> Words {
        match self {
            Self::NoAction => Words::new("Ingen åtgärd", "No action"),
            Self::AdviceWritten => Words::new("Skrev råd", "Wrote advice"),
            Self::Phoned => Words::new("Ringde", "Phoned"),
            Self::HomeVisitOrdered => Words::new("Beställde hembesök", "Ordered a home visit"),
            Self::VisitBookedElsewhere => {
                Words::new("Bokade besök på annan enhet", "Booked a visit elsewhere")
            }
            Self::MedicationChanged => {
                Words::new("Läkemedel ändrat av förskrivare", "Medication changed by a prescriber")
            }
            Self::Referred => Words::new("Remitterade", "Referred"),
            Self::SentToEmergency => Words::new("Skickade till akuten", "Sent to emergency care"),
            Self::FalseAlert => Words::new("Falskt larm", "False alert"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_found_by_its_key() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_key(outcome.key()), Some(outcome));
        }
        assert_eq!(Outcome::from_key("shrugged"), None);
    }
}
