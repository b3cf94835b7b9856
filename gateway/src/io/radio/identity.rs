//! Who it is that speaks, by what bluetoothd says of it; and how strongly it is heard.
//!
//! **Invariant:** an address that its device changes is never taken for who the device is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use btleplug::api::{AddressType, PeripheralProperties};
use btleplug::platform::PeripheralId;
use devices::Uuid16;
use devices::session::Event;
use vitals::DeviceId;

use super::EVENTS;

/// How strongly devices are heard.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals(Arc<Mutex<BTreeMap<DeviceId, i16>>>);

impl Signals {
    pub(super) fn of(&self, device: &DeviceId) -> Option<i16> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(device).copied()
    }

    pub(super) fn heard(&self, device: &DeviceId, dbm: i16) {
        let mut signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if signals.len() > EVENTS {
            signals.clear();
        }
        signals.insert(device.clone(), dbm);
    }
}

/// The adapter in an id such as `hci0/dev_54_6C_0E_00_00_01`.
pub(super) fn adapter_of(id: &PeripheralId) -> String {
    id.to_string().split('/').next().unwrap_or_default().to_owned()
}

pub(super) fn device_of(properties: &PeripheralProperties) -> Result<DeviceId, btleplug::Error> {
    DeviceId::from_address(&properties.address.to_string())
        .map_err(|error| btleplug::Error::Other(Box::new(error)))
}

/// What its advertisement says: the `data` that came with it, or else what bluetoothd holds.
pub(super) fn advertisement(
    properties: &PeripheralProperties,
    data: Option<&HashMap<uuid::Uuid, Vec<u8>>>,
) -> Event {
    let short = |uuid: &uuid::Uuid| uuid.to_string().parse::<Uuid16>().ok();
    let data = data.unwrap_or(&properties.service_data).iter();
    Event::Advertised {
        service_uuids: properties.services.iter().filter_map(short).collect(),
        service_data: data.filter_map(|(uuid, bytes)| Some((short(uuid)?, bytes.clone()))).collect(),
    }
}

/// Whether the address is one that its device changes (Bluetooth Core, Vol 6, Part B, 1.3: a random address whose two
/// highest bits are not both set).
pub(super) fn hides_address(kind: Option<AddressType>, device: &DeviceId) -> bool {
    let is_static = device.as_str().as_bytes().first().is_some_and(|digit| b"cdef".contains(digit));
    matches!(kind, Some(AddressType::Random)) && !is_static
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by the Core specification's table of random addresses.
    #[test]
    fn only_an_address_that_changes_is_hidden() {
        let rows = [
            ("546c0e000001", Some(AddressType::Public), false),
            ("546c0e000001", Some(AddressType::Random), true),
            ("146c0e000001", Some(AddressType::Random), true),
            ("c46c0e000001", Some(AddressType::Random), false),
            ("f46c0e000001", Some(AddressType::Random), false),
            ("546c0e000001", None, false),
        ];
        for (address, kind, expected) in rows {
            assert_eq!(
                hides_address(kind, &address.parse().expect("an address")),
                expected,
                "{address} {kind:?}"
            );
        }
    }
}
