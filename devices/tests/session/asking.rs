//! What is asked of a device, and what its answers are taken for.

use devices::Consent;

use super::play::{SYNCED, play, session};

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

/// Device Information Service: the maker's name and model number come first, and make the name's quirks apply (the frame of
/// the BM85, with its pulse and status the other way round).
#[test]
fn a_stranger_that_says_what_it_is_is_known_by_it() {
    play(
        &mut session("Nobody 1", SYNCED),
        &[
            (0.0, "connect 2a35,2a24,2a29", &["read 2a29", "read 2a24", "subscribe 2a35"]),
            (0.1, "notify 2a35 566a0047000000ea07080b121f00003f000000", &[]),
            (0.2, "read 2a29 42657572657220476d6248", &["maker Beurer GmbH"]),
            (0.3, "read 2a24 424d3835", &["model BM85"]),
            (3.4, "", &["2a35 106,71,63 2026-01-01T07:04:00.100Z none"]),
        ],
    );
}

/// A random address that changes: the System ID stands in for it, and no record goes out under the address before.
#[test]
fn a_device_that_hides_its_address_is_asked_first_who_it_is() {
    let asked = ["read 2a23", "subscribe 2a9d"];
    let unclocked = "2a9d 80.1 2026-01-01T07:04:01.000Z none";
    let ends: [(f64, &str, &[&str]); 4] = [
        (2.0, "read 2a23 010000feff0e6c54", &["system id 546c0efffe000001", unclocked]),
        (2.0, "failed 2a23", &["trouble: 2a23 failed: refused", unclocked]),
        (2.0, "disconnect", &[unclocked]),
        (10.0, "", &[unclocked]),
    ];
    for end in ends {
        let mut session = session("Nobody 1", SYNCED).hiding_address();
        play(&mut session, &[(0.0, "connect 2a9d,2a23", &asked), (1.0, "notify 2a9d 00943e", &[]), end]);
    }
}
