//! What is heard becomes a duty, or is said not to.

use super::*;
use devices::session::Event;
use devices::{DeviceMemory, Uuid16};
use proptest::prelude::*;
use vitals::{DeviceIdentity, Outcome, Quantity};

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
            Duty::Remember(_) | Duty::Memorise(..) => None,
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
    home.handle(listed);
    assert_eq!(short(home.finish(at(1))), ["seal 546c0e000002 02943eea070101080400"]);
}

/// The System ID's bytes come lowest first (Device Information Service); it stands in for an address that changes.
#[test]
fn a_device_that_hides_its_address_is_known_by_its_system_id() {
    for (hides_address, expected) in [(true, "0102030405060708"), (false, "546c0e000001")] {
        let mut home = home(Rules::default());
        let system_id = Event::Read { uuid: Uuid16(0x2a23), bytes: vec![8, 7, 6, 5, 4, 3, 2, 1] };
        for event in [Event::Connected { characteristics: Vec::new(), link_up_at: None }, system_id] {
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
    home.handle(heard(0, Event::Connected { characteristics: Vec::new(), link_up_at: None }));
    let duties = home.handle(heard(1, serial));
    let identity = DeviceIdentity { id: id("546c0e000001"), model: None, serial: Some("5170300042".into()) };
    let known = KnownDevice { identity, last_seen: at(1), battery_percent: None };
    assert!(duties.contains(&Duty::Remember(known.clone())), "{duties:?}");
    home.handle(heard(2, Event::Read { uuid: Uuid16(0x2a19), bytes: vec![66] }));
    let expected = DeviceHealth { id: id("546c0e000001"), last_seen: Some(at(2)), battery_percent: Some(66) };
    assert_eq!(home.health(), [expected]);

    // After a restart the serial number goes with the next reading though the device did not say it again.
    let mut restarted = Home::new(Rules::default(), SETTINGS, vec![known]);
    restarted.handle(heard(3, notified(0x2a9d, &WEIGHING)));
    let duties = restarted.finish(at(4));
    let serials: Vec<_> = duties
        .iter()
        .filter_map(|duty| match duty {
            Duty::Seal(sealing) => sealing.device.serial.clone(),
            Duty::Keep(_) | Duty::Act(..) | Duty::Remember(_) | Duty::Memorise(..) => None,
        })
        .collect();
    assert_eq!(serials, ["5170300042"]);
}

/// The name comes with a later event than the first frame; what waited is not lost with the old session.
#[test]
fn a_name_that_comes_late_loses_nothing() {
    let mut home = home(Rules::default());
    home.handle(heard(0, Event::Connected { characteristics: Vec::new(), link_up_at: None }));
    home.handle(heard(1, notified(0x2a9d, &WEIGHING)));
    let mut named = heard(2, advertised(&[]));
    named.name = Some("A&D_UC-352BLE_000001".into());
    let mut duties = short(home.handle(named));
    duties.extend(short(home.finish(at(60))));
    assert_eq!(duties.iter().filter(|duty| duty.starts_with("seal")).count(), 1, "{duties:?}");
}

/// What the duties have written down, as a disk keeps it.
fn written(duties: &[Duty], disk: &mut BTreeMap<DeviceId, DeviceMemory>) {
    for duty in duties {
        if let Duty::Memorise(id, memory) = duty {
            disk.insert(id.clone(), memory.clone());
        }
    }
    disk.retain(|_, memory| !memory.is_empty());
}

/// Power is cut while a weighing waits for the scale's clock. It is on disk by then, sealed at the next start, and
/// forgotten once it is.
#[test]
fn a_frame_that_waits_is_written_down_and_sealed_after_a_power_cut() {
    let mut disk = BTreeMap::new();
    let mut first = home(Rules::default());
    written(
        &first.handle(heard(0, Event::Connected { characteristics: Vec::new(), link_up_at: None })),
        &mut disk,
    );
    let duties = first.handle(heard(1, notified(0x2a9d, &WEIGHING)));
    assert_eq!(short(duties.clone()), Vec::<String>::new());
    written(&duties, &mut disk);
    drop(first);
    let mut second = home(Rules::default()).recalling(disk.clone().into_iter().collect());
    assert!(second.next_deadline().is_some_and(|at_once| at_once <= at(2)));
    let duties = second.handle_timeout(at(60));
    assert_eq!(short(duties.clone()), ["seal 546c0e000001 02943eea070101080400"]);
    let sealed_at = duties.iter().position(|duty| matches!(duty, Duty::Seal(_)));
    let written_at = duties.iter().position(|duty| matches!(duty, Duty::Memorise(..)));
    assert!(sealed_at < written_at, "forgotten before it was sealed");
    written(&duties, &mut disk);
    assert!(disk.is_empty());
    assert_eq!(second.handle_timeout(at(120)), []);
}

/// The weighing is sealed and written down; the gateway starts anew; the scale says it again with other bytes (stepped off),
/// then comes another weighing. Frames as the scale's published captures lay them out.
#[test]
fn a_scale_that_repeats_itself_to_a_new_process_is_sealed_once() {
    let weighing = |state: u8, second: u8| Event::Advertised {
        service_uuids: Vec::new(),
        service_data: BTreeMap::from([(
            Uuid16(0x181b),
            vec![0x02, state, 0xea, 0x07, 1, 1, 8, 4, second, 0xac, 0x01, 0x86, 0x42],
        )]),
    };
    let mut disk = BTreeMap::new();
    let mut sealed = Vec::new();
    for (seconds, state, moment) in [(0, 0x26, 0), (2, 0xa6, 0), (60, 0x26, 59)] {
        // Every event meets a process that has just started.
        let mut home = home(Rules::default()).recalling(disk.clone().into_iter().collect());
        let duties = home.handle(heard(seconds, weighing(state, moment)));
        written(&duties, &mut disk);
        sealed.extend(short(duties));
    }
    let expected = ["0226ea070101080400ac018642", "0226ea07010108043bac018642"];
    assert_eq!(sealed, expected.map(|hex| format!("seal 546c0e000001 {hex}")));
}

/// A scale that hides its address is met again under another one: its clock, read the day before, is known by its System ID.
/// One that never says who it is leaves nothing on disk.
#[test]
fn a_device_that_hides_its_address_is_remembered_by_who_it_is() {
    for says_who in [true, false] {
        let (mut disk, mut home) = (BTreeMap::new(), home(Rules::default()));
        let mut hear = |seconds: i64, address: &str, event: Event| {
            let event = RadioEvent { device: id(address), hides_address: true, ..heard(seconds, event) };
            let duties = home.handle(event);
            written(&duties, &mut disk);
            duties
        };
        let characteristics = [0x2a08, 0x2a23, 0x2a9d].map(Uuid16).to_vec();
        let connected = Event::Connected { characteristics, link_up_at: None };
        let clock = Event::Read { uuid: Uuid16(0x2a08), bytes: vec![0xea, 0x07, 1, 1, 8, 4, 0] };
        let who = Event::Read { uuid: Uuid16(0x2a23), bytes: vec![8, 7, 6, 5, 4, 3, 2, 1] };
        let refused = Event::Failed { uuid: Some(Uuid16(0x2a23)), reason: "refused".into() };
        let answer = if says_who { who } else { refused };
        hear(0, "546c0e000001", connected.clone());
        hear(0, "546c0e000001", answer.clone());
        hear(0, "546c0e000001", clock);
        hear(2, "546c0e000001", Event::Disconnected);
        hear(60, "546c0e000002", connected);
        hear(60, "546c0e000002", answer);
        hear(61, "546c0e000002", notified(0x2a9d, &WEIGHING));
        let duties = hear(62, "546c0e000002", Event::Disconnected);
        let offsets: Vec<_> = duties
            .iter()
            .filter_map(|duty| match duty {
                Duty::Seal(sealing) => Some(sealing.measurement.clock_offset_s),
                Duty::Keep(_) | Duty::Act(..) | Duty::Remember(_) | Duty::Memorise(..) => None,
            })
            .collect();
        let (offset_s, known): (_, &[&str]) =
            if says_who { (Some(-3600), &["0102030405060708"]) } else { (None, &[]) };
        assert_eq!(offsets, [offset_s]);
        assert_eq!(disk.keys().map(DeviceId::as_str).collect::<Vec<_>>(), known);
    }
}

/// Its model number makes the quirks of the BM85 apply, and the envelope names the model (frame: the published capture).
#[test]
fn a_device_without_a_name_is_known_by_its_model_number() {
    let mut home = home(Rules::default());
    let characteristics = [0x2a24, 0x2a35].map(Uuid16).to_vec();
    home.handle(heard(0, Event::Connected { characteristics, link_up_at: None }));
    home.handle(heard(0, Event::Read { uuid: Uuid16(0x2a24), bytes: b"BM85".to_vec() }));
    let frame = [0x56, 0x6a, 0, 0x47, 0, 0, 0, 0xea, 0x07, 0x08, 0x0b, 0x12, 0x1f, 0, 0, 0x3f, 0, 0, 0];
    home.handle(heard(1, notified(0x2a35, &frame)));
    let sealed = home.finish(at(2)).into_iter().find_map(|duty| match duty {
        Duty::Seal(sealing) => {
            Some((sealing.device.model, sealing.measurement.values.get(Quantity::PulsePerMin)))
        }
        Duty::Keep(_) | Duty::Act(..) | Duty::Remember(_) | Duty::Memorise(..) => None,
    });
    assert_eq!(sealed, Some((Some("Beurer BM85".to_owned()), Some(63.0))));
}

fn any_event() -> impl Strategy<Value = Event> {
    let uuid =
        prop_oneof![Just(0x2a9d_u16), Just(0x2a9c), Just(0x2a35), Just(0x2a08), Just(0x2a5e), any::<u16>()];
    let asked_for = prop_oneof![Just(0x2a08_u16), Just(0x2a2b), Just(0x2a19), Just(0x2a23), Just(0x2a25)];
    let bytes = proptest::collection::vec(any::<u8>(), 0..24);
    prop_oneof![
        Just(Event::Connected { characteristics: Vec::new(), link_up_at: None }),
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
    /// Whatever arrives in whatever order, and whenever the power is cut between two events: no frame that a decoder takes
    /// for a measurement of a person disappears, and none comes out twice.
    #[test]
    fn no_measurement_disappears(events in proptest::collection::vec((any_event(), 0_i64..30, 0..10), 0..40)) {
        let mut home = home(Rules::default());
        let (mut seconds, mut expected, mut got, mut disk) = (0, 0, 0, BTreeMap::new());
        let is_ours = |duty: &Duty| match duty {
            Duty::Seal(sealing) => !sealing.raw.characteristic.starts_with("xiaomi"),
            Duty::Keep(frame) => Format::of_characteristic(frame.characteristic.parse().unwrap_or(Uuid16(0)))
                .is_some_and(|format| !format.is_clock()),
            Duty::Act(..) | Duty::Remember(_) | Duty::Memorise(..) => false,
        };
        for (event, pause, luck) in events {
            seconds += pause;
            if let Event::Notified { uuid, bytes } = &event
                && let Some(format) = Format::of_characteristic(*uuid)
                && !format.is_clock()
            {
                let decoded = devices::decode(format, bytes, None);
                expected += usize::from(decoded.is_err()
                    || decoded.is_ok_and(|it| matches!(it.measurement.outcome, Outcome::Measured | Outcome::Failed)));
            }
            let duties = home.handle(heard(seconds, event));
            written(&duties, &mut disk);
            got += duties.iter().filter(|duty| is_ours(duty)).count();
            if luck == 0 {
                let memories = disk.clone().into_iter().collect();
                home = Home::new(Rules::default(), SETTINGS, Vec::new()).recalling(memories);
            }
        }
        got += home.finish(at(seconds)).iter().filter(|duty| is_ours(duty)).count();
        prop_assert_eq!(got, expected);
    }
}
