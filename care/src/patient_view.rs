//! What the patient page shows, worked out from the record: readings with their marks, trend and usual weight, changes of
//! medicine, and which findings rest on a reading.
//!
//! Reads only, and only what its caller has opened through [`crate::access`]. Knows no page: words are the web's.
//!
//! **Invariant:** a reading is shown with the doubt the rules had about it; nothing admitted is left out of the table.

mod long;

use crate::store::sql::{self, Connection};
use std::collections::BTreeMap;
use std::sync::Arc;

use alerts::chart::Doubt;
use alerts::{Chart, ChartEvent, Policy, Problem};
use vitals::{Content, Kind, Outcome, PatientId, Quantity, ReadingId, Timestamp};

use crate::chart::{Band, Days, Mark, Sample};
use crate::clock;
use crate::people::{self, Medication};
use crate::plans;
use crate::policies::{Book, Standing};
use crate::readings::{self, Recorded};
use crate::store::StoreError;

pub(crate) use long::{LongRecord, Reach, extremes, long_record, worst};

/// How far before the first day shown the record is read, so that what is usual is known there: days.
const BEFORE_DAYS: i64 = 60;
/// Doubts and trend are taken from the chart at least this often, well within the days it remembers.
const HARVEST_DAYS: i64 = 45;

/// A patient's record over some days.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The days.
    pub(crate) days: Days,
    /// The readings of those days, in order of measuring.
    pub(crate) readings: Vec<Recorded>,
    /// The smoothed weight, kg.
    pub(crate) trend: Vec<Sample>,
    /// The usual weight now, kg.
    pub(crate) band: Option<Band>,
    /// When the latest reading of any kind was measured, within those days or shortly before.
    pub(crate) last_at: Option<Timestamp>,
    doubts: BTreeMap<(ReadingId, Quantity), Doubt>,
    late_after_ms: i64,
}

impl Record {
    /// Why the rules set `quantity` of this reading aside, if they did.
    pub(crate) fn doubt(&self, id: &ReadingId, quantity: Quantity) -> Option<Doubt> {
        self.doubts.get(&(id.clone(), quantity)).copied()
    }

    /// How the reading came to be, as far as `quantity` is concerned.
    pub(crate) fn mark(&self, recorded: &Recorded, quantity: Quantity) -> Mark {
        let reading = &recorded.reading;
        let outcome = match &reading.content {
            Content::Vitals { outcome, .. } => *outcome,
            Content::Symptoms(_) => Outcome::Measured,
        };
        match outcome {
            Outcome::Failed => Mark::Failed,
            Outcome::Unstable | Outcome::Stub => Mark::Unassessed,
            Outcome::Measured if self.doubt(&reading.id, quantity).is_some() => Mark::Unassessed,
            Outcome::Measured if recorded.origin.is_none() => Mark::Manual,
            Outcome::Measured if reading.received_at.millis_since(reading.at) >= self.late_after_ms => {
                Mark::Late
            }
            Outcome::Measured => Mark::Measured,
        }
    }
}

/// The record of `patient` over the `count` days that end with the day of `now`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(crate) async fn record(
    connection: &mut Connection,
    patient: &PatientId,
    count: u16,
    now: Timestamp,
) -> Result<Record, StoreError> {
    let policy = policy_of(connection, patient, now).await?;
    let plan = plans::chart_events(connection, patient).await?;
    let today = now.to_jiff().to_zoned(clock::zone()).date();
    let days = Days::ending(today, count);
    let from = now.plus_days(-i64::from(days.count()) - BEFORE_DAYS);
    let mut all = readings::between(connection, patient, from, now.plus_days(1)).await?;
    let judged = judge(patient, &all, &plan, &policy);
    let last_at = all.last().map(|recorded| recorded.reading.at);
    all.retain(|recorded| recorded.reading.at.to_jiff().to_zoned(clock::zone()).date() >= days.first());
    Ok(Record {
        days,
        readings: all,
        trend: judged.trend.into_iter().map(|(at, value)| Sample { at, value }).collect(),
        band: judged.band,
        last_at,
        doubts: judged.doubts,
        late_after_ms: policy.late_after_ms(),
    })
}

/// The policy that stands for `patient` at `now`: by what it calls usual, the page's band is drawn.
async fn policy_of(
    connection: &mut Connection,
    patient: &PatientId,
    now: Timestamp,
) -> Result<Arc<Policy>, StoreError> {
    let facts = people::facts(connection, patient).await?;
    let book = Book::load(connection).await?;
    Ok(facts.map_or_else(Standing::recommended, |facts| book.standing(&facts, now)).policy)
}

const fn is_limits(event: &ChartEvent) -> bool {
    match event {
        ChartEvent::Override { .. } => true,
        ChartEvent::Reading(_)
        | ChartEvent::Admission { .. }
        | ChartEvent::Discharge { .. }
        | ChartEvent::Pause { .. }
        | ChartEvent::Schedule { .. }
        | ChartEvent::End { .. } => false,
    }
}

#[derive(Default)]
struct Judged {
    trend: BTreeMap<Timestamp, f64>,
    doubts: BTreeMap<(ReadingId, Quantity), Doubt>,
    band: Option<Band>,
}

/// Folds the readings into a chart as the rules do. The chart forgets what is long ago, so what it knows is taken down on
/// the way; a later word about the same reading replaces the earlier one.
fn judge(patient: &PatientId, readings: &[Recorded], plan: &[ChartEvent], policy: &Policy) -> Judged {
    let mut chart = Chart::new(patient.clone());
    // The limits in force and the last discharge hold for all that is drawn. What lies ahead is not drawn.
    let last = readings.last().map(|recorded| recorded.reading.at);
    for event in plan.iter().filter(|event| last.is_some_and(|last| event.at() <= last) || is_limits(event)) {
        chart.fold(event);
    }
    let mut judged = Judged::default();
    let mut harvested: Option<Timestamp> = None;
    for recorded in readings {
        let at = recorded.reading.at;
        let since = *harvested.get_or_insert(at);
        if at >= since.plus_days(HARVEST_DAYS) {
            judged.harvest(&chart, policy);
            harvested = Some(at);
        }
        chart.fold(&ChartEvent::Reading(recorded.reading.clone()));
    }
    judged.harvest(&chart, policy);
    judged.band = chart.usual_weight(policy).map(|band| Band {
        usual: band.usual_kg,
        low: band.low_kg,
        high: band.high_kg,
    });
    judged
}

impl Judged {
    fn harvest(&mut self, chart: &Chart, policy: &Policy) {
        self.trend.extend(chart.weight_trend(policy).iter().map(|point| (point.at, point.fast_kg)));
        let all = [
            (Quantity::WeightKg, chart.weight()),
            (Quantity::SystolicMmhg, chart.systolic()),
            (Quantity::PulsePerMin, chart.pulse()),
            (Quantity::Spo2Percent, chart.spo2()),
        ];
        for (quantity, series) in all {
            for point in series.iter() {
                let key = (point.id.clone(), quantity);
                match point.doubt {
                    Some(doubt) => self.doubts.insert(key, doubt),
                    None => self.doubts.remove(&key),
                };
            }
        }
    }
}

/// The quantity by which a reading of this kind is judged, where it has one.
pub(crate) const fn leading_quantity(kind: Kind) -> Option<Quantity> {
    match kind {
        Kind::Weight | Kind::BodyComposition => Some(Quantity::WeightKg),
        Kind::BloodPressure => Some(Quantity::SystolicMmhg),
        Kind::PulseOximetry => Some(Quantity::Spo2Percent),
        Kind::HeartRate => Some(Quantity::PulsePerMin),
        Kind::Temperature => Some(Quantity::TemperatureCelsius),
        Kind::CuffPressure | Kind::Clock => None,
    }
}

/// How a medicine changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was begun.
    Begun {
        /// At this dose.
        dose: String,
    },
    /// Its dose was changed.
    Dose {
        /// What it was and is, as short as it can be said: `40 → 20 mg`.
        words: String,
    },
    /// It was ended.
    Ended,
}

/// What became of the patient's medicines, oldest first: when, which, how.
pub(crate) fn medicine_changes(medicines: &[Medication]) -> Vec<(Timestamp, String, Change)> {
    let mut changes = Vec::new();
    for (index, medicine) in medicines.iter().enumerate() {
        let same = |other: &&Medication| other.name.eq_ignore_ascii_case(&medicine.name);
        let before = medicines.get(..index).unwrap_or_default().iter().rfind(same);
        let change = match before {
            Some(before) => Change::Dose { words: dose_change(&before.dose, &medicine.dose) },
            None => Change::Begun { dose: medicine.dose.clone() },
        };
        changes.push((medicine.from, medicine.name.clone(), change));
        let followed = medicines.get(index + 1..).unwrap_or_default().iter().any(|other| same(&other));
        if let (Some(until), false) = (medicine.until, followed) {
            changes.push((until, medicine.name.clone(), Change::Ended));
        }
    }
    changes.sort_by_key(|(at, ..)| *at);
    changes
}

/// `40 mg, 1 gång/dag` and `20 mg, 1 gång/dag` as `40 → 20 mg`; doses that differ in more than their number are both
/// written out.
fn dose_change(before: &str, after: &str) -> String {
    let (before_number, before_rest) = split_number(before);
    let (after_number, after_rest) = split_number(after);
    if before_rest == after_rest && !before_number.is_empty() && !after_number.is_empty() {
        format!("{before_number} → {after_number}{}", amount(after_rest))
    } else {
        format!("{before} → {after}")
    }
}

/// A dose without how often it is taken: what stands before the first comma.
pub(crate) fn amount(dose: &str) -> &str {
    dose.split_once(", ").map_or(dose, |(amount, _)| amount)
}

fn split_number(dose: &str) -> (&str, &str) {
    let end = dose.find(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | '.'))).unwrap_or(dose.len());
    dose.split_at(end)
}

/// A finding that rests on a reading, and the task it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resting {
    /// The task.
    pub(crate) task: String,
    /// What the task is about.
    pub(crate) problem: Problem,
    /// Whether the task is open.
    pub(crate) open: bool,
    /// When it was found.
    pub(crate) at: Timestamp,
    /// The rule.
    pub(crate) rule: String,
    /// The policy's version.
    pub(crate) policy_version: String,
    /// Why, in Swedish.
    pub(crate) text_sv: String,
    /// Why, in English.
    pub(crate) text_en: String,
}

/// The findings that rest on the reading `id`, oldest first.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(crate) async fn resting_on(connection: &mut Connection, id: &str) -> Result<Vec<Resting>, StoreError> {
    sql::query(
        "SELECT task.id AS task, task.problem AS problem, task.status AS status, finding.at AS at, rule,
                finding.policy_version AS policy_version, text_sv, text_en
         FROM finding_reading JOIN finding ON finding.id = finding_reading.finding
              JOIN task ON task.id = finding.task
         WHERE finding_reading.reading = $1 ORDER BY finding.id",
    )
    .bind(id)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        let problem: String = row.try_get("problem")?;
        let status: String = row.try_get("status")?;
        Ok(Resting {
            task: row.try_get("task")?,
            problem: Problem::from_key(&problem)
                .ok_or_else(|| StoreError::unreadable("a problem", &problem))?,
            open: status == "open",
            at: people::time(row.try_get("at")?)?,
            rule: row.try_get("rule")?,
            policy_version: row.try_get("policy_version")?,
            text_sv: row.try_get("text_sv")?,
            text_en: row.try_get("text_en")?,
        })
    })
    .collect()
}

/// One line of who has read a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadBy {
    /// When.
    pub(crate) at: Timestamp,
    /// The person's name; their id where nobody knows one.
    pub(crate) name: String,
    /// `staff`, `patient`, `proxy` or `system`.
    pub(crate) kind: String,
    /// The role's key, or empty.
    pub(crate) role: String,
    /// The unit's name, or empty.
    pub(crate) unit: String,
    /// The organisation's name, or empty.
    pub(crate) organisation: String,
    /// What they did.
    pub(crate) action: String,
    /// Whether it was allowed.
    pub(crate) allowed: bool,
    /// Why, in English, as it was logged.
    pub(crate) reason: String,
}

/// Who has read `patient`'s record, the latest first, at most `limit` lines.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub(crate) async fn readers(
    connection: &mut Connection,
    patient: &PatientId,
    limit: i64,
) -> Result<Vec<ReadBy>, StoreError> {
    sql::query(
        "SELECT audit.at AS at, audit.actor_kind AS kind, audit.role AS role, audit.action AS action,
                audit.decision AS decision, audit.reason AS reason,
                COALESCE(staff.name, proxy.name, patient.name, audit.actor) AS name,
                COALESCE(unit.name, audit.unit) AS unit, COALESCE(organisation.name, audit.organisation) AS organisation
         FROM audit
              LEFT JOIN staff ON audit.actor_kind = 'staff' AND staff.id = audit.actor
              LEFT JOIN proxy ON audit.actor_kind = 'proxy' AND proxy.id = audit.actor
              LEFT JOIN patient ON audit.actor_kind = 'patient' AND patient.id = audit.actor
              LEFT JOIN unit ON unit.id = audit.unit
              LEFT JOIN organisation ON organisation.id = audit.organisation
         WHERE audit.patient = $1 ORDER BY audit.id DESC LIMIT $2",
    )
    .bind(patient.as_str())
    .bind(limit)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        let decision: String = row.try_get("decision")?;
        Ok(ReadBy {
            at: people::time(row.try_get("at")?)?,
            name: row.try_get("name")?,
            kind: row.try_get("kind")?,
            role: row.try_get("role")?,
            unit: row.try_get("unit")?,
            organisation: row.try_get("organisation")?,
            action: row.try_get("action")?,
            allowed: decision == "allowed",
            reason: row.try_get("reason")?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn medicine(name: &str, dose: &str, from: i64, until: Option<i64>) -> Medication {
        let time = |day: i64| Timestamp::from_millis(day * Timestamp::DAY_MS).expect("in range");
        Medication {
            name: name.to_owned(),
            dose: dose.to_owned(),
            from: time(from),
            until: until.map(time),
            changed_by: "Dr Test".to_owned(),
        }
    }

    #[test]
    fn a_change_of_medicine_is_said_shortly() {
        // Doses as prescribers write them; the words worked by hand.
        let rows = [
            ("40 mg", "20 mg", "40 → 20 mg"),
            ("40 mg, 1 gång/dag", "20 mg, 1 gång/dag", "40 → 20 mg"),
            ("2,5 mg 1 gång/dag", "5 mg 1 gång/dag", "2,5 → 5 mg 1 gång/dag"),
            ("40 mg 1 gång/dag", "40 mg 2 gånger/dag", "40 mg 1 gång/dag → 40 mg 2 gånger/dag"),
            ("vid behov", "20 mg", "vid behov → 20 mg"),
        ];
        for (before, after, words) in rows {
            assert_eq!(dose_change(before, after), words);
        }
    }

    #[test]
    fn each_medicine_has_its_own_story() {
        let medicines = [
            medicine("Furosemid", "40 mg", 1, Some(9)),
            medicine("Bisoprolol", "5 mg", 2, Some(7)),
            medicine("furosemid", "20 mg", 9, None),
        ];
        let changes: Vec<(i64, String, Change)> = medicine_changes(&medicines)
            .into_iter()
            .map(|(at, name, change)| (at.as_millis() / Timestamp::DAY_MS, name, change))
            .collect();
        let begun = |dose: &str| Change::Begun { dose: dose.to_owned() };
        assert_eq!(
            changes,
            [
                (1, "Furosemid".to_owned(), begun("40 mg")),
                (2, "Bisoprolol".to_owned(), begun("5 mg")),
                (7, "Bisoprolol".to_owned(), Change::Ended),
                (9, "furosemid".to_owned(), Change::Dose { words: "40 → 20 mg".to_owned() }),
            ]
        );
    }
}
