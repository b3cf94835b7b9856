//! What people do to tasks. Each act is one transaction: access decided and logged, the task changed, the event written.
//!
//! **Invariant:** an act on a task that somebody else changed meanwhile does nothing and says what happened.

use crate::store::sql;
use vitals::Timestamp;

use crate::access::{self, Action, Decision, Subject};
use crate::audit::{self, Entry};
use crate::language::Words;
use crate::live::Change;
use crate::people::{self, PatientFacts};
use crate::store::{Store, StoreError, Tx};
use crate::tasks::changes::event;
use crate::tasks::{self, Outcome, Status, Task};

/// The most characters of a note.
pub const NOTE_CHARS_MAX: usize = 2000;

/// Why an act was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// There is no such task, or none this person may know of.
    #[error("there is no such task")]
    NotFound,
    /// The person may not. It was logged.
    #[error("access denied: {}", why.en)]
    Denied {
        /// Why.
        why: Words,
    },
    /// The task is closed.
    #[error("the task is closed")]
    Closed,
    /// Somebody else took it.
    #[error("the task was taken by {by}")]
    Taken {
        /// Who.
        by: String,
    },
    /// The unit is none of the patient's.
    #[error("the unit {unit} takes no part in this patient's care")]
    NotTheirUnit {
        /// The unit.
        unit: String,
    },
    /// The note is too long, or missing where one is needed.
    #[error("{what}")]
    Note {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A rest must end in the future, and no later than the policy allows.
    #[error("a task may rest until {latest} at most")]
    Rest {
        /// Until when it may rest.
        latest: Timestamp,
    },
    /// The date to follow up is no date.
    #[error("{text:?} is not a date such as 2026-01-31")]
    FollowUp {
        /// What was written.
        text: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A task opened for an act: the transaction, the task, and its patient.
pub(super) struct Begun {
    pub(super) tx: Tx,
    pub(super) task: Task,
    facts: Option<PatientFacts>,
}

/// Decides and logs, then hands out the task if it is open.
pub(super) async fn begin(
    store: &Store,
    subject: &Subject,
    id: &str,
    act: &str,
    now: Timestamp,
) -> Result<Begun, ActError> {
    let mut tx = store.write().await?;
    let task = tasks::get(&mut tx, id).await?.ok_or(ActError::NotFound)?;
    let facts = match &task.patient {
        Some(patient) => people::facts(&mut tx, patient).await?,
        None => None,
    };
    let decision = match &facts {
        Some(facts) => access::decide(subject, facts, Action::Write, now),
        None => without_patient(subject),
    };
    let entry = Entry::by(subject, &format!("task {act}"), task.patient.as_ref(), &decision);
    audit::append(&mut tx, &entry, now).await?;
    if !decision.allowed || subject.unit().is_none() {
        tx.commit().await?;
        return Err(ActError::Denied { why: decision.why });
    }
    if task.status == Status::Closed {
        return Err(ActError::Closed);
    }
    Ok(Begun { tx, task, facts })
}

/// A gateway that no patient is known to use concerns every member of staff.
fn without_patient(subject: &Subject) -> Decision {
    if subject.unit().is_some() {
        Decision { allowed: true, why: Words::new("gäller ingen patient", "concerns no patient") }
    } else {
        Decision { allowed: false, why: Words::new("endast personal", "staff only") }
    }
}

pub(super) fn checked(note: &str) -> Result<&str, ActError> {
    let note = note.trim();
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(ActError::Note { what: "a note may have at most 2000 characters" });
    }
    Ok(note)
}

impl Begun {
    pub(super) async fn finish(
        mut self,
        subject: &Subject,
        action: &str,
        note: &str,
        now: Timestamp,
    ) -> Result<Change, ActError> {
        event(&mut self.tx, &self.task.id, now, &subject.name, action, note).await?;
        self.tx.commit().await?;
        Ok(Change::Task { task: self.task.id, patient: self.task.patient.map(|patient| patient.to_string()) })
    }

    pub(super) async fn set_owner(
        &mut self,
        owner: Option<&str>,
        unit: Option<&str>,
    ) -> Result<(), ActError> {
        sql::query("UPDATE task SET owner = $2, unit = COALESCE($3, unit) WHERE id = $1")
            .bind(&self.task.id)
            .bind(owner)
            .bind(unit)
            .execute(&mut self.tx)
            .await
            .map_err(StoreError::from)?;
        Ok(())
    }
}

/// Takes the task: `subject` answers for it from now on. Taking one's own again changes nothing.
///
/// # Errors
/// [`ActError::Taken`] when a colleague has it, and as [`ActError`] says.
pub async fn take(store: &Store, subject: &Subject, task: &str, now: Timestamp) -> Result<Change, ActError> {
    let mut begun = begin(store, subject, task, "take", now).await?;
    if begun.task.owner.as_deref().is_some_and(|owner| owner != subject.id) {
        return Err(ActError::Taken { by: begun.task.owner_name.unwrap_or_default() });
    }
    begun.set_owner(Some(&subject.id), subject.unit()).await?;
    begun.finish(subject, "taken", "", now).await
}

/// Gives the task back to its unit.
///
/// # Errors
/// As [`ActError`] says.
pub async fn release(
    store: &Store,
    subject: &Subject,
    task: &str,
    now: Timestamp,
) -> Result<Change, ActError> {
    let mut begun = begin(store, subject, task, "release", now).await?;
    begun.set_owner(None, None).await?;
    begun.finish(subject, "released", "", now).await
}

/// Hands the task over to another of the patient's units, with a note; nobody there has it yet.
///
/// # Errors
/// [`ActError::NotTheirUnit`], and as [`ActError`] says.
pub async fn hand_over(
    store: &Store,
    subject: &Subject,
    task: &str,
    unit: &str,
    note: &str,
    now: Timestamp,
) -> Result<Change, ActError> {
    let note = checked(note)?;
    let mut begun = begin(store, subject, task, "hand over", now).await?;
    let to = begun.facts.iter().flat_map(|facts| &facts.units).find(|related| related.id == unit);
    let Some(to) = to.map(|related| related.name.clone()) else {
        return Err(ActError::NotTheirUnit { unit: unit.to_owned() });
    };
    begun.set_owner(None, Some(unit)).await?;
    let note = if note.is_empty() { to } else { format!("{to}: {note}") };
    begun.finish(subject, "handed_over", &note, now).await
}

/// Writes a note in the task's history, such as a phone call that was not answered.
///
/// # Errors
/// [`ActError::Note`] when it is empty, and as [`ActError`] says.
pub async fn note(
    store: &Store,
    subject: &Subject,
    task: &str,
    text: &str,
    now: Timestamp,
) -> Result<Change, ActError> {
    let text = checked(text)?;
    if text.is_empty() {
        return Err(ActError::Note { what: "the note is empty" });
    }
    begin(store, subject, task, "note", now).await?.finish(subject, "noted", text, now).await
}

/// How a task ends.
#[derive(Clone, Debug)]
pub struct Closing {
    /// What came of it.
    pub outcome: Outcome,
    /// A note; a false alert needs one that says why.
    pub note: String,
    /// The date to follow up, `2026-01-31`, or nothing.
    pub follow_up: Option<String>,
}

/// Closes the task.
///
/// # Errors
/// [`ActError::Closed`] when it already is, [`ActError::Note`], [`ActError::FollowUp`], and as [`ActError`] says.
pub async fn close(
    store: &Store,
    subject: &Subject,
    task: &str,
    closing: &Closing,
    now: Timestamp,
) -> Result<Change, ActError> {
    let note = checked(&closing.note)?;
    if closing.outcome == Outcome::FalseAlert && note.is_empty() {
        return Err(ActError::Note { what: "a false alert needs a note on its cause" });
    }
    let follow_up = closing.follow_up.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if let Some(text) = follow_up
        && text.parse::<jiff::civil::Date>().is_err()
    {
        return Err(ActError::FollowUp { text: text.chars().take(40).collect() });
    }
    let mut begun = begin(store, subject, task, "close", now).await?;
    sql::query(
        "UPDATE task SET status = 'closed', closed_at = $2, outcome = $3, outcome_note = $4, follow_up = $5,
                owner = COALESCE(owner, $6) WHERE id = $1",
    )
    .bind(task)
    .bind(now.as_millis())
    .bind(closing.outcome.key())
    .bind(note)
    .bind(follow_up)
    .bind(&subject.id)
    .execute(&mut begun.tx)
    .await
    .map_err(StoreError::from)?;
    let words = closing.outcome.words();
    let text = if note.is_empty() { words.sv } else { format!("{}: {note}", words.sv) };
    begun.finish(subject, "closed", &text, now).await
}
