//! The worklist: the open tasks that concern one member of staff, the most urgent first, and what they need to know of
//! each at a glance.
//!
//! Whose tasks are seen is decided patient by patient through [`access::decide`]; what is not allowed is not counted
//! either. A view is logged once, with the patients it named.
//!
//! **Invariant:** a patient who is silent is never counted among those that need nothing.

mod filter;

use crate::store::sql::{self, Connection};
use std::collections::BTreeMap;

use alerts::chart::WeightBand;
use alerts::dialogue::EMERGENCY_RULE;
use alerts::follow_through::{Sign, severity_now};
use alerts::{Chart, Priority, Weekdays};
use vitals::{PatientId, Timestamp};

use crate::access::{self, Action, Decision, Subject};
use crate::audit::{self, Entry};
use crate::clock;
use crate::conversations::{self, AuthorKind, Message};
use crate::language::Words;
use crate::people::{self, PatientFacts};
use crate::plans;
use crate::policies::Book;
use crate::readings::{self, weeks};
use crate::store::{Store, StoreError};
use crate::tasks::{self, Task};

pub use filter::Filter;

/// A patient counts as silent from so many days without a reading, of those on which they are asked to measure.
const SILENT_DAYS: i64 = 2;
/// How far back the small chart of a row goes, days.
pub const SPARK_DAYS: i64 = 14;
/// How far back the person's usual weight is looked for, days.
const USUAL_DAYS: i64 = 60;

/// The last that was said or asked between the patient and care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The patient or next of kin answered questions.
    Answered(Timestamp),
    /// The patient or next of kin wrote.
    Wrote(Timestamp),
    /// Staff wrote.
    StaffWrote(Timestamp),
    /// Questions wait for an answer.
    Asked(Timestamp),
    /// Only an automatic message went out.
    Reminded(Timestamp),
}

/// A weight in the small chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// When.
    pub at: Timestamp,
    /// kg.
    pub weight_kg: f64,
    /// Whether a rule set it aside, so that it rests in no trend.
    pub doubted: bool,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Item {
    /// The task.
    pub task: Task,
    /// How urgent it is: its highest priority until somebody takes it, then as things stand now.
    pub level: Priority,
    /// The patient, where the task has one.
    pub facts: Option<PatientFacts>,
    /// Why, the latest word of each rule, the most urgent first.
    pub reasons: Vec<Words>,
    /// The weights of the last days, oldest first.
    pub weights: Vec<Weighed>,
    /// The weight band that is usual for this person, kg, where it is known.
    pub usual: Option<WeightBand>,
    /// The last contact.
    pub contact: Option<Contact>,
    /// Whole days since the last reading of somebody who is silent, where there ever was one.
    pub silent_days: Option<i64>,
}

/// How many of what, over every task and patient that the person may see in their unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Urgent tasks.
    pub urgent: usize,
    /// Tasks for the next office day.
    pub soon: usize,
    /// Tasks for when there is time.
    pub routine: usize,
    /// Patients who are silent, those that never sent a reading among them.
    pub silent: usize,
    /// Patients who measured today and have no open task.
    pub fine_today: usize,
}

/// The worklist of one person at one time.
#[derive(Clone, Debug)]
pub struct Worklist {
    /// The rows, the most urgent and then the first due on top.
    pub items: Vec<Item>,
    /// The counts.
    pub counts: Counts,
    /// What waits for an answer outside any task, the oldest first.
    pub letters: Vec<Letter>,
}

/// What a patient or next of kin wrote while no task was open, and nobody has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Whose.
    pub patient: PatientId,
    /// The patient's name.
    pub name: String,
    /// When it was written.
    pub at: Timestamp,
}

/// One patient in the list of patients.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The patient.
    pub facts: PatientFacts,
    /// When they last sent a reading.
    pub last_reading_at: Option<Timestamp>,
    /// The highest priority among their open tasks.
    pub priority: Option<Priority>,
    /// The days on which they are asked to measure.
    pub asked: Weekdays,
}

impl Listed {
    /// Whole days without a reading at `now`.
    #[must_use]
    pub fn silent_days(&self, now: Timestamp) -> Option<i64> {
        self.last_reading_at.map(|at| whole_days(at, now))
    }

    /// Whether they have missed two days on which they were asked to measure, or never sent a reading.
    #[must_use]
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.last_reading_at.is_none_or(|at| self.asked.count_between(day_of(at), day_of(now)) >= SILENT_DAYS)
    }
}

/// Calendar days in the time zone of care from `at` to `now`.
fn whole_days(at: Timestamp, now: Timestamp) -> i64 {
    day_of(at).until(day_of(now)).map_or(0, |span| i64::from(span.get_days())).max(0)
}

fn day_of(time: Timestamp) -> jiff::civil::Date {
    time.to_jiff().to_zoned(clock::zone()).date()
}

/// The patients that `subject` may see in their unit, by name, with how they stand.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn patients(
    connection: &mut Connection,
    subject: &Subject,
    now: Timestamp,
) -> Result<Vec<Listed>, StoreError> {
    let Some(unit) = subject.unit() else { return Ok(Vec::new()) };
    let latest = latest_readings(connection, unit, now).await?;
    let schedules = plans::schedules(connection, unit).await?;
    let mut worst: BTreeMap<PatientId, Priority> = BTreeMap::new();
    for task in tasks::open(connection).await? {
        if let Some(patient) = task.patient {
            let known = worst.entry(patient).or_insert(task.priority);
            *known = (*known).max(task.priority);
        }
    }
    Ok(people::of_unit(connection, unit)
        .await?
        .into_iter()
        .filter(|facts| access::decide(subject, facts, Action::List, now).allowed)
        .map(|facts| Listed {
            last_reading_at: latest.get(&facts.id).copied(),
            priority: worst.get(&facts.id).copied(),
            asked: schedules.get(&facts.id).map_or(Weekdays::ALL, |schedule| schedule.measuring_days().any),
            facts,
        })
        .collect())
}

async fn latest_readings(
    connection: &mut Connection,
    unit: &str,
    now: Timestamp,
) -> Result<BTreeMap<PatientId, Timestamp>, StoreError> {
    let last = weeks::last_at_before("$2", "patient_unit.patient");
    sql::query(sqlx::AssertSqlSafe(format!(
        "SELECT patient, at FROM (SELECT patient, {last} AS at
         FROM patient_unit WHERE unit = $1 AND until_at IS NULL) AS latest WHERE at IS NOT NULL",
    )))
    .bind(unit)
    .bind(now.as_millis())
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        let patient: String = row.try_get("patient")?;
        Ok((people::patient_id(&patient)?, people::time(row.try_get("at")?)?))
    })
    .collect()
}

/// The worklist of `subject`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn of(
    connection: &mut Connection,
    subject: &Subject,
    filter: Filter,
    now: Timestamp,
) -> Result<Worklist, StoreError> {
    let listed = patients(connection, subject, now).await?;
    let mut counts = Counts::default();
    for one in &listed {
        if one.is_silent(now) {
            counts.silent += 1;
        } else if one.silent_days(now) == Some(0) && one.priority.is_none() {
            counts.fine_today += 1;
        }
    }
    let known: BTreeMap<PatientId, Listed> =
        listed.into_iter().map(|one| (one.facts.id.clone(), one)).collect();
    let book = Book::load(connection).await?;
    let mut items = Vec::new();
    for task in tasks::open(connection).await? {
        let of = task.patient.as_ref().and_then(|patient| known.get(patient));
        let visible = of.is_some() || task.patient.is_none();
        if !visible || !filter.takes(&task, of.map(|one| &one.facts), subject, now) {
            continue;
        }
        let item = item(connection, &book, task, of, now).await?;
        counts.count(item.level);
        items.push(item);
    }
    items.sort_by(|a, b| (b.level, a.task.due_at, &a.task.id).cmp(&(a.level, b.task.due_at, &b.task.id)));
    Ok(Worklist { items, counts, letters: letters(connection, subject, &known).await? })
}

async fn letters(
    connection: &mut Connection,
    subject: &Subject,
    known: &BTreeMap<PatientId, Listed>,
) -> Result<Vec<Letter>, StoreError> {
    let rows = sql::query(
        "SELECT patient, at FROM message WHERE task IS NULL AND reading IS NULL AND author_kind IN ('patient', 'proxy')
         AND id IN (SELECT (SELECT MAX(message.id) FROM message
           WHERE message.patient = patient_unit.patient AND author_kind <> 'system')
         FROM patient_unit WHERE unit = $1 AND until_at IS NULL) ORDER BY id",
    )
    .bind(subject.unit())
    .fetch_all(connection)
    .await?;
    let mut letters = Vec::new();
    for row in &rows {
        let patient: String = row.try_get("patient")?;
        if let Some(of) = known.get(&people::patient_id(&patient)?) {
            letters.push(Letter {
                patient: of.facts.id.clone(),
                name: of.facts.name.clone(),
                at: people::time(row.try_get("at")?)?,
            });
        }
    }
    Ok(letters)
}

impl Counts {
    fn count(&mut self, priority: Priority) {
        match priority {
            Priority::Urgent => self.urgent += 1,
            Priority::Soon => self.soon += 1,
            Priority::Routine => self.routine += 1,
        }
    }
}

async fn item(
    connection: &mut Connection,
    book: &Book,
    task: Task,
    of: Option<&Listed>,
    now: Timestamp,
) -> Result<Item, StoreError> {
    let joined = tasks::joined(connection, &task.id).await?;
    let mut standing = tasks::standing(&joined);
    // Who was told to call 112 comes before everything else that is urgent.
    let calls = |rule: &str| rule == EMERGENCY_RULE;
    standing.sort_by_key(|one| std::cmp::Reverse((one.priority, calls(&one.reason.rule))));
    let level = level_of(book, &task, &tasks::signs(&joined), now);
    let reasons = standing.iter().map(|one| Words::new(&one.reason.text_sv, &one.reason.text_en)).collect();
    let (weights, usual, contact) = match of {
        Some(one) => {
            let (weights, usual) = weights(connection, book, &one.facts, now).await?;
            let talk = conversations::of_patient(connection, &one.facts.id).await?;
            (weights, usual, last_contact(&talk))
        }
        None => (Vec::new(), None, None),
    };
    Ok(Item {
        task,
        level,
        facts: of.map(|one| one.facts.clone()),
        reasons,
        weights,
        usual,
        contact,
        silent_days: of.filter(|one| one.is_silent(now)).and_then(|one| one.silent_days(now)),
    })
}

fn level_of(book: &Book, task: &Task, signs: &[Sign<'_>], now: Timestamp) -> Priority {
    let policy = book.or_recommended(&task.policy, &task.policy_version);
    match policy.follow_through() {
        Some(follow) if task.owner.is_some() => severity_now(signs, follow, now).min(task.priority),
        Some(_) | None => task.priority,
    }
}

async fn weights(
    connection: &mut Connection,
    book: &Book,
    facts: &PatientFacts,
    now: Timestamp,
) -> Result<(Vec<Weighed>, Option<WeightBand>), StoreError> {
    let patient = &facts.id;
    let events = readings::chart_events(connection, patient, now.plus_days(-USUAL_DAYS)).await?;
    let plan = plans::chart_events(connection, patient).await?;
    let standing = book.standing(facts, now);
    let chart = Chart::rebuild(patient.clone(), plan.iter().filter(|event| event.at() <= now).chain(&events));
    let weights = chart
        .weight()
        .iter()
        .filter(|point| point.at > now.plus_days(-SPARK_DAYS) && point.at <= now)
        .map(|point| Weighed { at: point.at, weight_kg: point.value, doubted: point.doubt.is_some() })
        .collect();
    Ok((weights, chart.usual_weight(&standing.policy)))
}

/// The last contact in a conversation, oldest message first. A question that waits is news after what a person wrote.
fn last_contact(talk: &[Message]) -> Option<Contact> {
    let newest = |wanted: &dyn Fn(&Message) -> bool| talk.iter().rev().find(|message| wanted(message));
    let person = newest(&|message| message.author_kind != AuthorKind::System);
    let asked = newest(&|message| message.waits);
    match (person, asked) {
        (Some(person), Some(asked)) if asked.id > person.id => Some(Contact::Asked(asked.at)),
        (Some(person), _) => Some(match (person.author_kind, &person.reading) {
            (AuthorKind::Staff, None) => Contact::StaffWrote(person.at),
            (_, Some(_)) => Contact::Answered(person.at),
            (AuthorKind::Patient | AuthorKind::Proxy | AuthorKind::System, None) => Contact::Wrote(person.at),
        }),
        (None, Some(asked)) => Some(Contact::Asked(asked.at)),
        (None, None) => talk.last().map(|message| Contact::Reminded(message.at)),
    }
}

/// Logs that `subject` was shown a list of `what`, naming the patients on it.
///
/// # Errors
/// [`StoreError`]; then the list must not be shown.
pub async fn log_view(
    store: &Store,
    subject: &Subject,
    what: &str,
    shown: impl IntoIterator<Item = &PatientId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut ids: Vec<&str> = shown.into_iter().map(PatientId::as_str).collect();
    ids.sort_unstable();
    ids.dedup();
    let why =
        Words::new(format!("vårdrelation: {}", ids.join(", ")), format!("care relation: {}", ids.join(", ")));
    let decision = Decision { allowed: true, why };
    let mut tx = store.write().await?;
    let action = format!("{} {what}", Action::List.key());
    audit::append(&mut tx, &Entry::by(subject, &action, None, &decision), now).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn said(id: i64, kind: AuthorKind, reading: bool, waits: bool) -> Message {
        Message {
            id,
            task: None,
            at: Timestamp::from_millis(id).expect("in range"),
            author_kind: kind,
            author_name: String::new(),
            body: String::new(),
            questions: Vec::new(),
            waits,
            reading: reading.then(|| "r".to_owned()),
        }
    }

    #[test]
    fn the_last_contact_is_the_one_a_nurse_would_name() {
        let time = |id| Timestamp::from_millis(id).expect("in range");
        let (system, patient, staff) = (AuthorKind::System, AuthorKind::Patient, AuthorKind::Staff);
        let rows: [(&str, Vec<Message>, Option<Contact>); 6] = [
            ("nothing said", vec![], None),
            ("a reminder alone", vec![said(1, system, false, false)], Some(Contact::Reminded(time(1)))),
            ("a question waits", vec![said(1, system, false, true)], Some(Contact::Asked(time(1)))),
            (
                "answered, then thanked automatically",
                vec![said(1, patient, true, false), said(2, system, false, false)],
                Some(Contact::Answered(time(1))),
            ),
            (
                "asked again after an answer",
                vec![said(1, patient, true, false), said(2, system, false, true)],
                Some(Contact::Asked(time(2))),
            ),
            (
                "staff wrote last",
                vec![said(1, patient, false, false), said(2, staff, false, false)],
                Some(Contact::StaffWrote(time(2))),
            ),
        ];
        for (name, talk, expected) in rows {
            assert_eq!(last_contact(&talk), expected, "{name}");
        }
    }

    #[test]
    fn silence_is_counted_in_calendar_days_of_stockholm() {
        // 23:30 in Stockholm on 21 April 2026 is 21:30 UTC; 00:30 on the 22nd is 22:30 UTC.
        let rows = [
            ("2026-04-21T21:30:00Z", "2026-04-21T22:30:00Z", 1),
            ("2026-04-21T22:30:00Z", "2026-04-22T20:00:00Z", 0),
            ("2026-03-20T06:00:00Z", "2026-04-22T06:00:00Z", 33),
        ];
        for (from, to, days) in rows {
            assert_eq!(whole_days(at(from), at(to)), days, "{from} to {to}");
        }
    }
}
