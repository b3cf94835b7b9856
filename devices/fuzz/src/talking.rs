//! A conversation with any model, events in any order at any pace, with power cuts between: what came, leaves, once.

use std::collections::BTreeMap;

use devices::{Action, Event, Format, Session, Settings, Trouble};
use vitals::Timestamp;

use super::supply::{START_MS, Supply, restarted};

/// How time passes: not at all, around the session's own deadlines, over days, and back.
const PACES_MS: [i64; 16] = [
    0,
    0,
    1,
    50,
    100,
    500,
    1_000,
    3_000,
    4_000,
    10_000,
    31_000,
    121_000,
    3_600_000,
    86_400_000,
    1_300_000_000,
    -7_200_000,
];

/// A frame of a measurement: what it came on, and its bytes.
type Frame = (String, Vec<u8>);

/// Three bytes choose the model and the circumstances; then each event has a byte for its pace and one for its kind.
///
/// # Panics
/// When a frame is lost or doubled, a time contradicts itself, a clock is written that must not be, or a session never
/// comes to rest.
pub fn session(data: &[u8]) {
    let mut supply = Supply::new(data);
    let mut settings = Settings { gateway_synced: !supply.byte().is_multiple_of(4), local_offset_s: 3600 };
    let mut session = Session::new(supply.model(), settings);
    if supply.byte().is_multiple_of(4) {
        session = session.hiding_address();
    }
    let mut now = Timestamp::from_millis(START_MS).expect("a time");
    let (mut came, mut left) = (Vec::new(), Vec::new());
    while !supply.is_empty() {
        now = now.plus_millis(PACES_MS[usize::from(supply.byte() % 16)]);
        let actions = match supply.byte() % 16 {
            0 => {
                session = restarted(&session, settings);
                Vec::new()
            }
            1 => {
                settings.gateway_synced = !settings.gateway_synced;
                session.set_settings(settings);
                Vec::new()
            }
            2 => supply.model().map_or_else(Vec::new, |model| session.set_model(model)),
            3 => session.handle_timeout(now),
            4 => session.finish(now),
            kind => {
                let event = event(now, kind, &mut supply);
                came.extend(frame_of(&event));
                session.handle_event(now, event)
            }
        };
        judge(&actions, settings, &mut left);
    }
    judge(&session.finish(now), settings, &mut left);
    came.sort();
    left.sort();
    assert_eq!(left, came, "what left is not what came");
    assert!(session.memory().held.is_empty(), "something is held after the end");
    come_to_rest(session);
}

fn event(now: Timestamp, kind: u8, supply: &mut Supply<'_>) -> Event {
    match kind {
        5 | 6 => {
            let service_uuids = (0..supply.byte() % 3).map(|_| supply.uuid()).collect();
            let service_data: BTreeMap<_, _> =
                (0..supply.byte() % 3).map(|_| (supply.uuid(), supply.bytes())).collect();
            Event::Advertised { service_uuids, service_data }
        }
        7 | 8 => {
            let how = supply.byte();
            let link_up_at = (how / 8 % 2 == 1).then(|| now.plus_millis(-PACES_MS[usize::from(how / 16)]));
            Event::Connected { characteristics: (0..how % 8).map(|_| supply.uuid()).collect(), link_up_at }
        }
        9 => Event::Read { uuid: supply.uuid(), bytes: supply.bytes() },
        10 | 11 => Event::Notified { uuid: supply.uuid(), bytes: supply.bytes() },
        12 => Event::Written { uuid: supply.uuid() },
        13 => Event::Failed { uuid: Some(supply.uuid()), reason: "refused".to_owned() },
        14 => Event::Record { format: supply.format(), bytes: supply.bytes() },
        _ if supply.byte().is_multiple_of(2) => Event::Failed { uuid: None, reason: "gone".to_owned() },
        _ => Event::Disconnected,
    }
}

fn is_counted(format: Format) -> bool {
    !format.is_clock() && !format.is_advertised()
}

fn frame_of(event: &Event) -> Option<Frame> {
    let (format, bytes) = match event {
        Event::Notified { uuid, bytes } | Event::Read { uuid, bytes } => {
            (Format::of_characteristic(*uuid)?, bytes)
        }
        Event::Record { format, bytes } => (*format, bytes),
        Event::Advertised { .. }
        | Event::Connected { .. }
        | Event::Written { .. }
        | Event::Subscribed { .. }
        | Event::Failed { .. }
        | Event::Disconnected => return None,
    };
    is_counted(format).then(|| (format.to_string(), bytes.clone()))
}

fn judge(actions: &[Action], settings: Settings, left: &mut Vec<Frame>) {
    for action in actions {
        match action {
            Action::Measured(heard) => {
                let (measurement, placed) = (&heard.decoded.measurement, heard.placed);
                let expected = match (measurement.device_time, placed.clock_offset_s) {
                    (Some(time), Some(offset_s)) => time.corrected_by(offset_s),
                    (None, Some(_)) => panic!("an offset without a time"),
                    (_, None) => heard.heard_at,
                };
                assert_eq!(placed.measured_at, expected);
                if heard.characteristic.parse().is_ok_and(is_counted) {
                    left.push((heard.characteristic.clone(), heard.bytes.clone()));
                }
            }
            Action::Trouble(Trouble::Undecodable { format, bytes, .. }) if is_counted(*format) => {
                left.push((format.to_string(), bytes.clone()));
            }
            Action::Write { uuid, .. } => {
                let is_clock = [0x2A08, 0x2A2B, 0x8A81].contains(&uuid.0);
                assert!(settings.gateway_synced || !is_clock, "a clock is set by one that is not");
            }
            Action::Connect
            | Action::Read(_)
            | Action::Subscribe(_)
            | Action::Disconnect
            | Action::Learned(_)
            | Action::Trouble(_)
            | Action::Ignored { .. } => {}
        }
    }
}

fn come_to_rest(mut session: Session) {
    for _ in 0..20 {
        let Some((deadline, _)) = session.next_deadline() else { return };
        session.handle_timeout(deadline);
    }
    assert!(session.next_deadline().is_none(), "still waiting after twenty deadlines");
}
