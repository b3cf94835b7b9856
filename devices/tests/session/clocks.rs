//! The device's clock: read, set, waited for, remembered.

use devices::{Action, Event, Trouble, Uuid16};

use super::play::{SYNCED, UNSYNCED, WEIGHT, at, play, session};

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

/// bluetoothd subscribes again by itself: the scale sends and hangs up before its clock is read. Yesterday's reading of the
/// clock stands in for two weeks, then reception does.
#[test]
fn a_clock_that_was_known_stands_in() {
    const DAY_S: f64 = 86_400.0;
    let opened: [(f64, &str, &[&str]); 4] = [
        (0.0, "advertise 181d", &["connect"]),
        (1.0, "connect 2a08,2a9d", &["read 2a08"]),
        (1.3, "read 2a08 ea070101080401", &["offset -3600", "write 2a08 ea070101080401", "subscribe 2a9d"]),
        (3.0, "disconnect", &[]),
    ];
    let mut one = session("UC-352BLE", SYNCED);
    play(&mut one, &opened);
    play(
        &mut one,
        &[
            (DAY_S, "restart", &[]),
            (DAY_S, "advertise 181d", &["connect"]),
            // 2 January, 08:04:00 by the scale.
            (DAY_S + 0.2, "notify 2a9d 02943eea070102080400", &[]),
            (
                DAY_S + 0.3,
                "lost",
                &[
                    "trouble: the connection failed: gone",
                    "2a9d 80.1 2026-01-02T07:04:00.000Z offset_corrected",
                ],
            ),
            (20.0 * DAY_S, "advertise 181d", &["connect"]),
            (20.0 * DAY_S + 0.2, "notify 2a9d 02943eea070115080400", &[]),
            (
                20.0 * DAY_S + 0.3,
                "lost",
                &["trouble: the connection failed: gone", "2a9d 80.1 2026-01-21T07:04:00.200Z none"],
            ),
        ],
    );
}

/// What was sent before the connection was told of goes with the clock that is read in it.
#[test]
fn a_record_sent_before_the_connection_is_told_of_waits_for_its_clock() {
    play(
        &mut session("UC-352BLE", SYNCED),
        &[
            (0.0, "advertise 181d", &["connect"]),
            (0.2, &format!("notify 2a9d {WEIGHT}"), &[]),
            (0.4, "connect 2a08,2a9d", &["read 2a08"]),
            (
                0.6,
                "read 2a08 ea070101080400",
                &[
                    "offset -3600",
                    "2a9d 80.1 2026-01-01T07:04:00.000Z offset_corrected",
                    "write 2a08 ea070101080400",
                    "subscribe 2a9d",
                ],
            ),
        ],
    );
}

/// The connection turns out to have no clock: the record waits for its neighbours only, and not for the end of the call.
#[test]
fn a_record_sent_before_the_connection_is_told_of_does_not_wait_for_a_clock_that_is_not_there() {
    play(
        &mut session("Nobody 1", SYNCED),
        &[
            (0.0, "advertise 181d", &["connect"]),
            (0.2, &format!("notify 2a9d {WEIGHT}"), &[]),
            (0.4, "connect 2a9d", &["subscribe 2a9d"]),
            (3.3, "", &[]),
            (3.4, "", &["2a9d 80.1 2026-01-01T07:04:00.200Z none"]),
            // Without a time of its own there is nothing to wait for.
            (4.0, "disconnect", &[]),
            (5.0, "advertise 181d", &["connect"]),
            (5.2, "notify 2a9d 00943e", &[]),
            (5.4, "connect 2a9d", &["2a9d 80.1 2026-01-01T07:04:05.200Z none", "subscribe 2a9d"]),
        ],
    );
}

/// A&D's devices take the time within five seconds. A gateway that was held up (by its disk, say) misses that, and says so.
#[test]
fn a_clock_that_takes_the_time_no_more_is_left_and_said() {
    let mut held_up = session("UA-651BLE", SYNCED);
    let connected =
        Event::Connected { characteristics: vec![Uuid16(0x2A08), Uuid16(0x2A35)], link_up_at: None };
    held_up.handle_event(at(0.0), connected);
    let actions = held_up
        .handle_event(at(5.1), Event::Read { uuid: Uuid16(0x2A08), bytes: vec![0xEA, 0x07, 1, 1, 8, 4, 5] });
    assert!(actions.contains(&Action::Trouble(Trouble::ClockTooLate)), "{actions:?}");
    assert!(!actions.iter().any(|action| matches!(action, Action::Write { .. })), "{actions:?}");
}

/// The five seconds count from the link, not from when the cuff has said what it has and been paired with (A&D's specification).
/// A read that is not answered in time is given up for the writing; however late it is, it gets half a second.
#[test]
fn the_time_to_set_a_clock_counts_from_the_link() {
    let connect = |before_s: f64| format!("connect 2a08,2a35 {before_s}");
    let too_late = "trouble: the device's clock was not set: it takes the time only just after connecting";
    let no_answer = "trouble: the device's clock was not read in time";
    let read = "read 2a08 ea070101080400";
    let set = |second: u8| format!("write 2a08 ea0701010804{second:02x}");
    let rows: [(f64, f64, &str, &[&str]); 6] = [
        (4.0, 0.4, read, &["offset -3600", &set(0), "subscribe 2a35"]),
        (4.8, 0.3, read, &["offset -3600", too_late, "subscribe 2a35"]),
        // Its clock is to be read until one second before the window ends.
        (2.5, 1.5, "", &[no_answer, &set(1), "subscribe 2a35"]),
        (0.0, 3.0, "", &[no_answer, &set(3), "subscribe 2a35"]),
        // What is written needs a moment to arrive.
        (3.9, 0.5, "", &[no_answer, &set(0), "subscribe 2a35"]),
        (4.4, 0.5, "", &[no_answer, too_late, "subscribe 2a35"]),
    ];
    for (before_s, after_s, what, expected) in rows {
        let mut cuff = session("UA-651BLE", SYNCED);
        play(&mut cuff, &[(0.0, &connect(before_s), &["read 2a08"])]);
        play(&mut cuff, &[(after_s, what, expected)]);
    }
}

/// A clock that was an hour fast is told the time, and the cuff is gone before it answers: it may run by either.
#[test]
fn a_clock_that_may_have_been_set_is_not_relied_on() {
    let after = |told: bool| {
        let mut one = session("UA-651BLE", SYNCED);
        let set = ["offset -7200", "write 2a08 ea070101080400", "subscribe 2a35"];
        play(
            &mut one,
            &[(0.0, "connect 2a08,2a35", &["read 2a08"]), (0.3, "read 2a08 ea070101090400", &set)],
        );
        if told {
            play(&mut one, &[(0.4, "written 2a08", &[])]);
        }
        play(&mut one, &[(1.0, "disconnect", &[])]);
        one.memory().clock.map(|clock| (clock.device.to_string(), clock.moved))
    };
    assert_eq!(after(true), Some(("2026-01-01T08:04:00".to_owned(), true)));
    assert_eq!(after(false), None);
}

/// The gateway got the time between reading the device's clock and the record: the pair says nothing about the day.
#[test]
fn a_clock_read_by_a_gateway_without_the_time_is_not_remembered() {
    let mut one = session("UA-651BLE", UNSYNCED);
    play(
        &mut one,
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
        ],
    );
    one.set_settings(SYNCED);
    let late = "2a35 134,77,100,61 2026-01-01T07:00:00.000Z gateway_unsynced";
    play(&mut one, &[(1.0, "notify 2a35 1686004d006400ea0701010800003d000000", &[late])]);
    assert_eq!(one.memory().clock, None);
}
