//! What holds for all bytes, all models and all orders of events.

use std::collections::BTreeMap;

use devices::{Action, Event, Format, Model, Session, Settings, Trouble, Uuid16, decode, models};
use proptest::prelude::*;
use vitals::{Kind, Outcome, Quantity, Timestamp};

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(Format::ALL)
}

fn any_model() -> impl Strategy<Value = Option<&'static Model>> {
    prop::option::of(prop::sample::select(models::all().iter().collect::<Vec<_>>()))
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

fn any_uuid() -> impl Strategy<Value = Uuid16> {
    let known: Vec<Uuid16> = Format::ALL
        .iter()
        .filter_map(|format| format.uuid())
        .chain([0x2A19, 0x2A23, 0x2A25, 0x2A9F, 0x2A52, 0xFFF1].map(Uuid16))
        .collect();
    prop_oneof![8 => prop::sample::select(known), 1 => any::<u16>().prop_map(Uuid16)]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (prop::collection::vec(any_uuid(), 0..4), prop::collection::btree_map(any_uuid(), any_frame(), 0..3))
            .prop_map(|(service_uuids, service_data)| Event::Advertised { service_uuids, service_data }),
        (any::<[u8; 6]>(), any::<bool>()).prop_map(|(tail, settled)| weighing(tail, settled)),
        prop::collection::vec(any_uuid(), 0..6)
            .prop_map(|characteristics| Event::Connected { characteristics, link_up_at: None }),
        (any_uuid(), any_frame()).prop_map(|(uuid, bytes)| Event::Read { uuid, bytes }),
        any_uuid().prop_map(|uuid| Event::Written { uuid }),
        any_uuid().prop_map(|uuid| Event::Subscribed { uuid }),
        (any_uuid(), any_frame()).prop_map(|(uuid, bytes)| Event::Notified { uuid, bytes }),
        (any_format(), any_frame()).prop_map(|(format, bytes)| Event::Record { format, bytes }),
        prop::option::of(any_uuid()).prop_map(|uuid| Event::Failed { uuid, reason: "refused".to_owned() }),
        Just(Event::Disconnected),
    ]
}

/// A whole advertisement of a scale, so that weighings are not drowned in noise.
fn weighing(tail: [u8; 6], is_settled: bool) -> Event {
    let control = if is_settled { 0x24 | tail[0] & 0x82 } else { 0x04 };
    let time = [0xEA, 0x07, 1, 1, 8, 4, tail[1] % 60];
    let mut bytes = vec![0x02, control];
    bytes.extend(time);
    bytes.extend(&tail[2..]);
    Event::Advertised { service_uuids: Vec::new(), service_data: BTreeMap::from([(Uuid16(0x181B), bytes)]) }
}

/// How many frames of measurements an event brings over a connection.
fn frames_of(event: &Event) -> usize {
    let is_measured =
        |uuid: &Uuid16| Format::of_characteristic(*uuid).is_some_and(|format| !format.is_clock());
    match event {
        Event::Notified { uuid, .. } | Event::Read { uuid, .. } => usize::from(is_measured(uuid)),
        Event::Record { format, .. } => usize::from(!format.is_clock() && !format.is_advertised()),
        Event::Advertised { .. }
        | Event::Connected { .. }
        | Event::Written { .. }
        | Event::Subscribed { .. }
        | Event::Failed { .. }
        | Event::Disconnected => 0,
    }
}

fn is_advertised(characteristic: &str) -> bool {
    characteristic.starts_with("xiaomi")
}

/// How many frames of measurements came out again, save those of advertisements.
fn frames_in(actions: &[Action]) -> usize {
    let count = actions.iter().filter(|action| {
        if let Action::Measured(heard) = action {
            !is_advertised(&heard.characteristic)
        } else if let Action::Trouble(Trouble::Undecodable { format, .. }) = action {
            !format.is_clock() && !format.is_advertised()
        } else {
            false
        }
    });
    count.count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// No bytes can panic a decoder, and what it returns holds together.
    #[test]
    fn decoders_are_total(format in any_format(), model in any_model(), bytes in any_frame()) {
        match decode(format, &bytes, model) {
            Ok(decoded) => {
                let measurement = decoded.measurement;
                for quantity in measurement.absent.keys() {
                    prop_assert_eq!(measurement.values.get(*quantity), None, "in values and in absent");
                }
                prop_assert_eq!(measurement.kind == Kind::Clock, format.is_clock());
                if measurement.outcome == Outcome::Stub {
                    prop_assert!(measurement.values.is_empty());
                }
            }
            Err(error) => prop_assert!(error.to_string().starts_with(format.name()), "{}", error),
        }
    }

    /// A longer frame says what the shorter one said: bytes beyond the last field change nothing but the quirk.
    #[test]
    fn surplus_bytes_change_no_value(format in any_format(), model in any_model(), bytes in any_frame(), more in any_frame()) {
        if let Ok(short) = decode(format, &bytes, model) && format != Format::HeartRate && format != Format::Transtek8a21 {
            let long = decode(format, &[bytes, more].concat(), model).expect("what was enough stays enough");
            prop_assert_eq!(long.measurement, short.measurement);
        }
    }

    /// Written by the specification here, read by the decoder there.
    #[test]
    fn a_weight_reads_back(steps in 1_u16..0xFFFE, user in 0_u8..0xFF, minute in 0_u8..60) {
        let [low, high] = steps.to_le_bytes();
        let frame = [0x06, low, high, 0xEA, 0x07, 3, 29, 2, minute, 7, user];
        let measurement = decode(Format::Weight, &frame, None).expect("a whole frame").measurement;
        let thousandths = measurement.values.get(Quantity::WeightKg).map(|kg| (kg * 1000.0).round());
        prop_assert_eq!(thousandths, Some(f64::from(steps) * 5.0));
        prop_assert_eq!(measurement.user_slot, Some(user));
        let expected = format!("2026-03-29T02:{minute:02}:07");
        prop_assert_eq!(measurement.device_time.map(|time| time.to_string()), Some(expected));
    }

    /// As above, at every precision that an SFLOAT can state.
    #[test]
    fn a_pressure_reads_back(mantissa in -2045_i16..2045, exponent in -8_i8..8) {
        let word = u16::from_le_bytes(mantissa.to_le_bytes()) & 0x0FFF
            | u16::from(exponent.to_le_bytes()[0] & 0x0F) << 12;
        let [low, high] = word.to_le_bytes();
        let frame = [0x00, low, high, 0x50, 0x00, 0x5D, 0x00];
        let read = decode(Format::BloodPressure, &frame, None).map(|decoded| decoded.measurement);
        let expected: f64 = format!("{mantissa}e{exponent}").parse().expect("a number");
        if expected.abs() > 1e9 {
            prop_assert!(read.is_err());
        } else {
            let systolic = read.expect("a whole frame").values.get(Quantity::SystolicMmhg);
            prop_assert_eq!(systolic, Some(expected));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// No order of events can panic a session, lose a frame or keep one past the end.
    #[test]
    fn sessions_lose_nothing(
        model in any_model(),
        gateway_synced in any::<bool>(),
        steps in prop::collection::vec((any_event(), -5_000_i64..30_000), 0..40),
    ) {
        let mut session = Session::new(model, Settings { gateway_synced, local_offset_s: 3600 });
        let mut now: Timestamp = "2026-01-01T07:04:00Z".parse().expect("a time");
        let (mut sent, mut told) = (0, 0);
        for (event, pause_ms) in steps {
            now = now.plus_millis(pause_ms);
            sent += frames_of(&event);
            told += frames_in(&session.handle_event(now, event));
        }
        told += frames_in(&session.finish(now));
        prop_assert_eq!(told, sent);
        prop_assert!(session.finish(now).is_empty(), "nothing waits after the end");
    }

    /// Deadlines end: a caller that does what it is told comes to rest.
    #[test]
    fn deadlines_end(model in any_model(), steps in prop::collection::vec(any_event(), 0..20)) {
        let mut session = Session::new(model, Settings { gateway_synced: true, local_offset_s: 0 });
        let now: Timestamp = "2026-01-01T07:04:00Z".parse().expect("a time");
        for event in steps {
            session.handle_event(now, event);
        }
        for _ in 0..20 {
            let Some((deadline, _)) = session.next_deadline() else { return Ok(()) };
            session.handle_timeout(deadline);
        }
        prop_assert!(session.next_deadline().is_none(), "still waiting after twenty deadlines");
    }

    /// Each weighing leaves a scale's advertisements once, however often it is repeated.
    #[test]
    fn a_weighing_is_told_once(repeats in prop::collection::vec(0_usize..4, 1..60)) {
        let mut session = Session::new(models::find("MIBCS"), Settings { gateway_synced: true, local_offset_s: 0 });
        let mut now: Timestamp = "2026-01-01T07:04:00Z".parse().expect("a time");
        let mut told = Vec::new();
        let mut weighed = std::collections::BTreeSet::new();
        for (index, state) in repeats.into_iter().enumerate() {
            now = now.plus_millis(400);
            let second = u8::try_from(index / 12).expect("small");
            let control = [0x04, 0x24, 0x26, 0xA6][state];
            if state > 0 {
                weighed.insert(second);
            }
            let bytes = vec![0x02, control, 0xEA, 0x07, 1, 1, 8, 4, second, 0xAC, 0x01, 0x86, 0x42];
            let service_data = BTreeMap::from([(Uuid16(0x181B), bytes)]);
            let event = Event::Advertised { service_uuids: Vec::new(), service_data };
            told.extend(session.handle_event(now, event));
        }
        told.extend(session.finish(now));
        let measured = told.iter().filter(|action| matches!(action, Action::Measured(_))).count();
        prop_assert_eq!(measured, weighed.len());
    }
}
