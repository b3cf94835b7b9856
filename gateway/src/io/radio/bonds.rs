//! What btleplug does not do and bluetoothd does: bonds. Each function asks bluetoothd on a connection of its own, away from
//! the runtime's thread.
//!
//! Decides nothing. **Invariant:** every call ends within [`PAIR_BY_HAND_TIMEOUT`].

use std::time::Duration;

use btleplug::platform::PeripheralId;
use dbus::blocking::Connection;
use dbus::blocking::stdintf::org_freedesktop_dbus::Properties as _;

use super::Pairing;

const BLUEZ: &str = "org.bluez";
const ADAPTER: &str = "org.bluez.Adapter1";
const DEVICE: &str = "org.bluez.Device1";
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const PAIR_TIMEOUT: Duration = Duration::from_secs(20);
/// With a person who types what the device shows: bluetoothd itself gives up half a minute after it asked.
const PAIR_BY_HAND_TIMEOUT: Duration = Duration::from_secs(60);

/// Why bluetoothd did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum BondError {
    /// It said so, or could not be reached.
    #[error("{}", plain(.0))]
    Bluetoothd(#[from] dbus::Error),
    /// The thread that asked ended.
    #[error("asking bluetoothd ended: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

impl BondError {
    fn is(&self, name: &str) -> bool {
        match self {
            Self::Bluetoothd(error) => error.name().is_some_and(|it| it.ends_with(name)),
            Self::Ended(_) => false,
        }
    }
}

/// The error's message, or its name where it has none.
fn plain(error: &dbus::Error) -> String {
    let message = error.message().filter(|text| !text.is_empty()).or(error.name());
    message.unwrap_or("bluetoothd gave no reason").to_owned()
}

/// Whether there is a bond.
pub(super) async fn is_bonded(id: &PeripheralId) -> Result<bool, BondError> {
    asked(id, CALL_TIMEOUT, |device| device.get::<bool>(DEVICE, "Paired")).await
}

/// Pairs with a connected device and trusts it from then on; done at once where there is a bond.
///
/// Asked for before the first subscription it takes a third of a second. Left to bluetoothd, a subscription that needs a bond
/// fails or hangs for half a minute, and a cuff has switched itself off by then.
pub(super) async fn pair(id: &PeripheralId, pairing: Pairing) -> Result<(), BondError> {
    let timeout = match pairing {
        Pairing::AsNeeded => PAIR_TIMEOUT,
        Pairing::Always => PAIR_BY_HAND_TIMEOUT,
    };
    let paired = asked(id, timeout, |device| device.method_call::<(), _, _, _>(DEVICE, "Pair", ())).await;
    match paired {
        Err(error) if !error.is("AlreadyExists") => return Err(error),
        Ok(()) | Err(_) => {}
    }
    asked(id, CALL_TIMEOUT, |device| device.set(DEVICE, "Trusted", true)).await
}

/// Removes the device and its bond; it is found again by its next advertisement.
pub(super) async fn forget(id: &PeripheralId) -> Result<(), BondError> {
    let device = path(id);
    let adapter = device.rsplit_once('/').map_or_else(String::new, |(adapter, _)| adapter.to_owned());
    tokio::task::spawn_blocking(move || {
        let bus = Connection::new_system()?;
        let adapter = bus.with_proxy(BLUEZ, adapter, CALL_TIMEOUT);
        Ok(adapter.method_call::<(), _, _, _>(ADAPTER, "RemoveDevice", (dbus::Path::from(device),))?)
    })
    .await?
}

async fn asked<T: Send + 'static>(
    id: &PeripheralId,
    timeout: Duration,
    ask: impl FnOnce(dbus::blocking::Proxy<'_, &Connection>) -> Result<T, dbus::Error> + Send + 'static,
) -> Result<T, BondError> {
    let path = path(id);
    tokio::task::spawn_blocking(move || {
        let bus = Connection::new_system()?;
        Ok(ask(bus.with_proxy(BLUEZ, path, timeout))?)
    })
    .await?
}

/// Where bluetoothd has the device: its id, such as `hci0/dev_54_6C_0E_00_00_01`, below its own root.
fn path(id: &PeripheralId) -> String {
    format!("/org/bluez/{id}")
}
