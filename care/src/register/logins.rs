//! The logins of a register: made, moved, and given the password of the file, without taking anybody's own from them.

use crate::accounts;
use crate::register::apply::{ApplyError, Applying, Changed};
use crate::register::entries::Credentials;
use crate::register::file::RegisterError;
use crate::store::sql;

impl Applying<'_> {
    /// Makes the account, or changes its login or password. The password of the file is compared with the one last
    /// applied from a file, not with the one in use: whoever chose a password of their own keeps it when the same
    /// register is applied again.
    pub(super) async fn account(
        &mut self,
        kind: &'static str,
        subject: &str,
        given: &Credentials,
    ) -> Result<(), ApplyError> {
        let Some(login) = &given.login else {
            if given.password.is_some() || given.password_file.is_some() {
                return Err(RegisterError::value(kind, subject, "a password needs a login").into());
            }
            return Ok(());
        };
        let whose = sql::query_as::<(String, String)>("SELECT kind, subject FROM account WHERE login = $1")
            .bind(login)
            .fetch_optional(&mut self.tx)
            .await?;
        if let Some((other_kind, other)) = whose.filter(|(k, s)| (k.as_str(), s.as_str()) != (kind, subject))
        {
            let what = format!("login {login:?} belongs to {other_kind} {other:?}");
            return Err(RegisterError::value(kind, subject, what).into());
        }
        let before = sql::query_as::<(String, String)>(
            "SELECT login, given FROM account WHERE kind = $1 AND subject = $2",
        )
        .bind(kind)
        .bind(subject)
        .fetch_optional(&mut self.tx)
        .await?;
        let password = self.password(kind, subject, given)?;
        let what = match (&before, &password) {
            (None, None) => {
                return Err(RegisterError::value(
                    kind,
                    subject,
                    "a new login needs password or password_file",
                )
                .into());
            }
            (None, Some(_)) => "added",
            (Some((was, hash)), password) => {
                let same = password.as_ref().is_none_or(|password| accounts::verify_password(password, hash));
                if same && was == login {
                    return Ok(());
                }
                "changed"
            }
        };
        self.write_account(kind, subject, login, password.as_deref(), given.must_change).await?;
        self.changed.push(Changed { what, table: "account", id: login.clone() });
        Ok(())
    }

    async fn write_account(
        &mut self,
        kind: &str,
        subject: &str,
        login: &str,
        password: Option<&str>,
        must_change: bool,
    ) -> Result<(), ApplyError> {
        // Sessions name their login: a login that changes ends them.
        sql::query(
            "DELETE FROM session WHERE login IN (SELECT login FROM account WHERE kind = $1 AND subject = $2)",
        )
        .bind(kind)
        .bind(subject)
        .execute(&mut self.tx)
        .await?;
        let Some(password) = password else {
            sql::query("UPDATE account SET login = $3 WHERE kind = $1 AND subject = $2")
                .bind(kind)
                .bind(subject)
                .bind(login)
                .execute(&mut self.tx)
                .await?;
            return Ok(());
        };
        sql::query(
            "INSERT INTO account (login, kind, subject, password, given, must_change) VALUES ($1, $2, $3, $4, $4, $5)
             ON CONFLICT (kind, subject) DO UPDATE SET login = excluded.login, password = excluded.password,
                given = excluded.given, must_change = excluded.must_change, failures = 0, locked_until = NULL",
        )
        .bind(login)
        .bind(kind)
        .bind(subject)
        .bind(accounts::hash_password(password)?)
        .bind(i64::from(must_change))
        .execute(&mut self.tx)
        .await?;
        Ok(())
    }

    fn password(
        &self,
        kind: &'static str,
        subject: &str,
        given: &Credentials,
    ) -> Result<Option<String>, RegisterError> {
        match (&given.password, &given.password_file) {
            (Some(_), Some(_)) => {
                Err(RegisterError::value(kind, subject, "password and password_file: give one of them"))
            }
            (Some(password), None) if !password.is_empty() => Ok(Some(password.clone())),
            (Some(_), None) => Err(RegisterError::value(kind, subject, "password is empty")),
            (None, Some(file)) => {
                let path = self.directory.join(file);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    RegisterError::value(
                        kind,
                        subject,
                        format_args!("password_file {}: {error}", path.display()),
                    )
                })?;
                let first = text.lines().next().unwrap_or_default().to_owned();
                if first.is_empty() {
                    let what = format!("password_file {} is empty", path.display());
                    return Err(RegisterError::value(kind, subject, what));
                }
                Ok(Some(first))
            }
            (None, None) => Ok(None),
        }
    }
}
