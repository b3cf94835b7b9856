//! What to ask of a device: whether to connect, where its clock is, what to subscribe to.
//!
//! Knows no order of events and no time but the one it is given. **Invariant:** asks only for what the device has, where
//! that is known.

use vitals::Timestamp;

use super::clock_set::local_time;
use super::learned::{RECORD_ACCESS, USER_CONTROL_POINT};
use super::messages::{Action, Consent, Settings, Trouble};
use crate::about::{BATTERY, MANUFACTURER, MODEL_NUMBER, SERIAL, SYSTEM_ID};
use crate::format::{Format, Uuid16};
use crate::models::{Bonding, Model};

/// Services whose devices we connect to: blood pressure, thermometer, heart rate, oximeter, both scales, Transtek.
const SERVICES: [Uuid16; 8] = [
    Uuid16(0x1810),
    Uuid16(0x1809),
    Uuid16(0x180D),
    Uuid16(0x1822),
    Uuid16(0x181D),
    Uuid16(0x181B),
    Uuid16(0x78B2),
    Uuid16(0x7802),
];
/// Where Transtek's scales take commands.
const TRANSTEK_COMMAND: Uuid16 = Uuid16(0x8A81);
const TRANSTEK_SET_TIME: u8 = 0x02;
const CONSENT: u8 = 0x02;
/// Report stored records, all of them (Record Access Control Point). Records are never asked to be deleted.
const REPORT_ALL: [u8; 2] = [0x01, 0x01];

/// A device as far as it is known: its model, and the characteristics it has (empty where nobody listed them).
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) model: Option<&'static Model>,
    pub(super) characteristics: &'a [Uuid16],
    pub(super) hides_address: bool,
}

/// Whether a device is worth connecting to: by its model, or by the services that it advertises where that is not known.
#[must_use]
pub fn is_worth_connecting(model: Option<&Model>, service_uuids: &[Uuid16]) -> bool {
    match model {
        Some(model) => !model.behaviour.advertisement_only,
        None => service_uuids.iter().any(|uuid| SERVICES.contains(uuid)),
    }
}

impl Known<'_> {
    fn may_have(self, uuid: Uuid16) -> bool {
        self.characteristics.is_empty() || self.characteristics.contains(&uuid)
    }

    /// Where this device's clock is: where its model has it, else whichever it offers.
    pub(super) fn clock_channel(self) -> Option<Uuid16> {
        let of_model = self.model.and_then(|model| model.behaviour.clock_channel);
        let of_model = of_model.map(|channel| channel.uuid()).filter(|uuid| self.may_have(*uuid));
        let mut offered = [Format::DateTime, Format::CurrentTime].into_iter().filter_map(Format::uuid);
        of_model.or_else(|| offered.find(|uuid| self.characteristics.contains(uuid)))
    }

    /// Consent, measurements, what the device says about itself, stored records, and the word that makes some scales speak.
    pub(super) fn subscriptions(
        self,
        now: Timestamp,
        settings: Settings,
        consent: Option<Consent>,
    ) -> Vec<Action> {
        let mut actions = self.consent(consent);
        actions.extend(self.measurements().into_iter().map(Action::Subscribe));
        actions.extend(self.keeps_records().then_some(Action::Subscribe(RECORD_ACCESS)));
        let asked = self.identity();
        let is_new = |uuid: &Uuid16| self.may_have(*uuid) && !asked.contains(uuid);
        let about_itself = [SERIAL, SYSTEM_ID, BATTERY].into_iter().filter(is_new);
        actions.extend(about_itself.map(Action::Read));
        if self.keeps_records() {
            actions.push(Action::Write { uuid: RECORD_ACCESS, bytes: REPORT_ALL.to_vec() });
        }
        if let Some(model) = self.model.filter(|model| model.behaviour.speaks_once_told_the_time) {
            actions.push(tell_time(model, now, settings));
        }
        actions
    }

    /// Whether it gives out stored records when asked: it has the control point, or is known to.
    fn keeps_records(self) -> bool {
        let is_known_to = self.model.is_some_and(|model| model.behaviour.record_access);
        self.characteristics.contains(&RECORD_ACCESS) || (is_known_to && self.characteristics.is_empty())
    }

    /// What to ask before anything else, because records mean another thing by the answer: who a device is that hides its
    /// address, and which model one is whose name told nothing.
    pub(super) fn identity(self) -> Vec<Uuid16> {
        let mut asked = Vec::new();
        if self.hides_address {
            asked.push(SYSTEM_ID);
        }
        if self.model.is_none() && self.characteristics.contains(&MODEL_NUMBER) {
            asked.extend([MANUFACTURER, MODEL_NUMBER]);
        }
        asked.retain(|uuid| self.characteristics.contains(uuid));
        asked
    }

    fn measurements(self) -> Vec<Uuid16> {
        let of_model = self.model.map_or(&[][..], |model| model.formats);
        let formats = if self.characteristics.is_empty() { of_model } else { Format::ALL };
        let measured = formats.iter().filter(|format| !format.is_clock() && !format.is_advertised());
        measured.filter_map(|format| format.uuid()).filter(|uuid| self.may_have(*uuid)).collect()
    }

    fn consent(self, consent: Option<Consent>) -> Vec<Action> {
        let requires =
            self.model.is_some_and(|model| model.behaviour.bonding == Bonding::RequiredWithConsent);
        match consent {
            Some(Consent { user, code })
                if requires || self.characteristics.contains(&USER_CONTROL_POINT) =>
            {
                let [low, high] = code.to_le_bytes();
                let bytes = vec![CONSENT, user, low, high];
                vec![Action::Subscribe(USER_CONTROL_POINT), Action::Write { uuid: USER_CONTROL_POINT, bytes }]
            }
            None if requires => vec![Action::Trouble(Trouble::NoConsent)],
            Some(_) | None => Vec::new(),
        }
    }
}

/// The time as Transtek's scales take it: seconds of local time since their epoch.
fn tell_time(model: &Model, now: Timestamp, settings: Settings) -> Action {
    if !settings.gateway_synced {
        return Action::Trouble(Trouble::ClockNotWritten);
    }
    let local_s = local_time(now, settings.local_offset_s).as_if_utc().as_millis() / Timestamp::SECOND_MS;
    let seconds = u32::try_from(local_s - model.frames.epoch.unix_s()).unwrap_or_default();
    let mut bytes = vec![TRANSTEK_SET_TIME];
    bytes.extend(seconds.to_le_bytes());
    Action::Write { uuid: TRANSTEK_COMMAND, bytes }
}
