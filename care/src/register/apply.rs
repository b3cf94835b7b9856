//! Making the store agree with a register, in one transaction, and saying what changed.

use crate::store::sql;
use std::path::Path;

use serde_json::json;
use vitals::Timestamp;

use crate::access::{Decision, Subject};
use crate::actor::Actor;
use crate::audit::{self, Entry};
use crate::language::Words;
use crate::policies::Book;
use crate::register::entries::{Patient, WornBy};
use crate::register::file::{Register, RegisterError};
use crate::register::plan::Given;
use crate::register::rows::{Cell, Columns, Row, upsert};
use crate::store::{Store, StoreError, Tx};

/// Why a register was not applied. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The register is wrong.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// One thing that was added or changed; a JSON line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// `added` or `changed`.
    pub what: &'static str,
    /// The table of the register.
    pub table: &'static str,
    /// Which entry.
    pub id: String,
}

impl Changed {
    /// The JSON line.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json!({ "change": self.what, "table": self.table, "id": self.id })
    }
}

/// Applies `register` for `user`, an operating-system user, and logs that it was done.
/// `directory` is where its password files are, `policies` the names a patient may have.
///
/// # Errors
/// [`ApplyError`]; then nothing was changed.
pub async fn apply(
    store: &Store,
    register: &Register,
    directory: &Path,
    policies: &[&str],
    user: &str,
    now: Timestamp,
) -> Result<Vec<Changed>, ApplyError> {
    let entry = |_: &[Changed]| Entry::at_the_command_line(user, "admin apply", None);
    let by = By { actor: Actor::CommandLine(user), directory, policies };
    apply_logged(store, register, by, entry, now).await
}

/// Entries named in the log of one change; the rest are counted.
const LOGGED_MAX: usize = 20;

/// As [`apply`], for an administrator in the dashboard, who is logged as who they are. Files of this machine are not
/// theirs to name.
///
/// # Errors
/// [`ApplyError`]; then nothing was changed.
pub async fn apply_as(
    store: &Store,
    register: &Register,
    policies: &[&str],
    administrator: &Subject,
    now: Timestamp,
) -> Result<Vec<Changed>, ApplyError> {
    if let Some((table, id)) = register.names_a_file() {
        return Err(RegisterError::value(table, id, "password_file is for the command line only").into());
    }
    let entry = |changed: &[Changed]| {
        let said =
            changed.iter().take(LOGGED_MAX).map(|one| format!("{} {} {}", one.what, one.table, one.id));
        let mut said = said.collect::<Vec<_>>().join("; ");
        if changed.len() > LOGGED_MAX {
            said = format!("{said}; {} more", changed.len() - LOGGED_MAX);
        }
        let why = Words::new(said.clone(), said);
        Entry::by(administrator, "admin apply", None, &Decision { allowed: true, why })
    };
    let by = By { actor: Actor::Person(administrator), directory: Path::new("."), policies };
    apply_logged(store, register, by, entry, now).await
}

/// Who applies a register, and what it may refer to.
struct By<'a> {
    actor: Actor<'a>,
    directory: &'a Path,
    policies: &'a [&'a str],
}

async fn apply_logged(
    store: &Store,
    register: &Register,
    by: By<'_>,
    entry: impl FnOnce(&[Changed]) -> Entry,
    now: Timestamp,
) -> Result<Vec<Changed>, ApplyError> {
    let mut tx = store.write().await?;
    let mut policies: Vec<String> = by.policies.iter().map(|name| (*name).to_owned()).collect();
    policies.extend(Book::default().with_store(&mut tx).await?.names());
    let (actor, directory) = (by.actor, by.directory);
    let mut applying = Applying { tx, now, actor, directory, policies, changed: Vec::new() };
    applying.organisations(register).await?;
    applying.units(register).await?;
    applying.staff(register).await?;
    for patient in &register.patient {
        applying.patient(patient).await?;
    }
    applying.things(register).await?;
    for worn in &register.worn_by {
        applying.worn_by(worn).await?;
    }
    let Applying { mut tx, changed, .. } = applying;
    if !changed.is_empty() {
        audit::append(&mut tx, &entry(&changed), now).await?;
    }
    tx.commit().await?;
    Ok(changed)
}

pub(super) struct Applying<'a> {
    pub(super) tx: Tx,
    now: Timestamp,
    actor: Actor<'a>,
    pub(super) directory: &'a Path,
    policies: Vec<String>,
    pub(super) changed: Vec<Changed>,
}

impl Applying<'_> {
    /// Adds or changes one row, and remembers that it did.
    async fn upsert(
        &mut self,
        table: &'static str,
        id: String,
        key: Columns<'_>,
        rest: Columns<'_>,
    ) -> Result<(), ApplyError> {
        self.upsert_with(table, id, key, rest, Vec::new()).await
    }

    /// As [`Applying::upsert`]; a row that is added gets the columns `once` too, which never change after that.
    async fn upsert_with(
        &mut self,
        table: &'static str,
        id: String,
        key: Columns<'_>,
        rest: Columns<'_>,
        once: Columns<'_>,
    ) -> Result<(), ApplyError> {
        match upsert(&mut self.tx, table, &key, &rest, &once).await? {
            Row::Agrees => {}
            Row::Added => self.changed.push(Changed { what: "added", table, id }),
            Row::Changed => self.changed.push(Changed { what: "changed", table, id }),
        }
        Ok(())
    }

    /// Refuses a reference to a row that is not there. The file's own rows were written before it is asked.
    async fn must_exist(
        &mut self,
        table: &'static str,
        id: &str,
        key: &'static str,
        to: &str,
    ) -> Result<(), ApplyError> {
        let sql = format!("SELECT 1 FROM {key} WHERE id = $1");
        let found = sql::query(sqlx::AssertSqlSafe(sql)).bind(to).fetch_optional(&mut self.tx).await?;
        if found.is_none() {
            return Err(RegisterError::Reference { table, id: id.to_owned(), key, to: to.to_owned() }.into());
        }
        Ok(())
    }

    async fn organisations(&mut self, register: &Register) -> Result<(), ApplyError> {
        for one in &register.organisation {
            let rest = vec![("name", Cell::Text(&one.name)), ("kind", Cell::Text(one.kind.key()))];
            self.upsert("organisation", one.id.clone(), vec![("id", Cell::Text(&one.id))], rest).await?;
        }
        Ok(())
    }

    async fn units(&mut self, register: &Register) -> Result<(), ApplyError> {
        for one in &register.unit {
            self.must_exist("unit", &one.id, "organisation", &one.organisation).await?;
            let rest = vec![("organisation", Cell::Text(&one.organisation)), ("name", Cell::Text(&one.name))];
            self.upsert("unit", one.id.clone(), vec![("id", Cell::Text(&one.id))], rest).await?;
        }
        Ok(())
    }

    async fn staff(&mut self, register: &Register) -> Result<(), ApplyError> {
        for one in &register.staff {
            self.must_exist("staff", &one.id, "unit", &one.unit).await?;
            let rest = vec![
                ("unit", Cell::Text(&one.unit)),
                ("role", Cell::Text(one.role.key())),
                ("name", Cell::Text(&one.name)),
                ("until_at", Cell::OptionalNumber(one.until.map(Timestamp::as_millis))),
            ];
            self.upsert("staff", one.id.clone(), vec![("id", Cell::Text(&one.id))], rest).await?;
            self.account("staff", &one.id, &one.credentials()).await?;
        }
        Ok(())
    }

    async fn patient(&mut self, one: &Patient) -> Result<(), ApplyError> {
        let id = one.id.as_str();
        if !self.policies.contains(&one.policy) {
            let what = format!("policy {:?} is none of {}", one.policy, self.policies.join(", "));
            return Err(RegisterError::value("patient", id, what).into());
        }
        let plan = one.plan.as_ref();
        let mut rest = vec![
            ("name", Cell::Text(&one.name)),
            ("language", Cell::Text(one.language.key())),
            ("policy", Cell::Text(&one.policy)),
        ];
        // What a register leaves out stays as it is in the store: it never removes.
        if let Some(born) = &one.born {
            rest.push(("born", Cell::Text(born)));
        }
        if let Some(consent) = one.consent {
            rest.push(("consent_from", Cell::Number(consent.from.as_millis())));
            rest.push(("consent_until", Cell::OptionalNumber(consent.until.map(Timestamp::as_millis))));
        }
        let given = match plan {
            Some(plan) => Given::of(id, plan)?.unless_given_before(&mut self.tx, &one.id).await?,
            None => None,
        };
        if let Some(given) = &given {
            rest.extend(given.columns());
        }
        let once = vec![("enrolled_at", Cell::Number(self.now.as_millis()))];
        self.upsert_with("patient", id.to_owned(), vec![("id", Cell::Text(id))], rest, once).await?;
        if let Some(given) = given {
            given.say(&mut self.tx, &one.id, self.actor, self.now).await?;
        }
        self.care_relations(one).await?;
        for proxy in &one.proxy {
            let rest = vec![
                ("patient", Cell::Text(id)),
                ("name", Cell::Text(&proxy.name)),
                ("until_at", Cell::OptionalNumber(proxy.until.map(Timestamp::as_millis))),
            ];
            self.upsert("proxy", proxy.id.clone(), vec![("id", Cell::Text(&proxy.id))], rest).await?;
            self.account("proxy", &proxy.id, &proxy.credentials()).await?;
        }
        for medicine in plan.into_iter().flat_map(|plan| &plan.medication) {
            let key = vec![
                ("patient", Cell::Text(id)),
                ("name", Cell::Text(&medicine.name)),
                ("from_at", Cell::Number(medicine.from.as_millis())),
            ];
            let rest = vec![
                ("dose", Cell::Text(&medicine.dose)),
                ("until_at", Cell::OptionalNumber(medicine.until.map(Timestamp::as_millis))),
                ("changed_by", Cell::Text(&medicine.by)),
            ];
            self.upsert("medication", format!("{id} {}", medicine.name), key, rest).await?;
        }
        self.account("patient", id, &one.credentials()).await
    }

    async fn care_relations(&mut self, one: &Patient) -> Result<(), ApplyError> {
        let id = one.id.as_str();
        for (position, unit) in (0_i64..).zip(&one.units) {
            self.must_exist("patient", id, "unit", unit).await?;
            let key = vec![("patient", Cell::Text(id)), ("unit", Cell::Text(unit))];
            let rest = vec![("position", Cell::Number(position))];
            self.upsert("patient_unit", format!("{id} {unit}"), key, rest).await?;
        }
        Ok(())
    }

    async fn things(&mut self, register: &Register) -> Result<(), ApplyError> {
        for one in &register.gateway {
            let id = one.id.as_str();
            self.upsert("gateway", id.to_owned(), vec![("id", Cell::Text(id))], Vec::new()).await?;
        }
        for one in &register.device {
            let id = one.id.as_str();
            let rest = vec![("model", Cell::Text(&one.model))];
            self.upsert("device", id.to_owned(), vec![("id", Cell::Text(id))], rest).await?;
        }
        Ok(())
    }

    async fn worn_by(&mut self, one: &WornBy) -> Result<(), ApplyError> {
        let (device, patient) = (one.device.as_str(), one.patient.as_str());
        let id = format!("{device} by {patient}");
        self.must_exist("worn_by", &id, "device", device).await?;
        self.must_exist("worn_by", &id, "patient", patient).await?;
        let key = vec![
            ("device", Cell::Text(device)),
            ("patient", Cell::Text(patient)),
            ("slot", Cell::Number(one.slot.map_or(-1, i64::from))),
            ("from_at", Cell::Number(one.from.as_millis())),
        ];
        let rest = vec![("until_at", Cell::OptionalNumber(one.until.map(Timestamp::as_millis)))];
        self.upsert("worn_by", id, key, rest).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts;

    /// The published example of a register.
    const EXAMPLE: &str = r#"
organisation = [{ id = "region", name = "Region Exempel", kind = "region" }]
unit    = [{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }]
staff   = [{ id = "anna", unit = "hf", role = "heart_failure_nurse", name = "Anna Test", login = "anna", password = "first password", must_change = true }]
patient = [{ id = "p1", name = "Svea Test", units = ["hf"], language = "sv", policy = "recommended" }]
gateway = [{ id = "gw-0001" }]
device  = [{ id = "546c0e000001", model = "A&D UA-651BLE" }]
worn_by = [{ device = "546c0e000001", patient = "p1", from = "2026-01-01T00:00:00Z" }]
"#;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).expect("in range")
    }

    async fn applied(store: &Store, text: &str) -> Result<Vec<Changed>, ApplyError> {
        apply(store, &Register::parse(text)?, Path::new("."), &["recommended"], "operator", now()).await
    }

    #[tokio::test]
    async fn the_example_applies_once_and_twice_changes_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = crate::store::trial::open(directory.path()).await.expect("opens");
        let first = applied(&store, EXAMPLE).await.expect("applies");
        assert_eq!(
            first.len(),
            9,
            "one line for each entry, one for the care relation, one for the account: {first:?}"
        );
        assert_eq!(applied(&store, EXAMPLE).await.expect("applies"), []);
        let renamed = EXAMPLE.replace("Svea Test", "Svea Prov");
        let changed = applied(&store, &renamed).await.expect("applies");
        assert_eq!(changed, [Changed { what: "changed", table: "patient", id: "p1".into() }]);
        let register = Register::parse(EXAMPLE).expect("parses");
        let later = now().plus_days(7);
        let again = apply(&store, &register, Path::new("."), &["recommended"], "operator", later).await;
        assert_eq!(again.expect("applies"), changed, "the name back, a week later");
        let patient = "p1".parse().expect("a patient id");
        let facts = crate::people::facts(&mut store.read().await.expect("reads"), &patient).await;
        let enrolled_at = facts.expect("reads").expect("is there").enrolled_at;
        assert_eq!(enrolled_at, now(), "enrolment stays when it was");
        let ended = EXAMPLE.replace(
            "from = \"2026-01-01T00:00:00Z\"",
            "from = \"2026-01-01T00:00:00Z\", until = \"2026-02-01T00:00:00Z\"",
        );
        assert_eq!(applied(&store, &ended).await.expect("applies").len(), 1, "the device's end");
    }

    /// To add a case, add a row: what to change in the example, and what the one line must say.
    #[tokio::test]
    async fn one_wrong_reference_refuses_the_whole_file() {
        let rows = [
            ("unit = \"hf\"", "unit = \"gone\"", "staff \"anna\": unit \"gone\" is neither"),
            ("units = [\"hf\"]", "units = [\"hf\", \"gone\"]", "patient \"p1\": unit \"gone\" is neither"),
            ("patient = \"p1\"", "patient = \"p9\"", "patient \"p9\" is neither"),
            ("organisation = \"region\"", "organisation = \"gone\"", "unit \"hf\": organisation \"gone\""),
            ("policy = \"recommended\"", "policy = \"mine\"", "policy \"mine\" is none of recommended"),
            ("password = \"first password\", ", "", "needs password"),
        ];
        for (was, becomes, says) in rows {
            assert!(EXAMPLE.contains(was), "the row must change something: {was}");
            let directory = tempfile::tempdir().expect("a temporary directory");
            let store = crate::store::trial::open(directory.path()).await.expect("opens");
            let error = applied(&store, &EXAMPLE.replace(was, becomes)).await.expect_err(becomes).to_string();
            assert!(error.contains(says), "{error}");
            let left: i64 = sql::query_scalar("SELECT COUNT(*) FROM organisation")
                .fetch_one(&mut store.read().await.expect("reads"))
                .await
                .expect("counts");
            assert_eq!(left, 0, "nothing was changed");
        }
    }

    #[tokio::test]
    async fn a_password_of_ones_own_survives_the_same_register() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = crate::store::trial::open(directory.path()).await.expect("opens");
        let now = Timestamp::from_millis(1_767_225_600_000).expect("in range");
        applied(&store, EXAMPLE).await.expect("applies");
        let token = accounts::log_in(&store, "anna", "first password", now).await.expect("signs in");
        let anna = accounts::who(&store, &token, now).await.expect("reads").expect("is signed in");
        assert!(anna.must_change);
        accounts::change_password(&store, &anna, &token, "first password", "a better password", now)
            .await
            .expect("changes");
        assert_eq!(applied(&store, EXAMPLE).await.expect("applies"), []);
        accounts::log_in(&store, "anna", "a better password", now).await.expect("signs in with her own");
        assert!(accounts::log_in(&store, "anna", "first password", now).await.is_err());
        applied(&store, &EXAMPLE.replace("first password", "reset password")).await.expect("applies");
        accounts::log_in(&store, "anna", "reset password", now).await.expect("a new one in the file resets");
    }

    #[tokio::test]
    async fn five_wrong_passwords_lock_for_five_minutes() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = crate::store::trial::open(directory.path()).await.expect("opens");
        let now = Timestamp::from_millis(1_767_225_600_000).expect("in range");
        applied(&store, EXAMPLE).await.expect("applies");
        for _ in 0..5 {
            let error = accounts::log_in(&store, "anna", "guess", now).await.expect_err("wrong");
            assert!(matches!(error, accounts::LoginError::Wrong), "{error}");
        }
        let error = accounts::log_in(&store, "anna", "first password", now).await.expect_err("locked");
        assert!(matches!(error, accounts::LoginError::Locked { .. }), "{error}");
        let later = now.plus_millis(5 * Timestamp::MINUTE_MS);
        accounts::log_in(&store, "anna", "first password", later).await.expect("five minutes later");
    }
}
