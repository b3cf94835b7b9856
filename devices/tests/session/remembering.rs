//! What outlives a session: frames that were held when the power was cut.

use super::play::{SYNCED, WEIGHT, play, session};

/// The record waits for the scale's clock; the power goes; it comes out once, at the start, placed by what is known.
#[test]
fn a_record_that_waited_for_the_clock_outlives_a_power_cut() {
    let connect: (f64, &str, &[&str]) = (0.0, "connect 2a08,2a9d", &["read 2a08"]);
    let clock: [&str; 3] = ["offset -3600", "write 2a08 ea070101080400", "subscribe 2a9d"];
    let weighed = format!("notify 2a9d {WEIGHT}");
    let mut stranger = session("UC-352BLE", SYNCED);
    play(&mut stranger, &[connect, (1.0, &weighed, &[])]);
    assert_eq!(stranger.memory().held.len(), 1);
    let unplaced = "2a9d 80.1 2026-01-01T07:04:01.000Z none";
    play(
        &mut stranger,
        &[(1.0, "restart", &[]), (60.0, "", &[unplaced]), (61.0, "restart", &[]), (62.0, "finish", &[])],
    );

    let mut known = session("UC-352BLE", SYNCED);
    play(&mut known, &[connect, (0.2, "read 2a08 ea070101080400", &clock), (3.0, "disconnect", &[])]);
    let placed = "2a9d 80.1 2026-01-01T07:04:00.000Z offset_corrected";
    play(
        &mut known,
        &[
            (4.0, "connect 2a08,2a9d", &["read 2a08"]),
            (5.0, &weighed, &[]),
            (5.0, "restart", &[]),
            (60.0, "finish", &[placed]),
        ],
    );
}

/// A frame is in the memory from the call that brought it until the one that gives it out, and no longer.
#[test]
fn what_is_held_is_remembered_until_it_is_given_out() {
    let mut one = session("BM85", SYNCED);
    play(&mut one, &[(0.0, "connect 2a35", &[]), (0.1, "", &["subscribe 2a35"])]);
    assert!(one.memory().is_empty());
    play(&mut one, &[(0.2, "notify 2a35 566a0047000000ea07080b121f00003f000000", &[])]);
    assert_eq!(one.memory().held.len(), 1);
    play(&mut one, &[(3.2, "", &["2a35 106,71,63 2026-01-01T07:04:00.200Z none"])]);
    assert!(one.memory().is_empty());
}

/// A gateway whose clock fell back at the start gives out what was held all the same.
#[test]
fn what_was_held_does_not_wait_for_the_clock_to_catch_up() {
    let mut one = session("UC-352BLE", SYNCED);
    play(
        &mut one,
        &[
            (100_000.0, "connect 2a08,2a9d", &["read 2a08"]),
            (100_000.1, &format!("notify 2a9d {WEIGHT}"), &[]),
        ],
    );
    play(&mut one, &[(100_000.2, "restart", &[]), (5.0, "", &["2a9d 80.1 2026-01-02T10:50:40.100Z none"])]);
}

/// Three records of a cuff without a clock, the power cut before they went out: still told apart by the newest.
#[test]
fn what_was_held_together_is_told_apart_after_a_power_cut() {
    let frame = |day: u8| format!("notify 2a35 566a0047000000ea0708{day:02x}121f00003f000000");
    play(
        &mut session("BM85", SYNCED),
        &[
            (0.0, "connect 2a35", &[]),
            (0.1, "", &["subscribe 2a35"]),
            (1.0, &frame(10), &[]),
            (1.1, &frame(11), &[]),
            (1.2, "restart", &[]),
            (
                30.0,
                "",
                &[
                    "2a35 106,71,63 2026-01-01T07:04:01.000Z none from_storage",
                    "2a35 106,71,63 2026-01-01T07:04:01.100Z none",
                ],
            ),
        ],
    );
}
