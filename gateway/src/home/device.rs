//! One device of a home: its session, who it is, and what of it is written down.
//!
//! **Invariant:** what a session gives out becomes a duty here or a line in the log, under the name by which the device is
//! known at that moment.

use std::collections::BTreeMap;

use devices::session::{Action, Consent, Heard, Learned, Trouble};
use devices::{DeviceMemory, Session, Settings, models};
use vitals::{DeviceId, DeviceIdentity, Kind, Outcome, RawFrame, TimedMeasurement, Timestamp, hex};

use super::Duty;
use crate::outbox::{KnownDevice, Sealing, Undecoded};

/// How often the time a device was last heard is written to disk, ms; in between it is held in memory only.
const REMEMBER_EVERY_MS: i64 = 10 * Timestamp::MINUTE_MS;

#[derive(Debug)]
pub(super) struct Device {
    pub(super) session: Session,
    pub(super) identity: DeviceIdentity,
    pub(super) hides_address: bool,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) battery_percent: Option<u8>,
    pub(super) remembered: Option<KnownDevice>,
    /// What of the session is written down, and under which name.
    memorised: (DeviceId, DeviceMemory),
    /// The last frame's time, and how many came at exactly that time.
    last_heard: Option<(Timestamp, u32)>,
}

impl Device {
    pub(super) fn new(
        identity: DeviceIdentity,
        settings: Settings,
        consent: Option<Consent>,
        hides_address: bool,
    ) -> Self {
        let model = identity.model.as_deref().and_then(models::find);
        let mut session = Session::new(model, settings);
        if let Some(consent) = consent {
            session = session.with_consent(consent);
        }
        if hides_address {
            session = session.hiding_address();
        }
        Self {
            session,
            memorised: (identity.id.clone(), DeviceMemory::default()),
            identity,
            hides_address,
            last_seen: None,
            battery_percent: None,
            remembered: None,
            last_heard: None,
        }
    }

    /// The device says its name: from then on its model is known, and with it its quirks.
    pub(super) fn called(&mut self, name: &str, id: &DeviceId, duties: &mut Vec<Duty>) {
        if let Some(model) = models::find(name) {
            let actions = self.session.set_model(model);
            self.turn(actions, id, duties);
        }
    }

    /// Gives the session what is remembered of the device, under the name by which it is known now. Frames held are given
    /// once, whoever asks.
    pub(super) fn recall(&mut self, memories: &mut BTreeMap<DeviceId, DeviceMemory>) {
        if let Some(memory) = memories.get_mut(&self.identity.id) {
            // Frames that cannot be read any more are kept as of when they were heard.
            self.last_seen = self.last_seen.or(memory.held.last().map(|frame| frame.heard_at));
            self.session.recall(memory.clone());
            self.memorised = (self.identity.id.clone(), memory.clone());
            memory.held.clear();
        }
    }

    /// Whether nobody could tell it from a stranger once it is gone: it hides its address, heard as `id`, and has not said
    /// who it is.
    pub(super) fn is_unknown(&self, id: &DeviceId) -> bool {
        self.hides_address && self.identity.id == *id
    }

    /// Has what is written down of it thrown away: it will never be met again under this address.
    pub(super) fn forget(&mut self, memories: &mut BTreeMap<DeviceId, DeviceMemory>, duties: &mut Vec<Duty>) {
        if memories.remove(&self.memorised.0).is_some() {
            duties.push(Duty::Memorise(self.memorised.0.clone(), DeviceMemory::default()));
        }
    }

    /// Has written down what the session remembers, where that is news.
    pub(super) fn memorise(
        &mut self,
        memories: &mut BTreeMap<DeviceId, DeviceMemory>,
        duties: &mut Vec<Duty>,
    ) {
        let (id, before) = &self.memorised;
        if *id != self.identity.id {
            // It has said who it is: what was written under its address moves.
            if !before.is_empty() {
                memories.remove(id);
                duties.push(Duty::Memorise(id.clone(), DeviceMemory::default()));
            }
            self.memorised = (self.identity.id.clone(), DeviceMemory::default());
            self.recall(memories);
        }
        let memory = self.session.memory();
        if memory != self.memorised.1 {
            memories.insert(self.identity.id.clone(), memory.clone());
            self.memorised.1 = memory.clone();
            duties.push(Duty::Memorise(self.identity.id.clone(), memory));
        }
    }

    pub(super) fn turn(&mut self, actions: Vec<Action>, id: &DeviceId, duties: &mut Vec<Duty>) {
        // By its name, or by what it says of itself.
        if let Some(model) = self.session.model() {
            self.identity.model = Some(model.name.to_owned());
        }
        for action in actions {
            match action {
                Action::Measured(heard) => duties.extend(self.seal(heard).map(|it| Duty::Seal(Box::new(it)))),
                Action::Learned(learned) => self.learn(learned),
                Action::Trouble(trouble) => duties.extend(self.trouble(&trouble).map(Duty::Keep)),
                Action::Ignored { format, bytes, reason } => {
                    tracing::debug!(device = %id, %format, bytes = bytes.len(), reason, "not a reading");
                }
                Action::Connect
                | Action::Read(_)
                | Action::Write { .. }
                | Action::Subscribe(_)
                | Action::Disconnect => duties.push(Duty::Act(id.clone(), action)),
            }
        }
    }

    fn seal(&mut self, heard: Heard) -> Option<Sealing> {
        let measurement = heard.decoded.measurement;
        let reason = match (measurement.outcome, measurement.kind) {
            (Outcome::Unstable, _) => Some("not settled"),
            (Outcome::Stub, _) => Some("an empty slot of the device's history"),
            (Outcome::Measured | Outcome::Failed, Kind::Clock) => Some("a clock is no reading of a person"),
            (
                Outcome::Measured | Outcome::Failed,
                Kind::Weight
                | Kind::BodyComposition
                | Kind::BloodPressure
                | Kind::CuffPressure
                | Kind::PulseOximetry
                | Kind::Temperature
                | Kind::HeartRate,
            ) => None,
        };
        if let Some(reason) = reason {
            tracing::debug!(device = %self.identity.id, kind = %measurement.kind, reason, "not sealed");
            return None;
        }
        let heard_ordinal = match self.last_heard {
            Some((at, ordinal)) if at == heard.heard_at => ordinal.saturating_add(1),
            Some(_) | None => 0,
        };
        self.last_heard = Some((heard.heard_at, heard_ordinal));
        let placed = heard.placed;
        Some(Sealing {
            device: self.identity.clone(),
            measurement: TimedMeasurement::new(
                measurement,
                placed.measured_at,
                placed.clock,
                placed.clock_offset_s,
            ),
            raw: RawFrame { characteristic: heard.characteristic, bytes: heard.bytes },
            heard_at: heard.heard_at,
            heard_ordinal,
        })
    }

    fn learn(&mut self, learned: Learned) {
        match learned {
            Learned::Serial(serial) => self.identity.serial = Some(serial),
            Learned::ModelNumber(number) => {
                tracing::debug!(device = %self.identity.id, number, "model number")
            }
            Learned::Manufacturer(maker) => {
                tracing::debug!(device = %self.identity.id, maker, "manufacturer")
            }
            Learned::SystemId(system_id) => match system_id.parse() {
                Ok(id) if self.hides_address => self.identity.id = id,
                Ok(_) | Err(_) => {}
            },
            Learned::BatteryPercent(percent) => self.battery_percent = Some(percent),
            Learned::ClockOffsetS(offset_s) => {
                tracing::info!(device = %self.identity.id, offset_s, "the device's clock was read");
            }
        }
    }

    fn trouble(&self, trouble: &Trouble) -> Option<Undecoded> {
        tracing::warn!(device = %self.identity.id, "{trouble}");
        let (characteristic, bytes) = match trouble {
            Trouble::Undecodable { format, bytes, .. } => (format.to_string(), bytes),
            Trouble::Unknown { uuid, bytes } => (uuid.to_string(), bytes),
            Trouble::Failed { .. }
            | Trouble::ConsentRefused { .. }
            | Trouble::NoConsent
            | Trouble::RecordsRefused { .. }
            | Trouble::NothingToHear
            | Trouble::ClockNotWritten
            | Trouble::ClockTooLate
            | Trouble::CutOff
            | Trouble::TimedOut(_) => return None,
        };
        Some(Undecoded {
            at: self.last_seen?,
            device: self.identity.id.to_string(),
            characteristic,
            hex: hex::encode(bytes),
            reason: trouble.to_string(),
        })
    }

    pub(super) fn known(&self) -> Option<KnownDevice> {
        Some(KnownDevice {
            identity: self.identity.clone(),
            last_seen: self.last_seen?,
            battery_percent: self.battery_percent,
        })
    }

    pub(super) fn remember(&mut self, at: Timestamp, keep: bool, duties: &mut Vec<Duty>) {
        let Some(known) = self.known().filter(|_| keep) else { return };
        let stale = self.remembered.as_ref().is_none_or(|before| {
            before.identity != known.identity
                || before.battery_percent != known.battery_percent
                || at.millis_since(before.last_seen).abs() >= REMEMBER_EVERY_MS
        });
        if stale {
            self.remembered = Some(known.clone());
            duties.push(Duty::Remember(known));
        }
    }
}
