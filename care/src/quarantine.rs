//! What was put aside, for the people who can say whose it is or why it may go: who sees which item, and what they may do.
//!
//! An item belongs to nobody. It concerns those who have or had its device, or, where it names no device anybody had, those
//! whose readings came through its gateway; it is shown to whoever may read one of them. An administrator or technician sees
//! every item without what was measured, and says nothing about whose it is.
//!
//! **Invariant:** nobody is named as a person an item concerns to somebody who may not know of them.

use crate::store::sql::{self, Connection};
use vitals::{Envelope, PatientId, ReadingId, Timestamp};

use crate::access::{self, Action, Decision, Role, Subject};
use crate::admission::settled::{self, Item};
use crate::language::Words;
use crate::people::{self, PatientFacts, patient_id};
use crate::store::StoreError;

/// The most characters of a reason.
pub const REASON_CHARS_MAX: usize = 1000;
/// How many people's readings through a gateway make it theirs.
const HOME_MAX: i64 = 6;

/// What a person decides about an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is this patient's.
    Assign(PatientId),
    /// Ask the register again: it was corrected.
    Readmit,
    /// It is nobody's here, or useless.
    Discard,
}

impl Verdict {
    /// The word in the audit.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Assign(_) => "quarantine assign",
            Self::Readmit => "quarantine readmit",
            Self::Discard => "quarantine discard",
        }
    }
}

/// A decision about an item, as it is asked for.
#[derive(Clone, Debug)]
pub struct Settling {
    /// Which.
    pub item: i64,
    /// What.
    pub verdict: Verdict,
    /// Who.
    pub author: Subject,
    /// Why.
    pub reason: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is a reading now.
    Admitted {
        /// Whose.
        patient: PatientId,
        /// Which.
        reading: ReadingId,
    },
    /// The same measurement is in the record already.
    Duplicate,
    /// It was set aside for good.
    Discarded,
}

/// Why an item was not settled. It waits as before.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is no such item, or none this person may know of; or no such patient.
    #[error("there is no such item or patient")]
    NotFound,
    /// The person may not. It was logged.
    #[error("access denied: {}", why.en)]
    Denied {
        /// Why.
        why: Words,
    },
    /// No reason was given, or one that is too long.
    #[error("a reason of 1 to {REASON_CHARS_MAX} characters is needed")]
    Reason,
    /// Somebody settled it before.
    #[error("it was settled by {by}")]
    Already {
        /// Who.
        by: String,
    },
    /// What it is cannot become a reading.
    #[error("it cannot become a reading; it can only be discarded")]
    NoReading,
    /// The register still does not say whose it is.
    #[error("the register still does not say whose it is: {why}")]
    StillNobody {
        /// What the register lacks.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everybody an item concerns.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn concerned(
    connection: &mut Connection,
    item: &Item,
    envelope: Option<&Envelope>,
) -> Result<Vec<PatientFacts>, StoreError> {
    let mut ids: Vec<String> = Vec::new();
    if let Some(envelope) = envelope {
        ids = sql::query_scalar("SELECT DISTINCT patient FROM worn_by WHERE device = $1 ORDER BY patient")
            .bind(envelope.device.id.as_str())
            .fetch_all(&mut *connection)
            .await?;
    }
    if ids.is_empty() {
        ids = sql::query_scalar(
            "SELECT patient FROM reading WHERE stream IN (SELECT id FROM stream WHERE gateway = $1)
             GROUP BY patient ORDER BY MAX(arrival) DESC LIMIT $2",
        )
        .bind(&item.gateway)
        .bind(HOME_MAX)
        .fetch_all(&mut *connection)
        .await?;
    }
    let mut all = Vec::new();
    for id in ids {
        all.extend(people::facts(connection, &patient_id(&id)?).await?);
    }
    Ok(all)
}

/// Whether `role` looks after the technology and reads no record.
const fn is_technical(role: Role) -> bool {
    match role {
        Role::Administrator | Role::Technician => true,
        Role::HeartFailureNurse
        | Role::Physician
        | Role::MunicipalNurse
        | Role::HomeCare
        | Role::MeasuringSupport => false,
    }
}

/// Whether `subject` sees what was measured, and whose it may be.
#[must_use]
pub fn sees_values(subject: &Subject) -> bool {
    subject.role().is_some_and(|role| !is_technical(role))
}

/// Those among `concerned` whom `subject` may know of.
#[must_use]
pub fn known_to<'a>(
    subject: &Subject,
    concerned: &'a [PatientFacts],
    now: Timestamp,
) -> Vec<&'a PatientFacts> {
    concerned.iter().filter(|facts| access::decide(subject, facts, Action::List, now).allowed).collect()
}

/// Whether `subject` may see an item that concerns `concerned`, and why.
#[must_use]
pub fn decide(subject: &Subject, concerned: &[PatientFacts], now: Timestamp) -> Decision {
    let deny = |sv: &str, en: &str| Decision { allowed: false, why: Words::new(sv, en) };
    match subject.role() {
        None => deny("endast personal", "staff only"),
        Some(role) if is_technical(role) => {
            Decision { allowed: true, why: Words::new("teknik", "technology") }
        }
        Some(_) if known_to(subject, concerned, now).is_empty() => {
            deny("gäller ingen av enhetens patienter", "concerns none of the unit's patients")
        }
        Some(_) => Decision { allowed: true, why: Words::new("vårdrelation", "care relation") },
    }
}

/// Whether `subject` may settle an item that concerns `concerned` so that it becomes a reading of `target`, where it does.
#[must_use]
pub fn decide_settling(
    subject: &Subject,
    concerned: &[PatientFacts],
    target: Option<&PatientFacts>,
    now: Timestamp,
) -> Decision {
    let sees = decide(subject, concerned, now);
    match target {
        Some(target) if sees.allowed => access::decide(subject, target, Action::Write, now),
        Some(_) | None => sees,
    }
}

/// How many items wait that `subject` may see, of the latest `limit`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn visible(
    connection: &mut Connection,
    subject: &Subject,
    items: Vec<Item>,
    now: Timestamp,
) -> Result<Vec<(Item, Vec<PatientFacts>)>, StoreError> {
    let mut seen = Vec::new();
    let mut by_origin: std::collections::BTreeMap<(String, String), Vec<PatientFacts>> = Default::default();
    for item in items {
        let envelope = item.envelope();
        let device = envelope.as_ref().map_or_else(String::new, |one| one.device.id.to_string());
        let origin = (item.gateway.clone(), device);
        let concerned = match by_origin.get(&origin) {
            Some(concerned) => concerned.clone(),
            None => {
                let concerned = concerned(connection, &item, envelope.as_ref()).await?;
                by_origin.insert(origin, concerned.clone());
                concerned
            }
        };
        if decide(subject, &concerned, now).allowed {
            seen.push((item, concerned));
        }
    }
    Ok(seen)
}

/// The item `id`, as it is.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn one(connection: &mut Connection, id: i64) -> Result<Option<Item>, StoreError> {
    settled::one(connection, id).await
}
