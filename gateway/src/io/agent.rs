//! The pairing agent: says yes for a box that has neither keys nor a display.
//!
//! Without an agent BlueZ refuses even "Just Works" pairing, and a cuff that asks for a bond stays silent for ever.
//! The box answers as `NoInputNoOutput`: whoever can put a device into pairing mode next to it may pair. It cannot
//! compare or type a passkey and refuses to be asked for one. What a device measures is still attributed by who wears
//! it, so a paired stranger's reading reaches nobody's record.
//!
//! **Invariant:** every call of bluetoothd is answered; without a bus the thread ends and the log says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dbus::blocking::Connection;
use dbus::blocking::stdintf::org_freedesktop_dbus::Properties as _;
use dbus::channel::MatchingReceiver as _;
use dbus::message::{MatchRule, Message, MessageType};

const PATH: &str = "/se/vagen/agent";
const INTERFACE: &str = "org.bluez.Agent1";
const DEVICE_INTERFACE: &str = "org.bluez.Device1";
const BLUEZ: &str = "org.bluez";
/// How often the thread looks whether it is still wanted.
const WAKE_EVERY: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const PAIR_TIMEOUT: Duration = Duration::from_secs(20);

/// A registered agent. Dropping it ends its thread within [`WAKE_EVERY`]; bluetoothd forgets it with its connection.
pub(super) struct Agent(Arc<AtomicBool>);

impl Agent {
    /// Registers the agent and answers for it on a thread of its own. Returns at once.
    pub(super) fn start() -> Self {
        let wanted = Arc::new(AtomicBool::new(true));
        let until = Arc::clone(&wanted);
        let spawned = std::thread::Builder::new().name("pairing-agent".to_owned()).spawn(move || {
            if let Err(error) = serve(&until) {
                tracing::warn!(%error, "no pairing agent: devices that ask for a bond will stay silent");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no pairing agent: devices that ask for a bond will stay silent");
        }
        Self(wanted)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn serve(wanted: &AtomicBool) -> Result<(), dbus::Error> {
    let bus = Connection::new_system()?;
    bus.start_receive(
        MatchRule::new_method_call().with_interface(INTERFACE),
        Box::new(|call, bus| {
            if let Some(reply) = answer(&call)
                && bus.channel().send(reply).is_err()
            {
                tracing::warn!("bluetoothd did not take the pairing agent's answer");
            }
            true
        }),
    );
    let manager = bus.with_proxy(BLUEZ, "/org/bluez", CALL_TIMEOUT);
    let path = dbus::Path::from(PATH);
    let () =
        manager.method_call("org.bluez.AgentManager1", "RegisterAgent", (path.clone(), "NoInputNoOutput"))?;
    let () = manager.method_call("org.bluez.AgentManager1", "RequestDefaultAgent", (path,))?;
    tracing::info!("ready to pair with devices that ask for it");
    while wanted.load(Ordering::Relaxed) {
        bus.process(WAKE_EVERY)?;
    }
    Ok(())
}

/// Pairs with the connected device at bluetoothd's `path` (such as `hci0/dev_54_6C_0E_00_00_01`), unless that is done.
/// Blocks for as long as the device takes, at most [`PAIR_TIMEOUT`].
///
/// Asked for before the first subscription, it takes a third of a second; left to bluetoothd, a subscription that
/// needs a bond hangs for half a minute, and a cuff has switched itself off by then.
///
/// # Errors
/// Whatever bluetoothd says, such as that the device refused.
pub(super) fn pair(path: &str) -> Result<(), dbus::Error> {
    let bus = Connection::new_system()?;
    let device = bus.with_proxy(BLUEZ, format!("/org/bluez/{path}"), PAIR_TIMEOUT);
    if device.get::<bool>(DEVICE_INTERFACE, "Paired")? {
        return Ok(());
    }
    device.method_call(DEVICE_INTERFACE, "Pair", ())
}

/// What a box without keys and display answers.
fn answer(call: &Message) -> Option<Message> {
    if call.msg_type() != MessageType::MethodCall {
        return None;
    }
    let member = call.member()?;
    match &*member {
        "RequestAuthorization" | "AuthorizeService" => {
            tracing::info!(call = &*member, "a device pairs");
            Some(call.method_return())
        }
        "Release" | "Cancel" | "DisplayPinCode" | "DisplayPasskey" => Some(call.method_return()),
        other => {
            tracing::warn!(call = other, "a device asks for what this box cannot show or type; refused");
            Some(call.error(
                &dbus::strings::ErrorName::from("org.bluez.Error.Rejected"),
                c"this gateway has neither keys nor a display",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by BlueZ's documentation of org.bluez.Agent1 for an agent without input and output.
    #[test]
    fn a_box_without_keys_says_yes_or_no() {
        let rows = [
            ("RequestAuthorization", MessageType::MethodReturn),
            ("AuthorizeService", MessageType::MethodReturn),
            ("Cancel", MessageType::MethodReturn),
            ("Release", MessageType::MethodReturn),
            ("RequestPinCode", MessageType::Error),
            ("RequestPasskey", MessageType::Error),
            ("RequestConfirmation", MessageType::Error),
            ("Sing", MessageType::Error),
        ];
        for (member, expected) in rows {
            let mut call = Message::new_method_call(BLUEZ, PATH, INTERFACE, member).expect("a call");
            call.set_serial(7);
            assert_eq!(answer(&call).map(|reply| reply.msg_type()), Some(expected), "{member}");
        }
    }
}
