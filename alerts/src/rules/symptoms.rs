//! Symptoms that need no other sign: red flags, waking breathless, severe breathlessness.
//!
//! **Opens** a `symptoms` case, urgent, at a form that holds a red flag (chest pain, fainting, breathless at rest) of the
//! policy's grade or worse, or orthopnoea or breathlessness of the policy's grade and clearly above the person's
//! habit. Where a decompensation case is open, triage lets it join that. **Closes** by staff.
//!
//! **Invariant:** a red flag has no habit: it counts however often it was said.

use vitals::Symptom;

use super::{Case, Seen};
use crate::finding::{Priority, Problem};
use crate::state::Glance;
use crate::words::Bilingual;

pub(super) fn see(case: &Case<'_>) -> Vec<Seen> {
    let Some(answers) = case.sample.answers().filter(|_| case.set_off(Glance::SYMPTOMS)) else {
        return Vec::new();
    };
    let flagged = case.input.state.flagged(answers, case.input.tuning);
    flagged.map(|(symptom, grade, limit)| said(case, symptom, f64::from(grade), limit)).collect()
}

fn said(case: &Case<'_>, symptom: Symptom, observed: f64, limit: f64) -> Seen {
    let (name_sv, name_en) = names(symptom);
    let (degree_sv, degree_en) = degree(observed);
    Seen {
        problem: Problem::Symptoms,
        priority: Priority::Urgent,
        rule: rule_name(symptom),
        observed: Some(observed),
        limit: Some(limit),
        unit: "",
        text: Bilingual::of(format!("{name_sv}: {degree_sv}"), format!("{name_en}: {degree_en}")),
        readings: vec![case.reading.id.clone()],
    }
}

const fn degree(grade: f64) -> (&'static str, &'static str) {
    if grade >= 3.0 {
        ("svårt", "severe")
    } else if grade >= 2.0 {
        ("tydligt", "moderate")
    } else {
        ("lite", "mild")
    }
}

/// The rule's name in a reason.
pub(super) const fn rule_name(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::Breathlessness => "symptom_breathlessness",
        Symptom::Orthopnoea => "symptom_orthopnoea",
        Symptom::Swelling => "symptom_swelling",
        Symptom::Dizziness => "symptom_dizziness",
        Symptom::Fatigue => "symptom_fatigue",
        Symptom::WorseThanYesterday => "symptom_worse_than_yesterday",
        Symptom::ChestPain => "symptom_chest_pain",
        Symptom::Fainting => "symptom_fainting",
        Symptom::BreathlessAtRest => "symptom_breathless_at_rest",
        Symptom::Cough => "symptom_cough",
        Symptom::Palpitations => "symptom_palpitations",
    }
}

/// What staff read, so that "mer ..." and "more ..." can stand before it.
pub(crate) const fn names(symptom: Symptom) -> (&'static str, &'static str) {
    match symptom {
        Symptom::Breathlessness => ("andfådd", "breathless"),
        Symptom::Orthopnoea => ("andfådd i liggande", "breathless lying flat"),
        Symptom::Swelling => ("svullen", "swollen"),
        Symptom::Dizziness => ("yr", "dizzy"),
        Symptom::Fatigue => ("trött", "tired"),
        Symptom::WorseThanYesterday => ("försämrad mot dagen före", "worse than the day before"),
        Symptom::ChestPain => ("ont i bröstet", "chest pain"),
        Symptom::Fainting => ("svimmat", "fainting"),
        Symptom::BreathlessAtRest => ("andfådd i vila", "breathless at rest"),
        Symptom::Cough => ("hosta", "cough"),
        Symptom::Palpitations => ("hjärtklappning", "palpitations"),
    }
}
