//! The register's text: its tables, and what must hold within one file.

use std::fmt;

use serde::Deserialize;

use crate::canary;
use crate::register::entries::{Device, Gateway, Organisation, Patient, Staff, Unit, WornBy};

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

    /// Whose password is said to be in a file, the first of them.
    pub(super) fn names_a_file(&self) -> Option<(&'static str, &str)> {
        let staff = self.staff.iter().map(|one| ("staff", one.id.as_str(), &one.password_file));
        let patients = self.patient.iter().map(|one| ("patient", one.id.as_str(), &one.password_file));
        let kin = self.patient.iter().flat_map(|one| &one.proxy);
        let kin = kin.map(|one| ("proxy", one.id.as_str(), &one.password_file));
        let mut all = staff.chain(patients).chain(kin);
        all.find_map(|(table, id, file)| file.is_some().then_some((table, id)))
    }

    fn check(&self) -> Result<(), RegisterError> {
        no_twins("organisation", self.organisation.iter().map(|one| one.id.as_str()))?;
        no_twins("unit", self.unit.iter().map(|one| one.id.as_str()))?;
        no_twins("staff", self.staff.iter().map(|one| one.id.as_str()))?;
        no_twins("patient", self.patient.iter().map(|one| one.id.as_str()))?;
        no_twins("gateway", self.gateway.iter().map(|one| one.id.as_str()))?;
        no_twins("device", self.device.iter().map(|one| one.id.as_str()))?;
        self.check_reserved()?;
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

impl Register {
    /// Refuses the ids that are the canary's: whoever had one would be left out of lists and counts.
    fn check_reserved(&self) -> Result<(), RegisterError> {
        let organisations = self.organisation.iter().map(|one| ("organisation", one.id.as_str()));
        let units = self.unit.iter().map(|one| ("unit", one.id.as_str()));
        let patients = self.patient.iter().map(|one| ("patient", one.id.as_str()));
        let gateways = self.gateway.iter().map(|one| ("gateway", one.id.as_str()));
        let devices = self.device.iter().map(|one| ("device", one.id.as_str()));
        let reserved = |id: &str| id == canary::ID || id == canary::DEVICE;
        let mut all = organisations.chain(units).chain(patients).chain(gateways).chain(devices);
        match all.find(|(_, id)| reserved(id)) {
            Some((table, id)) => Err(RegisterError::value(table, id, "is reserved")),
            None => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: the text, and what the one line must say.
    #[test]
    fn a_wrong_register_says_what_and_where() {
        let rows = [
            ("organisation = [{ id = \"r\", name = \"R\", kind = \"duchy\" }]", "line 1"),
            ("\n\nstaf = []", "line 3"),
            ("gateway = [{ id = \"vagen-canary\" }]", "is reserved"),
            ("patient = [{ id = \"vagen-canary\", name = \"P\", units = [\"a\"] }]", "is reserved"),
            ("device = [{ id = \"02ca0a000001\", model = \"scale\" }]", "is reserved"),
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
