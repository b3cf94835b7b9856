//! Where a dialogue ends: what to do now, how soon a person looks, who can help.
//!
//! **Invariants:** what was not answered counts as its worst answer, so leaving a question out never makes the advice
//! milder; a worse answer never does either. What a clear form need not ask was not left out.

use jiff::tz::TimeZone;
use jiff::{ToSpan, civil};
use vitals::{Severity, Symptom, SymptomAnswers, Timestamp};

use super::questions::{RED_FLAGS, is_clear_form};
use super::{Advice, STANDING_TEXT};
use crate::calendar::{is_office_day, office_day_from};
use crate::finding::{Competence, Priority};
use crate::words::{Bilingual, weekday};

/// The four ends of a dialogue, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Emergency,
    Today,
    NextOfficeDay,
    Well,
}

/// What is said when the questions are done.
///
/// A red flag ends in 112. A red flag that was not answered is treated as urgent, with 112 in the text. On the eve of
/// days on which nobody is there, the text says what to do on those days.
#[must_use]
pub fn closing(answers: &SymptomAnswers, now: Timestamp, zone: &TimeZone) -> Advice {
    let closed = closed_days(now, zone);
    match end(answers) {
        End::Emergency => Advice {
            text: Bilingual::of(
                "Ring 112 nu. Berätta att du har hjärtsvikt. Vänta inte på svar från oss.",
                "Call 112 now. Say that you have heart failure. Do not wait for an answer from us.",
            ),
            priority: Priority::Urgent,
            competence: Competence::Physician,
        },
        End::Today => Advice {
            text: joined(&[
                Bilingual::of(
                    "Tack för dina svar. En sjuksköterska behöver titta på dem så snart mottagningen är öppen.",
                    "Thank you for your answers. A nurse needs to look at them as soon as the clinic is open.",
                ),
                Bilingual::of(
                    "Får du ont i bröstet, svimmar eller får svårt att andas i vila: ring 112. Känns det inte bra att vänta: ring 1177.",
                    "If your chest hurts, you faint or find it hard to breathe at rest: call 112. If it does not feel right to wait: call 1177.",
                ),
                closed,
            ]),
            priority: Priority::Urgent,
            competence: Competence::HeartFailureNurse,
        },
        End::NextOfficeDay => Advice {
            text: joined(&[
                Bilingual::of(
                    "Tack för dina svar. En sjuksköterska läser dem. Svar senast nästa vardag. Blir du sämre: ring 112.",
                    "Thank you for your answers. A nurse reads them. You get an answer by the next working day. If you get worse: call 112.",
                ),
                closed,
            ]),
            priority: Priority::Soon,
            competence: Competence::HeartFailureNurse,
        },
        End::Well => Advice {
            text: joined(&[
                Bilingual::of(
                    "Tack för dina svar. Fortsätt som vanligt.",
                    "Thank you for your answers. Carry on as usual.",
                ),
                Bilingual::of(STANDING_TEXT.sv, STANDING_TEXT.en),
            ]),
            priority: Priority::Routine,
            competence: Competence::HeartFailureNurse,
        },
    }
}

fn end(answers: &SymptomAnswers) -> End {
    let said = |symptom: Symptom| answers.get(symptom);
    let at_worst = |symptom: Symptom| said(symptom).unwrap_or(Severity::SEVERE);
    let red_flag = |symptom: &Symptom| said(*symptom).is_some_and(|severity| severity > Severity::NONE);
    if RED_FLAGS.iter().any(red_flag) {
        return End::Emergency;
    }
    if is_clear_form(answers) {
        return End::Well;
    }
    let breathless = at_worst(Symptom::Breathlessness);
    let worse = at_worst(Symptom::WorseThanYesterday) > Severity::NONE;
    let urgent = RED_FLAGS.iter().any(|symptom| said(*symptom).is_none())
        || at_worst(Symptom::Orthopnoea) >= Severity::MODERATE
        || breathless >= Severity::SEVERE
        || (worse && breathless >= Severity::MODERATE);
    if urgent {
        return End::Today;
    }
    End::NextOfficeDay
}

/// What to do on the days until the office opens, when that is not tomorrow; empty otherwise.
fn closed_days(now: Timestamp, zone: &TimeZone) -> Bilingual {
    let local = zone.to_datetime(now.to_jiff());
    let tomorrow = local.date().saturating_add(1.day());
    let opens = office_day_from(tomorrow);
    if opens == tomorrow {
        return Bilingual::of("", "");
    }
    let (opens_sv, opens_en) = weekday(opens.weekday());
    let (first_sv, first_en) = first_closed_day(local.date(), tomorrow);
    Bilingual::of(
        format!(
            "Mottagningen är stängd {first_sv} och öppnar igen på {opens_sv}. Blir du sämre innan dess: ring 1177 för råd, 112 om det är akut."
        ),
        format!(
            "The clinic is closed {first_en} and opens again on {opens_en}. If you get worse before then: call 1177 for advice, 112 in an emergency."
        ),
    )
}

fn first_closed_day(today: civil::Date, tomorrow: civil::Date) -> (String, String) {
    if is_office_day(today) {
        let (sv, en) = weekday(tomorrow.weekday());
        (format!("från {sv}"), format!("from {en}"))
    } else {
        let (sv, en) = weekday(today.weekday());
        (format!("i dag {sv}"), format!("today {en}"))
    }
}

fn joined(parts: &[Bilingual]) -> Bilingual {
    let join = |of: fn(&Bilingual) -> &str| {
        parts.iter().map(of).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    Bilingual::of(join(|part| &part.sv), join(|part| &part.en))
}
