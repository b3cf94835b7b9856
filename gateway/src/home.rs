//! One home's devices: what is heard of each, through its session, becomes what must be done.
//!
//! Without a radio, a disk or a clock: events in, [`Duty`]s out. It refuses to know whose the readings are.
//!
//! **Invariant:** every frame that a session gives out becomes a duty: sealed, kept as undecodable, or written to the
//! log with the reason why it is neither.

mod device;

use std::collections::{BTreeMap, BTreeSet};

use devices::session::{Action, Consent, Event};
use devices::{DeviceMemory, Format, Settings};
use vitals::{DeviceHealth, DeviceId, DeviceIdentity, Timestamp};

use self::device::Device;
use crate::outbox::{KnownDevice, Sealing, Undecoded};
use crate::source::RadioEvent;

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
    /// Write down what its session remembers, before anything else is heard. It follows what was sealed of it.
    Memorise(DeviceId, DeviceMemory),
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
    /// What was written down last, by who the device is: one that hides its address comes back under another.
    memories: BTreeMap<DeviceId, DeviceMemory>,
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
        Self { rules, settings, devices, memories: BTreeMap::new() }
    }

    /// The same home, with what the sessions before remembered. Frames that they held leave with the first event or
    /// deadline.
    #[must_use]
    pub fn recalling(mut self, memories: Vec<(DeviceId, DeviceMemory)>) -> Self {
        for (id, memory) in memories {
            let has_frames = !memory.held.is_empty();
            self.memories.insert(id.clone(), memory);
            if has_frames || self.devices.contains_key(&id) {
                let mut device = self.devices.remove(&id).unwrap_or_else(|| self.stranger(&id, false));
                device.recall(&mut self.memories);
                self.devices.insert(id, device);
            }
        }
        self
    }

    fn stranger(&self, id: &DeviceId, hides_address: bool) -> Device {
        let identity = DeviceIdentity { id: id.clone(), model: None, serial: None };
        let consent = self.rules.consents.get(id).copied();
        Device::new(identity, self.settings, consent, hides_address)
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
            let mut stranger = self.stranger(&id, hides_address);
            stranger.recall(&mut self.memories);
            stranger
        });
        if let Some(name) = name {
            device.called(&name, &id, &mut duties);
        }
        device.last_seen = Some(at);
        let concerns_us = was_known || device.session.model().is_some() || concerns_us(&event);
        let gone = matches!(event, Event::Disconnected);
        let actions = device.session.handle_event(at, event);
        let keep = (concerns_us || !actions.is_empty()) && !(gone && device.hides_address);
        device.turn(actions, &id, &mut duties);
        device.memorise(&mut self.memories, &mut duties);
        if gone && device.is_unknown(&id) {
            device.forget(&mut self.memories, &mut duties);
        }
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
                device.memorise(&mut self.memories, &mut duties);
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
            device.memorise(&mut self.memories, &mut duties);
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

#[cfg(test)]
mod tests;
