//! What is heard becomes a duty, or is said not to.

use super::*;
use devices::Uuid16;
use proptest::prelude::*;

const SETTINGS: Settings = Settings { gateway_synced: true, local_offset_s: 0 };

/// 16020 x 0.005 kg = 80.1 kg at 08:04 by the scale (the published capture's own frame).
const WEIGHING: [u8; 10] = [0x02, 0x94, 0x3e, 0xea, 0x07, 0x01, 0x01, 0x08, 0x04, 0x00];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_251_040_000 + seconds * 1_000).expect("2026-01-01T07:04:00Z and on")
}

fn id(text: &str) -> DeviceId {
    text.parse().expect("an address")
}

fn heard(seconds: i64, event: Event) -> RadioEvent {
    RadioEvent { at: at(seconds), device: id("546c0e000001"), hides_address: false, name: None, event }
}

fn notified(uuid: u16, bytes: &[u8]) -> Event {
    Event::Notified { uuid: Uuid16(uuid), bytes: bytes.to_vec() }
}

fn advertised(services: &[u16]) -> Event {
    let service_uuids = services.iter().copied().map(Uuid16).collect();
    Event::Advertised { service_uuids, service_data: BTreeMap::new() }
}

fn home(rules: Rules) -> Home {
    Home::new(rules, SETTINGS, Vec::new())
}

/// The duties in short: what a test asks about.
fn short(duties: Vec<Duty>) -> Vec<String> {
    duties
        .into_iter()
        .filter_map(|duty| match duty {
            Duty::Seal(sealing) => Some(format!("seal {} {}", sealing.device.id, sealing.raw.hex())),
            Duty::Keep(frame) => Some(format!("keep {} {}", frame.characteristic, frame.hex)),
            Duty::Act(_, action) => Some(format!("{action:?}")),
            Duty::Remember(_) => None,
        })
        .collect()
}

/// One event at a home that knows nobody. Expected by the interface's words: measured and failed go up, unsettled and
/// empty ones do not, and what cannot be decoded is kept.
#[test]
fn one_event_and_its_duty() {
    let rows = [
        ("a weighing", notified(0x2a9d, &WEIGHING), vec!["seal 546c0e000001 02943eea070101080400"]),
        (
            "a failed weighing (0xFFFF)",
            notified(0x2a9d, &[0x00, 0xff, 0xff]),
            vec!["seal 546c0e000001 00ffff"],
        ),
        ("a frame cut short", notified(0x2a9d, &[0x02, 0x94]), vec!["keep 2a9d 0294"]),
        ("an unknown characteristic", notified(0x2aff, &[1]), vec!["keep 2aff 01"]),
        ("a telephone", advertised(&[0x180f]), vec![]),
        ("a scale", advertised(&[0x181d]), vec!["Connect"]),
    ];
    for (what, event, expected) in rows {
        let mut home = home(Rules::default());
        let mut duties = short(home.handle(heard(0, event)));
        duties.extend(short(home.finish(at(60))));
        assert_eq!(duties, expected, "{what}");
    }
}

#[test]
fn a_street_of_telephones_leaves_nothing_behind() {
    let mut home = home(Rules::default());
    for nth in 0..5_000 {
        let mut stranger = heard(nth, advertised(&[0x180f, 0xfd6f]));
        stranger.device = id(&format!("{nth:012x}"));
        stranger.name = Some("Anna's phone".into());
        assert_eq!(home.handle(stranger), []);
    }
    assert_eq!(home.health(), []);
}

#[test]
fn only_listed_devices_are_listened_to() {
    let rules = Rules { allowed: Some([id("546c0e000002")].into()), ..Rules::default() };
    let mut home = home(rules);
    assert_eq!(home.handle(heard(0, notified(0x2a9d, &WEIGHING))), []);
    let mut listed = heard(0, notified(0x2a9d, &WEIGHING));
    listed.device = id("546c0e000002");
    assert_eq!(short(home.handle(listed)), ["seal 546c0e000002 02943eea070101080400"]);
}

/// The System ID's bytes come lowest first (Device Information Service); it stands in for an address that changes.
#[test]
fn a_device_that_hides_its_address_is_known_by_its_system_id() {
    for (hides_address, expected) in [(true, "0102030405060708"), (false, "546c0e000001")] {
        let mut home = home(Rules::default());
        let system_id = Event::Read { uuid: Uuid16(0x2a23), bytes: vec![8, 7, 6, 5, 4, 3, 2, 1] };
        for event in [Event::Connected { characteristics: Vec::new() }, system_id] {
            home.handle(RadioEvent { hides_address, ..heard(0, event) });
        }
        home.handle(RadioEvent { hides_address, ..heard(0, notified(0x2a9d, &WEIGHING)) });
        let sealed = short(home.finish(at(60)));
        assert_eq!(sealed, [format!("seal {expected} 02943eea070101080400")]);
    }
}

/// Two frames in one millisecond: a device without a clock that empties its memory.
#[test]
fn frames_of_one_moment_are_told_apart() {
    let mut home = home(Rules::default());
    let mut ordinals = Vec::new();
    for seconds in [0, 0, 1] {
        for duty in home.handle(heard(seconds, notified(0x2a9d, &[0x00, 0x94, 0x3e]))) {
            if let Duty::Seal(sealing) = duty {
                ordinals.push(sealing.heard_ordinal);
            }
        }
    }
    assert_eq!(ordinals, [0, 1, 0]);
}

#[test]
fn serial_and_battery_are_remembered_and_told() {
    let mut home = home(Rules::default());
    let serial = Event::Read { uuid: Uuid16(0x2a25), bytes: b"5170300042".to_vec() };
    home.handle(heard(0, Event::Connected { characteristics: Vec::new() }));
    let duties = home.handle(heard(1, serial));
    let identity = DeviceIdentity { id: id("546c0e000001"), model: None, serial: Some("5170300042".into()) };
    let known = KnownDevice { identity, last_seen: at(1), battery_percent: None };
    assert!(duties.contains(&Duty::Remember(known.clone())), "{duties:?}");
    home.handle(heard(2, Event::Read { uuid: Uuid16(0x2a19), bytes: vec![66] }));
    let expected = DeviceHealth { id: id("546c0e000001"), last_seen: Some(at(2)), battery_percent: Some(66) };
    assert_eq!(home.health(), [expected]);

    // After a restart the serial number goes with the next reading though the device did not say it again.
    let mut restarted = Home::new(Rules::default(), SETTINGS, vec![known]);
    let duties = restarted.handle(heard(3, notified(0x2a9d, &WEIGHING)));
    let serials: Vec<_> = duties
        .iter()
        .filter_map(|duty| match duty {
            Duty::Seal(sealing) => sealing.device.serial.clone(),
            Duty::Keep(_) | Duty::Act(..) | Duty::Remember(_) => None,
        })
        .collect();
    assert_eq!(serials, ["5170300042"]);
}

/// The name comes with a later event than the first frame; what waited is not lost with the old session.
#[test]
fn a_name_that_comes_late_loses_nothing() {
    let mut home = home(Rules::default());
    home.handle(heard(0, Event::Connected { characteristics: Vec::new() }));
    home.handle(heard(1, notified(0x2a9d, &WEIGHING)));
    let mut named = heard(2, advertised(&[]));
    named.name = Some("A&D_UC-352BLE_000001".into());
    let mut duties = short(home.handle(named));
    duties.extend(short(home.finish(at(60))));
    assert_eq!(duties.iter().filter(|duty| duty.starts_with("seal")).count(), 1, "{duties:?}");
}

fn any_event() -> impl Strategy<Value = Event> {
    let uuid =
        prop_oneof![Just(0x2a9d_u16), Just(0x2a9c), Just(0x2a35), Just(0x2a08), Just(0x2a5e), any::<u16>()];
    let asked_for = prop_oneof![Just(0x2a08_u16), Just(0x2a2b), Just(0x2a19), Just(0x2a23), Just(0x2a25)];
    let bytes = proptest::collection::vec(any::<u8>(), 0..24);
    prop_oneof![
        Just(Event::Connected { characteristics: Vec::new() }),
        Just(Event::Disconnected),
        (uuid, bytes.clone()).prop_map(|(uuid, bytes)| Event::Notified { uuid: Uuid16(uuid), bytes }),
        (asked_for, bytes.clone()).prop_map(|(uuid, bytes)| Event::Read { uuid: Uuid16(uuid), bytes }),
        bytes.prop_map(|bytes| Event::Advertised {
            service_uuids: vec![Uuid16(0x181d)],
            service_data: BTreeMap::from([(Uuid16(0x181b), bytes)]),
        }),
    ]
}

proptest! {
    /// Whatever arrives in whatever order: no frame that a decoder takes for a measurement of a person disappears.
    #[test]
    fn no_measurement_disappears(events in proptest::collection::vec((any_event(), 0_i64..30), 0..40)) {
        let mut home = home(Rules::default());
        let (mut seconds, mut expected, mut got) = (0, 0, 0);
        for (event, pause) in events {
            seconds += pause;
            if let Event::Notified { uuid, bytes } = &event
                && let Some(format) = Format::of_characteristic(*uuid)
                && !format.is_clock()
            {
                let decoded = devices::decode(format, bytes, None);
                expected += usize::from(decoded.is_err()
                    || decoded.is_ok_and(|it| matches!(it.measurement.outcome, Outcome::Measured | Outcome::Failed)));
            }
            let is_ours = |duty: &Duty| match duty {
                Duty::Seal(sealing) => !sealing.raw.characteristic.starts_with("xiaomi"),
                Duty::Keep(frame) => Format::of_characteristic(frame.characteristic.parse().unwrap_or(Uuid16(0)))
                    .is_some_and(|format| !format.is_clock()),
                Duty::Act(..) | Duty::Remember(_) => false,
            };
            got += home.handle(heard(seconds, event)).iter().filter(|duty| is_ours(duty)).count();
            got += home.finish(at(seconds)).iter().filter(|duty| is_ours(duty)).count();
        }
        prop_assert_eq!(got, expected);
    }
}
