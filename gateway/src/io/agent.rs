//! The pairing agent: says yes for a box that has neither keys nor a display.
//!
//! Without an agent BlueZ refuses even "Just Works" pairing, and a cuff that asks for a bond stays silent for ever.
//! The box answers as `NoInputNoOutput`: whoever can put a device into pairing mode next to it may pair. It cannot
//! compare or type a passkey and refuses to be asked for one. What a device measures is still attributed by who wears
//! it, so a paired stranger's reading reaches nobody's record.
//!
//! **Invariant:** every call of bluetoothd is answered.

use std::time::Duration;

use dbus::blocking::Connection;
use dbus::message::{Message, MessageType};

use super::bluez::BLUEZ;

const PATH: &str = "/se/vagen/agent";
const INTERFACE: &str = "org.bluez.Agent1";
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Registers the agent of this connection with bluetoothd, for whatever device asks; bluetoothd forgets it with the connection.
///
/// # Errors
/// Whatever bluetoothd says.
pub(super) fn register(bus: &Connection) -> Result<(), dbus::Error> {
    let manager = bus.with_proxy(BLUEZ, "/org/bluez", CALL_TIMEOUT);
    let path = dbus::Path::from(PATH);
    let () =
        manager.method_call("org.bluez.AgentManager1", "RegisterAgent", (path.clone(), "NoInputNoOutput"))?;
    manager.method_call("org.bluez.AgentManager1", "RequestDefaultAgent", (path,))
}

/// What a box without keys and display answers.
pub(super) fn answer(call: &Message) -> Option<Message> {
    if call.msg_type() != MessageType::MethodCall || call.interface().as_deref() != Some(INTERFACE) {
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
