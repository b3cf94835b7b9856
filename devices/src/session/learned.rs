//! What a device says about itself beside its measurements: serial number, identity, battery, refusals.
//!
//! **Invariant:** text from a device carries no control character and at most 64 characters.

use super::messages::{Action, Learned, Trouble};
use crate::format::Uuid16;

pub(super) const SYSTEM_ID: Uuid16 = Uuid16(0x2A23);
pub(super) const SERIAL: Uuid16 = Uuid16(0x2A25);
pub(super) const BATTERY: Uuid16 = Uuid16(0x2A19);
pub(super) const USER_CONTROL_POINT: Uuid16 = Uuid16(0x2A9F);
/// What devices notify beside measurements: record access, database changes, changed services.
const CONTROL: [Uuid16; 3] = [Uuid16(0x2A52), Uuid16(0x2A99), Uuid16(0x2A05)];

const RESPONSE: u8 = 0x20;
const SUCCESS: u8 = 1;
const SERIAL_CHARS_MAX: usize = 64;

/// Whether `uuid` is known to carry no measurement.
pub(super) fn is_control(uuid: Uuid16) -> bool {
    uuid == USER_CONTROL_POINT || CONTROL.contains(&uuid)
}

/// What a characteristic beside the measurements says.
pub(super) fn learn(uuid: Uuid16, bytes: &[u8]) -> Option<Action> {
    match (uuid, bytes) {
        (SERIAL, _) => serial(bytes).map(|serial| Action::Learned(Learned::Serial(serial))),
        (SYSTEM_ID, [_, _, _, _, _, _, _, _]) => {
            let id = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
            Some(Action::Learned(Learned::SystemId(id)))
        }
        (BATTERY, [percent @ 0..=100, ..]) => Some(Action::Learned(Learned::BatteryPercent(*percent))),
        (USER_CONTROL_POINT, [RESPONSE, _, result, ..]) if *result != SUCCESS => {
            Some(Action::Trouble(Trouble::ConsentRefused { result: *result }))
        }
        _ => None,
    }
}

fn serial(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let printable: String = text.chars().filter(|c| !c.is_control()).take(SERIAL_CHARS_MAX).collect();
    Some(printable.trim().to_owned()).filter(|serial| !serial.is_empty())
}
