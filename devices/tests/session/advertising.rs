//! Weighings out of advertisements.

use super::play::{SYNCED, at, play, session};

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

/// The scale goes on repeating the weighing, other bytes with the same time, after the gateway has started again.
#[test]
fn a_weighing_is_told_once_across_a_restart() {
    play(
        &mut session("MIBCS", SYNCED),
        &[
            (
                2.0,
                "advertise 181b=0226ea070101080400ac018642",
                &["xiaomi-181b 85.15,428 2026-01-01T07:04:02.000Z none"],
            ),
            (2.1, "restart", &[]),
            (4.0, "advertise 181b=02a6ea070101080400ac018642", &[]),
            (
                30.0,
                "advertise 181b=0226ea07010108041eac018642",
                &["xiaomi-181b 85.15,428 2026-01-01T07:04:30.000Z none"],
            ),
        ],
    );
}

/// Settled, and the power is cut while the scale measures the impedance: the weighing comes out at the start, once.
#[test]
fn a_weighing_that_waited_for_its_impedance_outlives_a_power_cut() {
    play(
        &mut session("MIBCS", SYNCED),
        &[
            (1.0, "advertise 181b=0224ea07010108040000008642", &[]),
            (1.1, "restart", &[]),
            (30.0, "", &["xiaomi-181b 85.15 2026-01-01T07:04:01.000Z none"]),
            (31.0, "advertise 181b=0226ea070101080400ac018642", &[]),
            (32.0, "advertise 181b=02a6ea070101080400ac018642", &[]),
        ],
    );
}

/// A scale without a clock: a repeat within the minute is one, later it may be the next person of the same weight.
#[test]
fn a_scale_without_a_time_is_doubted_after_a_restart() {
    let told = |seconds: f64| format!("xiaomi-181d 73.2 {} none", at(seconds));
    play(
        &mut session("MI_SCALE", SYNCED),
        &[
            (0.0, "advertise 181d=22303900000000000000", &[&told(0.0)]),
            (1.0, "restart", &[]),
            (10.0, "advertise 181d=a2303900000000000000", &[]),
            (11.0, "restart", &[]),
            (600.0, "advertise 181d=22303900000000000000", &[&told(600.0)]),
        ],
    );
}
