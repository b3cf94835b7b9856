//! What a register says of somebody's login: a first password, or the file that holds it.
//!
//! **Invariant:** no password is ever printed, not even for debugging.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Patient, Proxy, Register, Staff};

/// A password, written out or in a file of its own.
#[derive(Clone, Default, Deserialize)]
pub struct Credentials {
    /// The login.
    pub login: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// A file whose first line is the password, relative to the register.
    pub password_file: Option<PathBuf>,
    /// Whether the person must choose another when they first sign in.
    #[serde(default)]
    pub must_change: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("login", &self.login).finish_non_exhaustive()
    }
}

impl Register {
    /// Whose password is said to be in a file, the first of them.
    pub(in crate::register) fn names_a_file(&self) -> Option<(&'static str, &str)> {
        let staff = self.staff.iter().map(|one| ("staff", one.id.as_str(), &one.password_file));
        let patients = self.patient.iter().map(|one| ("patient", one.id.as_str(), &one.password_file));
        let kin = self.patient.iter().flat_map(|one| &one.proxy);
        let kin = kin.map(|one| ("proxy", one.id.as_str(), &one.password_file));
        let mut all = staff.chain(patients).chain(kin);
        all.find_map(|(table, id, file)| file.is_some().then_some((table, id)))
    }
}

impl Staff {
    /// Their login and password.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials {
            login: self.login.clone(),
            password: self.password.clone(),
            password_file: self.password_file.clone(),
            must_change: self.must_change,
        }
    }
}

impl Patient {
    /// Their login and password.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials {
            login: self.login.clone(),
            password: self.password.clone(),
            password_file: self.password_file.clone(),
            must_change: self.must_change,
        }
    }
}

impl Proxy {
    /// Their login and password.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials {
            login: self.login.clone(),
            password: self.password.clone(),
            password_file: self.password_file.clone(),
            must_change: self.must_change,
        }
    }
}
