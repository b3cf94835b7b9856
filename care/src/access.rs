//! Who may read whose record, and why. The only door to a patient.
//!
//! By Swedish law each organisation is its own data controller: a unit reads the record of a patient it has a care
//! relation with; across organisations it needs the patient's consent too (lag 2022:913, patientdatalagen). The first
//! unit of a patient belongs to the organisation that answers for the record. An administrator runs the system and reads
//! no record. Unknown is closed.
//!
//! **Invariant:** [`open_patient`] writes the audit entry, allowed or denied, before it gives anything back.

mod policies;
mod population;
mod rooms;

use vitals::{PatientId, Timestamp};

pub use policies::{PolicyWish, decide_policies, is_clinician, open_policies};
pub use population::{decide_population, open_population};
pub use rooms::{open_gateways, open_register};

use crate::audit::{self, Entry};
use crate::language::{Language, Words};
use crate::people::{self, PatientFacts};
use crate::store::{Store, StoreError};

/// What a member of staff is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Heart-failure nurse.
    HeartFailureNurse,
    /// Physician.
    Physician,
    /// Nurse in municipal care.
    MunicipalNurse,
    /// Home-care assistant.
    HomeCare,
    /// Helps with measuring.
    MeasuringSupport,
    /// Looks after gateways and devices; reads no record.
    Technician,
    /// Runs the system; reads no record.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::HeartFailureNurse,
        Self::Physician,
        Self::MunicipalNurse,
        Self::HomeCare,
        Self::MeasuringSupport,
        Self::Technician,
        Self::Administrator,
    ];

    /// The key in the register.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::HeartFailureNurse => "heart_failure_nurse",
            Self::Physician => "physician",
            Self::MunicipalNurse => "municipal_nurse",
            Self::HomeCare => "home_care",
            Self::MeasuringSupport => "measuring_support",
            Self::Technician => "technician",
            Self::Administrator => "administrator",
        }
    }

    /// The role with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.key() == key)
    }

    /// Whether it looks after gateways: their codes, certificates and replacement.
    #[must_use]
    pub const fn keeps_gateways(self) -> bool {
        match self {
            Self::Technician | Self::Administrator => true,
            Self::HeartFailureNurse
            | Self::Physician
            | Self::MunicipalNurse
            | Self::HomeCare
            | Self::MeasuringSupport => false,
        }
    }

    const fn reads_records(self) -> bool {
        match self {
            Self::HeartFailureNurse
            | Self::Physician
            | Self::MunicipalNurse
            | Self::HomeCare
            | Self::MeasuringSupport => true,
            Self::Technician | Self::Administrator => false,
        }
    }
}

/// Which kind of person is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// Staff, in one unit and role.
    Staff {
        /// The role.
        role: Role,
        /// The unit's id.
        unit: String,
        /// The unit's name.
        unit_name: String,
        /// The organisation's id.
        organisation: String,
    },
    /// The patient.
    Patient,
    /// Next of kin, for one patient.
    Proxy {
        /// Whose.
        patient: PatientId,
    },
}

/// The person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Their id among staff, patients or proxies.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their login.
    pub login: String,
    /// The language they read; the patient's for patient and proxy.
    pub language: Language,
    /// What they are.
    pub kind: SubjectKind,
    /// Whether they must choose a new password first.
    pub must_change: bool,
}

impl Subject {
    /// The patient whose own pages this person sees: themselves, or the one they are next of kin of.
    #[must_use]
    pub fn own_patient(&self) -> Option<PatientId> {
        match &self.kind {
            SubjectKind::Patient => self.id.parse().ok(),
            SubjectKind::Proxy { patient } => Some(patient.clone()),
            SubjectKind::Staff { .. } => None,
        }
    }

    /// The unit, for staff.
    #[must_use]
    pub fn unit(&self) -> Option<&str> {
        match &self.kind {
            SubjectKind::Staff { unit, .. } => Some(unit),
            SubjectKind::Patient | SubjectKind::Proxy { .. } => None,
        }
    }

    /// The role, for staff.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match &self.kind {
            SubjectKind::Staff { role, .. } => Some(*role),
            SubjectKind::Patient | SubjectKind::Proxy { .. } => None,
        }
    }

    /// `staff`, `patient` or `proxy`.
    #[must_use]
    pub const fn kind_key(&self) -> &'static str {
        match &self.kind {
            SubjectKind::Staff { .. } => "staff",
            SubjectKind::Patient => "patient",
            SubjectKind::Proxy { .. } => "proxy",
        }
    }
}

/// What somebody wants with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the record.
    Read,
    /// See one's own row in a worklist or a list of patients.
    List,
    /// Act on a task or write in the conversation.
    Write,
    /// Read who has read.
    ReadAudit,
}

impl Action {
    /// The word in the audit.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::ReadAudit => "read_audit",
        }
    }
}

/// Whether, and why, in words a person can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether.
    pub allowed: bool,
    /// Why.
    pub why: Words,
}

impl Decision {
    fn allow(sv: impl Into<String>, en: impl Into<String>) -> Self {
        Self { allowed: true, why: Words::new(sv, en) }
    }

    fn deny(sv: impl Into<String>, en: impl Into<String>) -> Self {
        Self { allowed: false, why: Words::new(sv, en) }
    }
}

/// Decides whether `subject` may do `action` with the record of the patient in `facts`.
#[must_use]
pub fn decide(subject: &Subject, facts: &PatientFacts, action: Action, now: Timestamp) -> Decision {
    match &subject.kind {
        SubjectKind::Patient if subject.id == facts.id.as_str() => {
            Decision::allow("din egen journal", "your own record")
        }
        SubjectKind::Patient => Decision::deny("inte din journal", "not your record"),
        SubjectKind::Proxy { patient } if *patient == facts.id => {
            Decision::allow("närstående", "next of kin")
        }
        SubjectKind::Proxy { .. } => {
            Decision::deny("inte din närståendes journal", "not your next of kin's record")
        }
        SubjectKind::Staff { role, unit, organisation, .. } => {
            decide_staff(*role, unit, organisation, facts, action, now)
        }
    }
}

fn decide_staff(
    role: Role,
    unit: &str,
    organisation: &str,
    facts: &PatientFacts,
    _action: Action,
    now: Timestamp,
) -> Decision {
    if !role.reads_records() {
        return Decision::deny("rollen läser inga journaler", "this role reads no records");
    }
    if !facts.units.iter().any(|related| related.id == unit) {
        return Decision::deny("ingen vårdrelation", "no care relation");
    }
    let answers_for_it = facts.units.first().is_some_and(|first| first.organisation == organisation);
    if answers_for_it {
        return Decision::allow("vårdrelation", "care relation");
    }
    match facts.consent_at(now) {
        Some(from) => {
            let day = from.to_jiff().to_zoned(crate::clock::zone()).date();
            Decision::allow(
                format!("vårdrelation och samtycke {day}"),
                format!("care relation and consent {day}"),
            )
        }
        None => Decision::deny(
            "samtycke till sammanhållen journal saknas",
            "the patient has not consented to sharing across organisations",
        ),
    }
}

/// Why a patient could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is no such patient.
    #[error("there is no such patient")]
    NotFound,
    /// The person may not. It was logged.
    #[error("access denied: {}", why.en)]
    Denied {
        /// Why, in words.
        why: Words,
    },
    /// The store failed; nothing was shown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The facts about a patient that `subject` may see, and why they may.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The facts.
    pub facts: PatientFacts,
    /// Why this person sees them.
    pub why: Words,
}

/// Opens the record of `patient` for `subject`: decides, and logs the decision with its reason.
///
/// # Errors
/// [`AccessError::NotFound`], [`AccessError::Denied`] with the reason; when the log cannot be written, nothing is shown.
pub async fn open_patient(
    store: &Store,
    subject: &Subject,
    patient: &PatientId,
    action: Action,
    now: Timestamp,
) -> Result<Opened, AccessError> {
    let mut tx = store.write().await?;
    let facts = people::facts(&mut tx, patient).await?;
    let decision = match &facts {
        Some(facts) => decide(subject, facts, action, now),
        None => Decision::deny("patienten finns inte", "there is no such patient"),
    };
    audit::append(
        &mut tx,
        &Entry::by(subject, action.key(), facts.as_ref().map(|facts| &facts.id), &decision),
        now,
    )
    .await?;
    tx.commit().await?;
    match facts {
        None => Err(AccessError::NotFound),
        Some(_) if !decision.allowed => Err(AccessError::Denied { why: decision.why }),
        Some(facts) => Ok(Opened { facts, why: decision.why }),
    }
}

/// For how long one look at a record is one entry of the log, while a page keeps itself true or goes on to its next step.
const SAME_LOOK_MS: i64 = 10 * Timestamp::MINUTE_MS;

/// Opens the record of `patient` for `subject` as [`open_patient`] does, for a page that they have open already. The decision
/// is made anew; it is logged unless the log holds the same, for the same reason, from the last ten minutes. So the log says
/// every ten minutes that a page stood open, instead of once for each change on it.
///
/// # Errors
/// As [`open_patient`]; a refusal is always logged.
pub async fn look_again(
    store: &Store,
    subject: &Subject,
    patient: &PatientId,
    action: Action,
    now: Timestamp,
) -> Result<Opened, AccessError> {
    let mut reader = store.read().await?;
    if let Some(facts) = people::facts(&mut reader, patient).await? {
        let decision = decide(subject, &facts, action, now);
        let entry = Entry::by(subject, action.key(), Some(patient), &decision);
        let since = now.plus_millis(-SAME_LOOK_MS);
        if decision.allowed && audit::has_since(&mut reader, &entry, since).await? {
            return Ok(Opened { facts, why: decision.why });
        }
    }
    drop(reader);
    open_patient(store, subject, patient, action, now).await
}
