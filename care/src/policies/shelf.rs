//! The policy files an installation owns: taken in once they hold what they claim, and kept whole.
//!
//! A file is read, its worked examples are run, and only then is it kept. It judges nobody until it is switched on, or
//! named in a register.
//!
//! **Invariant:** a name and version stand for one text for ever.

use crate::store::sql::{self, Connection};
use alerts::policy::ExampleError;
use alerts::{Policy, PolicyError};
use sha2::{Digest, Sha256};
use vitals::{Timestamp, hex};

use crate::access::Decision;
use crate::actor::Actor;
use crate::audit;
use crate::clock::zone;
use crate::language::Words;
use crate::people;
use crate::store::{Store, StoreError, Tx, numbers};

/// The most bytes of a policy.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
const NAME_CHARS_MAX: usize = 64;
const VERSION_CHARS_MAX: usize = 32;

/// Why a file was not taken in. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It is no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A worked example does not hold.
    #[error(transparent)]
    Example(#[from] ExampleError),
    /// It shows nothing of what it does.
    #[error("the policy has no worked example; at least one must show what it does")]
    NoExample,
    /// Its name or version cannot be one.
    #[error("{key} must be 1 to {max} of a-z, A-Z, 0-9, '.', '_' and '-'")]
    Named {
        /// `name` or `version`.
        key: &'static str,
        /// How long it may be.
        max: usize,
    },
    /// It is too large.
    #[error("the policy has more than {TEXT_BYTES_MAX} bytes")]
    TooLarge,
    /// Another text has this name and version.
    #[error("{name} {version} is another text already; give the changed one a version of its own")]
    Exists {
        /// The name.
        name: String,
        /// The version.
        version: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A policy that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it was not there before.
    pub new: bool,
}

/// Reads `text` and runs its examples: what [`add`] asks before it keeps anything.
///
/// # Errors
/// [`AddError`] saying what is wrong with it.
pub fn checked(text: &str) -> Result<Policy, AddError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(AddError::TooLarge);
    }
    let policy = Policy::parse(text)?;
    named("name", policy.name(), NAME_CHARS_MAX)?;
    named("version", policy.version(), VERSION_CHARS_MAX)?;
    if policy.examples().is_empty() {
        return Err(AddError::NoExample);
    }
    policy.check_examples(&zone())?;
    Ok(policy)
}

fn named(key: &'static str, value: &str, max: usize) -> Result<(), AddError> {
    let fits = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    // A step of an address may not be one of these two.
    let is_step = matches!(value, "." | "..");
    if fits && !value.is_empty() && value.len() <= max && !is_step {
        Ok(())
    } else {
        Err(AddError::Named { key, max })
    }
}

/// Takes `text` in for `actor`. The same text again changes nothing.
///
/// # Errors
/// [`AddError`]; then nothing was changed.
pub async fn add(store: &Store, text: &str, actor: Actor<'_>, now: Timestamp) -> Result<Added, AddError> {
    let policy = checked(text)?;
    let (name, version) = (policy.name().to_owned(), policy.version().to_owned());
    let hash = hash(text);
    if let Some(shipped) = Policy::shipped().iter().find(|one| one.name() == name && one.version() == version)
    {
        let same = *shipped == policy;
        return if same {
            Ok(Added { name, version, new: false })
        } else {
            Err(AddError::Exists { name, version })
        };
    }
    let mut tx = store.write().await?;
    if let Some(known) = hash_of(&mut tx, &name, &version).await? {
        let same = known == hash;
        return if same {
            Ok(Added { name, version, new: false })
        } else {
            Err(AddError::Exists { name, version })
        };
    }
    insert(&mut tx, &policy, text, &hash, actor, now).await?;
    let why = Words::new(format!("policy {name} {version}"), format!("policy {name} {version}"));
    let entry = actor.entry("policy add", None, &Decision { allowed: true, why });
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(Added { name, version, new: true })
}

async fn insert(
    tx: &mut Tx,
    policy: &Policy,
    text: &str,
    hash: &str,
    actor: Actor<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = numbers::next(tx, "policy_file").await?;
    sql::query(
        "INSERT INTO policy_file (id, name, version, author, hash, text, added_at, added_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(policy.name())
    .bind(policy.version())
    .bind(policy.author())
    .bind(hash)
    .bind(text)
    .bind(now.as_millis())
    .bind(actor.name())
    .execute(tx)
    .await?;
    Ok(())
}

fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes()))
}

async fn hash_of(tx: &mut Tx, name: &str, version: &str) -> Result<Option<String>, StoreError> {
    Ok(sql::query_scalar("SELECT hash FROM policy_file WHERE name = $1 AND version = $2")
        .bind(name)
        .bind(version)
        .fetch_optional(tx)
        .await?)
}

/// A policy file as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its text.
    pub text: String,
    /// The SHA-256 of it, in hex.
    pub hash: String,
    /// When it was taken in and by whom; `None` for what comes with the product.
    pub added: Option<(Timestamp, String)>,
}

/// The text of a policy, owned or shipped; `None` where there is no such policy.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn kept(
    connection: &mut Connection,
    name: &str,
    version: &str,
) -> Result<Option<Kept>, StoreError> {
    let row =
        sql::query("SELECT text, hash, added_at, added_by FROM policy_file WHERE name = $1 AND version = $2")
            .bind(name)
            .bind(version)
            .fetch_optional(connection)
            .await?;
    if let Some(row) = row {
        let added = (people::time(row.try_get("added_at")?)?, row.try_get("added_by")?);
        return Ok(Some(Kept { text: row.try_get("text")?, hash: row.try_get("hash")?, added: Some(added) }));
    }
    let shipped = Policy::shipped().iter().zip(Policy::shipped_texts());
    let found = shipped.into_iter().find(|(one, _)| one.name() == name && one.version() == version);
    Ok(found.map(|(_, text)| Kept { text: (*text).to_owned(), hash: hash(text), added: None }))
}

/// What the file says beside each number, by `section.key`: which source it rests on and why.
#[must_use]
pub fn remarks(text: &str) -> std::collections::BTreeMap<String, String> {
    let mut section = "";
    let mut remarks = std::collections::BTreeMap::new();
    for line in text.lines().map(str::trim) {
        let (code, remark) = line.split_once('#').unwrap_or((line, ""));
        if let Some(named) = code.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = named.trim_matches(['[', ']']);
        } else if let Some((key, _)) = code.split_once('=')
            && !remark.trim().is_empty()
        {
            let section = section.strip_prefix("rules.").unwrap_or(section);
            remarks.insert(format!("{section}.{}", key.trim()), remark.trim().to_owned());
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../alerts/policies/recommended.toml");

    fn ours() -> String {
        let named = SHIPPED.replacen("name = \"recommended\"", "name = \"ours\"", 1);
        named.replacen(&format!("version = \"{}\"", Policy::recommended().version()), "version = \"1\"", 1)
    }

    async fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = crate::store::trial::open(folder.path()).await.expect("opens");
        (folder, store)
    }

    fn now() -> Timestamp {
        "2026-04-22T08:18:00Z".parse().expect("a time")
    }

    /// To add a case, add a row: what is done to the shipped file, and what the refusal says. By hand.
    #[tokio::test]
    async fn what_does_not_hold_is_refused_and_nothing_kept() {
        let (_folder, store) = store().await;
        let head = &SHIPPED[..SHIPPED.find("[[example]]").expect("examples")];
        let rows = [
            ("alarm_points = 9.5".to_owned(), "unknown field"),
            (ours().replace("\nalarm_points = ", "\nalarm_points = 95"), "alarm_points is 95"),
            (ours().replace("\nalarm_points = ", "\nalarm_points = 9"), "example"),
            (ours().replacen("name = \"ours\"", "name = \"our own\"", 1), "name must be"),
            (ours().replacen("version = \"1\"", "version = \"..\"", 1), "version must be"),
            (head.replacen("\"recommended\"", "\"ours\"", 1), "no worked example"),
            (SHIPPED.replacen("cooldown_days = 3 ", "cooldown_days = 4 ", 1), "another text already"),
        ];
        for (text, said) in rows {
            let error = add(&store, &text, Actor::CommandLine("test"), now()).await.expect_err(said);
            assert!(error.to_string().contains(said), "{error} lacks {said}");
        }
        let kept: i64 = sql::query_scalar("SELECT COUNT(*) FROM policy_file")
            .fetch_one(&mut store.read().await.expect("reads"))
            .await
            .expect("counts");
        assert_eq!(kept, 0);
    }

    #[tokio::test]
    async fn a_version_is_kept_whole_and_never_becomes_another_text() {
        let (_folder, store) = store().await;
        let actor = Actor::CommandLine("test");
        let added = add(&store, &ours(), actor, now()).await.expect("adds");
        assert_eq!(added, Added { name: "ours".into(), version: "1".into(), new: true });
        assert!(!add(&store, &ours(), actor, now()).await.expect("again").new);
        let other = ours().replacen("cooldown_days = 3 ", "cooldown_days = 4 ", 1);
        let error = add(&store, &other, actor, now()).await.expect_err("another text");
        assert!(matches!(error, AddError::Exists { .. }), "{error}");
        let mut reader = store.read().await.expect("reads");
        let kept = kept(&mut reader, "ours", "1").await.expect("reads").expect("is there");
        assert_eq!(kept.text, ours());
        assert_eq!(kept.added, Some((now(), "test".to_owned())));
        let log = audit::rows(&mut reader, None, None).await.expect("reads");
        assert_eq!(log.iter().map(|row| row.entry.action.as_str()).collect::<Vec<_>>(), ["policy add"]);
    }

    /// The remarks are those of the shipped file, read by eye.
    #[test]
    fn a_number_is_found_with_what_the_file_says_about_it() {
        let remarks = remarks(SHIPPED);
        assert_eq!(remarks["pulse.low_per_min"], "BEATHF, without symptoms");
        assert_eq!(remarks["decompensation.jump_days"], "ESC2021");
        assert!(!remarks.contains_key("competence.pulse"));
    }
}
