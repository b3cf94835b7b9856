//! Logins and sessions. Passwords as Argon2id (OWASP ASVS 5.0, 11.4: memory-hard), sessions in the database by the hash
//! of their token, so that a copy of the database signs nobody in.
//!
//! Five wrong passwords lock a login for five minutes. A session ends after 12 hours, or 60 minutes without use.
//!
//! **Invariant:** a wrong login and a wrong password cost the same time and give the same answer.

use crate::store::sql::{self, Connection};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sha2::{Digest, Sha256};
use vitals::Timestamp;

use crate::access::{Decision, Subject};
use crate::audit::{self, Entry};
use crate::language::Words;
use crate::people;
use crate::store::{Store, StoreError, Tx};

mod subject;

use subject::subject_of;

const FAILURES_MAX: i64 = 5;
const LOCK_MS: i64 = 5 * Timestamp::MINUTE_MS;
const SESSION_MS: i64 = 12 * Timestamp::HOUR_MS;
const IDLE_MS: i64 = 60 * Timestamp::MINUTE_MS;
const SEEN_STEP_MS: i64 = Timestamp::MINUTE_MS;
/// The fewest characters a password that a person chooses may have.
pub const PASSWORD_CHARS_MIN: usize = 10;
const PASSWORD_BYTES_MAX: usize = 1024;

/// What a signed-in browser carries. Shown once; the store keeps its hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    fn fresh() -> Self {
        Self(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()))
    }

    /// The token of a request's cookie.
    #[must_use]
    pub fn from_cookie(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The cookie's value.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        vitals::hex::encode(&Sha256::digest(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The login or the password is wrong; which, is not said.
    #[error("the login or the password is wrong")]
    Wrong,
    /// Too many wrong passwords.
    #[error("too many wrong passwords; try again after {until}")]
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The old password is wrong.
    #[error("the current password is wrong")]
    Wrong,
    /// Too short or too long.
    #[error("a password must have at least {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// The same as before.
    #[error("the new password is the old one")]
    Same,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The Argon2id hash of `password` as a PHC string. Takes tens of milliseconds of one core; call it off the async threads.
///
/// # Errors
/// [`StoreError::Unreadable`] when the operating system gives no randomness.
pub fn hash_password(password: &str) -> Result<String, StoreError> {
    let hash: argon2::password_hash::phc::PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| StoreError::unreadable("a password", error))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one behind `hash`.
#[must_use]
pub fn verify_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::unreadable("a password", error))
}

/// A hash of nothing anybody knows, for a login that is not there to take as long as one that is.
async fn decoy() -> Result<String, StoreError> {
    static DECOY: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    DECOY
        .get_or_try_init(|| async { off_thread(|| hash_password(SessionToken::fresh().reveal())).await? })
        .await
        .cloned()
}

struct Account {
    password: String,
    failures: i64,
    locked_until: Option<Timestamp>,
}

async fn account(connection: &mut Connection, login: &str) -> Result<Option<Account>, StoreError> {
    let row = sql::query("SELECT password, failures, locked_until FROM account WHERE login = $1")
        .bind(login)
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        Ok(Account {
            password: row.try_get("password")?,
            failures: row.try_get("failures")?,
            locked_until: people::optional_time(row.try_get("locked_until")?)?,
        })
    })
    .transpose()
}

/// Signs somebody in.
///
/// # Errors
/// [`LoginError::Wrong`], [`LoginError::Locked`], or the store's.
pub async fn log_in(
    store: &Store,
    login: &str,
    password: &str,
    now: Timestamp,
) -> Result<SessionToken, LoginError> {
    let known = account(&mut *store.read().await?, login).await?;
    if let Some(until) = known.as_ref().and_then(|account| account.locked_until).filter(|until| *until > now)
    {
        return Err(LoginError::Locked { until });
    }
    let hash = match &known {
        Some(account) => account.password.clone(),
        None => decoy().await?,
    };
    let offered = password.to_owned();
    let right =
        password.len() <= PASSWORD_BYTES_MAX && off_thread(move || verify_password(&offered, &hash)).await?;
    let Some(account) = known else { return Err(LoginError::Wrong) };
    let mut tx = store.write().await?;
    let subject = subject_of(&mut tx, login, now).await?;
    let (Some(subject), true) = (subject, right) else {
        remember_failure(&mut tx, login, account.failures, now).await?;
        tx.commit().await?;
        return Err(LoginError::Wrong);
    };
    let token = begin_session(&mut tx, login, now).await?;
    let why = Words::new("rätt lösenord", "right password");
    audit::append(&mut tx, &Entry::by(&subject, "log_in", None, &Decision { allowed: true, why }), now)
        .await?;
    tx.commit().await?;
    Ok(token)
}

async fn remember_failure(tx: &mut Tx, login: &str, failures: i64, now: Timestamp) -> Result<(), StoreError> {
    let failures = failures + 1;
    let locked = (failures >= FAILURES_MAX).then(|| now.plus_millis(LOCK_MS).as_millis());
    let kept = if locked.is_some() { 0 } else { failures };
    sql::query("UPDATE account SET failures = $2, locked_until = $3 WHERE login = $1")
        .bind(login)
        .bind(kept)
        .bind(locked)
        .execute(tx)
        .await?;
    let entry = Entry {
        actor_kind: "login".to_owned(),
        decision: "denied".to_owned(),
        reason: "wrong password".to_owned(),
        ..Entry::at_the_command_line(login, "log_in", None)
    };
    audit::append(tx, &entry, now).await
}

async fn begin_session(tx: &mut Tx, login: &str, now: Timestamp) -> Result<SessionToken, StoreError> {
    let token = SessionToken::fresh();
    sql::query("UPDATE account SET failures = 0, locked_until = NULL WHERE login = $1")
        .bind(login)
        .execute(tx)
        .await?;
    sql::query("DELETE FROM session WHERE expires_at <= $1").bind(now.as_millis()).execute(tx).await?;
    sql::query("INSERT INTO session (token_hash, login, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)")
        .bind(token.hash())
        .bind(login)
        .bind(now.as_millis())
        .bind(now.plus_millis(SESSION_MS).as_millis())
        .execute(tx)
        .await?;
    Ok(token)
}

/// Who a token belongs to; `None` when it is unknown, expired, unused for an hour, or its person has left.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn who(store: &Store, token: &SessionToken, now: Timestamp) -> Result<Option<Subject>, StoreError> {
    Ok(match session(store, token, now).await? {
        Some((subject, seen)) => {
            if now.millis_since(seen) > SEEN_STEP_MS {
                touch(store, token, now).await?;
            }
            Some(subject)
        }
        None => None,
    })
}

/// As [`who`], for what a page asks by itself while nobody touches it: it does not count as use.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn who_unattended(
    store: &Store,
    token: &SessionToken,
    now: Timestamp,
) -> Result<Option<Subject>, StoreError> {
    Ok(session(store, token, now).await?.map(|(subject, _)| subject))
}

/// Who a token belongs to, and when they last used it.
async fn session(
    store: &Store,
    token: &SessionToken,
    now: Timestamp,
) -> Result<Option<(Subject, Timestamp)>, StoreError> {
    let mut reader = store.read().await?;
    let row = sql::query("SELECT login, seen_at, expires_at FROM session WHERE token_hash = $1")
        .bind(token.hash())
        .fetch_optional(&mut reader)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (login, seen, expires): (String, i64, i64) =
        (row.try_get("login")?, row.try_get("seen_at")?, row.try_get("expires_at")?);
    let now_ms = now.as_millis();
    if now_ms >= expires || now_ms - seen > IDLE_MS {
        return Ok(None);
    }
    let seen = people::time(seen)?;
    Ok(subject_of(&mut reader, &login, now).await?.map(|subject| (subject, seen)))
}

async fn touch(store: &Store, token: &SessionToken, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    sql::query("UPDATE session SET seen_at = $2 WHERE token_hash = $1")
        .bind(token.hash())
        .bind(now.as_millis())
        .execute(&mut tx)
        .await?;
    tx.commit().await
}

/// Ends a session.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn log_out(store: &Store, token: &SessionToken) -> Result<(), StoreError> {
    let mut tx = store.write().await?;
    sql::query("DELETE FROM session WHERE token_hash = $1").bind(token.hash()).execute(&mut tx).await?;
    tx.commit().await
}

/// Changes the password of `subject`, and ends every other session of theirs.
///
/// # Errors
/// [`PasswordError`]; then the old one still holds.
pub async fn change_password(
    store: &Store,
    subject: &Subject,
    token: &SessionToken,
    old: &str,
    new: &str,
    now: Timestamp,
) -> Result<(), PasswordError> {
    if new.chars().count() < PASSWORD_CHARS_MIN || new.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooShort);
    }
    if old == new {
        return Err(PasswordError::Same);
    }
    let known = account(&mut *store.read().await?, &subject.login).await?.ok_or(PasswordError::Wrong)?;
    let (old, new) = (old.to_owned(), new.to_owned());
    let hash = off_thread(move || verify_password(&old, &known.password).then(|| hash_password(&new)))
        .await?
        .ok_or(PasswordError::Wrong)??;
    let mut tx = store.write().await?;
    sql::query("UPDATE account SET password = $2, must_change = 0 WHERE login = $1")
        .bind(&subject.login)
        .bind(hash)
        .execute(&mut tx)
        .await
        .map_err(StoreError::from)?;
    sql::query("DELETE FROM session WHERE login = $1 AND token_hash <> $2")
        .bind(&subject.login)
        .bind(token.hash())
        .execute(&mut tx)
        .await
        .map_err(StoreError::from)?;
    let why = Words::new("eget lösenord", "own password");
    audit::append(
        &mut tx,
        &Entry::by(subject, "change_password", None, &Decision { allowed: true, why }),
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
