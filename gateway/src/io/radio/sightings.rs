//! Which devices are in the air, by which adapter, and how strongly.
//!
//! Knows what was heard, not what was said. **Invariant:** devices that change their address do not fill the memory of a box
//! that runs for years.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use btleplug::platform::PeripheralId;
use vitals::DeviceId;

use super::EVENTS;

/// A device's advertisement is passed on at most this often, unless it carries data.
const ADVERTISEMENT_EVERY: Duration = Duration::from_secs(1);
/// A device that was not heard for so long is not in the air.
const IN_THE_AIR: Duration = Duration::from_secs(60);

struct Sighting {
    device: DeviceId,
    at: Instant,
    rssi: Option<i16>,
}

/// What was seen last of each of bluetoothd's objects.
#[derive(Default)]
pub(super) struct Sightings(BTreeMap<PeripheralId, Sighting>);

impl Sightings {
    /// Whether an advertisement heard at `now` comes so soon after the one before that it says nothing new.
    pub(super) fn is_too_soon(&mut self, id: &PeripheralId, rssi: Option<i16>, now: Instant) -> bool {
        self.0.get_mut(id).is_some_and(|seen| {
            seen.rssi = rssi.or(seen.rssi);
            now.duration_since(seen.at) < ADVERTISEMENT_EVERY
        })
    }

    pub(super) fn saw(&mut self, id: PeripheralId, device: DeviceId, rssi: Option<i16>, now: Instant) {
        if self.0.len() > EVENTS {
            self.0.retain(|_, seen| now.duration_since(seen.at) < IN_THE_AIR);
        }
        self.0.insert(id, Sighting { device, at: now, rssi });
    }

    pub(super) fn forget(&mut self, is_gone: impl Fn(&PeripheralId) -> bool) {
        self.0.retain(|id, _| !is_gone(id));
    }

    /// The objects that a device in the air is heard as, the best heard first.
    pub(super) fn of(&self, device: &DeviceId, now: Instant) -> Vec<PeripheralId> {
        let of_device = self.0.iter().filter(|(_, seen)| seen.device == *device);
        let mut heard: Vec<_> =
            of_device.filter(|(_, seen)| now.duration_since(seen.at) < IN_THE_AIR).collect();
        heard.sort_by_key(|(_, seen)| Reverse(seen.rssi));
        heard.into_iter().map(|(id, _)| id.clone()).collect()
    }
}
