//! Every policy there is and everything that was switched on, at hand: the answer to what stands for a patient.
//!
//! **Invariant:** the answer depends on the rows and on the moment asked about alone; asked twice about the same moment, it is
//! the same, unless something was switched on for a moment that had passed.

use crate::store::sql::{self, Connection, Row};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use alerts::Policy;
use vitals::Timestamp;

use super::{Activation, Scope, Standing};
use crate::people::{self, PatientFacts};
use crate::store::StoreError;

type Key = (String, String);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Book {
    policies: BTreeMap<Key, Arc<Policy>>,
    unreadable: Vec<Key>,
    first_of_name: BTreeMap<String, Key>,
    activations: Vec<Activation>,
}

/// The product's recommended policy.
pub(super) fn recommended() -> Arc<Policy> {
    static RECOMMENDED: LazyLock<Arc<Policy>> = LazyLock::new(|| Arc::new(Policy::recommended().clone()));
    Arc::clone(&RECOMMENDED)
}

/// Policies that were read before, by the hash of their text: the same text always reads the same.
static READ: LazyLock<Mutex<HashMap<String, Option<Arc<Policy>>>>> = LazyLock::new(Mutex::default);

impl Book {
    /// What the product brings by itself, `shipped`, and nothing switched on.
    pub fn of(shipped: impl IntoIterator<Item = Policy>) -> Self {
        let mut book = Self::default();
        for policy in std::iter::once(Policy::recommended().clone()).chain(shipped) {
            book.take(Arc::new(policy));
        }
        book
    }

    /// Everything in the store beside what comes with the product.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or a row that cannot be read.
    pub async fn load(connection: &mut Connection) -> Result<Self, StoreError> {
        Self::of(Policy::shipped().iter().cloned()).with_store(connection).await
    }

    /// As [`Book::load`], beside what is in this book already.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or a row that cannot be read.
    pub async fn with_store(mut self, connection: &mut Connection) -> Result<Self, StoreError> {
        let rows = sql::query("SELECT name, version, hash FROM policy_file ORDER BY id")
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            let key: Key = (row.try_get("name")?, row.try_get("version")?);
            match read(connection, &key, row.try_get("hash")?).await? {
                Some(policy) => self.take(policy),
                None => {
                    tracing::error!(policy = key.0, version = key.1, "this version cannot read the policy");
                    self.first_of_name.entry(key.0.clone()).or_insert_with(|| key.clone());
                    self.unreadable.push(key);
                }
            }
        }
        self.activations = activations(connection).await?;
        Ok(self)
    }

    fn take(&mut self, policy: Arc<Policy>) {
        let key = (policy.name().to_owned(), policy.version().to_owned());
        self.first_of_name.entry(key.0.clone()).or_insert_with(|| key.clone());
        self.policies.insert(key, policy);
    }

    /// The policy of this name and version, where it can be read.
    #[must_use]
    pub fn get(&self, name: &str, version: &str) -> Option<&Arc<Policy>> {
        self.policies.get(&(name.to_owned(), version.to_owned()))
    }

    /// The policy that made something, by its name and version; the recommended one where it is no longer known.
    #[must_use]
    pub fn or_recommended(&self, name: &str, version: &str) -> Arc<Policy> {
        self.get(name, version).map_or_else(recommended, Arc::clone)
    }

    /// Every policy that can be read, by name and version.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.policies.values()
    }

    /// Name and version of those that cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> &[(String, String)] {
        &self.unreadable
    }

    /// What a register may name: each name, and each name with its version, `name@version`.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let versions = self.policies.keys().map(|(name, version)| format!("{name}@{version}"));
        self.first_of_name.keys().cloned().chain(versions).collect()
    }

    /// Everything that was ever switched on, oldest decision first.
    #[must_use]
    pub fn activations(&self) -> &[Activation] {
        &self.activations
    }

    /// The activation that stands for exactly `scope` at `now`, if one does.
    #[must_use]
    pub fn switched_on(&self, scope: &Scope, now: Timestamp) -> Option<&Activation> {
        self.activations
            .iter()
            .filter(|one| one.scope == *scope && one.from <= now)
            .max_by_key(|one| (one.from, one.id))
            .filter(|one| one.policy.is_some())
    }

    /// What stands for the patient in `facts` at `now`.
    #[must_use]
    pub fn standing(&self, facts: &PatientFacts, now: Timestamp) -> Standing {
        if self.activations.is_empty() {
            return self.named(&facts.policy);
        }
        if let Some(own) = self.switched_on(&Scope::Patient(facts.id.clone()), now) {
            return self.by(own);
        }
        if facts.policy != Policy::recommended().name() {
            return self.named(&facts.policy);
        }
        let first = facts.units.first();
        let unit = first.map(|unit| Scope::Unit(unit.id.clone()));
        let programme = first.map(|unit| Scope::Programme(unit.organisation.clone()));
        match [unit, programme].into_iter().flatten().find_map(|scope| self.switched_on(&scope, now)) {
            Some(one) => self.by(one),
            None => self.named(&facts.policy),
        }
    }

    fn by(&self, activation: &Activation) -> Standing {
        let none = Key::default();
        let key = activation.policy.as_ref().unwrap_or(&none);
        Standing { activation: Some(activation.clone()), ..self.keyed(key) }
    }

    /// The policy a register names: `name`, in the version that came first, or `name@version`.
    fn named(&self, named: &str) -> Standing {
        match (named.split_once('@'), self.first_of_name.get(named)) {
            (Some((name, version)), _) => self.keyed(&(name.to_owned(), version.to_owned())),
            (None, Some(key)) => self.keyed(key),
            (None, None) => self.keyed(&(named.to_owned(), String::new())),
        }
    }

    fn keyed(&self, key: &Key) -> Standing {
        match self.policies.get(key) {
            Some(policy) => Standing { policy: Arc::clone(policy), activation: None, unreadable: None },
            None => {
                let named = format!("{} {}", key.0, key.1).trim_end().to_owned();
                tracing::error!(policy = named, "cannot be used; the recommended policy judges in its place");
                Standing { unreadable: Some(named), ..Standing::recommended() }
            }
        }
    }
}

async fn read(
    connection: &mut Connection,
    key: &Key,
    hash: String,
) -> Result<Option<Arc<Policy>>, StoreError> {
    let known = READ.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    let text: String = sql::query_scalar("SELECT text FROM policy_file WHERE name = $1 AND version = $2")
        .bind(&key.0)
        .bind(&key.1)
        .fetch_one(connection)
        .await?;
    let policy = Policy::parse(&text).ok().map(Arc::new);
    READ.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, policy.clone());
    Ok(policy)
}

const SELECT: &str = "SELECT id, scope, target, policy, version, from_at, at, actor, name, role, reason FROM policy_activation ";

async fn activations(connection: &mut Connection) -> Result<Vec<Activation>, StoreError> {
    let sql = format!("{SELECT} ORDER BY id");
    sql::query(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await?.iter().map(activation_of).collect()
}

/// The activation `id`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn activation(connection: &mut Connection, id: i64) -> Result<Option<Activation>, StoreError> {
    let sql = format!("{SELECT} WHERE id = $1");
    let row = sql::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(activation_of).transpose()
}

fn activation_of(row: &Row) -> Result<Activation, StoreError> {
    let (scope, target): (String, String) = (row.try_get("scope")?, row.try_get("target")?);
    let policy: Option<String> = row.try_get("policy")?;
    Ok(Activation {
        id: row.try_get("id")?,
        scope: Scope::of(&scope, &target).ok_or_else(|| StoreError::unreadable("a scope", &scope))?,
        policy: policy.zip(row.try_get::<Option<String>, _>("version")?),
        from: people::time(row.try_get("from_at")?)?,
        at: people::time(row.try_get("at")?)?,
        by: row.try_get("actor")?,
        by_name: row.try_get("name")?,
        role: row.try_get("role")?,
        reason: row.try_get("reason")?,
    })
}
