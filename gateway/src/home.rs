//! One home's devices: what is heard of each, through its session, becomes what must be done.
//!
//! Without a radio, a disk or a clock: events in, [`Duty`]s out. It refuses to know whose the readings are.
//!
//! **Invariant:** every frame that a session gives out becomes a duty: sealed, kept as undecodable, or written to the
//! log with the reason why it is neither.

use std::collections::{BTreeMap, BTreeSet};

use devices::session::{Action, Consent, Event, Heard, Learned, Trouble};
use devices::{Format, Model, Session, Settings, models};
use vitals::{
    DeviceHealth, DeviceId, DeviceIdentity, Kind, Outcome, RawFrame, TimedMeasurement, Timestamp, hex,
};

use crate::outbox::{KnownDevice, Sealing, Undecoded};
use crate::source::RadioEvent;

/// How often the time a device was last heard is written to disk, ms; in between it is held in memory only.
const REMEMBER_EVERY_MS: i64 = 10 * Timestamp::MINUTE_MS;

/// Something to be done about what was heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Duty {
    /// Seal a measurement.
    Seal(Box<Sealing>),
    /// Keep a frame that gave none.
    Keep(Undecoded),
    /// Have the radio do something.
    Act(DeviceId, Action),
    /// Write down what is known of a device.
    Remember(KnownDevice),
}

/// What the configuration says of this home's devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The only devices to listen to; `None` for any that is supported.
    pub allowed: Option<BTreeSet<DeviceId>>,
    /// The consent codes of scales that say nothing without one.
    pub consents: BTreeMap<DeviceId, Consent>,
}

/// The devices of one home.
#[derive(Debug)]
pub struct Home {
    rules: Rules,
    settings: Settings,
    devices: BTreeMap<DeviceId, Device>,
}

#[derive(Debug)]
struct Device {
    session: Session,
    consent: Option<Consent>,
    identity: DeviceIdentity,
    hides_address: bool,
    last_seen: Option<Timestamp>,
    battery_percent: Option<u8>,
    remembered: Option<KnownDevice>,
    /// The last frame's time, and how many came at exactly that time.
    last_heard: Option<(Timestamp, u32)>,
}

impl Home {
    /// A home whose devices are `known` from before.
    #[must_use]
    pub fn new(rules: Rules, settings: Settings, known: Vec<KnownDevice>) -> Self {
        let devices = known
            .into_iter()
            .map(|known| {
                let consent = rules.consents.get(&known.identity.id).copied();
                let mut device = Device::new(known.identity.clone(), settings, consent, false);
                device.last_seen = Some(known.last_seen);
                device.battery_percent = known.battery_percent;
                device.remembered = Some(known.clone());
                (known.identity.id, device)
            })
            .collect();
        Self { rules, settings, devices }
    }

    /// Tells every session what the gateway knows by now.
    pub fn set_settings(&mut self, settings: Settings) {
        if settings != self.settings {
            self.settings = settings;
            self.devices.values_mut().for_each(|device| device.session.set_settings(settings));
        }
    }

    /// What to do about `heard`, in order; deadlines that passed before it come first.
    pub fn handle(&mut self, heard: RadioEvent) -> Vec<Duty> {
        let mut duties = self.handle_timeout(heard.at);
        if self.rules.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&heard.device)) {
            tracing::debug!(device = %heard.device, "not on the list of devices; ignored");
            return duties;
        }
        let RadioEvent { at, device: id, hides_address, name, event } = heard;
        let known = self.devices.remove(&id);
        let was_known = known.is_some();
        let mut device = known.unwrap_or_else(|| {
            let identity = DeviceIdentity { id: id.clone(), model: None, serial: None };
            let consent = self.rules.consents.get(&id).copied();
            Device::new(identity, self.settings, consent, hides_address)
        });
        if let Some(name) = name {
            device.called(&name, self.settings, at, &id, &mut duties);
        }
        device.last_seen = Some(at);
        let concerns_us = was_known || device.session.model().is_some() || concerns_us(&event);
        let gone = matches!(event, Event::Disconnected);
        let actions = device.session.handle_event(at, event);
        let keep = (concerns_us || !actions.is_empty()) && !(gone && device.hides_address);
        device.turn(actions, &id, &mut duties);
        device.remember(at, keep, &mut duties);
        // A stranger's advertisement leaves nothing behind: a street of telephones must not fill the memory.
        if keep {
            self.devices.insert(id, device);
        }
        duties
    }

    /// What to do now that time has passed.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Duty> {
        let mut duties = Vec::new();
        for (id, device) in &mut self.devices {
            if device.session.next_deadline().is_some_and(|(at, _)| at <= now) {
                let actions = device.session.handle_timeout(now);
                device.turn(actions, id, &mut duties);
            }
        }
        duties
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.devices.values().filter_map(|device| device.session.next_deadline()).map(|(at, _)| at).min()
    }

    /// Gives out whatever still waits, because nothing more will be heard.
    pub fn finish(&mut self, now: Timestamp) -> Vec<Duty> {
        let mut duties = Vec::new();
        for (id, device) in &mut self.devices {
            let actions = device.session.finish(now);
            device.turn(actions, id, &mut duties);
            if let Some(known) = device.known().filter(|known| device.remembered.as_ref() != Some(known)) {
                duties.push(Duty::Remember(known));
            }
        }
        duties
    }

    /// The devices as a heartbeat tells of them.
    #[must_use]
    pub fn health(&self) -> Vec<DeviceHealth> {
        self.devices
            .values()
            .map(|device| DeviceHealth {
                id: device.identity.id.clone(),
                last_seen: device.last_seen,
                battery_percent: device.battery_percent,
            })
            .collect()
    }
}

fn session(model: Option<&'static Model>, settings: Settings, consent: Option<Consent>) -> Session {
    let session = Session::new(model, settings);
    match consent {
        Some(consent) => session.with_consent(consent),
        None => session,
    }
}

/// Whether an event of a stranger is worth remembering them for.
fn concerns_us(event: &Event) -> bool {
    match event {
        Event::Advertised { service_data, .. } => {
            service_data.keys().any(|uuid| Format::of_service_data(*uuid).is_some())
        }
        Event::Connected { .. }
        | Event::Read { .. }
        | Event::Written { .. }
        | Event::Subscribed { .. }
        | Event::Notified { .. }
        | Event::Record { .. }
        | Event::Failed { .. }
        | Event::Disconnected => true,
    }
}

impl Device {
    fn new(
        identity: DeviceIdentity,
        settings: Settings,
        consent: Option<Consent>,
        hides_address: bool,
    ) -> Self {
        let model = identity.model.as_deref().and_then(models::find);
        Self {
            session: session(model, settings, consent),
            consent,
            identity,
            hides_address,
            last_seen: None,
            battery_percent: None,
            remembered: None,
            last_heard: None,
        }
    }

    /// The device says its name: from then on its model is known, and with it its quirks.
    fn called(
        &mut self,
        name: &str,
        settings: Settings,
        at: Timestamp,
        id: &DeviceId,
        duties: &mut Vec<Duty>,
    ) {
        let Some(model) = models::find(name) else { return };
        if self.session.model() == Some(model) {
            return;
        }
        let rest = self.session.finish(at);
        self.turn(rest, id, duties);
        self.session = session(Some(model), settings, self.consent);
        self.identity.model = Some(model.name.to_owned());
    }

    fn turn(&mut self, actions: Vec<Action>, id: &DeviceId, duties: &mut Vec<Duty>) {
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
            // A name longer than the interface carries is cut, not refused: the reading matters more.
            Learned::Serial(serial) => {
                let text: String = serial.chars().filter(|c| !c.is_control()).take(64).collect();
                self.identity.serial = (!text.is_empty()).then_some(text);
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
            | Trouble::NothingToHear
            | Trouble::ClockNotWritten
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

    fn known(&self) -> Option<KnownDevice> {
        Some(KnownDevice {
            identity: self.identity.clone(),
            last_seen: self.last_seen?,
            battery_percent: self.battery_percent,
        })
    }

    fn remember(&mut self, at: Timestamp, keep: bool, duties: &mut Vec<Duty>) {
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

#[cfg(test)]
mod tests;
