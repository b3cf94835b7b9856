//! What a device says about itself beside its measurements, as actions: identity, battery, refusals.
//!
//! **Invariant:** what cannot be read of it is passed over; no reading hangs on it.

use super::messages::{Action, Learned, Trouble};
use crate::about::{self, BATTERY, MANUFACTURER, MODEL_NUMBER, SERIAL, SYSTEM_ID};
use crate::format::Uuid16;

pub(super) const USER_CONTROL_POINT: Uuid16 = Uuid16(0x2A9F);
/// Record Access Control Point.
pub(super) const RECORD_ACCESS: Uuid16 = Uuid16(0x2A52);
/// What devices notify beside measurements: database changes, changed services.
const CONTROL: [Uuid16; 2] = [Uuid16(0x2A99), Uuid16(0x2A05)];

const CONSENT_RESPONSE: u8 = 0x20;
const RECORD_ACCESS_RESPONSE: u8 = 0x06;
const SUCCESS: u8 = 1;
const NO_RECORDS: u8 = 6;

/// Whether `uuid` is known to carry no measurement.
pub(super) fn is_control(uuid: Uuid16) -> bool {
    uuid == USER_CONTROL_POINT || uuid == RECORD_ACCESS || CONTROL.contains(&uuid)
}

/// What a characteristic beside the measurements says.
pub(super) fn learn(uuid: Uuid16, bytes: &[u8]) -> Option<Action> {
    let learned = match (uuid, bytes) {
        (SERIAL, _) => about::text(uuid, bytes).ok().map(Learned::Serial),
        (MODEL_NUMBER, _) => about::text(uuid, bytes).ok().map(Learned::ModelNumber),
        (MANUFACTURER, _) => about::text(uuid, bytes).ok().map(Learned::Manufacturer),
        (SYSTEM_ID, _) => about::system_id(bytes).ok().map(|id| Learned::SystemId(id.to_string())),
        (BATTERY, _) => about::battery_percent(bytes).ok().map(Learned::BatteryPercent),
        (USER_CONTROL_POINT, [CONSENT_RESPONSE, _, result, ..]) if *result != SUCCESS => {
            return Some(Action::Trouble(Trouble::ConsentRefused { result: *result }));
        }
        (RECORD_ACCESS, [RECORD_ACCESS_RESPONSE, _, _, result, ..]) if !is_drained(*result) => {
            return Some(Action::Trouble(Trouble::RecordsRefused { result: *result }));
        }
        _ => None,
    };
    learned.map(Action::Learned)
}

/// Whether the device's answer to being asked for its records has come: all sent, or none will be.
pub(super) fn answers_drain(uuid: Uuid16, bytes: &[u8]) -> bool {
    uuid == RECORD_ACCESS && matches!(bytes, [RECORD_ACCESS_RESPONSE, _, _, _, ..])
}

/// Whether the device says that it has sent all its records.
pub(super) fn says_drained(uuid: Uuid16, bytes: &[u8]) -> bool {
    match bytes {
        [RECORD_ACCESS_RESPONSE, _, _, result, ..] => uuid == RECORD_ACCESS && is_drained(*result),
        _ => false,
    }
}

fn is_drained(result: u8) -> bool {
    result == SUCCESS || result == NO_RECORDS
}
