//! What a patient is judged by: the policy that stands, with what their plan says beside it.
//!
//! **Invariant:** it is what a replay of the patient's export is judged by.

use alerts::{ChartEvent, MeasuringDays, Overrides, Tuning};
use care::people::PatientFacts;
use care::policies::Standing;

/// The rules of `standing` for the patient in `facts`, about whom `plan` was said.
pub(super) fn tuning(standing: &Standing, facts: &PatientFacts, plan: &[ChartEvent]) -> Tuning {
    Tuning::of(&standing.policy, &own_limits(facts)).measuring_on(asked_days(plan))
}

/// The days on which the patient is asked to measure, as was said last; in force for all of the chart.
fn asked_days(plan: &[ChartEvent]) -> MeasuringDays {
    let said = |event: &ChartEvent| match event {
        ChartEvent::Schedule { days, .. } => Some(*days),
        ChartEvent::Reading(_)
        | ChartEvent::Admission { .. }
        | ChartEvent::Discharge { .. }
        | ChartEvent::Pause { .. }
        | ChartEvent::Override { .. }
        | ChartEvent::End { .. } => None,
    };
    plan.iter().rev().find_map(said).unwrap_or_default()
}

/// The patient's own limits, in force for all of the chart. They were written by the register, which checks them; ones that
/// cannot be read are none, and the log says so.
fn own_limits(facts: &PatientFacts) -> Overrides {
    facts.overrides.as_deref().map_or_else(Overrides::default, |text| {
        serde_json::from_str(text).unwrap_or_else(|error| {
            tracing::error!(%error, "a patient's own limits cannot be read; those of the policy hold");
            Overrides::default()
        })
    })
}
