//! Plays a conversation in steps.
//!
//! A step is a time in seconds, an event, and the actions expected. `restart` is a gateway that stopped without a word and
//! started again: the session is gone, and a new one gets what was written down of the old one's memory.

use std::collections::BTreeMap;

use devices::{Action, DeviceMemory, Event, Learned, Session, Settings, Uuid16, models};
use vitals::Timestamp;

pub(crate) const SYNCED: Settings = Settings { gateway_synced: true, local_offset_s: 3600 };
pub(crate) const UNSYNCED: Settings = Settings { gateway_synced: false, local_offset_s: 3600 };
pub(crate) const WEIGHT: &str = "02943eea070101080400";

pub(crate) fn at(seconds: f64) -> Timestamp {
    let start: Timestamp = "2026-01-01T07:04:00.000Z".parse().expect("a time");
    start.plus_millis(format!("{:.0}", seconds * 1000.0).parse().expect("milliseconds"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}

fn uuid(text: &str) -> Uuid16 {
    text.parse().expect("a 16-bit UUID")
}

/// Reads `notify 2a9d 0294..`, `connect 2a9d,2a08`, `connect 2a9d,2a08 1.5` (the link came up 1.5 s before), `advertise 181d`, `advertise 181d=a220..`, `written 2a08` and so on.
fn event(now: Timestamp, text: &str) -> Event {
    let mut words = text.split(' ');
    let verb = words.next().expect("a verb");
    let rest: Vec<&str> = words.collect();
    match (verb, rest.as_slice()) {
        ("connect", []) => Event::Connected { characteristics: Vec::new(), link_up_at: None },
        ("connect", [list, link_up @ ..]) => {
            let before_ms = |seconds: &&str| (seconds.parse::<f64>().expect("seconds") * 1000.0) as i64;
            let link_up_at = link_up.first().map(|seconds| now.plus_millis(-before_ms(seconds)));
            Event::Connected { characteristics: list.split(',').map(uuid).collect(), link_up_at }
        }
        ("disconnect", _) => Event::Disconnected,
        ("written", [which]) => Event::Written { uuid: uuid(which) },
        ("failed", [which]) => Event::Failed { uuid: Some(uuid(which)), reason: "refused".into() },
        ("lost", _) => Event::Failed { uuid: None, reason: "gone".into() },
        ("read", [which, hex]) => Event::Read { uuid: uuid(which), bytes: bytes(hex) },
        ("notify", [which, hex]) => Event::Notified { uuid: uuid(which), bytes: bytes(hex) },
        ("advertise", [what]) => match what.split_once('=') {
            Some((service, hex)) => {
                let service_data = BTreeMap::from([(uuid(service), bytes(hex))]);
                Event::Advertised { service_uuids: Vec::new(), service_data }
            }
            None => Event::Advertised { service_uuids: vec![uuid(what)], service_data: BTreeMap::new() },
        },
        other => panic!("no such event: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn told(action: &Action) -> String {
    match action {
        Action::Connect => "connect".into(),
        Action::Read(uuid) => format!("read {uuid}"),
        Action::Write { uuid, bytes } => format!("write {uuid} {}", hex(bytes)),
        Action::Subscribe(uuid) => format!("subscribe {uuid}"),
        Action::Disconnect => "hang up".into(),
        Action::Measured(heard) => {
            let flags: Vec<_> = heard.decoded.measurement.flags.iter().map(ToString::to_string).collect();
            let values: Vec<_> =
                heard.decoded.measurement.values.iter().map(|(_, value)| value.to_string()).collect();
            let placed = heard.placed;
            let text = format!(
                "{} {} {} {} {}",
                heard.characteristic,
                values.join(","),
                placed.measured_at,
                placed.clock,
                flags.join(",")
            );
            text.trim_end().to_owned()
        }
        Action::Learned(Learned::Serial(serial)) => format!("serial {serial}"),
        Action::Learned(Learned::ModelNumber(number)) => format!("model {number}"),
        Action::Learned(Learned::Manufacturer(maker)) => format!("maker {maker}"),
        Action::Learned(Learned::SystemId(id)) => format!("system id {id}"),
        Action::Learned(Learned::BatteryPercent(percent)) => format!("battery {percent}"),
        Action::Learned(Learned::ClockOffsetS(offset_s)) => format!("offset {offset_s}"),
        Action::Trouble(trouble) => format!("trouble: {trouble}"),
        Action::Ignored { reason, .. } => format!("ignored: {reason}"),
    }
}

/// Plays `steps`, calling in between whenever the session asked to be called.
pub(crate) fn play(session: &mut Session, steps: &[(f64, &str, &[&str])]) {
    for (seconds, what, expected) in steps {
        let now = at(*seconds);
        let mut actions = Vec::new();
        while let Some((deadline, _)) = session.next_deadline().filter(|(deadline, _)| *deadline <= now) {
            actions.extend(session.handle_timeout(deadline));
        }
        actions.extend(match *what {
            "" => session.handle_timeout(now),
            "finish" => session.finish(now),
            "restart" => {
                *session = restarted(session);
                Vec::new()
            }
            what => session.handle_event(now, event(now, what)),
        });
        let told: Vec<String> = actions.iter().map(told).collect();
        assert_eq!(told, *expected, "at {seconds} s: {what}");
    }
}

pub(crate) fn session(name: &str, settings: Settings) -> Session {
    Session::new(models::find(name), settings)
}

fn restarted(session: &Session) -> Session {
    let written = serde_json::to_string(&session.memory()).expect("serialises");
    let memory: DeviceMemory = serde_json::from_str(&written).expect("reads");
    Session::new(session.model(), SYNCED).recalling(memory)
}
