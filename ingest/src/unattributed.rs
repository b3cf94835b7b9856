//! A measurement that nobody can be named for: the people it may be of are asked the same day and staff get a task, and a second
//! weighing that agrees may speak for it.
//!
//! What was measured is said to nobody here: it may be somebody else's.
//!
//! **Invariant:** what is unattributed is no sign of anybody: it ends no silence and joins no chart.

use alerts::{Finding, Priority, Problem, Reason};
use care::actor::Actor;
use care::admission::settled::{self, Act, Item};
use vitals::{Envelope, PatientId, Quantity, Timestamp};

use crate::readmit::{self, By};
use crate::sitting::{Sitting, SittingError};

/// The rule in the reason of a task about a measurement that nobody can be named for.
pub(crate) const UNATTRIBUTED_RULE: &str = "unattributed_measurement";
/// A second weighing speaks for the first within this time: the patient is asked to weigh once more within ten minutes.
const AGAIN_MS: i64 = 10 * Timestamp::MINUTE_MS;
/// Two weighings that lie this close agree, kg; as where a chart admits the second of two odd ones.
const AGREE_KG: f64 = 1.5;

/// Opens a task for each of `people`, who may have measured `envelope` at `at`, with a question to them; one that is open is
/// not opened again.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn ask(
    sitting: &mut Sitting<'_>,
    envelope: &Envelope,
    people: &[PatientId],
    now: Timestamp,
) -> Result<(), SittingError> {
    for patient in people {
        let Some(facts) = sitting.facts(patient, now).await? else { continue };
        let version = sitting.standing(&facts, now).policy.version().to_owned();
        let finding = finding(envelope, version, now);
        sitting.found(&facts, vec![finding], now).await?;
    }
    Ok(())
}

fn finding(envelope: &Envelope, policy_version: String, now: Timestamp) -> Finding {
    let device = envelope.device.model.clone().unwrap_or_else(|| envelope.device.id.to_string());
    Finding {
        problem: Problem::DataQuality,
        priority: Priority::Routine,
        at: now,
        late: false,
        reason: Reason {
            rule: UNATTRIBUTED_RULE.to_owned(),
            policy_version,
            observed: None,
            limit: None,
            unit: String::new(),
            text_sv: format!("en mätning med {device} kunde inte knytas till någon; den väntar i karantän"),
            text_en: format!(
                "a measurement with {device} could not be attributed to anybody; it waits in quarantine"
            ),
        },
        readings: Vec::new(),
    }
}

/// Whose `envelope` is although its weight does not fit: the one person who had the device, when it agrees with a weighing that
/// waits for the same doubt. That one is admitted first.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn confirmed(
    sitting: &mut Sitting<'_>,
    envelope: &Envelope,
    people: &[PatientId],
    at: Timestamp,
    now: Timestamp,
) -> Result<Option<PatientId>, SittingError> {
    let [patient] = people else { return Ok(None) };
    let items = agreeing(sitting, envelope, at).await?;
    let Some(facts) = sitting.facts(patient, now).await?.filter(|_| !items.is_empty()) else {
        return Ok(None);
    };
    let by = By {
        act: Act::Confirmed,
        actor: Actor::Vagen,
        reason: "a second weighing within ten minutes agrees",
    };
    for item in &items {
        if let Some(earlier) = item.envelope() {
            readmit::admit(sitting, item, &earlier, &facts, by, now).await?;
        }
    }
    Ok(Some(patient.clone()))
}

/// The unattributed weighings that `envelope`, measured at `at`, agrees with: of the same device, within ten minutes, within
/// 1.5 kg.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
async fn agreeing(
    sitting: &mut Sitting<'_>,
    envelope: &Envelope,
    at: Timestamp,
) -> Result<Vec<Item>, SittingError> {
    let Some(kg) = envelope.measurement.values.get(Quantity::WeightKg) else { return Ok(Vec::new()) };
    let (from, until) = (at.plus_millis(-AGAIN_MS), at.plus_millis(AGAIN_MS));
    let mut items =
        settled::unattributed(sitting.store().await?, envelope.device.id.as_str(), from, until).await?;
    items.retain(|item| {
        let earlier = item.envelope();
        let weight = earlier.as_ref().and_then(|one| one.measurement.values.get(Quantity::WeightKg));
        let same_user =
            earlier.is_some_and(|one| one.measurement.user_slot == envelope.measurement.user_slot);
        same_user && weight.is_some_and(|weight| (weight - kg).abs() <= AGREE_KG)
    });
    Ok(items)
}
