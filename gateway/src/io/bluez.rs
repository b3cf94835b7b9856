//! What bluetoothd does as a whole: comes, goes, gains and loses adapters. And the pairing agent, which lives as long as
//! bluetoothd does.
//!
//! btleplug hears of devices only; a stream of it stays open, and deaf, when bluetoothd is restarted or an adapter is unplugged.
//! So one thread of ours listens on the bus, says what it saw as [`News`], and puts the agent before each new bluetoothd.
//!
//! Decides nothing about devices. **Invariant:** after [`News::Came`] comes [`News::Gone`] before the next [`News::Came`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dbus::blocking::Connection;
use dbus::blocking::stdintf::org_freedesktop_dbus::{
    ObjectManager as _, ObjectManagerInterfacesAdded, ObjectManagerInterfacesRemoved,
};
use dbus::message::{Message, MessageType, SignalArgs as _};
use tokio::sync::mpsc;

use super::agent::{Agent, Keys};

pub(super) const BLUEZ: &str = "org.bluez";
const ADAPTER: &str = "org.bluez.Adapter1";
const BUS: &str = "org.freedesktop.DBus";
/// How often the thread looks whether it is still wanted.
const WAKE_EVERY: Duration = Duration::from_secs(2);
/// How often it looks whether a person has typed what a device shows.
const WAKE_FOR_KEYS: Duration = Duration::from_millis(200);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before the bus is tried again.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(10);

/// What happened to bluetoothd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It runs.
    Came,
    /// An adapter is there, by bluetoothd's name for it, such as `hci0`.
    AdapterCame(String),
    /// An adapter is gone.
    AdapterGone(String),
    /// It runs no more, or the bus is gone.
    Gone {
        /// Why, for the log.
        reason: String,
        /// Whether the bus went with it, and every connection to it.
        with_the_bus: bool,
    },
}

/// The thread that watches. Dropping it ends the thread within [`WAKE_EVERY`].
#[derive(Debug)]
pub(super) struct Bluez(Arc<AtomicBool>);

impl Bluez {
    /// Starts watching. The news end with the thread. Passkeys are asked for at `keys`, where a person stands by.
    pub(super) fn watch(keys: Option<Keys>) -> (Self, mpsc::UnboundedReceiver<News>) {
        let wanted = Arc::new(AtomicBool::new(true));
        let (tell, news) = mpsc::unbounded_channel();
        let until = Arc::clone(&wanted);
        let spawned = std::thread::Builder::new().name("bluetoothd".to_owned()).spawn(move || {
            Watcher { tell, agent: Agent::new(keys), up: false, said_gone: false }.work(&until)
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "nobody watches bluetoothd: there will be no Bluetooth");
        }
        (Self(wanted), news)
    }
}

impl Drop for Bluez {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

struct Watcher {
    tell: mpsc::UnboundedSender<News>,
    agent: Agent,
    up: bool,
    said_gone: bool,
}

impl Watcher {
    fn work(mut self, wanted: &AtomicBool) {
        while wanted.load(Ordering::Relaxed) {
            if let Err(error) = self.watch(wanted) {
                let reason =
                    format!("no system bus (D-Bus): {}", error.message().unwrap_or("gone").trim_end());
                self.gone(reason, true);
            }
            let mut rest = RETRY_EVERY;
            while wanted.load(Ordering::Relaxed) && !rest.is_zero() {
                std::thread::sleep(WAKE_EVERY.min(rest));
                rest = rest.saturating_sub(WAKE_EVERY);
            }
        }
    }

    fn watch(&mut self, wanted: &AtomicBool) -> Result<(), dbus::Error> {
        let bus = Connection::new_system()?;
        for rule in rules() {
            bus.add_match_no_cb(&rule)?;
        }
        let has_owner: Result<(bool,), _> =
            bus.with_proxy(BUS, "/", CALL_TIMEOUT).method_call(BUS, "NameHasOwner", (BLUEZ,));
        if has_owner?.0 {
            self.came(&bus);
        } else {
            self.gone("bluetoothd does not run".to_owned(), false);
        }
        let mut asked_at = Instant::now();
        while wanted.load(Ordering::Relaxed) {
            let wake = if self.agent.is_waiting() { WAKE_FOR_KEYS } else { WAKE_EVERY };
            if let Some(message) = bus.channel().blocking_pop_message(wake)? {
                self.heard(&bus, message);
            }
            if let Some(reply) = self.agent.answered() {
                reply_with(&bus, reply);
            }
            if !self.up && asked_at.elapsed() >= RETRY_EVERY {
                asked_at = Instant::now();
                start(&bus);
            }
        }
        Ok(())
    }

    fn heard(&mut self, bus: &Connection, message: Message) {
        match message.msg_type() {
            MessageType::MethodCall => {
                if let Some(reply) = self.agent.answer(message) {
                    reply_with(bus, reply);
                }
            }
            MessageType::Signal => match change_of(&message) {
                Some(Change::Started) => self.came(bus),
                Some(Change::Stopped) => self.gone("bluetoothd stopped".to_owned(), false),
                Some(Change::Adapter(news)) => self.tell(news),
                None => {}
            },
            MessageType::MethodReturn | MessageType::Error => {}
        }
    }

    fn came(&mut self, bus: &Connection) {
        if self.up {
            self.gone("bluetoothd was restarted".to_owned(), false);
        }
        (self.up, self.said_gone) = (true, false);
        self.tell(News::Came);
        match self.agent.register(bus) {
            Ok(()) => tracing::info!("ready to pair with devices that ask for it"),
            Err(error) => {
                tracing::warn!(%error, "no pairing agent: devices that ask for a bond will stay silent");
            }
        }
        let objects = bus.with_proxy(BLUEZ, "/", CALL_TIMEOUT).get_managed_objects();
        match objects {
            Ok(objects) => {
                let adapters = objects.into_iter().filter(|(_, interfaces)| interfaces.contains_key(ADAPTER));
                let mut names: Vec<String> = adapters.filter_map(|(path, _)| adapter_name(&path)).collect();
                names.sort();
                names.into_iter().for_each(|name| self.tell(News::AdapterCame(name)));
            }
            Err(error) => tracing::warn!(%error, "bluetoothd does not list its adapters"),
        }
    }

    fn gone(&mut self, reason: String, with_the_bus: bool) {
        if self.up || !self.said_gone {
            self.tell(News::Gone { reason, with_the_bus });
        }
        (self.up, self.said_gone) = (false, true);
    }

    fn tell(&self, news: News) {
        // Closed only when the radio stops.
        let _ = self.tell.send(news);
    }
}

fn reply_with(bus: &Connection, reply: Message) {
    if bus.channel().send(reply).is_err() {
        tracing::warn!("bluetoothd did not take the pairing agent's answer");
    }
}

/// Asks the bus to start bluetoothd, as it does by itself for whoever calls it: one that crashed is not started otherwise.
fn start(bus: &Connection) {
    let call = Message::new_method_call(BUS, "/org/freedesktop/DBus", BUS, "StartServiceByName");
    // Whether it could is heard as its coming.
    let sent = call.map(|call| bus.channel().send(call.append2(BLUEZ, 0_u32)));
    if !matches!(sent, Ok(Ok(_))) {
        tracing::debug!("the bus could not be asked to start bluetoothd");
    }
}

fn rules() -> [String; 3] {
    let objects = |member: &str| {
        format!(
            "type='signal',sender='{BLUEZ}',interface='org.freedesktop.DBus.ObjectManager',member='{member}'"
        )
    };
    let owner =
        format!("type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'");
    [owner, objects("InterfacesAdded"), objects("InterfacesRemoved")]
}

#[derive(Debug, PartialEq, Eq)]
enum Change {
    Started,
    Stopped,
    Adapter(News),
}

/// What a signal says about bluetoothd.
fn change_of(signal: &Message) -> Option<Change> {
    if signal.member().as_deref() == Some("NameOwnerChanged") {
        let (name, _before, after): (&str, &str, &str) = signal.read3().ok()?;
        let change = if after.is_empty() { Change::Stopped } else { Change::Started };
        return (name == BLUEZ).then_some(change);
    }
    if let Some(added) = ObjectManagerInterfacesAdded::from_message(signal) {
        let name = adapter_name(&added.object).filter(|_| added.interfaces.contains_key(ADAPTER))?;
        return Some(Change::Adapter(News::AdapterCame(name)));
    }
    let removed = ObjectManagerInterfacesRemoved::from_message(signal)?;
    let is_adapter = removed.interfaces.iter().any(|interface| interface == ADAPTER);
    adapter_name(&removed.object).filter(|_| is_adapter).map(|name| Change::Adapter(News::AdapterGone(name)))
}

fn adapter_name(path: &dbus::Path<'_>) -> Option<String> {
    path.strip_prefix("/org/bluez/").filter(|name| !name.contains('/')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner_changed(name: &str, before: &str, after: &str) -> Message {
        Message::new_signal("/org/freedesktop/DBus", BUS, "NameOwnerChanged")
            .expect("a signal")
            .append3(name, before, after)
    }

    fn removed(path: &str, interface: &str) -> Message {
        Message::new_signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved")
            .expect("a signal")
            .append2(dbus::Path::from(path.to_owned()), vec![interface.to_owned()])
    }

    /// Signals by the D-Bus specification (NameOwnerChanged, ObjectManager) and BlueZ's names for its objects.
    #[test]
    fn signals_say_what_happened_to_bluetoothd() {
        let rows = [
            (owner_changed(BLUEZ, "", ":1.7"), Some(Change::Started)),
            (owner_changed(BLUEZ, ":1.7", ""), Some(Change::Stopped)),
            (owner_changed(BLUEZ, ":1.7", ":1.9"), Some(Change::Started)),
            (owner_changed("org.example", "", ":1.7"), None),
            (removed("/org/bluez/hci1", ADAPTER), Some(Change::Adapter(News::AdapterGone("hci1".into())))),
            (removed("/org/bluez/hci1", "org.bluez.Media1"), None),
            (removed("/org/bluez/hci1/dev_54_6C_0E_00_00_01", "org.bluez.Device1"), None),
        ];
        for (signal, expected) in rows {
            assert_eq!(change_of(&signal), expected, "{signal:?}");
        }
    }

    #[test]
    fn a_daemon_that_comes_twice_went_in_between() {
        let (tell, mut news) = mpsc::unbounded_channel();
        let mut watcher = Watcher { tell, agent: Agent::default(), up: true, said_gone: false };
        watcher.gone("stopped".into(), false);
        watcher.gone("stopped".into(), false);
        let gone = News::Gone { reason: "stopped".into(), with_the_bus: false };
        assert_eq!((news.try_recv().ok(), news.try_recv().ok()), (Some(gone), None), "said once");
    }
}
