//! What was said about a plan, in words.

use vitals::Timestamp;

use crate::plans::{Measured, PlanEvent, Said, Schedule};
use crate::web::format::{capital, moment, number};
use crate::web::plan::limits;
use crate::web::text::Text;

/// What can be scheduled, as a word.
pub(crate) fn measured_word(measured: Measured, text: Text) -> String {
    text.t(match measured {
        Measured::Weight => "measured-weight",
        Measured::BloodPressure => "measured-blood-pressure",
        Measured::PulseOximetry => "measured-pulse-oximetry",
        Measured::Symptoms => "measured-symptoms",
    })
}

/// A schedule, a line for each kind that has days of its own: `Blodtryck: mån, tors`.
pub(crate) fn schedule_lines(schedule: &Schedule, text: Text) -> Vec<String> {
    let line = |measured: Measured| {
        let days: Vec<String> =
            schedule.days(measured)?.iter().map(|day| text.t(&format!("weekday-{day}"))).collect();
        Some(format!("{}: {}", capital(&measured_word(measured, text)), days.join(", ")))
    };
    Measured::ALL.into_iter().filter_map(line).collect()
}

/// One line of the history.
pub(super) fn in_words(event: &PlanEvent, now: Timestamp, text: Text) -> String {
    let when = |at: Timestamp| moment(at, now, text);
    match &event.said {
        Said::Limits(own) if own.is_empty() => text.t("said-no-limits"),
        Said::Limits(own) => {
            let named = |(name, value): (&str, f64)| {
                let key = name.rsplit('.').next().unwrap_or(name);
                format!("{} {}", limits::word(key, text), limits::with_unit(value, key, text))
            };
            let all: Vec<String> = own.iter().map(named).collect();
            text.with("said-limits", &[("limits", all.join("; ").into())])
        }
        Said::Pause { from, until } => {
            let until = event.true_end(*from, *until);
            text.with("said-pause", &[("from", when(*from).into()), ("until", when(until).into())])
        }
        Said::PauseEnd { .. } => text.t("said-pause-end"),
        Said::Admission { at } => text.with("said-admission", &[("when", when(*at).into())]),
        Said::Discharge { at } => text.with("said-discharge", &[("when", when(*at).into())]),
        Said::TargetWeight(None) => text.t("said-no-target"),
        Said::TargetWeight(Some(kg)) => text.with("said-target", &[("kg", number(*kg, text.0).into())]),
        Said::Schedule(schedule) if schedule.is_empty() => text.t("said-no-schedule"),
        Said::Schedule(schedule) => {
            text.with("said-schedule", &[("days", schedule_lines(schedule, text).join("; ").into())])
        }
        Said::Diuretic(words) if words.is_empty() => text.t("said-no-diuretic"),
        Said::Diuretic(words) => text.with("said-diuretic", &[("words", words.clone().into())]),
        Said::Text(words) => text.with("said-words", &[("words", words.clone().into())]),
    }
}
