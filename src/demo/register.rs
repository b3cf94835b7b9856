//! Who is who in the demo: the register beside this file, with its moments filled in, applied as anybody's register is.
//!
//! **Invariant:** the passwords printed are the ones in the register; they open a process on loopback that holds invented
//! people, and nothing else.

use std::path::Path;

use anyhow::Context as _;
use care::register::{self, Register};
use care::store::Store;
use vitals::Timestamp;

use crate::ready::Login;

const TEMPLATE: &str = include_str!("register.toml");
/// When Svea's furosemide was halved, days before its end.
const HALVED_DAYS: i64 = -10;
/// When two others had a dose raised, days before its end.
const RAISED_DAYS: i64 = -15;

/// Who may sign in: what a role is called, and the login. The password of each is in the register.
const LOGINS: [(&str, &str); 5] = [
    ("heart_failure_nurse", "anna"),
    ("municipal_nurse", "maria"),
    ("patient", "svea"),
    ("proxy", "karin"),
    ("administrator", "admin"),
];

/// The register's text for a history that begins at `start` and ends at `end`.
fn text(start: Timestamp, end: Timestamp) -> String {
    let moment = |days| end.plus_days(days).to_string();
    TEMPLATE
        .replace("<start>", &start.to_string())
        .replace("<halved>", &moment(HALVED_DAYS))
        .replace("<raised>", &moment(RAISED_DAYS))
}

/// Makes `store` know the demo's people.
///
/// # Errors
/// When the register is wrong or the store fails.
pub(crate) async fn apply(store: &Store, start: Timestamp, end: Timestamp) -> anyhow::Result<()> {
    let register = Register::parse(&text(start, end)).context("the demo's register")?;
    register::apply(store, &register, Path::new("."), &["recommended"], "demo", start)
        .await
        .context("the demo's register")?;
    Ok(())
}

/// The logins to print.
pub(crate) fn logins() -> Vec<Login> {
    LOGINS
        .iter()
        .map(|(role, login)| Login {
            role: (*role).to_owned(),
            login: (*login).to_owned(),
            password: password(login),
        })
        .collect()
}

/// Passwords say whose they are, so that a printed list is enough.
fn password(login: &str) -> String {
    format!("demo-{login}-1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::people::{Who, anna, maria};

    fn register() -> Register {
        let at = |text: &str| text.parse().expect("a time");
        Register::parse(&text(at("2026-01-01T00:00:00Z"), at("2026-02-05T00:00:00Z"))).expect("a register")
    }

    #[test]
    fn the_people_and_the_register_are_the_same() {
        let register = register();
        for who in Who::ALL {
            let patient =
                register.patient.iter().find(|one| one.id.as_str() == who.id()).expect("in the register");
            assert_eq!(patient.name, who.subject().name);
            assert!(register.gateway.iter().any(|one| Ok(&one.id) == who.gateway().as_ref()));
            for (id, make) in
                [(who.scale_id(), crate::demo::peripheral::Make::AndScale), (who.cuff_id(), who.cuff())]
            {
                let id = id.expect("an address");
                let device = register.device.iter().find(|one| one.id == id).expect("a device");
                assert_eq!(device.model, make.model());
                let worn = register.worn_by.iter().find(|one| one.device == id).expect("worn");
                assert_eq!(worn.patient.as_str(), who.id());
            }
        }
        assert_eq!(register.patient.len(), Who::ALL.len());
        for subject in [anna(), maria()] {
            let staff = register.staff.iter().find(|one| one.id == subject.id).expect("on the staff");
            assert_eq!(
                (Some(staff.unit.as_str()), Some(staff.role)),
                (subject.unit(), subject.role()),
                "{}",
                subject.id
            );
        }
    }

    #[test]
    fn every_printed_login_opens() {
        let register = register();
        let staff = register.staff.iter().map(care::register::entries::Staff::credentials);
        let patients = register.patient.iter().map(care::register::entries::Patient::credentials);
        let proxies = register.patient.iter().flat_map(|one| &one.proxy).map(|one| one.credentials());
        let known: Vec<_> = staff
            .chain(patients)
            .chain(proxies)
            .filter_map(|one| Some((one.login?, one.password?)))
            .collect();
        let printed: Vec<_> = logins().into_iter().map(|one| (one.login, one.password)).collect();
        for login in &printed {
            assert!(known.contains(login), "{login:?}");
        }
        assert_eq!(printed.len(), known.len(), "and there is no other way in");
    }
}
