//! The register as it stands, table by table, in the words its file would use: for whoever reads it or changes one entry.
//!
//! Holds no clinical data: no plan, no medicine, no reading; and no password.
//!
//! **Invariant:** an entry that is listed and applied again unchanged changes nothing.

use crate::store::sql::{self, Connection, Row};
use std::collections::BTreeMap;

use vitals::Timestamp;

use crate::store::StoreError;

/// A table of the register. Next of kin stand within their patient in the file and by themselves here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Organisations.
    Organisation,
    /// Units.
    Unit,
    /// Staff.
    Staff,
    /// Patients.
    Patient,
    /// Next of kin.
    Proxy,
    /// Gateways.
    Gateway,
    /// Devices.
    Device,
    /// Who wears which device.
    WornBy,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Text.
    Text,
    /// Ids with commas between, the first the weightiest.
    Ids,
    /// A time, RFC 3339.
    Time,
    /// A whole number.
    Number,
    /// Yes or no; never read back.
    Flag,
    /// A password; never read back.
    Secret,
}

/// One field of an entry; a point in its name stands before a key of an inner table.
pub type Field = (&'static str, Holds);

/// One entry: fields and their values, those that have one.
pub type Fields = BTreeMap<String, String>;

impl Table {
    /// Every table, in the order in which they refer to each other.
    pub const ALL: [Self; 8] = [
        Self::Organisation,
        Self::Unit,
        Self::Staff,
        Self::Patient,
        Self::Proxy,
        Self::Gateway,
        Self::Device,
        Self::WornBy,
    ];

    /// The key in the register.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Unit => "unit",
            Self::Staff => "staff",
            Self::Patient => "patient",
            Self::Proxy => "proxy",
            Self::Gateway => "gateway",
            Self::Device => "device",
            Self::WornBy => "worn_by",
        }
    }

    /// The table with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.key() == key)
    }

    /// Its fields in the order in which one fills them in.
    #[must_use]
    pub const fn fields(self) -> &'static [Field] {
        use Holds::{Flag, Ids, Number, Secret, Text, Time};
        match self {
            Self::Organisation => &[("id", Text), ("name", Text), ("kind", Text)],
            Self::Unit => &[("id", Text), ("organisation", Text), ("name", Text)],
            Self::Staff => &[
                ("id", Text),
                ("name", Text),
                ("unit", Text),
                ("role", Text),
                ("until", Time),
                ("login", Text),
                ("password", Secret),
                ("must_change", Flag),
            ],
            Self::Patient => &[
                ("id", Text),
                ("name", Text),
                ("units", Ids),
                ("born", Text),
                ("language", Text),
                ("policy", Text),
                ("consent.from", Time),
                ("consent.until", Time),
                ("login", Text),
                ("password", Secret),
                ("must_change", Flag),
            ],
            Self::Proxy => &[
                ("patient", Text),
                ("id", Text),
                ("name", Text),
                ("until", Time),
                ("login", Text),
                ("password", Secret),
                ("must_change", Flag),
            ],
            Self::Gateway => &[("id", Text)],
            Self::Device => &[("id", Text), ("model", Text)],
            Self::WornBy => {
                &[("device", Text), ("patient", Text), ("slot", Number), ("from", Time), ("until", Time)]
            }
        }
    }

    /// The fields that say which entry it is.
    #[must_use]
    pub const fn names_it(self) -> &'static [&'static str] {
        match self {
            Self::WornBy => &["device", "patient", "slot", "from"],
            Self::Organisation
            | Self::Unit
            | Self::Staff
            | Self::Patient
            | Self::Proxy
            | Self::Gateway
            | Self::Device => &["id"],
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Organisation => "SELECT id, name, kind FROM organisation ORDER BY id",
            Self::Unit => "SELECT id, organisation, name FROM unit ORDER BY organisation, id",
            Self::Staff => {
                "SELECT id, name, unit, role, until_at AS \"until\",
                   (SELECT login FROM account WHERE kind = 'staff' AND subject = staff.id) AS login
                 FROM staff ORDER BY name, id"
            }
            Self::Patient => {
                "SELECT id, name, born, language, policy, consent_from AS \"consent.from\", consent_until AS \"consent.until\",
                   (SELECT GROUP_CONCAT(unit, ', ' ORDER BY position) FROM patient_unit
                    WHERE patient_unit.patient = patient.id AND until_at IS NULL) AS units,
                   (SELECT login FROM account WHERE kind = 'patient' AND subject = patient.id) AS login
                 FROM patient ORDER BY name, id"
            }
            Self::Proxy => {
                "SELECT patient, id, name, until_at AS \"until\",
                   (SELECT login FROM account WHERE kind = 'proxy' AND subject = proxy.id) AS login
                 FROM proxy ORDER BY patient, id"
            }
            Self::Gateway => "SELECT id FROM gateway ORDER BY id",
            Self::Device => "SELECT id, model FROM device ORDER BY id",
            Self::WornBy => {
                "SELECT device, patient, NULLIF(slot, -1) AS slot, from_at AS \"from\", until_at AS \"until\"
                 FROM worn_by ORDER BY device, from_at DESC, slot"
            }
        }
    }
}

/// Every entry of `table`.
///
/// # Errors
/// [`StoreError`] of the database, or a row that cannot be read.
pub async fn list(connection: &mut Connection, table: Table) -> Result<Vec<Fields>, StoreError> {
    let rows = sql::query(table.sql()).fetch_all(connection).await?;
    rows.iter().map(|row| entry(row, table)).collect()
}

fn entry(row: &Row, table: Table) -> Result<Fields, StoreError> {
    let mut fields = Fields::new();
    for (name, holds) in table.fields() {
        let value = match holds {
            Holds::Text | Holds::Ids => row.try_get::<Option<String>, _>(*name)?,
            Holds::Time => {
                let at = row.try_get::<Option<i64>, _>(*name)?;
                crate::people::optional_time(at)?.map(|at: Timestamp| at.to_string())
            }
            Holds::Number => row.try_get::<Option<i64>, _>(*name)?.map(|number| number.to_string()),
            Holds::Flag | Holds::Secret => None,
        };
        fields.extend(value.map(|value| ((*name).to_owned(), value)));
    }
    Ok(fields)
}

/// `fields` of `table` as an entry of a register. Fields without a value are left out.
#[must_use]
pub fn entry_of(table: Table, fields: &Fields) -> toml::Table {
    let mut entry = toml::Table::new();
    for (name, holds) in table.fields() {
        let Some(given) = fields.get(*name).filter(|given| !given.trim().is_empty()) else { continue };
        let value = match holds {
            Holds::Text | Holds::Time => toml::Value::from(given.trim()),
            Holds::Secret => toml::Value::from(given.as_str()),
            Holds::Flag => toml::Value::from(true),
            Holds::Number => given
                .trim()
                .parse::<i64>()
                .map_or_else(|_| toml::Value::from(given.trim()), toml::Value::from),
            Holds::Ids => {
                given.split(',').map(str::trim).filter(|id| !id.is_empty()).collect::<Vec<_>>().into()
            }
        };
        match name.split_once('.') {
            None => {
                entry.insert((*name).to_owned(), value);
            }
            Some((outer, inner)) => {
                let nested = entry.entry(outer).or_insert_with(|| toml::Table::new().into());
                nested.as_table_mut().and_then(|nested| nested.insert(inner.to_owned(), value));
            }
        }
    }
    entry
}

/// A register of the one entry that `fields` of `table` are. `patient` is the entry that next of kin belong to; no other
/// table needs it.
///
/// # Errors
/// As [`super::Register::parse`].
pub fn register_of(
    table: Table,
    fields: &Fields,
    patient: Option<&Fields>,
) -> Result<super::Register, super::RegisterError> {
    let mut entry = entry_of(table, fields);
    let mut key = table.key();
    if table == Table::Proxy {
        let whose = entry.remove("patient").and_then(|id| Some(id.as_str()?.to_owned())).unwrap_or_default();
        let Some(patient) = patient else {
            let id = fields.get("id").cloned().unwrap_or_default();
            return Err(super::RegisterError::Reference { table: "proxy", id, key: "patient", to: whose });
        };
        let mut around = entry_of(Table::Patient, patient);
        around.insert(key.to_owned(), toml::Value::Array(vec![entry.into()]));
        (entry, key) = (around, Table::Patient.key());
    }
    let mut register = toml::Table::new();
    register.insert(key.to_owned(), toml::Value::Array(vec![entry.into()]));
    super::Register::from_table(register)
}
