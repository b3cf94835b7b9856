//! The entries of a register, a type each: what a row holds and which values it refuses.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use vitals::{DeviceId, GatewayId, PatientId, Timestamp};

use crate::access::Role;
use crate::language::Language;

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

macro_rules! signs_in {
    ($($entry:ident),+) => {
        $(impl $entry {
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
        })+
    };
}

signs_in!(Staff, Patient, Proxy);
