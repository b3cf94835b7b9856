//! How the gateway's links stand: its adapters, each device, the broker. What `vagen-gateway status` tells beside the outbox.
//!
//! Data and the words for it; who watches the links writes it, who asks reads it. It refuses to know readings.
//!
//! **Invariant:** a state says since when it holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitals::{DeviceId, Timestamp};

/// The most devices that are told of; the one that changed least recently leaves first.
const DEVICES_MAX: usize = 64;

/// Every link of one gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// What keeps Bluetooth as a whole from working; `None` while it works.
    #[serde(default)]
    pub trouble: Option<String>,
    /// The adapters that are listened with, by bluetoothd's names, such as `hci0`.
    #[serde(default)]
    pub adapters: Vec<String>,
    /// The devices that were spoken to.
    #[serde(default)]
    pub devices: BTreeMap<DeviceId, DeviceLink>,
    /// The broker.
    #[serde(default)]
    pub broker: BrokerLink,
}

/// One device's link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLink {
    /// How it stands.
    pub state: DeviceState,
    /// Since when.
    pub since: Timestamp,
    /// By which adapter.
    pub adapter: String,
    /// Whether there is a bond, where that is known.
    #[serde(default)]
    pub bonded: Option<bool>,
    /// How many connections in a row came to nothing.
    #[serde(default)]
    pub failures: u32,
    /// What went wrong last, until something goes well.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// How a device's link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Nothing is under way; it is listened for.
    Away,
    /// A connection is asked for.
    Connecting,
    /// The device is asked for a bond.
    Pairing,
    /// It is connected.
    Connected,
}

impl DeviceState {
    /// As a technician reads it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Away => "not connected",
            Self::Connecting => "connecting",
            Self::Pairing => "pairing",
            Self::Connected => "connected",
        }
    }
}

/// The link to the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerLink {
    /// Whether it stands.
    pub connected: bool,
    /// Since when; `None` until it was tried.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Why it does not stand.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl BrokerLink {
    /// A link that came to stand, or ceased to, `at`.
    #[must_use]
    pub fn changed(&self, at: Timestamp, trouble: Option<&str>) -> Self {
        let connected = trouble.is_none();
        let since = if connected == self.connected { self.since } else { None };
        Self { connected, since: since.or(Some(at)), trouble: trouble.map(str::to_owned) }
    }
}

impl Links {
    /// Notes that a device's link changed.
    pub fn device(&mut self, device: &DeviceId, adapter: &str, at: Timestamp, state: DeviceState) {
        let link = self.devices.entry(device.clone()).or_insert_with(|| DeviceLink {
            state,
            since: at,
            adapter: adapter.to_owned(),
            bonded: None,
            failures: 0,
            trouble: None,
        });
        adapter.clone_into(&mut link.adapter);
        if link.state != state {
            (link.state, link.since) = (state, at);
        }
        if self.devices.len() > DEVICES_MAX {
            let oldest =
                self.devices.iter().filter(|(id, _)| *id != device).min_by_key(|(_, link)| link.since);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.devices.remove(&oldest);
            }
        }
    }

    /// Changes what is known of a device that is told of.
    pub fn of(&mut self, device: &DeviceId, change: impl FnOnce(&mut DeviceLink)) {
        if let Some(link) = self.devices.get_mut(device) {
            change(link);
        }
    }

    /// No adapter, no link: notes that every device that `adapter` held (`None` for any adapter) is away.
    pub fn adapter_gone(&mut self, adapter: Option<&str>, at: Timestamp) {
        self.adapters.retain(|name| adapter.is_some_and(|gone| gone != name));
        for link in self.devices.values_mut() {
            if adapter.is_none_or(|gone| gone == link.adapter) && link.state != DeviceState::Away {
                (link.state, link.since) = (DeviceState::Away, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("a time")
    }

    #[test]
    fn a_state_keeps_its_beginning() {
        let (mut links, scale) = (Links::default(), "546c0e000001".parse().expect("an id"));
        links.device(&scale, "hci0", at(1), DeviceState::Connecting);
        links.device(&scale, "hci0", at(2), DeviceState::Connecting);
        assert_eq!(links.devices[&scale].since, at(1));
        links.device(&scale, "hci1", at(3), DeviceState::Connected);
        assert_eq!((links.devices[&scale].since, links.devices[&scale].adapter.as_str()), (at(3), "hci1"));
        links.adapter_gone(Some("hci0"), at(4));
        assert_eq!(links.devices[&scale].state, DeviceState::Connected, "held by the other adapter");
        links.adapter_gone(None, at(5));
        assert_eq!(links.devices[&scale].state, DeviceState::Away);
    }

    #[test]
    fn the_list_of_devices_stays_short() {
        let mut links = Links::default();
        for nth in 0..200_u32 {
            let id = format!("546c0e{nth:06x}").parse().expect("an id");
            links.device(&id, "hci0", at(i64::from(nth)), DeviceState::Away);
        }
        assert_eq!(links.devices.len(), DEVICES_MAX);
        assert!(links.devices.contains_key(&"546c0e0000c7".parse().expect("an id")), "the last one stays");
    }

    #[test]
    fn the_broker_link_says_since_when() {
        let link = BrokerLink::default().changed(at(1), Some("refused"));
        assert_eq!((link.connected, link.since), (false, Some(at(1))));
        let link = link.changed(at(2), Some("refused")).changed(at(3), None).changed(at(4), None);
        assert_eq!((link.connected, link.since, link.trouble), (true, Some(at(3)), None));
    }
}
