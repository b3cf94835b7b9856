//! A scale's advertisements in any order, with power cuts between: each weighing is told once.

use std::collections::{BTreeMap, BTreeSet};

use devices::{Action, Event, Session, Settings, Uuid16, models};
use vitals::{Quantity, Timestamp};

use super::supply::{START_MS, Supply, restarted};

const SYNCED: Settings = Settings { gateway_synced: true, local_offset_s: 3600 };
/// As the second scale sends it, 0.005 kg a step: 3, 60 and 80 kg. What is lighter than 5 kg is no person.
const STEPS: [u16; 3] = [600, 12_000, 16_000];

/// One byte chooses the scale, each further byte an advertisement: its moment, its weight, and how far the weighing has come.
///
/// # Panics
/// When a weighing is told twice, or not at all.
pub fn broadcast(data: &[u8]) {
    let mut supply = Supply::new(data);
    let name = supply.pick(&["MIBCS", "MI_SCALE2", "Nobody 1"]).unwrap_or("MIBCS");
    let mut session = Session::new(models::find(name), SYNCED);
    let mut now = Timestamp::from_millis(START_MS).expect("a time");
    let (mut weighed, mut told) = (BTreeSet::new(), Vec::new());
    while !supply.is_empty() {
        let byte = supply.byte();
        let (second, kind) = (byte & 0x3, byte >> 4);
        let steps = STEPS[usize::from(byte >> 2 & 0x3) % STEPS.len()];
        now = now.plus_millis(i64::from(byte) * 7);
        match kind {
            0 => session = restarted(&session, SYNCED),
            1 => now = now.plus_millis(20_000),
            _ => {
                let frame = frame(kind, second, steps);
                if frame[1] & 0x20 != 0 && steps >= 1_000 {
                    weighed.insert((second, steps));
                }
                let service_data = BTreeMap::from([(Uuid16(0x181B), frame)]);
                let event = Event::Advertised { service_uuids: Vec::new(), service_data };
                told.extend(weighings(&session.handle_event(now, event)));
            }
        }
        told.extend(weighings(&session.handle_timeout(now)));
    }
    told.extend(weighings(&session.finish(now)));
    told.sort_unstable();
    assert_eq!(told, weighed.into_iter().collect::<Vec<_>>());
    assert!(session.memory().held.is_empty());
}

/// Service data of 181B: unit, state, time, impedance, weight.
fn frame(kind: u8, second: u8, steps: u16) -> Vec<u8> {
    let state = match kind {
        2..5 => 0x04,
        5..8 => 0x24,
        8..11 => 0x26,
        11..14 => 0xA6,
        _ => 0xA4,
    };
    let mut frame = vec![0x02, state, 0xEA, 0x07, 1, 1, 8, 4, second, 0xAC, 0x01];
    frame.extend(steps.to_le_bytes());
    frame
}

fn weighings(actions: &[Action]) -> Vec<(u8, u16)> {
    let weighing = |action: &Action| {
        let Action::Measured(heard) = action else { return None };
        let measurement = &heard.decoded.measurement;
        let second = measurement.device_time.expect("every frame has a time").civil().second();
        let kg = measurement.values.get(Quantity::WeightKg).expect("a weight");
        let steps = STEPS.into_iter().find(|steps| (f64::from(*steps) / 200.0 - kg).abs() < 0.001);
        Some((second.cast_unsigned(), steps.expect("a weight that was sent")))
    };
    actions.iter().filter_map(weighing).collect()
}
