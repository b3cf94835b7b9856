//! From what was written in a form to what is said about a plan, and from a refusal to words.

use alerts::Overrides;
use jiff::civil::DateTime;
use vitals::Timestamp;

use super::Written;
use crate::clock::zone;
use crate::plans::{Measured, PlanError, Said, Schedule};
use crate::web::text::Text;

/// A field that cannot be read, and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The field.
    pub(super) field: String,
    /// What stands there.
    pub(super) value: String,
}

/// What the form `what` says; `None` where there is no such form.
pub(super) fn read(what: &str, written: &Written) -> Option<Result<Said, Unreadable>> {
    Some(match what {
        "limits" => limits(written).map(Said::Limits),
        "pause" => pause(written),
        "pause-end" => whole(written, "pause").map(|pause| Said::PauseEnd { pause }),
        "admission" => time(written, "at").map(|at| Said::Admission { at }),
        "discharge" => time(written, "at").map(|at| Said::Discharge { at }),
        "target" => target(written).map(Said::TargetWeight),
        "schedule" => Ok(Said::Schedule(schedule(written))),
        "diuretic" => Ok(Said::Diuretic(field(written, "diuretic").trim().to_owned())),
        "words" => Ok(Said::Text(field(written, "words").trim().to_owned())),
        _ => return None,
    })
}

fn field<'a>(written: &'a Written, name: &str) -> &'a str {
    written.get(name).map_or("", String::as_str)
}

fn unreadable_field(written: &Written, name: &str) -> Unreadable {
    Unreadable { field: name.to_owned(), value: field(written, name).chars().take(40).collect() }
}

/// A number as people write it here: with a comma or a point.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim().replace(',', ".").replace('\u{2212}', "-");
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn limits(written: &Written) -> Result<Overrides, Unreadable> {
    let mut limits = Overrides::new();
    for (name, value) in written.iter().filter(|(name, value)| name.contains('.') && !value.trim().is_empty())
    {
        limits.set(name, decimal(value).ok_or_else(|| unreadable_field(written, name))?);
    }
    Ok(limits)
}

fn target(written: &Written) -> Result<Option<f64>, Unreadable> {
    match field(written, "target_kg").trim() {
        "" => Ok(None),
        text => decimal(text).map(Some).ok_or_else(|| unreadable_field(written, "target_kg")),
    }
}

fn whole(written: &Written, name: &str) -> Result<i64, Unreadable> {
    field(written, name).parse().map_err(|_| unreadable_field(written, name))
}

fn pause(written: &Written) -> Result<Said, Unreadable> {
    Ok(Said::Pause { from: time(written, "from")?, until: time(written, "until")? })
}

fn time(written: &Written, name: &str) -> Result<Timestamp, Unreadable> {
    as_time(field(written, name)).ok_or_else(|| unreadable_field(written, name))
}

/// A time of a form, in Stockholm: `2026-04-22T10:18`.
pub(crate) fn as_time(text: &str) -> Option<Timestamp> {
    let local: DateTime = text.trim().parse().ok()?;
    let zoned = local.to_zoned(zone()).ok()?;
    Some(Timestamp::from_jiff(zoned.timestamp()))
}

/// `at` as a form writes it.
pub(crate) fn as_written(at: Timestamp) -> String {
    at.to_jiff().to_zoned(zone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

fn schedule(written: &Written) -> Schedule {
    let mut schedule = Schedule::default();
    for measured in Measured::ALL {
        let days = (1..=7).filter(|day| written.contains_key(&format!("{}-{day}", measured.key())));
        schedule.set(measured, days);
    }
    schedule
}

/// What to say about a field that cannot be read.
pub(super) fn unreadable(wrong: &Unreadable, text: Text) -> String {
    let name = wrong.field.rsplit('.').next().unwrap_or_default();
    let field = if wrong.field.contains('.') {
        text.t(&format!("parameter-{}", name.replace('_', "-")))
    } else {
        text.t(&format!("monitoring-field-{}", name.replace('_', "-")))
    };
    text.with("monitoring-unreadable", &[("field", field.into()), ("value", wrong.value.clone().into())])
}

/// What to say about a change that was not made.
pub(super) fn refused(error: &PlanError, text: Text) -> String {
    match error {
        PlanError::Reason => text.t("monitoring-wrong-reason"),
        PlanError::Limits { keys } => {
            let names: Vec<String> = keys
                .iter()
                .map(|key| {
                    let name = key.rsplit('.').next().unwrap_or_default();
                    text.t(&format!("parameter-{}", name.replace('_', "-")))
                })
                .collect();
            text.with("monitoring-wrong-limits", &[("names", names.join(", ").into())])
        }
        PlanError::Target => text.t("monitoring-wrong-target"),
        PlanError::Times { .. } => text.t("monitoring-wrong-times"),
        PlanError::TooLong => text.t("monitoring-wrong-long"),
        PlanError::NoSuchPause => text.t("monitoring-wrong-pause"),
        PlanError::Same => text.t("monitoring-wrong-same"),
        PlanError::NotFound | PlanError::Denied { .. } | PlanError::Store(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pairs: &[(&str, &str)]) -> Written {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// By hand; Stockholm is two hours ahead of UTC on that day, and has no 02:30 on 29 March 2026.
    #[test]
    fn forms_say_what_was_written_in_them() {
        let limits = read(
            "limits",
            &written(&[("pulse.high_per_min", "112,5"), ("pulse.low_per_min", " "), ("reason", "x")]),
        );
        let Some(Ok(Said::Limits(limits))) = limits else { panic!("{limits:?}") };
        assert_eq!(limits.iter().collect::<Vec<_>>(), [("pulse.high_per_min", 112.5)]);
        let wrong = read("limits", &written(&[("pulse.high_per_min", "hög")]));
        let expected = Unreadable { field: "pulse.high_per_min".to_owned(), value: "hög".to_owned() };
        assert_eq!(wrong, Some(Err(expected)));
        assert_eq!(
            read("target", &written(&[("target_kg", "78,5")])),
            Some(Ok(Said::TargetWeight(Some(78.5))))
        );
        assert_eq!(read("target", &written(&[("target_kg", "")])), Some(Ok(Said::TargetWeight(None))));
        let at = "2026-04-22T08:18:00Z".parse::<Timestamp>().expect("a time");
        assert_eq!(
            read("admission", &written(&[("at", "2026-04-22T10:18")])),
            Some(Ok(Said::Admission { at }))
        );
        assert_eq!(as_written(at), "2026-04-22T10:18");
        assert!(read("pause", &written(&[("from", "2026-04-22T10:18")])).is_some_and(|read| read.is_err()));
        assert_eq!(read("nothing", &written(&[])), None);
    }
}
