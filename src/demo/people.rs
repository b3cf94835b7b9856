//! The demo's people: six patients, one next of kin, three members of staff. All of them are invented.
//!
//! Who they are and what is usual for them; what happens to them is the plan's to say.
//!
//! **Invariant:** every id here is in the register beside this file, and the other way about (a test).

use care::access::{Role, Subject, SubjectKind};
use care::language::Language;
use vitals::{DeviceId, GatewayId, IdError, PatientId};

use crate::demo::peripheral::Make;

/// A patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// Gains weight and breath leaves her: the case on the worklist when the demo opens.
    Svea,
    /// Stable; now and then a visitor stands on his scale.
    Olle,
    /// Travels; his pressure is high since he forgot his tablets.
    KarlErik,
    /// His cuff fails, and its clock is wrong and cannot be set.
    Nils,
    /// Not heard of for three days.
    Ingrid,
    /// Her pressure falls, and falls on while the demo runs.
    Aino,
}

/// What is usual for a patient at home.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    pub(crate) weight_kg: f64,
    pub(crate) weight_spread_kg: f64,
    pub(crate) systolic_mmhg: f64,
    pub(crate) diastolic_mmhg: f64,
    pub(crate) pulse_per_min: f64,
}

impl Who {
    pub(crate) const ALL: [Self; 6] =
        [Self::Svea, Self::Olle, Self::KarlErik, Self::Nils, Self::Ingrid, Self::Aino];

    /// Their place among the people, from 0.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Their id in the register, which is also their login.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Svea => "svea",
            Self::Olle => "olle",
            Self::KarlErik => "karl-erik",
            Self::Nils => "nils",
            Self::Ingrid => "ingrid",
            Self::Aino => "aino",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Svea => "Svea Test",
            Self::Olle => "Olle Test",
            Self::KarlErik => "Karl-Erik Test",
            Self::Nils => "Nils Test",
            Self::Ingrid => "Ingrid Test",
            Self::Aino => "Aino Test",
        }
    }

    /// What is usual for them. Weights vary from day to day by less than in a cohort, so that the story is seen.
    pub(crate) const fn usual(self) -> Usual {
        let (weight_kg, weight_spread_kg, systolic_mmhg, diastolic_mmhg, pulse_per_min) = match self {
            Self::Svea => (78.2, 0.12, 128.0, 76.0, 71.0),
            Self::Olle => (84.6, 0.30, 132.0, 78.0, 66.0),
            Self::KarlErik => (91.3, 0.35, 124.0, 74.0, 63.0),
            Self::Nils => (72.4, 0.25, 136.0, 80.0, 69.0),
            Self::Ingrid => (61.8, 0.25, 130.0, 74.0, 73.0),
            Self::Aino => (66.0, 0.20, 118.0, 70.0, 68.0),
        };
        Usual { weight_kg, weight_spread_kg, systolic_mmhg, diastolic_mmhg, pulse_per_min }
    }

    /// The cuff they have.
    pub(crate) const fn cuff(self) -> Make {
        match self {
            Self::Svea | Self::Olle | Self::Nils | Self::Aino => Make::AndCuff,
            Self::KarlErik | Self::Ingrid => Make::BeurerCuff,
        }
    }

    /// Their gateway.
    pub(crate) fn gateway(self) -> Result<GatewayId, IdError> {
        format!("gw-000{}", self.index() + 1).parse()
    }

    /// Their scale: an invented, locally administered address.
    pub(crate) fn scale_id(self) -> Result<DeviceId, IdError> {
        format!("0256470001{:02}", self.index() + 1).parse()
    }

    /// Their cuff.
    pub(crate) fn cuff_id(self) -> Result<DeviceId, IdError> {
        format!("0256470002{:02}", self.index() + 1).parse()
    }

    /// Headphones that pass their window.
    pub(crate) fn passer_by(self) -> Result<DeviceId, IdError> {
        format!("0256470009{:02}", self.index() + 1).parse()
    }

    /// Their id as a patient.
    pub(crate) fn patient(self) -> Result<PatientId, IdError> {
        self.id().parse()
    }

    /// The patient with this id.
    pub(crate) fn of(patient: &PatientId) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.id() == patient.as_str())
    }

    /// Themselves, signed in.
    pub(crate) fn subject(self) -> Subject {
        Subject {
            id: self.id().to_owned(),
            name: self.name().to_owned(),
            login: self.id().to_owned(),
            language: Language::Sv,
            kind: SubjectKind::Patient,
            must_change: false,
        }
    }
}

/// Anna, heart-failure nurse at the region's clinic, signed in.
pub(crate) fn anna() -> Subject {
    staff("anna", "Anna Test", Role::HeartFailureNurse, ("hf", "Hjärtsviktsmottagningen", "region"))
}

/// Maria, nurse in the municipality's home care, signed in.
pub(crate) fn maria() -> Subject {
    staff("maria", "Maria Test", Role::MunicipalNurse, ("home", "Hemtjänst Centrum", "municipality"))
}

fn staff(id: &str, name: &str, role: Role, (unit, unit_name, organisation): (&str, &str, &str)) -> Subject {
    Subject {
        id: id.to_owned(),
        name: name.to_owned(),
        login: id.to_owned(),
        language: Language::Sv,
        kind: SubjectKind::Staff {
            role,
            unit: unit.to_owned(),
            unit_name: unit_name.to_owned(),
            organisation: organisation.to_owned(),
        },
        must_change: false,
    }
}
