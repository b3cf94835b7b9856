//! Stored records: drained oldest first, told apart from the live one, and never lost to a device that hangs up.

use super::play::{SYNCED, play, session};

/// Record Access Control Point: report (1) all (1); the response names request and result, 1 success, 6 no records found.
#[test]
fn a_cuff_with_record_access_is_drained() {
    let mut cuff = session("HEM-9200T", SYNCED);
    let drain = ["offset -3600", "subscribe 2a35", "subscribe 2a52", "read 2a19", "write 2a52 0101"];
    let stored = "2a35 134,77,100,61 2025-12-25T12:00:24.000Z offset_corrected from_storage";
    play(
        &mut cuff,
        &[
            (0.0, "connect 2a35,2a52,2a2b,2a19", &["read 2a2b"]),
            (0.3, "read 2a2b ea070101080400040000", &drain),
            (1.0, "notify 2a35 1686004d006400e9070c190d00183d000000", &[stored]),
            (
                1.1,
                "notify 2a35 1686004d006400ea0701010803003d000000",
                &["2a35 134,77,100,61 2026-01-01T07:03:00.000Z offset_corrected"],
            ),
            (1.2, "notify 2a52 06000101", &[]),
            (11.1, "", &[]),
            (11.2, "", &["hang up"]),
        ],
    );
    for (result, expected) in
        [("06", None), ("02", Some("trouble: the device refused to send its records: result 2"))]
    {
        let expected: Vec<&str> = expected.into_iter().collect();
        play(
            &mut cuff,
            &[
                (20.0, "disconnect", &[]),
                (20.1, "connect 2a35,2a52", &["subscribe 2a35", "subscribe 2a52", "write 2a52 0101"]),
                (20.2, &format!("notify 2a52 060001{result}"), &expected),
            ],
        );
    }
}

/// Gone in the middle: what came is out, and at the next advertisement the device is connected to at once and asked again.
#[test]
fn a_device_that_hangs_up_in_the_middle_is_asked_again() {
    let connect = "connect 2a35,2a52,2a2b";
    let drain = ["offset -3600", "subscribe 2a35", "subscribe 2a52", "write 2a52 0101"];
    let first = "2a35 134,77,100,61 2025-12-25T12:00:24.000Z offset_corrected from_storage";
    let first_frame = "notify 2a35 1686004d006400e9070c190d00183d000000";
    play(
        &mut session("HEM-9200T", SYNCED),
        &[
            (0.0, "advertise 1810", &["connect"]),
            (0.5, connect, &["read 2a2b"]),
            (0.8, "read 2a2b ea070101080400040000", &drain),
            (1.0, first_frame, &[first]),
            (
                1.1,
                "disconnect",
                &[
                    "trouble: the connection ended before the device had sent all its records, and it deletes what it has sent",
                ],
            ),
            (2.0, "advertise 1810", &["connect"]),
            (2.5, connect, &["read 2a2b"]),
            (2.8, "read 2a2b ea070101080402040000", &drain),
            (3.0, first_frame, &[first]),
            (
                3.1,
                "notify 2a35 1686004d006400ea0701010803003d000000",
                &["2a35 134,77,100,61 2026-01-01T07:03:00.000Z offset_corrected"],
            ),
        ],
    );
}

/// Record Access Control Point: report (1) all (1); no response means not all. What this family has sent it has deleted, so
/// that it is told where the connection ended before the response, however it ended; and not for one that keeps its records.
#[test]
fn a_device_that_deletes_what_it_sent_and_is_cut_off_is_told() {
    let cut_off = "trouble: the connection ended before the device had sent all its records, and it deletes what it has sent";
    let frame = "notify 2a35 1686004d006400e9070c190d00183d000000";
    let stored = "2a35 134,77,100,61 2025-12-25T12:00:24.000Z offset_corrected from_storage";
    let drain = ["offset -3600", "subscribe 2a35", "subscribe 2a52", "write 2a52 0101"];
    let open: [(f64, &str, &[&str]); 3] = [
        (0.0, "connect 2a35,2a52,2a2b", &["read 2a2b"]),
        (0.3, "read 2a2b ea070101080400040000", &drain),
        (1.0, frame, &[stored]),
    ];
    let ends: [(f64, &str, &[&str]); 4] = [
        (1.1, "disconnect", &[cut_off]),
        (1.1, "lost", &["trouble: the connection failed: gone", cut_off]),
        (121.0, "", &[cut_off, "hang up"]),
        (1.1, "connect 2a35,2a52,2a2b", &[cut_off, "read 2a2b"]),
    ];
    for end in ends {
        let mut cuff = session("HEM-9200T", SYNCED);
        play(&mut cuff, &open);
        play(&mut cuff, &[end]);
    }
    let mut answered = session("HEM-9200T", SYNCED);
    play(&mut answered, &open);
    play(&mut answered, &[(1.1, "notify 2a52 06000101", &[]), (1.2, "disconnect", &[])]);
    play(
        &mut session("Nobody 1", SYNCED),
        &[
            (0.0, "connect 2a35,2a52", &["subscribe 2a35", "subscribe 2a52", "write 2a52 0101"]),
            (1.1, "disconnect", &[]),
        ],
    );
}

/// One that deletes what it sent is not hung up on before what it sent is out, and so on disk: here a record that still waits
/// for its neighbours. The connection offers nothing that can be subscribed to, and is ended at once.
#[test]
fn what_cannot_be_read_again_is_out_before_the_connection_ends() {
    let told = "2a35 134,77,100,61 2026-01-01T07:04:00.200Z none";
    play(
        &mut session("HEM-9200T", SYNCED),
        &[
            (0.0, "advertise 1810", &["connect"]),
            (0.2, "notify 2a35 1686004d006400ea0701010803003d000000", &[]),
            (
                0.4,
                "connect 2a25",
                &[
                    "read 2a25",
                    "trouble: the device offers no measurement that can be subscribed to",
                    told,
                    "hang up",
                ],
            ),
        ],
    );
}

/// A cuff without a clock to read sends last week's records with today's: the newest tells the others for stored. Frames of the
/// BM85's published capture, on 4, 10 and 11 August.
#[test]
fn where_no_clock_is_read_the_newest_tells_the_others_for_stored() {
    let frame = |day: u8| format!("notify 2a35 566a0047000000ea0708{day:02x}121f00003f000000");
    play(
        &mut session("BM85", SYNCED),
        &[
            (0.0, "connect 2a35", &[]),
            (0.1, "", &["subscribe 2a35"]),
            (1.0, &frame(4), &[]),
            (1.1, &frame(10), &[]),
            (1.2, &frame(11), &[]),
            (
                4.2,
                "",
                &[
                    "2a35 106,71,63 2026-01-01T07:04:01.000Z none from_storage",
                    "2a35 106,71,63 2026-01-01T07:04:01.100Z none from_storage",
                    "2a35 106,71,63 2026-01-01T07:04:01.200Z none",
                ],
            ),
        ],
    );
}
