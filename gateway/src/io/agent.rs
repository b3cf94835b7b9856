//! The pairing agent: answers for this box when a device wants to pair.
//!
//! Without an agent BlueZ refuses even "Just Works" pairing, and a cuff that asks for a bond stays silent for ever.
//! The daemon answers as `NoInputNoOutput`: whoever can put a device into pairing mode next to it may pair. It cannot
//! compare or type a passkey and refuses to be asked for one. While a person stands by (`vagen-gateway pair`) it is `KeyboardOnly`:
//! a cuff that shows six digits has them typed. What a device measures is still attributed by who wears it, so a paired
//! stranger's reading reaches nobody's record.
//!
//! **Invariant:** every call of bluetoothd is answered, at the latest when the person has, or is gone.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use dbus::blocking::Connection;
use dbus::message::{Message, MessageType};
use tokio::sync::mpsc::UnboundedSender;

use super::bluez::BLUEZ;

const PATH: &str = "/se/vagen/agent";
const INTERFACE: &str = "org.bluez.Agent1";
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest passkey (Bluetooth Core Specification, volume 3, part H, 2.3.5.3).
pub const PASSKEY_MAX: u32 = 999_999;

/// A device shows six digits and waits for them to be typed. Dropped, it is told that nobody does.
#[derive(Debug)]
pub struct PasskeyAsked(Sender<u32>);

impl PasskeyAsked {
    /// What was typed, 0 to [`PASSKEY_MAX`].
    pub fn typed(self, passkey: u32) {
        // The agent is gone when bluetoothd is.
        let _ = self.0.send(passkey);
    }
}

/// Where a person is asked for a passkey.
pub type Keys = UnboundedSender<PasskeyAsked>;

/// Answers bluetoothd.
#[derive(Debug, Default)]
pub(super) struct Agent {
    keys: Option<Keys>,
    /// The call that waits for a person.
    waiting: Option<(Message, Receiver<u32>)>,
}

impl Agent {
    /// An agent that asks a person at `keys`, where somebody stands by.
    pub(super) fn new(keys: Option<Keys>) -> Self {
        Self { keys, waiting: None }
    }

    /// Registers the agent of this connection with bluetoothd, for whatever device asks; bluetoothd forgets it with the connection.
    ///
    /// # Errors
    /// Whatever bluetoothd says.
    pub(super) fn register(&mut self, bus: &Connection) -> Result<(), dbus::Error> {
        self.waiting = None;
        let capability = if self.keys.is_some() { "KeyboardOnly" } else { "NoInputNoOutput" };
        let manager = bus.with_proxy(BLUEZ, "/org/bluez", CALL_TIMEOUT);
        let path = dbus::Path::from(PATH);
        let () =
            manager.method_call("org.bluez.AgentManager1", "RegisterAgent", (path.clone(), capability))?;
        manager.method_call("org.bluez.AgentManager1", "RequestDefaultAgent", (path,))
    }

    /// What is answered at once.
    pub(super) fn answer(&mut self, call: Message) -> Option<Message> {
        if call.msg_type() != MessageType::MethodCall || call.interface().as_deref() != Some(INTERFACE) {
            return None;
        }
        let member = call.member()?;
        match &*member {
            "RequestAuthorization" | "AuthorizeService" => {
                tracing::info!(call = &*member, "a device pairs");
                Some(call.method_return())
            }
            "Cancel" | "Release" => {
                self.waiting = None;
                Some(call.method_return())
            }
            "DisplayPinCode" | "DisplayPasskey" => Some(call.method_return()),
            "RequestPasskey" => match self.ask() {
                Some(typed) => {
                    self.waiting = Some((call, typed));
                    None
                }
                None => Some(refused(&call, &member)),
            },
            other => Some(refused(&call, other)),
        }
    }

    fn ask(&self) -> Option<Receiver<u32>> {
        let (tell, typed) = channel();
        self.keys.as_ref()?.send(PasskeyAsked(tell)).ok()?;
        Some(typed)
    }

    /// Whether a person is being asked.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// The answer to the call that waits, once the person has given one or will not.
    pub(super) fn answered(&mut self) -> Option<Message> {
        let (call, typed) = self.waiting.take()?;
        match typed.try_recv() {
            Ok(passkey) => Some(call.method_return().append1(passkey.min(PASSKEY_MAX))),
            Err(TryRecvError::Disconnected) => Some(refused(&call, "RequestPasskey")),
            Err(TryRecvError::Empty) => {
                self.waiting = Some((call, typed));
                None
            }
        }
    }
}

fn refused(call: &Message, member: &str) -> Message {
    tracing::warn!(
        call = member,
        "a device asks for what this box cannot show or type; refused: pair it by hand (vagen-gateway pair)"
    );
    call.error(
        &dbus::strings::ErrorName::from("org.bluez.Error.Rejected"),
        c"this gateway has neither keys nor a display",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(member: &str) -> Message {
        let mut call = Message::new_method_call(BLUEZ, PATH, INTERFACE, member).expect("a call");
        call.set_serial(7);
        call
    }

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
            let reply = Agent::default().answer(call(member));
            assert_eq!(reply.map(|reply| reply.msg_type()), Some(expected), "{member}");
        }
    }

    /// What the person does; then the passkey that bluetoothd is told, `Err` where it is told no, and `None` where it has given up.
    #[test]
    fn a_person_types_what_the_device_shows() {
        type Act = fn(&mut Agent, PasskeyAsked);
        let rows: [(Act, Option<Result<u32, ()>>); 4] = [
            (|_, asked| asked.typed(42_137), Some(Ok(42_137))),
            (|_, asked| asked.typed(0), Some(Ok(0))),
            (|_, asked| drop(asked), Some(Err(()))),
            (|agent, _| drop(agent.answer(call("Cancel"))), None),
        ];
        for (number, (act, expected)) in rows.into_iter().enumerate() {
            let (keys, mut asked) = tokio::sync::mpsc::unbounded_channel();
            let mut agent = Agent::new(Some(keys));
            assert!(agent.answer(call("RequestPasskey")).is_none(), "not before the person has answered");
            assert!(agent.is_waiting() && agent.answered().is_none());
            act(&mut agent, asked.try_recv().expect("the person is asked"));
            let told = agent.answered().map(|reply| match reply.msg_type() {
                MessageType::MethodReturn => reply.read1::<u32>().map_err(drop),
                MessageType::Error | MessageType::MethodCall | MessageType::Signal => Err(()),
            });
            assert_eq!(told, expected, "row {number}");
            assert!(!agent.is_waiting());
        }
    }
}
