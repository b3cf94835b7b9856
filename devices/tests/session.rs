//! Conversations with devices, step by step: what happened, and what the session made of it.
//!
//! A step is a time in seconds, an event, and the actions expected. The times and behaviours come from the makers' documents
//! and public reports named at each test; frames are rows of `frames.json`.

use std::collections::BTreeMap;

use devices::{Action, Consent, Event, Learned, Session, Settings, Uuid16, models};
use vitals::Timestamp;

const SYNCED: Settings = Settings { gateway_synced: true, local_offset_s: 3600 };
const UNSYNCED: Settings = Settings { gateway_synced: false, local_offset_s: 3600 };
const WEIGHT: &str = "02943eea070101080400";

fn at(seconds: f64) -> Timestamp {
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

/// Reads `notify 2a9d 0294..`, `connect 2a9d,2a08`, `advertise 181d`, `advertise 181d=a220..`, `written 2a08` and so on.
fn event(text: &str) -> Event {
    let mut words = text.split(' ');
    let verb = words.next().expect("a verb");
    let rest: Vec<&str> = words.collect();
    match (verb, rest.as_slice()) {
        ("connect", []) => Event::Connected { characteristics: Vec::new() },
        ("connect", [list]) => Event::Connected { characteristics: list.split(',').map(uuid).collect() },
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
        Action::Learned(Learned::SystemId(id)) => format!("system id {id}"),
        Action::Learned(Learned::BatteryPercent(percent)) => format!("battery {percent}"),
        Action::Learned(Learned::ClockOffsetS(offset_s)) => format!("offset {offset_s}"),
        Action::Trouble(trouble) => format!("trouble: {trouble}"),
        Action::Ignored { reason, .. } => format!("ignored: {reason}"),
    }
}

/// Plays `steps`, calling in between whenever the session asked to be called.
fn play(session: &mut Session, steps: &[(f64, &str, &[&str])]) {
    for (seconds, what, expected) in steps {
        let now = at(*seconds);
        let mut actions = Vec::new();
        while let Some((deadline, _)) = session.next_deadline().filter(|(deadline, _)| *deadline <= now) {
            actions.extend(session.handle_timeout(deadline));
        }
        actions.extend(match *what {
            "" => session.handle_timeout(now),
            "finish" => session.finish(now),
            what => session.handle_event(now, event(what)),
        });
        let told: Vec<String> = actions.iter().map(told).collect();
        assert_eq!(told, *expected, "at {seconds} s: {what}");
    }
}

fn session(name: &str, settings: Settings) -> Session {
    Session::new(models::find(name), settings)
}

/// A&D: clock read, then set within five seconds, then indications; hangs up by itself.
#[test]
fn a_scale_is_asked_and_answers() {
    play(
        &mut session("A&D_UC-352BLE_000001", SYNCED),
        &[
            (0.0, "advertise 181d", &["connect"]),
            (0.5, "advertise 181d", &[]),
            (1.0, "connect 2a08,2a9d,2a25,2a23,2a19", &["read 2a08"]),
            (
                1.3,
                "read 2a08 ea070101080401",
                // Set to local time, 08:04:01; the gateway heard 07:04:01.3.
                &[
                    "offset -3600",
                    "write 2a08 ea070101080401",
                    "subscribe 2a9d",
                    "read 2a25",
                    "read 2a23",
                    "read 2a19",
                ],
            ),
            (1.4, "written 2a08", &[]),
            (1.5, "read 2a25 35313730333030303432", &["serial 5170300042"]),
            (1.6, "read 2a23 010000fffe0e6c54", &["system id 546c0efeff000001"]),
            (1.7, "read 2a19 42", &["battery 66"]),
            (
                1.9,
                "notify 2a9d 02943eea070101080400",
                &["2a9d 80.1 2026-01-01T07:04:00.000Z offset_corrected"],
            ),
            (2.0, "notify 2a9d 02943eea070c1d080400", &["2a9d 80.1 2026-01-01T07:04:02.000Z discontinuity"]),
            (3.0, "disconnect", &[]),
            (60.0, "advertise 181d", &["connect"]),
        ],
    );
}

/// The published interface's capture: no action is obeyed, no characteristic listed.
#[test]
fn a_capture_is_understood() {
    play(
        &mut session("A&D_UC-352BLE_000001", SYNCED),
        &[
            (0.0, "advertise 181d", &["connect"]),
            (1.0, "connect", &["read 2a08"]),
            (
                1.3,
                "read 2a08 ea070101080401",
                &[
                    "offset -3600",
                    "write 2a08 ea070101080401",
                    "subscribe 2a9d",
                    "read 2a25",
                    "read 2a23",
                    "read 2a19",
                ],
            ),
            (
                1.9,
                "notify 2a9d 02943eea070101080400",
                &["2a9d 80.1 2026-01-01T07:04:00.000Z offset_corrected"],
            ),
            (3.0, "disconnect", &[]),
            (3.0, "finish", &[]),
        ],
    );
}

#[test]
fn a_measurement_waits_for_the_clock_and_is_never_kept() {
    let requests = ["subscribe 2a9d", "read 2a25", "read 2a23", "read 2a19"];
    let late: Vec<&str> = ["trouble: the device's clock was not read in time", "write 2a08 ea070101080404"]
        .into_iter()
        .chain(requests)
        .collect();
    let corrected = "2a9d 80.1 2026-01-01T07:04:00.000Z offset_corrected";
    let unplaced = "2a9d 80.1 2026-01-01T07:04:02.000Z none";
    let start: [(f64, &str, &[&str]); 2] =
        [(1.0, "connect", &["read 2a08"]), (2.0, &format!("notify 2a9d {WEIGHT}"), &[])];
    type Steps<'a> = &'a [(f64, &'a str, &'a [&'a str])];
    let ends: [Steps<'_>; 4] = [
        &[(4.5, "", &late), (5.0, "read 2a08 ea070101080405", &["offset -3600", corrected])],
        &[(2.5, "disconnect", &[unplaced])],
        &[(2.5, "finish", &[unplaced])],
        &[(4.5, "", &late), (11.5, "", &[unplaced])],
    ];
    for end in ends {
        let mut session = session("UC-352BLE", SYNCED);
        play(&mut session, &start);
        play(&mut session, end);
    }
}

#[test]
fn a_gateway_without_the_time_sets_no_clock() {
    play(
        &mut session("UA-651BLE", UNSYNCED),
        &[
            (0.0, "connect 2a08,2a35", &["read 2a08"]),
            (
                0.3,
                "read 2a08 ea070101080400",
                &[
                    "offset -3600",
                    "trouble: the device's clock was not set: the gateway's own is not synchronised",
                    "subscribe 2a35",
                ],
            ),
            (
                1.0,
                "notify 2a35 1686004d006400ea0701010800003d000000",
                &["2a35 134,77,100,61 2026-01-01T07:00:00.000Z gateway_unsynced"],
            ),
        ],
    );
}

/// Oldest first, and one of them from last week: stored, and told apart from the live one.
#[test]
fn stored_records_are_told_apart() {
    play(
        &mut session("UA-651BLE", SYNCED),
        &[
            (0.0, "connect 2a08,2a35", &["read 2a08"]),
            (
                0.3,
                "read 2a08 ea070101080400",
                &["offset -3600", "write 2a08 ea070101080400", "subscribe 2a35"],
            ),
            (
                1.0,
                "notify 2a35 1686004d006400e9070c190d00183d000000",
                &["2a35 134,77,100,61 2025-12-25T12:00:24.000Z offset_corrected from_storage"],
            ),
            (
                1.1,
                "notify 2a35 1686004d006400ea0701010803003d000000",
                &["2a35 134,77,100,61 2026-01-01T07:03:00.000Z offset_corrected"],
            ),
            // Never set when this was measured: A&D leaves the time out.
            (
                1.2,
                "notify 2a35 1486004d0064003d000000",
                &["2a35 134,77,100,61 2026-01-01T07:04:01.200Z clock_unset"],
            ),
        ],
    );
}

/// A cuff that ran an hour fast, set in this connection, and measured in it: by the clock as it was set.
#[test]
fn a_record_made_after_the_clock_was_set_follows_it() {
    play(
        &mut session("UA-651BLE", SYNCED),
        &[
            (0.0, "connect 2a08,2a35", &["read 2a08"]),
            (
                0.3,
                "read 2a08 ea070101090400",
                &["offset -7200", "write 2a08 ea070101080400", "subscribe 2a35"],
            ),
            (0.4, "written 2a08", &[]),
            (
                60.0,
                "notify 2a35 1686004d006400ea0701010804323d000000",
                &["2a35 134,77,100,61 2026-01-01T07:04:50.000Z offset_corrected"],
            ),
        ],
    );
}

#[test]
fn trouble_is_told_with_its_bytes() {
    play(
        &mut session("UC-352BLE", SYNCED),
        &[
            (0.0, "connect 2a9d,2a08", &["read 2a08"]),
            (
                0.1,
                "failed 2a08",
                &["trouble: 2a08 failed: refused", "write 2a08 ea070101080400", "subscribe 2a9d"],
            ),
            (
                0.2,
                "notify 2a9d 0294",
                &["trouble: 2a9d frame ends in field 'weight' at byte 1: has 2 bytes, needs 3"],
            ),
            (0.3, "notify fff1 0102", &["trouble: nothing reads characteristic fff1: 2 bytes"]),
            (0.4, "notify 2a99 01000000", &[]),
            (0.5, "lost", &["trouble: the connection failed: gone"]),
        ],
    );
}

#[test]
fn a_device_that_has_nothing_to_say_is_hung_up_on_and_left_to_rest() {
    play(
        &mut session("FORA IR20", SYNCED),
        &[
            (0.0, "advertise 1809", &["connect"]),
            (1.0, "connect 2a1c", &["subscribe 2a1c"]),
            (121.0, "", &["hang up"]),
            (122.0, "disconnect", &[]),
            (123.0, "advertise 1809", &[]),
            (182.0, "advertise 1809", &["connect"]),
            (213.0, "", &["trouble: the device did not take the connection"]),
        ],
    );
}

/// Bluetooth User Data Service 1.0: consent is opcode 2, user, code; the reply names opcode and result.
#[test]
fn a_scale_that_asks_for_consent_gets_it() {
    let mut agreed = session("BF720", SYNCED).with_consent(Consent { user: 1, code: 2520 });
    let connect = "connect 2a9d,2a9c,2a9f";
    play(
        &mut agreed,
        &[
            (0.0, connect, &["subscribe 2a9f", "write 2a9f 0201d809", "subscribe 2a9d", "subscribe 2a9c"]),
            (0.2, "notify 2a9f 200201", &[]),
            (0.3, "notify 2a9f 200205", &["trouble: the device refused the consent: result 5"]),
        ],
    );
    play(
        &mut session("BF720", SYNCED),
        &[(
            0.0,
            connect,
            &[
                "trouble: the device asks for a person's consent code, and none is known",
                "subscribe 2a9d",
                "subscribe 2a9c",
            ],
        )],
    );
}

#[test]
fn a_cuff_of_beurer_is_given_a_moment() {
    play(
        &mut session("BM85", SYNCED),
        &[(0.0, "connect 2a35", &[]), (0.05, "", &[]), (0.1, "", &["subscribe 2a35"])],
    );
}

/// 1767254640 s is 2026-01-01T08:04:00, 504950640 s after 2010 began: 0x1e18ef70 (worked by hand).
#[test]
fn a_scale_of_transtek_is_told_the_time() {
    play(
        &mut session("Medisana BS444", SYNCED),
        &[(0.0, "connect 8a21,8a22,8a81", &["subscribe 8a21", "subscribe 8a22", "write 8a81 0270ef181e"])],
    );
}

/// Settled, impedance, stepped off: one weighing. Another half a minute later: another. What settles after stepping off: none.
#[test]
fn a_weighing_in_advertisements_is_told_once() {
    let weighed = "xiaomi-181b 85.15,428";
    play(
        &mut session("MIBCS", SYNCED),
        &[
            (0.0, "advertise 181b=0204ea0701010804000000a852", &["ignored: a weighing in progress"]),
            (0.5, "advertise 181b=0204ea0701010804000000a952", &[]),
            (1.0, "advertise 181b=0224ea07010108040000008642", &[]),
            (
                2.0,
                "advertise 181b=0226ea070101080400ac018642",
                &[&format!("{weighed} 2026-01-01T07:04:01.000Z none")],
            ),
            (2.5, "advertise 181b=0226ea070101080400ac018642", &[]),
            (3.0, "advertise 181b=02a6ea070101080400ac018642", &[]),
            (
                4.0,
                "advertise 181b=0226ea07010108040500002003",
                &["ignored: lighter than any person: what is left when one steps off"],
            ),
            (
                30.0,
                "advertise 181b=0226ea07010108041eac018642",
                &[&format!("{weighed} 2026-01-01T07:04:30.000Z none")],
            ),
        ],
    );
}

/// In socks: no impedance ever comes. The weighing comes out when the person steps off, or after a while, or at the end.
#[test]
fn a_weighing_without_impedance_is_not_lost() {
    let settled: (f64, &str, &[&str]) = (1.0, "advertise 181b=0224ea07010108040000008642", &[]);
    let told = "xiaomi-181b 85.15 2026-01-01T07:04:01.000Z none";
    let ends: [(f64, &str, &[&str]); 3] = [
        (3.0, "advertise 181b=02a4ea07010108040000008642", &[told]),
        (11.0, "", &[told]),
        (2.0, "finish", &[told]),
    ];
    for end in ends {
        play(&mut session("MIBCS", SYNCED), &[settled, end, (20.0, "finish", &[])]);
    }
}

/// The first scale measures no impedance; its clock may never have been set.
#[test]
fn the_first_scale_tells_at_once() {
    play(
        &mut session("MI_SCALE", SYNCED),
        &[
            (
                0.0,
                "advertise 181d=222044b20701010a1a15",
                &["xiaomi-181d 87.2 2026-01-01T07:04:00.000Z clock_unset"],
            ),
            (1.0, "advertise 181d=a22044b20701010a1a15", &[]),
            (
                2.0,
                "advertise 181d=a22044",
                &["trouble: xiaomi-181d frame ends in field 'time stamp' at byte 3: has 3 bytes, needs 10"],
            ),
            (3.0, "advertise 181d=a22044", &[]),
        ],
    );
}

#[test]
fn an_unknown_device_is_read_by_what_it_offers() {
    play(
        &mut session("Nobody 1", SYNCED),
        &[
            (0.0, "advertise 180f", &[]),
            (1.0, "advertise 1810", &["connect"]),
            (2.0, "connect 2a35,2a2b,2a19", &["read 2a2b"]),
            // Its clock is left alone: nobody says that it may be set.
            (2.2, "read 2a2b ea070101080402040000", &["offset -3600", "subscribe 2a35", "read 2a19"]),
            (
                3.0,
                "notify 2a35 1686004d006400ea0701010803003d000000",
                &["2a35 134,77,100,61 2026-01-01T07:03:00.000Z offset_corrected"],
            ),
        ],
    );
}

/// Family B of Omron's cuffs keeps its records behind its maker's own protocol: said, and not asked again for an hour.
#[test]
fn a_device_without_measurements_to_hear_is_told() {
    play(
        &mut session("HEM-7142T2", SYNCED),
        &[
            (0.0, "advertise fe4a", &["connect"]),
            (
                1.0,
                "connect 2a25",
                &[
                    "read 2a25",
                    "trouble: the device offers no measurement that can be subscribed to",
                    "hang up",
                ],
            ),
            (2.0, "disconnect", &[]),
            (3500.0, "advertise fe4a", &[]),
            (3601.0, "advertise fe4a", &["connect"]),
        ],
    );
}

/// Without a time of its own, a scale's weighings are told apart by what happens between them.
#[test]
fn a_scale_without_a_time_is_heard_twice() {
    let told = |seconds: f64| format!("xiaomi-181d 73.2 {} none", at(seconds));
    play(
        &mut session("MI_SCALE", SYNCED),
        &[
            (0.0, "advertise 181d=22303900000000000000", &[&told(0.0)]),
            (1.0, "advertise 181d=a2303900000000000000", &[]),
            (20.0, "advertise 181d=02103900000000000000", &["ignored: a weighing in progress"]),
            (22.0, "advertise 181d=22303900000000000000", &[&told(22.0)]),
        ],
    );
}

/// A stranger's service data is no weighing, and no reason to keep it from being asked.
#[test]
fn a_stranger_is_not_taken_for_a_scale() {
    let mut stranger = session("Nobody 1", SYNCED);
    play(&mut stranger, &[(0.0, "advertise 181d=0102", &[]), (1.0, "advertise 181d", &["connect"])]);
    play(&mut session("UC-352BLE", SYNCED), &[(0.0, "advertise 181d=222044b20701010a1a15", &["connect"])]);
}
