//! The plan that a register gives a patient: applied when the register says something new, so that the same register again does
//! not undo what staff changed since.
//!
//! **Invariant:** limits that change leave a row that says who changed them and when.

use crate::store::sql;
use serde_json::json;
use vitals::{PatientId, Timestamp};

use crate::actor::Actor;
use crate::plans;
use crate::register::entries::Plan;
use crate::register::file::RegisterError;
use crate::register::rows::{Cell, Columns};
use crate::store::{StoreError, Tx};

/// A plan as a register gives it.
pub(super) struct Given<'a> {
    plan: &'a Plan,
    limits: alerts::Overrides,
    overrides: Option<String>,
    whole: String,
    before: Option<String>,
}

impl<'a> Given<'a> {
    /// The plan of `patient`, its limits checked as far as can be said without a policy.
    ///
    /// # Errors
    /// [`RegisterError`] for limits that cannot be read.
    pub(super) fn of(patient: &str, plan: &'a Plan) -> Result<Self, RegisterError> {
        let wrong = |error: &dyn std::fmt::Display| {
            RegisterError::value("patient", patient, format_args!("plan.limits: {error}"))
        };
        // Limits that are left out stay as they are in the store; an empty table takes them away.
        let table = plan.limits.clone().unwrap_or_default();
        let value = serde_json::to_value(table).map_err(|error| wrong(&error))?;
        let limits: alerts::Overrides = serde_json::from_value(value).map_err(|error| wrong(&error))?;
        let text = serde_json::to_string(&limits).map_err(|error| wrong(&error))?;
        let overrides = plan.limits.is_some().then_some(text);
        let whole = json!({
            "text": plan.text, "by": plan.by, "changed": plan.changed, "limits": overrides,
        });
        Ok(Self { plan, limits, overrides, whole: whole.to_string(), before: None })
    }

    /// Itself, unless a register gave exactly this before.
    pub(super) async fn unless_given_before(
        mut self,
        tx: &mut Tx,
        patient: &PatientId,
    ) -> Result<Option<Self>, StoreError> {
        let row: Option<(Option<String>, Option<String>)> =
            sql::query_as("SELECT register_plan, overrides FROM patient WHERE id = $1")
                .bind(patient.as_str())
                .fetch_optional(tx)
                .await?;
        let Some((given, overrides)) = row else { return Ok(Some(self)) };
        self.before = overrides;
        Ok((given.as_deref() != Some(self.whole.as_str())).then_some(self))
    }

    /// The patient's columns that hold it.
    pub(super) fn columns(&self) -> Columns<'_> {
        let mut columns = vec![
            ("plan_text", Cell::Text(&self.plan.text)),
            ("plan_by", Cell::OptionalText(self.plan.by.clone())),
            ("plan_changed", Cell::OptionalNumber(self.plan.changed.map(Timestamp::as_millis))),
            ("register_plan", Cell::Text(&self.whole)),
        ];
        if let Some(overrides) = &self.overrides {
            columns.push(("overrides", Cell::Text(overrides)));
        }
        columns
    }

    /// Adds its limits to the patient's history, where they differ from those in force.
    pub(super) async fn say(
        self,
        tx: &mut Tx,
        patient: &PatientId,
        actor: Actor<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before: alerts::Overrides = match &self.before {
            Some(text) => {
                serde_json::from_str(text).map_err(|error| StoreError::unreadable("limits", error))?
            }
            None => alerts::Overrides::default(),
        };
        if self.overrides.is_none() || before == self.limits {
            return Ok(());
        }
        plans::given_by_register(tx, patient, self.limits, actor, now).await
    }
}
