//! One line of history, as `vagen replay` reads it.
//!
//! Most lines have one plain shape, which [`super::plain`] reads at once. Whatever is not of that shape is read here, in
//! full, and so is everything that is wrong: errors come from here alone.
//!
//! **Invariant:** every text gives an event or an error; a key this version does not know is passed over.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use vitals::{
    AbsentReason, ClockClass, Flag, Kind, Outcome, PatientId, Quantity, ReadingId, SymptomAnswers, Timestamp,
    Values,
};

use crate::chart::ChartEvent;
use crate::policy::Overrides;
use crate::schedule::MeasuringDays;
use crate::state::{Answers, Entry, Name, Sample, Source};

use super::answered::Answered;

/// What a line tells of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A reading, or something that staff entered.
    Entry(Entry),
    /// A dialogue that ended, with the reading that its answers are, where they are one.
    Dialogue(Option<Entry>, Option<Box<Answered>>),
    /// The patient's own limits from then on.
    Limits(Timestamp, Overrides),
    /// The days on which the patient is asked to measure from then on.
    Schedule(Timestamp, MeasuringDays),
}

/// A line, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) patient: Cow<'a, str>,
    pub(super) received_at: Timestamp,
    pub(super) what: What,
}

#[derive(Deserialize)]
struct Keys<'a> {
    patient: PatientId,
    at: Timestamp,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default, alias = "overrides")]
    values: Option<&'a RawValue>,
    #[serde(default)]
    id: Option<ReadingId>,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default)]
    received_at: Option<Timestamp>,
    #[serde(default)]
    until: Option<Timestamp>,
    /// No rule asks about it, but it must be what it says.
    #[serde(default, rename = "absent")]
    _absent: Option<BTreeMap<Quantity, AbsentReason>>,
    #[serde(default)]
    flags: Option<BTreeSet<Flag>>,
    #[serde(default)]
    clock: Option<ClockClass>,
    #[serde(borrow, default)]
    dialogue: Option<&'a RawValue>,
}

/// What a line tells of, and whose it is. A reading without an `id` is called `line:N`; what does not say when it became known
/// was known when it happened.
pub(super) fn parse(text: &str, number: u64) -> Result<Line<'static>, String> {
    let keys: Keys<'_> = serde_json::from_str(text).map_err(without_line)?;
    let at = keys.at;
    let staff = |event: ChartEvent| Entry::of(&event).map(What::Entry).ok_or_else(String::new);
    let received_at = keys.received_at.unwrap_or(at);
    let what = match keys.kind.as_ref() {
        "admission" => staff(ChartEvent::Admission { at })?,
        "discharge" => staff(ChartEvent::Discharge { at })?,
        "end" => staff(ChartEvent::End { at })?,
        "pause" => staff(pause(&keys)?)?,
        "override" => What::Limits(at, values::<Overrides>(&keys)?),
        "schedule" => What::Schedule(at, values::<MeasuringDays>(&keys)?),
        "dialogue" if keys.dialogue.is_none() => return Err("a dialogue needs dialogue".to_owned()),
        "dialogue" => What::Dialogue(None, answered(&keys, None)?),
        _ => {
            let entry = Entry { sample: sample(&keys)?, name: name(keys.id.as_ref(), number) };
            match answered(&keys, entry.name.to_id())? {
                None => What::Entry(entry),
                answered => What::Dialogue(Some(entry), answered),
            }
        }
    };
    Ok(Line { patient: Cow::Owned(keys.patient.as_str().to_owned()), received_at, what })
}

fn name(id: Option<&ReadingId>, number: u64) -> Name {
    id.map_or(Name::Line(number), Name::of)
}

fn answered(keys: &Keys<'_>, reading: Option<ReadingId>) -> Result<Option<Box<Answered>>, String> {
    let Some(raw) = keys.dialogue else { return Ok(None) };
    let answered = Answered::parse(raw.get(), reading);
    answered.map(|one| one.map(Box::new)).map_err(|error| format!("dialogue: {}", without_line(error)))
}

fn pause(keys: &Keys<'_>) -> Result<ChartEvent, String> {
    let until = keys.until.ok_or("a pause needs until")?;
    if until < keys.at {
        return Err("until lies before at".to_owned());
    }
    Ok(ChartEvent::Pause { at: keys.at, until })
}

fn sample(keys: &Keys<'_>) -> Result<Sample, String> {
    if keys.kind == "symptoms" {
        return Ok(Sample::form(keys.at, Answers::of(&values::<SymptomAnswers>(keys)?)));
    }
    let kind = Kind::from_key(&keys.kind)
        .ok_or_else(|| format!("kind {:?} is unknown", keys.kind.chars().take(40).collect::<String>()))?;
    let mut sample = Sample::empty(keys.at, Source::Vitals(kind));
    sample.outcome = keys.outcome.unwrap_or(Outcome::Measured);
    let values = match (sample.outcome, keys.values) {
        (Outcome::Failed | Outcome::Unstable | Outcome::Stub, None) => Values::new(),
        (_, _) => values(keys)?,
    };
    for (quantity, number) in values.iter() {
        sample.set(kind, quantity, number);
    }
    sample.has_values = !values.is_empty();
    let flags = keys.flags.as_ref();
    sample.flag(flags.unwrap_or(&BTreeSet::new()), keys.clock.unwrap_or(ClockClass::Synced));
    Ok(sample)
}

fn values<T: DeserializeOwned>(keys: &Keys<'_>) -> Result<T, String> {
    let raw = keys.values.ok_or_else(|| format!("{} needs values", keys.kind))?;
    serde_json::from_str(raw.get()).map_err(|error| format!("values: {}", without_line(error)))
}

/// The parser counts lines within its own text, which is one line of ours.
#[allow(clippy::needless_pass_by_value)]
fn without_line(error: serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, place)) => match place.split_once(" column ") {
            Some((_, column)) => format!("{what} at column {column}"),
            None => what.to_owned(),
        },
        None => text,
    }
}
