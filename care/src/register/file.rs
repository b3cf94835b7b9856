//! The register's text: its tables, and what must hold within one file.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use vitals::{DeviceId, GatewayId, PatientId, Timestamp};

use crate::access::Role;
use crate::language::Language;

mod credentials;

pub use credentials::Credentials;

/// Why a text is not a register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("{message}")]
    Form {
        /// What and where, in one line.
        message: String,
    },
    /// A value that cannot be.
    #[error("{table} {id:?}: {what}")]
    Value {
        /// The table.
        table: &'static str,
        /// Which entry.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// A reference to something that is neither in the file nor in the store.
    #[error("{table} {id:?}: {key} {to:?} is neither in this file nor in the store")]
    Reference {
        /// The table.
        table: &'static str,
        /// Which entry.
        id: String,
        /// The key.
        key: &'static str,
        /// What it refers to.
        to: String,
    },
}

impl RegisterError {
    pub(crate) fn value(table: &'static str, id: impl Into<String>, what: impl fmt::Display) -> Self {
        Self::Value { table, id: id.into(), what: what.to_string() }
    }
}

/// A register as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Register {
    /// Organisations.
    pub organisation: Vec<Organisation>,
    /// Units.
    pub unit: Vec<Unit>,
    /// Staff.
    pub staff: Vec<Staff>,
    /// Patients.
    pub patient: Vec<Patient>,
    /// Gateways.
    pub gateway: Vec<Gateway>,
    /// Devices.
    pub device: Vec<Device>,
    /// Who wears or uses which device, and when.
    pub worn_by: Vec<WornBy>,
}

/// A data controller.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What kind of care it gives.
    pub kind: OrganisationKind,
}

/// The kinds of organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationKind {
    /// A region.
    Region,
    /// A municipality.
    Municipality,
    /// A primary-care provider.
    PrimaryCare,
    /// Another provider.
    Provider,
}

impl OrganisationKind {
    /// The key in the register.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Municipality => "municipality",
            Self::PrimaryCare => "primary_care",
            Self::Provider => "provider",
        }
    }
}

/// A unit of an organisation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Its id.
    pub id: String,
    /// The organisation's id.
    pub organisation: String,
    /// Its name.
    pub name: String,
}

/// A member of staff.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    /// Their id.
    pub id: String,
    /// The unit they work in.
    pub unit: String,
    /// Their role.
    #[serde(deserialize_with = "role")]
    pub role: Role,
    /// Their name.
    pub name: String,
    /// Their login.
    pub login: Option<String>,
    /// Their first password.
    pub password: Option<String>,
    /// A file that holds it.
    pub password_file: Option<PathBuf>,
    /// Whether they must change it.
    #[serde(default)]
    pub must_change: bool,
    /// When they left.
    pub until: Option<Timestamp>,
}

/// A patient.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patient {
    /// Their id here; not a personal identity number.
    #[serde(deserialize_with = "parsed")]
    pub id: PatientId,
    /// Their name.
    pub name: String,
    /// The units with a care relation; the first answers for the record.
    pub units: Vec<String>,
    /// `sv` or `en`.
    #[serde(default, deserialize_with = "language")]
    pub language: Language,
    /// The policy that judges their readings.
    #[serde(default = "recommended")]
    pub policy: String,
    /// Their date of birth, `1937-01-31`.
    pub born: Option<String>,
    /// Their login.
    pub login: Option<String>,
    /// Their first password.
    pub password: Option<String>,
    /// A file that holds it.
    pub password_file: Option<PathBuf>,
    /// Whether they must change it.
    #[serde(default)]
    pub must_change: bool,
    /// Next of kin who may see and answer for them.
    #[serde(default)]
    pub proxy: Vec<Proxy>,
    /// Their consent to sharing across organisations.
    pub consent: Option<Consent>,
    /// Their plan.
    pub plan: Option<Plan>,
}

/// Next of kin.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their login.
    pub login: Option<String>,
    /// Their first password.
    pub password: Option<String>,
    /// A file that holds it.
    pub password_file: Option<PathBuf>,
    /// Whether they must change it.
    #[serde(default)]
    pub must_change: bool,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// Consent to sharing across organisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// A patient's plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// In words, for patient and staff.
    pub text: String,
    /// Who wrote it.
    pub by: Option<String>,
    /// When it last changed.
    pub changed: Option<Timestamp>,
    /// Limits of their own, by the policy's keys.
    pub limits: Option<toml::Table>,
    /// Medicines.
    #[serde(default)]
    pub medication: Vec<PlannedMedication>,
}

/// A medicine for a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedMedication {
    /// The medicine.
    pub name: String,
    /// The dose in words.
    pub dose: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Who prescribed it.
    pub by: String,
}

/// A home gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Its id.
    #[serde(deserialize_with = "parsed")]
    pub id: GatewayId,
}

/// A device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its address.
    #[serde(deserialize_with = "parsed")]
    pub id: DeviceId,
    /// Its model.
    pub model: String,
}

/// Whose a device is for a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WornBy {
    /// The device.
    #[serde(deserialize_with = "parsed")]
    pub device: DeviceId,
    /// The patient.
    #[serde(deserialize_with = "parsed")]
    pub patient: PatientId,
    /// The device's number for them; without it, any.
    pub slot: Option<u8>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
}

impl Register {
    /// Reads a register.
    ///
    /// # Errors
    /// [`RegisterError::Form`] with line and column in one line; [`RegisterError::Value`] for what cannot be.
    pub fn parse(text: &str) -> Result<Self, RegisterError> {
        let register: Self =
            toml::from_str(text).map_err(|error| RegisterError::Form { message: one_line(text, &error) })?;
        register.check()?;
        Ok(register)
    }

    /// Reads a register that was put together rather than written.
    ///
    /// # Errors
    /// As [`Register::parse`].
    pub fn from_table(table: toml::Table) -> Result<Self, RegisterError> {
        let register: Self = table.try_into().map_err(|error: toml::de::Error| RegisterError::Form {
            message: error.message().replace('\n', " "),
        })?;
        register.check()?;
        Ok(register)
    }

    fn check(&self) -> Result<(), RegisterError> {
        no_twins("organisation", self.organisation.iter().map(|one| one.id.as_str()))?;
        no_twins("unit", self.unit.iter().map(|one| one.id.as_str()))?;
        no_twins("staff", self.staff.iter().map(|one| one.id.as_str()))?;
        no_twins("patient", self.patient.iter().map(|one| one.id.as_str()))?;
        no_twins("gateway", self.gateway.iter().map(|one| one.id.as_str()))?;
        no_twins("device", self.device.iter().map(|one| one.id.as_str()))?;
        for patient in &self.patient {
            check_patient(patient)?;
        }
        for worn in &self.worn_by {
            let who = || format!("{} by {}", worn.device, worn.patient);
            if worn.until.is_some_and(|until| until <= worn.from) {
                return Err(RegisterError::value("worn_by", who(), "until must be later than from"));
            }
        }
        Ok(())
    }
}

fn check_patient(patient: &Patient) -> Result<(), RegisterError> {
    let id = patient.id.as_str();
    if patient.units.is_empty() {
        return Err(RegisterError::value(
            "patient",
            id,
            "units is empty; the first unit answers for the record",
        ));
    }
    no_twins("patient", patient.units.iter().map(String::as_str))?;
    if let Some(born) = &patient.born
        && born.parse::<jiff::civil::Date>().is_err()
    {
        return Err(RegisterError::value(
            "patient",
            id,
            format_args!("born {born:?} is not a date such as 1937-01-31"),
        ));
    }
    Ok(())
}

/// Refuses two entries of one name, and names that are empty, too long or unprintable.
fn no_twins<'a>(table: &'static str, ids: impl Iterator<Item = &'a str>) -> Result<(), RegisterError> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        if id.is_empty() || id.chars().count() > 64 || id.chars().any(|c| c.is_control() || c == '/') {
            return Err(RegisterError::value(
                table,
                id,
                "an id must be 1 to 64 printable characters without '/'",
            ));
        }
        if !seen.insert(id) {
            return Err(RegisterError::value(table, id, "stands twice"));
        }
    }
    Ok(())
}

fn one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    match error.span() {
        Some(span) => {
            let before = text.get(..span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("line {line}, column {column}: {message}")
        }
        None => message,
    }
}

fn recommended() -> String {
    "recommended".to_owned()
}

fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr,
    T::Err: fmt::Display,
{
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
    let key = String::deserialize(deserializer)?;
    Role::from_key(&key).ok_or_else(|| {
        let known = Role::ALL.map(Role::key).join(", ");
        de::Error::custom(format_args!("role {key:?} is none of {known}"))
    })
}

fn language<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    let key = String::deserialize(deserializer)?;
    Language::from_key(&key)
        .ok_or_else(|| de::Error::custom(format_args!("language {key:?} is neither sv nor en")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: the text, and what the one line must say.
    #[test]
    fn a_wrong_register_says_what_and_where() {
        let rows = [
            ("organisation = [{ id = \"r\", name = \"R\", kind = \"duchy\" }]", "line 1"),
            ("\n\nstaf = []", "line 3"),
            ("device = [{ id = \"XX\", model = \"scale\" }]", "12 (address) or 16"),
            ("patient = [{ id = \"p\", name = \"P\", units = [] }]", "units is empty"),
            (
                "unit = [{ id = \"a\", organisation = \"o\", name = \"A\" }, { id = \"a\", organisation = \"o\", name = \"B\" }]",
                "stands twice",
            ),
            (
                "patient = [{ id = \"p\", name = \"P\", units = [\"a\"], born = \"yesterday\" }]",
                "is not a date",
            ),
            ("worn_by = [{ device = \"546c0e000001\", patient = \"p\", from = \"2026-01-01\" }]", "RFC 3339"),
            (
                "staff = [{ id = \"a\", unit = \"u\", role = \"king\", name = \"A\" }]",
                "none of heart_failure_nurse",
            ),
            (
                "worn_by = [{ device = \"546c0e000001\", patient = \"p\", from = \"2026-02-01T00:00:00Z\", until = \"2026-01-01T00:00:00Z\" }]",
                "later than from",
            ),
        ];
        for (text, says) in rows {
            let error = Register::parse(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text}\n{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
